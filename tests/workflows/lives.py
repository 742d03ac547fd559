"""Lives on a real server: a subscription of its own for every test, told things, moved in time, and read back."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal
from uuid import uuid4

from temporalio.api.common.v1 import Payload, Payloads, WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import SignalWorkflowExecutionRequest
from temporalio.client import Client, WorkflowHandle, WorkflowHistory
from temporalio.worker import Replayer

from adapters.simulated.world import load_world
from domain.effects import Entry
from domain.messages import REQUIRED
from domain.opening import Terms, read_terms
from domain.periods import first_instant
from domain.policy import Policy
from domain.published import publish
from domain.run import Answer, Seen
from domain.subscription import Subscription
from domain.world import GatewayRule, World
from engine.begin import begin, handle_of
from engine.convert import DATA_CONVERTER
from engine.crew import runner
from engine.speak import ask, tell
from engine.stage import TASK_QUEUE, Stage
from engine.virtual_time import VirtualTime
from policies.load import load
from workflows.subscription import SubscriptionWorkflow

PATIENCE = 120  # seconds of real time for a whole life; a healthy year takes five on a busy machine
LEAD = timedelta(hours=1)

PLANS: dict[str, dict[str, Any]] = {
    "photo-monthly": {
        "customer": {"timezone": "America/New_York"},
        "plan": {"name": "pro", "price": "49.00", "currency": "USD"},
        "payment_methods": {"primary": "card", "secondary": "card"},
    },
    "photo-annual": {
        "customer": {"timezone": "America/New_York"},
        "plan": {"name": "pro", "price": "100.00", "currency": "USD", "instalments": 12},
        "payment_methods": {"primary": "card", "secondary": "card"},
    },
    "hosting": {
        "customer": {"timezone": "Europe/Berlin"},
        "plan": {"name": "server", "price": "31.00", "currency": "EUR"},
        "payment_methods": {"primary": "card"},
    },
}

KIM = {"by": "support:kim", "reason": "asked"}


def declined(since: str, until: str | None = None) -> World:
    """A world in which both methods are declined from a local date (inclusive) until another (exclusive)."""
    last = date.fromisoformat(until) if until else None
    return World(
        gateway=tuple(
            GatewayRule(role, date.fromisoformat(since), last, "declined", "insufficient_funds")
            for role in ("primary", "secondary")
        )
    )


def terms_of(policy: str, id_: str, starts_on: str) -> Terms:
    """The terms of a customer that nobody shares."""
    plan = PLANS[policy]
    customer = {
        "id": f"c-{id_}",
        "client_number": f"K-{id_}",
        "name": f"Ada {id_}",
        "email": "ada@example.com",
        "locale": "en",
        **plan["customer"],
    }
    return read_terms({**plan, "id": id_, "customer": customer, "starts_on": starts_on})


@dataclass(slots=True)
class Life:
    """One subscription on a stage."""

    stage: Stage
    time: VirtualTime
    terms: Terms
    policy: Policy

    @property
    def id(self) -> str:
        return self.terms.id

    @property
    def handle(self) -> WorkflowHandle[SubscriptionWorkflow, str]:
        return handle_of(self.time.client, self.id)

    def instant(self, local: str) -> datetime:
        """Local time of the customer, `2026-03-18T10:00`, or the first instant of a date."""
        on = date.fromisoformat(local[:10])
        clock = timedelta(hours=int(local[11:13] or 0), minutes=int(local[14:16] or 0))
        return first_instant(on, self.terms.customer.timezone) + clock

    async def until(self, local: str) -> Seen | None:
        """Let everything happen that is due before a local time; gives the state, None once it has ended."""
        return await self.time.hop(self.id, self.instant(local))

    async def settled(self) -> Seen | None:
        """Wait until what was said has been worked on."""
        return await self.time.settled(self.handle)

    async def state(self) -> Subscription:
        """The state, once nothing is being worked on; the subscription must not have ended."""
        seen = await self.settled()
        assert seen is not None, f"{self.id} has ended"
        return seen.state

    async def tell(self, signal: str, **payload: Any) -> None:
        """Send a well-meant signal and wait until it has been worked on."""
        await tell(self.time.client, self.stage.books, self.id, signal, payload)
        await self.settled()

    async def ask(self, signal: str, **payload: Any) -> Answer:
        """Send an update."""
        return await ask(self.time.client, self.stage.books, self.id, signal, payload)

    async def signal_raw(self, name: str, *payloads: Payload) -> None:
        """Send a signal as another program might: any name, any payloads."""
        await self.stage.client.workflow_service.signal_workflow_execution(
            SignalWorkflowExecutionRequest(
                namespace=self.stage.client.namespace,
                workflow_execution=WorkflowExecution(workflow_id=self.handle.id),
                signal_name=name,
                input=Payloads(payloads=payloads) if payloads else None,
                request_id=str(uuid4()),
            )
        )

    async def entries(self, *what: str) -> list[Entry]:
        """The audit trail, or those of its lines that tell of `what`."""
        return [e for e in await self.stage.books.timeline(self.id) if not what or e.what in what]

    async def audit(self) -> None:
        """The books agree with themselves."""
        assert await self.stage.books.audit(self.id) == []

    async def history(self) -> list[HistoryEvent]:
        """The events of the present run."""
        return list((await self.handle.fetch_history()).events)

    async def runs(self) -> list[WorkflowHistory]:
        """The histories of all runs, oldest first."""
        return await runs_of(self.stage.client, self.handle.id)

    async def page(self) -> str:
        """The current details, as the Temporal UI shows them."""
        return (await self.metadata()).current_details

    async def metadata(self) -> Any:
        """What the workflow says of itself to the Temporal UI."""
        from temporalio.api.sdk.v1 import WorkflowMetadata

        return await self.handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)


async def runs_of(client: Client, workflow_id: str) -> list[WorkflowHistory]:
    """The histories of all runs of a workflow, oldest first; each run names the one before it."""
    found: list[WorkflowHistory] = []
    run_id: str | None = None
    while True:
        history = await client.get_workflow_handle(workflow_id, run_id=run_id).fetch_history()
        found.insert(0, history)
        run_id = history.events[0].workflow_execution_started_event_attributes.continued_execution_run_id
        if not run_id:
            return found


async def replayed(histories: Iterable[WorkflowHistory]) -> None:
    """Replay histories with the code as it is now. Raises where it decides anything else than was recorded."""

    async def each() -> AsyncIterator[WorkflowHistory]:
        for history in histories:
            yield history

    replayer = Replayer(workflows=[SubscriptionWorkflow], workflow_runner=runner(), data_converter=DATA_CONVERTER)
    await replayer.replay_workflows(each())
