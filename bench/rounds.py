"""One herd after another: all started, asleep, due at one instant, and measured until the last has its next run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from bench.due import NotDone, each, soon, until_renewed
from bench.finding import tell
from bench.ground import Ground
from bench.processor import Tree
from bench.workers import Worker

SLACK = 1.3  # times as long as was last needed is given to start a herd, as often again at each further try,
SPARE_SECONDS = 6.0  # and this
TRIES = 4
LOOK_SECONDS = 0.5
IDLE = 0.06  # of a core: a worker that waits polls, and no more
EARLY_SECONDS = 0.5

Start = Callable[[str, datetime], Awaitable[None]]
"""Starts one, by its id, so that it falls due at an instant."""


@dataclass(frozen=True, slots=True)
class Round:
    """One herd, from the instant at which all are due to the last one's next run. CPU seconds of the same span."""

    count: int
    seconds: float
    worker: float
    postgres: float
    temporal: float
    commits: int

    @property
    def pace(self) -> float:
        """Renewals a second."""
        return self.count / self.seconds

    def cpu(self) -> tuple[float, ...]:
        """CPU seconds for a thousand of them: worker, PostgreSQL, Temporal."""
        return tuple(1000 * each / self.count for each in (self.worker, self.postgres, self.temporal))


@dataclass(slots=True)
class Starts:
    """How fast a kind was started last, so that the instant is neither too near nor too far."""

    per_second: float = 100.0

    async def all_asleep(
        self, at: Ground, workers: Sequence[Worker], kind: str, name: str, count: int, one: Start
    ) -> tuple[str, datetime]:
        """Start so many, until each has set its timer; gives what their ids begin with, and when they fall due.

        Where the instant came first, they are let go, and others are started for a later one.
        """
        for number in range(TRIES):
            these = f"{name}-{number}"
            ahead = SLACK * (number + 1) * count / self.per_second + SPARE_SECONDS
            due, begun = soon(ahead), time.time()
            await each([f"{these}-{n:05d}" for n in range(count)], partial(_by, one, due))
            self.per_second = count / (time.time() - begun)
            await quiet([each.tree for each in workers])
            now = time.time()
            if now + 1 < due.timestamp():
                self.per_second = count / (now - begun)
                return these, due
            # What they took until all was quiet holds their renewal, too: it does not say how long to wait next time.
            tell(f"{kind}: {count} took {now - begun:.0f} s to start, and were due before that; others are started")
            await until_renewed(at.client, kind, f"{kind}/{these}-", count)
        raise NotDone(f"{count} of kind {kind} could not be started before they fell due, {TRIES} times")


async def _by(one: Start, due: datetime, id_: str) -> None:
    await one(id_, due)


async def quiet(trees: Sequence[Tree]) -> None:
    """Wait until processes do next to nothing."""
    before = sum(tree.seconds() for tree in trees)
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        now = sum(tree.seconds() for tree in trees)
        if now - before < IDLE * LOOK_SECONDS:
            return
        before = now


async def measure(at: Ground, workers: Sequence[Worker], kind: str, these: str, due: datetime, count: int) -> Round:
    """From the instant at which all are due until each has begun its next run."""
    await asyncio.sleep(due.timestamp() - time.time() - EARLY_SECONDS)
    groups = ([each.tree for each in workers], [at.postgres], [at.temporal])
    cpu = [sum(tree.seconds() for tree in group) for group in groups]
    commits = await _commits(at)
    await asyncio.sleep(max(0.0, due.timestamp() - time.time()))
    end = await until_renewed(at.client, kind, f"{kind}/{these}-", count)
    worker, postgres, temporal = (
        sum(tree.seconds() for tree in group) - then for group, then in zip(groups, cpu, strict=True)
    )
    return Round(count, end - due.timestamp(), worker, postgres, temporal, await _commits(at) - commits)


async def _commits(at: Ground) -> int:
    """Transactions that were committed, each statement outside of one among them; as of some tenths of a second ago."""
    await at.pool.execute("select pg_stat_clear_snapshot()")
    count: int = await at.pool.fetchval("select xact_commit from pg_stat_database where datname = current_database()")
    return count
