"""The bare floor: a workflow that does one timer, one no-op activity and one continue-as-new, and nothing of ours."""

from __future__ import annotations

from datetime import datetime, timedelta

from temporalio import activity, workflow

MONTH = timedelta(days=30)
SHORTEST = timedelta(milliseconds=1)


@activity.defn
async def nothing() -> None:
    """Nothing."""


@workflow.defn(name="floor")
class Floor:
    """Waits until `due` (ISO 8601), once; the run after that waits for a month."""

    @workflow.run
    async def run(self, due: str) -> None:
        """One period."""
        await workflow.sleep(max(datetime.fromisoformat(due) - workflow.now(), SHORTEST))
        await workflow.execute_activity(nothing, start_to_close_timeout=timedelta(seconds=60))
        workflow.continue_as_new((datetime.fromisoformat(due) + MONTH).isoformat())
