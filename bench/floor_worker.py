"""The floor's worker: everything that is set for ours is set for it, too, but it has nothing of ours to do."""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta

from temporalio.worker import Worker

from bench.floor import Floor, nothing
from engine.connect import connect
from engine.crew import ONE, SHUTDOWN, runner
from engine.program import told_to_stop

TASK_QUEUE = "floor"


async def serve() -> None:
    """Serve until SIGTERM."""
    stop = told_to_stop()
    client = await connect()
    async with Worker(
        client,
        task_queue=TASK_QUEUE,
        workflows=[Floor],
        activities=[nothing],
        workflow_runner=runner(),
        max_cached_workflows=ONE.cached_workflows,
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=ONE.sticky_seconds),
        max_concurrent_workflow_tasks=ONE.workflow_slots,
        max_concurrent_workflow_task_polls=ONE.pollers,
        max_concurrent_activities=ONE.activity_slots,
        max_concurrent_activity_task_polls=ONE.pollers,
        graceful_shutdown_timeout=SHUTDOWN,
    ):
        print(f"serving task queue {TASK_QUEUE!r}", flush=True)
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(serve())
    sys.exit()
