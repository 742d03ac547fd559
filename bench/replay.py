"""What replaying costs: a life of three years whose worker forgets everything, and a thousand recorded histories."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import cycle, islice
from pathlib import Path

from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, Worker

from bench.due import until
from bench.finding import Finding, measured, table, tell
from bench.floor import Floor, nothing
from domain.periods import add_months
from domain.world import World
from engine.convert import DATA_CONVERTER
from engine.sandbox import runner
from engine.stage import Stage, stage
from tests.workflows.lives import begun, declined, events, runs_of
from workflows.subscription import SubscriptionWorkflow

MONTHS = 36
STARTS_ON = "2026-01-31"
LATER = "2029-01-15T12:00"  # 36 invoices
DECLINED_ON, UNTIL, PAYS_AT = "2027-05-01", "2027-06-01", "2027-06-02T12:00"
LIFE_GOAL_SECONDS, LIFE_GOAL_RATIO = 12, 2
ROUNDS, ROUNDS_FULL = 2, 5

HISTORIES = 1_000
HISTORIES_GOAL_SECONDS = 30
LIVES, RUNS, LIVES_FULL = 10, 20, 50
DUNNED_EVERY = 10
"""One life in so many is declined in every third month, is locked and pays by transfer."""
FLOORS = 20
HEALTHY_EVENTS = 16


@dataclass(frozen=True, slots=True)
class Replayed:
    """`events` are those that production has, too."""

    seconds: float
    cpu_seconds: float
    events: float


async def replay(full: bool) -> Finding:
    """Lives first, in turn with and without a cache; then the histories, on one core."""
    rounds = [(await life(0), await life(1_000)) for _ in range(ROUNDS_FULL if full else ROUNDS)]
    every, cached = (statistics.median(times) for times in zip(*rounds, strict=True))
    tell(f"36 months: {every:.1f} s replaying every task, {cached:.1f} s cached")
    lives = LIVES_FULL if full else LIVES
    async with stage() as parts:
        bare = await _bare(parts)
        recorded, dunned = await _recorded(parts, lives)
    tell(f"{len(recorded)} runs of {lives} lives are recorded")
    ours = await _replayed(SubscriptionWorkflow, list(islice(cycle(recorded), HISTORIES)))
    floor = await _replayed(Floor, list(islice(cycle(bare), HISTORIES)))
    text = "\n\n".join(
        [
            table(
                [f"a life of {MONTHS} months with its ledger", "seconds", "to cached"],
                [
                    ["every task replayed", f"{every:.1f}", f"{every / cached:.2f}"],
                    ["cached", f"{cached:.1f}", "1.00"],
                ],
            ),
            f"On the development server in memory, in virtual time, with one decline and a transfer; the median of "
            f"{len(rounds)} runs of each, in turn. Goals: {LIFE_GOAL_SECONDS} s, and {LIFE_GOAL_RATIO} times its "
            "cached run.",
            table(
                [f"{HISTORIES:,} histories replayed on one core", "seconds", "CPU seconds", "events each", "to bare"],
                [
                    _row("bare", floor, floor),
                    _row("Perennial", ours, floor),
                ],
            ),
            f"With the SDK's Replayer and the sandbox on; goal {HISTORIES_GOAL_SECONDS} s. {len(recorded)} different "
            f"histories of {lives} lives, {dunned} of them with a decline or a lock, "
            f"{'each once' if len(recorded) >= HISTORIES else 'repeated until they are a thousand'}; bare: "
            f"{len(bare)} different ones of a timer, an activity and a continue-as-new.",
        ]
    )
    figures = {
        "life_36_months_seconds": every,
        "life_36_months_cached_seconds": cached,
        "life_36_months_cached_ratio": every / cached,
        "replay_1000_histories_seconds": ours.seconds,
        "replay_1000_histories_cpu_seconds": ours.cpu_seconds,
        "replay_1000_bare_histories_seconds": floor.seconds,
        "replay_to_bare_ratio": ours.seconds / floor.seconds,
    }
    return Finding("replay", "Replay", text, figures)


def _row(name: str, one: Replayed, floor: Replayed) -> list[str]:
    return [
        name,
        f"{one.seconds:.1f}",
        f"{one.cpu_seconds:.1f}",
        f"{one.events:.0f}",
        f"{one.seconds / floor.seconds:.1f}",
    ]


async def life(cached_workflows: int) -> float:
    """Seconds that three years take, from the first billing date to the last; servers and worker are there before."""
    async with stage(cached_workflows=cached_workflows) as parts:
        one = await begun(parts, "photo-monthly", "long", starts_on=STARTS_ON, world=declined(DECLINED_ON, UNTIL))
        began = time.perf_counter()
        await one.until(PAYS_AT)
        await one.tell("payment-received", amount="49.00", channel="bank_transfer", reference="r-1")
        seen = await one.until(LATER)
        took = time.perf_counter() - began
        differences = await parts.books.audit()
        if seen is None or seen.state.issued != MONTHS or seen.state.standing != "active" or differences:
            raise AssertionError(f"three years ended as {seen and seen.state.standing}, the audit finds {differences}")
        return took


async def _recorded(parts: Stage, lives: int) -> tuple[list[WorkflowHistory], int]:
    """Every closed run of so many lives, and how many of them had more than a healthy month's one activity."""
    found: list[WorkflowHistory] = []
    for number in range(lives):
        found += await _runs(parts, number)
        if not (number + 1) % 5:
            tell(f"{number + 1} of {lives} lives are recorded")
    return found, sum(len(events(run)) > HEALTHY_EVENTS for run in found)


async def _runs(parts: Stage, number: int) -> list[WorkflowHistory]:
    begins = date(2026, 1, 1 + number % 28)
    dunned = number % DUNNED_EVERY == 0
    one = await begun(
        parts,
        ("photo-monthly", "hosting", "photo-annual")[number % 3] if not dunned else "photo-monthly",
        f"s-{number:05d}",
        starts_on=begins.isoformat(),
        world=_seldom_paying(begins) if dunned else World(),
    )
    for month in range(0, RUNS, 3) if dunned else ():
        await one.until(f"{add_months(begins, month) + timedelta(days=6)}T12:00")
        await one.tell("payment-received", amount="49.00", channel="bank_transfer", reference=f"r-{month}")
    await one.until(f"{add_months(begins, RUNS) + timedelta(days=1)}T12:00")
    return (await runs_of(parts.client, one.handle.id))[:RUNS]


def _seldom_paying(begins: date) -> World:
    """Declined in every third month, until long after the transfer."""
    spans = [(add_months(begins, month), add_months(begins, month) + timedelta(days=27)) for month in range(0, RUNS, 3)]
    rules = [rule for first, last in spans for rule in declined(first.isoformat(), last.isoformat()).gateway]
    return World(gateway=tuple(rules))


async def _bare(parts: Stage) -> list[WorkflowHistory]:
    """Closed runs of a bare workflow, each with its timer, its activity and its end."""
    histories: list[WorkflowHistory] = []
    soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    async with Worker(
        parts.client, task_queue="floor", workflows=[Floor], activities=[nothing], workflow_runner=runner()
    ):
        for number in range(FLOORS):
            await parts.client.start_workflow(Floor.run, soon, id=f"floor/{number}", task_queue="floor")
        for number in range(FLOORS):
            id_ = f"floor/{number}"
            await until(partial(_begun, parts, id_), 2, f"{id_}: its second run")
            histories.append((await runs_of(parts.client, id_))[0])
    return histories


async def _begun(parts: Stage, workflow_id: str) -> int:
    """How many runs of a workflow have begun."""
    return len(await runs_of(parts.client, workflow_id))


async def _replayed(workflow: type, histories: Sequence[WorkflowHistory]) -> Replayed:
    """Replay them one after another, on one core. Raises where one of them is decided differently now."""

    async def each() -> AsyncIterator[WorkflowHistory]:
        for history in histories:
            yield history

    replayer = Replayer(workflows=[workflow], workflow_runner=runner(), data_converter=DATA_CONVERTER)
    with _one_core():
        began, cpu = time.perf_counter(), time.process_time()
        await replayer.replay_workflows(each())
        seconds, spent = time.perf_counter() - began, time.process_time() - cpu
    tell(f"{len(histories)} histories of {workflow.__name__}: {seconds:.1f} s")
    return Replayed(seconds, spent, statistics.mean(len(events(history)) for history in histories))


def _threads() -> list[int]:
    return [int(task.name) for task in Path("/proc/self/task").iterdir()]


@contextmanager
def _one_core() -> Iterator[None]:
    """Every thread of this process on one core; the servers are gone by then, or idle."""
    before = {task: os.sched_getaffinity(task) for task in _threads()}
    core = {max(os.sched_getaffinity(0))}
    for task in before:
        os.sched_setaffinity(task, core)
    try:
        yield
    finally:
        for task, cores in before.items():
            os.sched_setaffinity(task, cores)


if __name__ == "__main__":
    measured(replay, __doc__)
