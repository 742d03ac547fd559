"""What one subscription takes in a worker's memory between two tasks, beside a workflow with nothing of ours in it.

Both run in the sandbox. Measured is by how much a worker process grows from one number of cached workflows to another.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from bench.due import each, soon, start, until
from bench.finding import Finding, measured, table, tell
from bench.floor import Floor
from bench.floor_worker import TASK_QUEUE
from bench.ground import Ground, ground
from bench.rounds import quiet
from bench.workers import Worker, perennial, program

FEW, MANY, MANY_FULL = 200, 1_200, 4_200  # the first ones pay for what is loaded once
GOAL_KB = 110
AHEAD_SECONDS = 30 * 86_400.0  # nothing falls due meanwhile
CACHED = {"PERENNIAL_CACHED_WORKFLOWS": "10000"}
KB = 1_000
WITH_TIMER = 5  # events: begun, a task scheduled, started and completed, and the timer

Start = Callable[[str], Awaitable[None]]


async def memory(full: bool) -> Finding:
    """Measure both, on the same servers."""
    many = MANY_FULL if full else MANY
    async with ground() as at:
        due = soon(AHEAD_SECONDS)

        async def floor(id_: str) -> None:
            await at.client.start_workflow(Floor.run, due.isoformat(), id=f"floor/{id_}", task_queue=TASK_QUEUE)

        async def subscription(id_: str) -> None:
            await start(at, id_, due)

        async with program(at, [sys.executable, "-m", "bench.floor_worker"], CACHED) as worker:
            bare = await _grown(at, worker, "floor", floor, many)
        async with perennial(at, CACHED) as worker:
            ours = await _grown(at, worker, "subscription", subscription, many)
    text = "\n\n".join(
        [
            f"By how much a worker process (RSS) grows from {FEW:,} to {many:,} workflows in its cache, each asleep "
            f"until its first billing date, in the sandbox; goal at most {GOAL_KB} KB. A KB is {KB:,} bytes.",
            table(
                ["KB a cached workflow", "bare", "Perennial", "ratio"],
                [[f"{many - FEW:,} more", f"{bare:.1f}", f"{ours:.1f}", f"{ours / bare:.2f}"]],
            ),
        ]
    )
    figures = {
        "cached_workflow_kb": ours,
        "cached_bare_workflow_kb": bare,
        "cached_workflow_to_bare_ratio": ours / bare,
    }
    return Finding("memory", "Memory", text, figures)


async def _grown(at: Ground, worker: Worker, kind: str, begin: Start, many: int) -> float:
    """KB for each workflow more in the cache."""
    ids = [f"{kind}-{number:05d}" for number in range(many)]
    resident = []
    for these in (ids[:FEW], ids[FEW:]):
        await each(these, begin)
        await each(these, lambda id_: _asleep(at, f"{kind}/{id_}"))
        await quiet([worker.tree])
        resident.append(_resident(worker))
    grown = (resident[1] - resident[0]) / KB / (many - FEW)
    tell(f"{kind}: {grown:.1f} KB for each of {many - FEW:,}")
    return grown


async def _asleep(at: Ground, workflow_id: str) -> None:
    """Wait until it has set its timer: it is then in the worker's cache."""
    handle = at.client.get_workflow_handle(workflow_id)

    async def timers() -> int:
        described = (await handle.describe()).raw_description
        return int(described.workflow_execution_info.history_length >= WITH_TIMER)

    await until(timers, 1, f"{workflow_id} asleep")


def _resident(worker: Worker) -> int:
    """Bytes of a process that are in memory."""
    for line in (Path("/proc") / str(worker.tree.pid) / "status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1_024
    raise AssertionError(f"process {worker.tree.pid}: Linux tells no VmRSS of it")


if __name__ == "__main__":
    measured(memory, __doc__)
