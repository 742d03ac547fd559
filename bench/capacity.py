"""Which settings of a worker serve best: one changed at a time, on the same herd."""

from __future__ import annotations

import statistics
from contextlib import AsyncExitStack
from dataclasses import dataclass

from bench.due import start
from bench.finding import Finding, measured, table, tell
from bench.ground import Ground, ground
from bench.rounds import Round, Starts, measure
from bench.workers import perennial
from engine.crew import ONE

DUE, FULL_DUE = 300, 1_000
ROUNDS, FULL_ROUNDS = 2, 3


@dataclass(frozen=True, slots=True)
class Variant:
    """What differs from the defaults; `processes` serve side by side."""

    name: str
    settings: dict[str, str]
    processes: int = 1


VARIANTS = (
    Variant("the defaults", {}),
    Variant("8 workflow slots", {"PERENNIAL_WORKFLOW_SLOTS": "8"}),
    Variant("8 activity slots", {"PERENNIAL_ACTIVITY_SLOTS": "8"}),
    Variant("a task waits 10 s for its worker", {"PERENNIAL_STICKY_SECONDS": "10"}),
    Variant("2 pollers", {"PERENNIAL_POLLERS": "2"}),
    Variant("20 pollers", {"PERENNIAL_POLLERS": "20"}),
    Variant("nothing cached", {"PERENNIAL_CACHED_WORKFLOWS": "0"}),
    Variant("2 connections", {"PERENNIAL_DATABASE_CONNECTIONS": "2"}),
    Variant("two processes", {}, processes=2),
)


async def capacity(full: bool) -> Finding:
    """Every variant in turn, several times over: what the machine does meanwhile falls on all."""
    due, rounds = (FULL_DUE, FULL_ROUNDS) if full else (DUE, ROUNDS)
    found: dict[str, list[Round]] = {variant.name: [] for variant in VARIANTS}
    starts = Starts()
    async with ground() as at:
        for number in range(rounds):
            for place, variant in enumerate(VARIANTS):
                one = await served(at, starts, variant, f"v{number}{place}", due)
                found[variant.name].append(one)
                tell(f"{variant.name}: {one.pace:.1f} renewals a second")
    return _found(found, due, rounds)


async def served(at: Ground, starts: Starts, variant: Variant, name: str, due: int) -> Round:
    """One herd, by workers of this variant."""
    async with AsyncExitStack() as stack:
        serving = [await stack.enter_async_context(perennial(at, variant.settings)) for _ in range(variant.processes)]
        these, instant = await starts.all_asleep(
            at, serving, "subscription", name, due, lambda id_, when: start(at, id_, when)
        )
        return await measure(at, serving, "subscription", these, instant, due)


def _found(found: dict[str, list[Round]], due: int, rounds: int) -> Finding:
    usual = statistics.median(one.pace for one in found[VARIANTS[0].name])
    rows, figures = [], {"capacity_default_per_second": usual}
    for variant in VARIANTS:
        pace = statistics.median(one.pace for one in found[variant.name])
        worker = statistics.median(one.cpu()[0] for one in found[variant.name])
        rows.append([variant.name, f"{pace:.1f}", f"{pace / usual:.2f}", f"{worker:.1f}"])
        if variant is not VARIANTS[0]:
            figures[f"capacity_{variant.name.replace(' ', '_')}_ratio"] = pace / usual
    text = "\n\n".join(
        [
            f"{due} subscriptions due at one instant, medians of {rounds} rounds in turn; one setting differs from the "
            f"defaults, which are {ONE.workflow_slots} workflow slots, {ONE.activity_slots} activity slots, "
            f"{ONE.pollers} pollers, {ONE.cached_workflows:,} cached workflows, one process. Differences below a tenth "
            "are within what this machine does by itself.",
            table(["", "renewals a second", "to the defaults", "worker CPU ms a renewal"], rows),
        ]
    )
    return Finding("capacity", "One setting at a time", text, figures)


if __name__ == "__main__":
    measured(capacity, __doc__)
