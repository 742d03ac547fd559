"""Who is locked out goes first: the server gives out their workflow's tasks before those of everybody else.

The tasks of a workflow, by which a payment is taken in at all, have the priority that the server keeps for the
execution. It is raised with the lock, travels along at continue-as-new, and is set back by the first thing that a
deadline leads to once access is back. Not by the unlock itself: the task that answers who has paid is still to come.
"""

from __future__ import annotations

from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask
from temporalio import activity
from temporalio.api.common.v1 import Priority, WorkflowExecution
from temporalio.api.workflow.v1 import WorkflowExecutionOptions
from temporalio.api.workflowservice.v1 import UpdateWorkflowExecutionOptionsRequest
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from domain.access import LOCKED_OUT
from domain.effects import Batch, Entry
from domain.errands import written

FIRST, LIKE_ALL = 1, 3  # of the server's five levels; 3 is what every execution has. Messages lead to 2
MASK = FieldMask(paths=["priority.priority_key"])  # a tenant's fairness key stays as it is


class Precedence(Interceptor):
    """Sets it after each activity that has written something to set it for."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        """Called by the SDK."""
        return _Preceding(super().intercept_activity(next), self._client)


class _Preceding(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, client: Client) -> None:  # noqa: A002
        super().__init__(next)
        self._client = client

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002  # the SDK's name
        answer = await super().execute_activity(input)
        for batch in written(input.args[0], answer) if input.args else ():
            level = wanted(batch, activity.info().priority.priority_key)
            if level is not None:
                await self._set(level)
        return answer

    async def _set(self, level: int) -> None:
        """A server that does not take it leaves everybody alike: slower in a herd, and nothing is lost."""
        info = activity.info()
        said = UpdateWorkflowExecutionOptionsRequest(
            namespace=self._client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=info.workflow_id or ""),
            workflow_execution_options=WorkflowExecutionOptions(priority=Priority(priority_key=level)),
            update_mask=MASK,
        )
        try:
            await self._client.workflow_service.update_workflow_execution_options(said)
        except RPCError as error:
            activity.logger.warning("%s keeps its place in the queue: %s", info.workflow_id, error.message)


def wanted(batch: Batch, level: int | None) -> int | None:
    """The level at which its subscription's tasks belong after a batch; None where they are there.

    `level` is the writing activity's own. FIRST is what only a raised execution passes on, to what a deadline leads to.
    """
    locked_out = batch.view.standing in LOCKED_OUT
    if level == FIRST:
        return None if locked_out else LIKE_ALL
    moved = any(
        isinstance(e, Entry) and e.what == "standing" and e.fields.get("to") in LOCKED_OUT for e in batch.effects
    )
    return FIRST if locked_out and moved else None
