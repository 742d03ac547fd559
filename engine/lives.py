"""What Temporal says of a subscription's workflow, and what the workflow answers, for being compared with the books."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from temporalio.client import Client, WorkflowExecutionDescription, WorkflowExecutionStatus, WorkflowQueryFailedError
from temporalio.service import RPCError, RPCStatusCode

from domain.run import Seen
from domain.witnesses import Life, Owed
from engine.begin import handle_of
from workflows.subscription import SubscriptionWorkflow

ANSWER_WITHIN = timedelta(seconds=10)  # a worker that is there answers in some 20 ms, and replays a year in 200
FAILING_AFTER = 10  # tries of one activity: with their pauses, some 17 minutes in vain; deliveries are not counted
DELIVERIES = ("deliver_", "tell_")
ERROR_LIMIT = 200  # characters


class TemporalLives:
    """Asks the server and, where one serves it, the workflow itself. Nothing is written by asking."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def life(self, subscription_id: str) -> Life:
        """A subscription's workflow as it is now. Raises RPCError where the server cannot be asked."""
        handle = handle_of(self._client, subscription_id)
        try:
            described = await handle.describe()
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise
            return Life("missing")
        status = described.status
        if status != WorkflowExecutionStatus.RUNNING:
            return Life("closed", status.name.lower() if status else "closed")
        failing, errand = _failing(described), _errand(described)
        seen = await self._answer(subscription_id) if failing < 2 else None
        if seen is None:
            return Life("running", failing=failing, errand=errand)
        state = seen.state
        owed = None
        if not seen.busy:
            owed = Owed(
                state.standing,
                f"{state.policy.name} {state.policy.version}",
                state.balance_minor,
                state.open_minor,
                state.credit_minor,
                state.placed_minor,
                Owed.lines(state.invoices),
            )
        return Life(
            "running",
            failing=failing,
            errand=errand,
            owed=owed,
            couriers=frozenset(seen.undelivered),
            in_force=frozenset(each.command for each in state.in_force),
            plan_running=state.plan_running,
            offset_seconds=seen.offset_seconds,
            answered=True,
        )

    async def _answer(self, subscription_id: str) -> Seen | None:
        """Its state; None where nobody serves it in time, or it is between two runs."""
        handle = handle_of(self._client, subscription_id)
        try:
            async with asyncio.timeout(ANSWER_WITHIN.total_seconds()):
                return await handle.query(SubscriptionWorkflow.seen, rpc_timeout=ANSWER_WITHIN)
        except (RPCError, WorkflowQueryFailedError, TimeoutError):
            return None


def _failing(described: WorkflowExecutionDescription) -> int:
    """How often the workflow task that waits has been tried."""
    raw = described.raw_description
    return raw.pending_workflow_task.attempt if raw.HasField("pending_workflow_task") else 0


def _errand(described: WorkflowExecutionDescription) -> str:
    """The activity that has been tried most often in vain, where that is often."""
    pending = [
        each
        for each in described.raw_description.pending_activities
        if each.attempt >= FAILING_AFTER and not each.activity_type.name.startswith(DELIVERIES)
    ]
    if not pending:
        return ""
    worst = max(pending, key=lambda each: each.attempt)
    why = worst.last_failure.message[:ERROR_LIMIT] or "no error told"
    return f"activity {worst.activity_type.name} has been tried {worst.attempt} times: {why}"
