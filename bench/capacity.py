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

DUE, FULL_DUE = 600, 1_000
ROUNDS, FULL_ROUNDS = 1, 2


@dataclass(frozen=True, slots=True)
class Variant:
    """What differs from the defaults; `processes` serve side by side."""

    name: str
    settings: dict[str, str]
    processes: int = 1


@dataclass(frozen=True, slots=True)
class Tried:
    """A herd served by a variant, between two that the defaults served."""

    this: Round
    before: Round
    after: Round

    @property
    def ratio(self) -> float:
        """Its pace to the mean of theirs."""
        return self.this.pace / statistics.mean((self.before.pace, self.after.pace))


DEFAULTS = Variant("the defaults", {})
VARIANTS = (
    Variant("8 workflow slots", {"PERENNIAL_WORKFLOW_SLOTS": "8"}),
    Variant("8 activity slots", {"PERENNIAL_ACTIVITY_SLOTS": "8"}),
    Variant("a task waits 60 s for its worker", {"PERENNIAL_STICKY_SECONDS": "60"}),
    Variant("2 pollers", {"PERENNIAL_POLLERS": "2"}),
    Variant("20 pollers", {"PERENNIAL_POLLERS": "20"}),
    Variant("nothing cached", {"PERENNIAL_CACHED_WORKFLOWS": "0"}),
    Variant("2 connections", {"PERENNIAL_DATABASE_CONNECTIONS": "2"}),
    Variant("two processes", {}, processes=2),
)


async def capacity(full: bool) -> Finding:
    """Every variant between two herds of the defaults, so that it is held against what the machine did just then."""
    due, rounds = (FULL_DUE, FULL_ROUNDS) if full else (DUE, ROUNDS)
    tried: dict[str, list[Tried]] = {variant.name: [] for variant in VARIANTS}
    usual: list[Round] = []
    starts = Starts()
    async with ground() as at:
        usual.append(await served(at, starts, DEFAULTS, "first", due))
        for number in range(rounds):
            for place, variant in enumerate(VARIANTS):
                one = await served(at, starts, variant, f"v{number}{place}", due)
                usual.append(await served(at, starts, DEFAULTS, f"d{number}{place}", due))
                tried[variant.name].append(Tried(one, usual[-2], usual[-1]))
                tell(f"{variant.name}: {one.pace:.1f} renewals a second, {tried[variant.name][-1].ratio:.2f} of usual")
    return _found(tried, usual, due)


async def served(at: Ground, starts: Starts, variant: Variant, name: str, due: int) -> Round:
    """One herd, by workers of this variant."""
    async with AsyncExitStack() as stack:
        serving = [await stack.enter_async_context(perennial(at, variant.settings)) for _ in range(variant.processes)]
        these, instant = await starts.all_asleep(
            at, serving, "subscription", name, due, lambda id_, when: start(at, id_, when)
        )
        return await measure(at, serving, "subscription", these, instant, due)


def _found(tried: dict[str, list[Tried]], usual: list[Round], due: int) -> Finding:
    paces = [one.pace for one in usual]
    figures = {
        "capacity_default_per_second": statistics.median(paces),
        "capacity_default_slowest_to_fastest_ratio": min(paces) / max(paces),
    }
    rows = []
    for name, rounds in tried.items():
        ratio = statistics.median(one.ratio for one in rounds)
        worker = statistics.median(one.this.cpu()[0] for one in rounds)
        pace = statistics.median(one.this.pace for one in rounds)
        rows.append([name, f"{pace:.1f}", f"{ratio:.2f}", f"{worker:.1f}"])
        figures[f"capacity_{name.replace(' ', '_')}_ratio"] = ratio
    text = "\n\n".join(
        [
            f"{due} subscriptions due at one instant, served with one setting changed, each between two herds of the "
            f"defaults and held against their mean. The defaults ({ONE.workflow_slots} workflow slots, "
            f"{ONE.activity_slots} activity slots, {ONE.pollers} pollers, {ONE.cached_workflows:,} cached workflows, "
            f"{ONE.sticky_seconds} s for a task's own worker, one process) did {min(paces):.1f} to {max(paces):.1f} "
            f"renewals a second in {len(paces)} herds: so much is the machine's.",
            table(["", "renewals a second", "to the defaults", "worker CPU ms a renewal"], rows),
        ]
    )
    return Finding("capacity", "One setting at a time", text, figures)


if __name__ == "__main__":
    measured(capacity, __doc__)
