"""Lives on a real server: a subscription of its own for every test, told things, moved in time, and read back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

from temporalio.api.common.v1 import Payload, Payloads, WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.api.workflowservice.v1 import SignalWorkflowExecutionRequest
from temporalio.client import Client, WorkflowHandle, WorkflowHistory
from temporalio.converter import DataConverter
from temporalio.worker import Replayer

from adapters.simulated.world import load_world
from domain.effects import Entry
from domain.opening import Terms, read_terms
from domain.periods import first_instant, local_date, parse_local
from domain.policy import Policy
from domain.published import publish
from domain.run import Answer, Seen
from domain.subscription import Role, Subscription
from domain.world import GatewayRule, World
from engine.begin import Started, begin, handle_of
from engine.convert import DATA_CONVERTER
from engine.crew import runner
from engine.speak import ask, tell
from engine.stage import TASK_QUEUE, Stage
from engine.virtual_time import VirtualTime
from policies.load import load
from workflows.subscription import SubscriptionWorkflow

PATIENCE = 120  # seconds of real time for one wait; the longest hop of these tests takes ten on a busy machine
LEAD = timedelta(hours=1)  # a life begins this long before its first local date
ROLES: tuple[Role, ...] = ("primary", "secondary")

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
    rules = [GatewayRule(role, date.fromisoformat(since), last, "declined", "insufficient_funds") for role in ROLES]
    return World(gateway=tuple(rules))


def terms_of(policy: str, id_: str, starts_on: str) -> Terms:
    """The terms of a customer whom no other subscription has."""
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


def json_payload(value: object) -> Payload:
    """What the Temporal UI and CLI send."""
    return Payload(metadata={"encoding": b"json/plain"}, data=json.dumps(value).encode())


@dataclass(slots=True)
class Life:
    """One subscription on a stage. Every wait has a limit."""

    stage: Stage
    time: VirtualTime
    terms: Terms
    policy: Policy
    offset_seconds: float = 0.0

    @property
    def id(self) -> str:
        return self.terms.id

    @property
    def handle(self) -> WorkflowHandle[SubscriptionWorkflow, str]:
        return handle_of(self.time.client, self.id)

    async def begin(self) -> Started:
        """Start it, or start it again."""
        async with asyncio.timeout(PATIENCE):
            return await begin(
                self.time.client, self.stage.books, TASK_QUEUE, self.terms, self.policy, self.offset_seconds
            )

    async def until(self, local: str) -> Seen | None:
        """Let everything happen that is due before a local time; gives the state, None once it has ended."""
        async with asyncio.timeout(PATIENCE):
            return await self.time.hop(self.id, parse_local(local, self.terms.customer.timezone))

    async def settled(self) -> Seen | None:
        """Wait until what was said has been worked on."""
        async with asyncio.timeout(PATIENCE):
            return await self.time.settled(self.handle)

    async def state(self) -> Subscription:
        """The state, once nothing is being worked on; the subscription must not have ended."""
        seen = await self.settled()
        assert seen is not None, f"{self.id} has ended"
        return seen.state

    async def tell(self, signal: str, **payload: Any) -> None:
        """Send a signal and wait until it has been worked on."""
        async with asyncio.timeout(PATIENCE):
            await tell(self.time.client, self.stage.books, self.id, signal, payload)
        await self.settled()

    async def ask(self, signal: str, **payload: Any) -> Answer:
        """Send an update. Raises what engine.speak raises."""
        async with asyncio.timeout(PATIENCE):
            return await ask(self.time.client, self.stage.books, self.id, signal, payload)

    async def signal_raw(self, name: str, *payloads: Payload) -> None:
        """Send a signal as another program might: any name, any payloads. Does not wait for it."""
        async with asyncio.timeout(PATIENCE):
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

    async def told(self, *what: str) -> list[tuple[str, str]]:
        """Those lines as (local date, what it says): the standing, the template, the command, the reason."""
        telling = {"standing": "to", "email": "template", "platform": "command", "refused": "why", "charge": "outcome"}
        zone = self.terms.customer.timezone
        return [
            (local_date(e.at, zone).isoformat(), str(e.fields.get(telling.get(e.what, ""), e.what)))
            for e in await self.entries(*what)
        ]

    async def runs(self) -> list[WorkflowHistory]:
        """The histories of all runs, oldest first."""
        async with asyncio.timeout(PATIENCE):
            return await runs_of(self.stage.client, self.handle.id)

    async def metadata(self) -> WorkflowMetadata:
        """What the workflow says of itself to the Temporal UI: its messages, and the page in `current_details`."""
        async with asyncio.timeout(PATIENCE):
            said: WorkflowMetadata = await self.handle.query(
                "__temporal_workflow_metadata", result_type=WorkflowMetadata
            )
            return said


async def begun(
    stage: Stage,
    policy: str,
    id_: str,
    *,
    starts_on: str = "2026-01-15",
    world: World | None = None,
    rules: Policy | None = None,
    carried: bool = True,
) -> Life:
    """Begin a life an hour before its first local date, under a shipped policy or `rules` in its stead.

    `carried`: whether the worker carries that policy.
    """
    rules = rules or load(policy)
    if carried:
        publish(rules)
    life = Life(stage, VirtualTime(stage.client), terms_of(policy, id_, starts_on), rules)
    await load_world(stage.pool, id_, world or World())
    begins_at = first_instant(life.terms.starts_on, life.terms.customer.timezone) - LEAD
    life.offset_seconds = (begins_at - datetime.now(UTC)).total_seconds()
    await life.begin()
    return life


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


async def replayed(histories: Iterable[WorkflowHistory], converter: DataConverter = DATA_CONVERTER) -> None:
    """Replay histories with the code as it is now. Raises where it decides anything else than was recorded."""

    async def each() -> AsyncIterator[WorkflowHistory]:
        for history in histories:
            yield history

    replayer = Replayer(workflows=[SubscriptionWorkflow], workflow_runner=runner(), data_converter=converter)
    async with asyncio.timeout(PATIENCE):
        await replayer.replay_workflows(each())


VIRTUAL = (
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIME_SKIPPING_TRANSITIONED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED,
)
"""What only moving the clock writes."""


def events(history: WorkflowHistory, *kinds: EventType.ValueType) -> list[HistoryEvent]:
    """The events of those kinds, or of all kinds that production has too."""
    return [e for e in history.events if (e.event_type in kinds if kinds else e.event_type not in VIRTUAL)]


def summary(event: HistoryEvent) -> str:
    """What the Temporal UI shows beside an event; "" where it has nothing."""
    data = event.user_metadata.summary.data
    said: str = json.loads(data) if data else ""
    return said
