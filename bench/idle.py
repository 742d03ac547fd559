"""What sleeping subscriptions cost: queries, CPU time and memory, beside the same servers with none."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from bench.due import NotDone, each, soon, start
from bench.finding import Finding, measured, table, tell
from bench.ground import Ground, ground
from bench.workers import Worker, perennial

SLEEPING, FULL_SLEEPING = 2_000, 10_000
SPAN_SECONDS, FULL_SPAN_SECONDS = 20.0, 60.0
AWAKE_AFTER = timedelta(days=20)
AT_REST = 0.02  # of a core, all processes together but PostgreSQL's: below this nothing is being worked on any more
SETTLE_SECONDS = 180.0
STEP_SECONDS = 2.0
STATEMENTS = ("statement:", "execute ")  # how PostgreSQL's log begins what a client has asked for
LOG = "books.log"
KB = 1024


@dataclass(frozen=True, slots=True)
class Minute:
    """What a span cost, per minute; memory at its end."""

    queries: float
    worker_cpu: float
    temporal_cpu: float
    worker_kb: float
    temporal_kb: float


async def idle(full: bool) -> Finding:
    """Measure with nobody there, then with all of them asleep."""
    count = FULL_SLEEPING if full else SLEEPING
    seconds = FULL_SPAN_SECONDS if full else SPAN_SECONDS
    async with ground() as at, perennial(at) as worker:
        await at.pool.execute("alter system set log_statement = 'all'")
        await at.pool.execute("select pg_reload_conf()")
        await calm(at, worker)
        empty = await minute(at, worker, seconds)
        tell(f"nobody there: {empty.queries:.0f} queries a minute")
        log, before = at.folder / LOG, (at.folder / LOG).stat().st_size
        due = soon(AWAKE_AFTER.total_seconds())
        await each([f"sleeps-{number:05d}" for number in range(count)], lambda id_: start(at, id_, due))
        await calm(at, worker)
        if asked(log, before) < count:
            raise AssertionError(f"{log}: PostgreSQL's log does not tell of the starts: no query can be counted in it")
        asleep = await minute(at, worker, seconds)
        tell(f"{count} asleep: {asleep.queries:.0f} queries a minute")
        stored = sum(each.stat().st_size for each in (at.folder / "temporal").glob("temporal.sqlite*"))
    return found(count, seconds, empty, asleep, stored)


async def calm(at: Ground, worker: Worker) -> None:
    """Wait until nothing is being worked on any more."""
    give_up = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < give_up:
        before = worker.tree.seconds()
        await asyncio.sleep(STEP_SECONDS)
        if worker.tree.seconds() - before < AT_REST * STEP_SECONDS:
            return
    raise NotDone(f"the worker did not come to rest within {SETTLE_SECONDS:.0f} s")


async def minute(at: Ground, worker: Worker, seconds: float) -> Minute:
    """Look away for so long, and see what was done meanwhile."""
    log = at.folder / LOG
    start_of_span, cpu = log.stat().st_size, (worker.tree.seconds(), at.temporal.seconds())
    await asyncio.sleep(seconds)
    spent = (worker.tree.seconds() - cpu[0], at.temporal.seconds() - cpu[1])
    a_minute = 60 / seconds
    return Minute(
        asked(log, start_of_span) * a_minute,
        spent[0] * a_minute,
        spent[1] * a_minute,
        worker.tree.resident_kb(),
        at.temporal.resident_kb(),
    )


def asked(log: Path, since: int) -> int:
    """How many statements PostgreSQL's log tells of after its first `since` bytes."""
    text = log.read_bytes()[since:].decode(errors="replace")
    return sum(text.count(f"LOG:  {beginning}") for beginning in STATEMENTS)


def found(count: int, seconds: float, empty: Minute, asleep: Minute, stored: int) -> Finding:
    """The figures."""
    worker_kb, server_kb = (
        (asleep.worker_kb - empty.worker_kb) / count,
        (asleep.temporal_kb - empty.temporal_kb) / count,
    )
    figures = {
        "idle_subscriptions": float(count),
        "idle_queries_per_minute": asleep.queries,
        "idle_worker_cpu_seconds_per_minute": asleep.worker_cpu,
        "empty_worker_cpu_seconds_per_minute": empty.worker_cpu,
        "idle_temporal_cpu_seconds_per_minute": asleep.temporal_cpu,
        "idle_worker_kb_per_sleeping": worker_kb,
        "idle_temporal_kb_per_sleeping": server_kb,
        "idle_temporal_stored_kb_per_sleeping": stored / KB / count,
    }
    rows = [
        [name, f"{none:.2f}", f"{some:.2f}"]
        for name, none, some in (
            ("queries to PostgreSQL a minute", empty.queries, asleep.queries),
            ("CPU seconds of the worker a minute", empty.worker_cpu, asleep.worker_cpu),
            ("CPU seconds of Temporal a minute", empty.temporal_cpu, asleep.temporal_cpu),
            ("memory of the worker, MB", empty.worker_kb / KB, asleep.worker_kb / KB),
            ("memory of Temporal, MB", empty.temporal_kb / KB, asleep.temporal_kb / KB),
        )
    ]
    text = "\n\n".join(
        [
            table([f"over {seconds:.0f} s", "no subscription", f"{count:,} asleep"], rows),
            f"A sleeping subscription holds {server_kb:.1f} KB of the server's memory, {stored / KB / count:.1f} KB of "
            f"its store, and {worker_kb:.1f} KB of the worker's: of those it has served it keeps the latest "
            "`PERENNIAL_CACHED_WORKFLOWS`. What one of these takes is measured below.",
        ]
    )
    return Finding("idle", "Idle is free", text, figures)


if __name__ == "__main__":
    measured(idle, __doc__)
