"""One run of the reconciliation: each pair of parties compared, one after another, whatever becomes of the others."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from domain import reconciliation
    from domain.errands import HEARTBEAT_TIMEOUT
    from domain.reconciliation import PAIRS, Asked, Counted, Pair

RETRIES = RetryPolicy(initial_interval=timedelta(seconds=5), maximum_interval=timedelta(minutes=1), maximum_attempts=5)
"""The next run comes anyway; a database that is away for longer is no news that this would bring."""

NOTE_TIMEOUT = timedelta(seconds=60)
COMPARE_TIMEOUT = timedelta(minutes=30)  # of one pair; the first run at a gateway reads a month


@workflow.defn(name="reconciliation")
class ReconciliationWorkflow:
    """Started by its schedule; nothing waits for it."""

    @workflow.run
    async def run(self, by: str) -> list[Counted]:
        """Compare everything; gives the numbers. `by` is who has it run, such as `schedule`."""
        asked = Asked(workflow.info().run_id, by)
        await self._note(reconciliation.BEGIN, asked)
        counted = [await self._compare(asked, pair) for pair in PAIRS]
        await self._note(reconciliation.FINISH, asked)
        return counted

    async def _compare(self, asked: Asked, pair: Pair) -> Counted:
        try:
            done: Counted = await workflow.execute_activity(
                reconciliation.COMPARE,
                args=[asked, pair],
                result_type=Counted,
                start_to_close_timeout=COMPARE_TIMEOUT,
                heartbeat_timeout=HEARTBEAT_TIMEOUT,
                retry_policy=RETRIES,
                summary=f"compare: {pair}",
            )
        except ActivityError as failed:
            workflow.logger.error("%s was not compared in this run: %s", pair, failed.cause)
            return Counted(pair, 0, 0, 0, (f"{pair} was not compared: {failed.cause}"[:300],))
        return done

    async def _note(self, activity: str, asked: Asked) -> None:
        await workflow.execute_activity(
            activity,
            asked,
            start_to_close_timeout=NOTE_TIMEOUT,
            heartbeat_timeout=HEARTBEAT_TIMEOUT,
            retry_policy=RETRIES,
            summary=activity.replace("_", " "),
        )
