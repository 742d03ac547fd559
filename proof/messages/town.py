"""The servers, a worker that can be stopped and started again, and the subscriptions with their debts."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from temporalio.client import Client, WorkflowQueryFailedError
from temporalio.service import RPCError

from adapters.postgres.books import Books
from adapters.postgres.pool import Pool, connected
from domain.keys import workflow_id
from domain.opening import read_terms
from domain.periods import first_instant
from domain.published import publish
from embedded.postgres import postgres
from embedded.temporal import temporal
from engine.begin import begin, handle_of
from engine.connect import connect
from engine.crew import crew, migrated
from engine.outside import Outside, reached
from policies.load import load
from proof.messages.script import TODAY
from settings import Settings
from workflows.attributes import REGISTERED
from workflows.subscription import SubscriptionWorkflow

TASK_QUEUE = "messages"
SUGGESTED = "limit.historyCount.suggestContinueAsNew"
WITHOUT_PAUSE = {"history.workflowIdReuseMinimalInterval": '"0s"'}  # else a second at every continue-as-new
REST_SECONDS = 300.0  # until everything said has been worked on; a hundred waiting messages take a few
POLL_SECONDS = 0.05
AFTER = timedelta(seconds=30)  # the first invoice was due so long ago: the flood meets an open debt and no deadline

PLANS = {
    "hosting": (
        {"timezone": "Europe/Berlin"},
        {"name": "server", "price": "90000.00", "currency": "EUR"},
        "2026-01-01",
    ),
    "photo-monthly": ({"timezone": "America/New_York"}, {"name": "pro", "price": "90000.00", "currency": "USD"}, TODAY),
}
"""Debts so large that no flood of small payments settles one, and that no card can be charged for."""


@dataclass(slots=True)
class Town:
    """`suggested_after`: events of a run after which the server suggests to continue as new."""

    client: Client
    pool: Pool
    books: Books
    outside: Outside
    _shift: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def open(self, id_: str) -> str:
        """Begin a subscription that owes its first invoice; gives its client number."""
        policy = sorted(PLANS)[sum(id_.encode()) % len(PLANS)]
        customer, plan, starts_on = PLANS[policy]
        number = f"K-{id_}"
        terms = read_terms(
            {
                "id": id_,
                "customer": {
                    "id": f"c-{id_}",
                    "client_number": number,
                    "name": id_,
                    "email": "a@example.com",
                    **customer,
                },
                "plan": plan,
                "starts_on": starts_on,
                "payment_methods": {"primary": "bank_transfer"},
            }
        )
        rules = load(policy)
        publish(rules)
        now = first_instant(datetime.fromisoformat(TODAY).date(), customer["timezone"]) + AFTER
        offset = (now - datetime.now(UTC)).total_seconds()
        await begin(self.client, self.books, TASK_QUEUE, terms, rules, offset)
        return number

    async def start_worker(self) -> None:
        """Give the subscriptions a worker, which remembers nothing of an earlier one."""
        await self._shift.enter_async_context(crew(self.client, self.outside, TASK_QUEUE))

    async def stop_worker(self) -> None:
        """Take it away, in the middle of whatever it does."""
        await self._shift.aclose()

    async def at_rest(self, id_: str) -> bool:
        """Wait until everything that was said to a subscription has been worked on; False where that takes too long."""
        handle, clock = handle_of(self.client, id_), asyncio.get_running_loop().time
        until = clock() + REST_SECONDS
        while clock() < until:
            raw = (await handle.describe()).raw_description
            if not raw.HasField("pending_workflow_task") and not raw.pending_activities:
                with contextlib.suppress(RPCError, WorkflowQueryFailedError):  # between two runs nobody is there to ask
                    seen = await handle.query(SubscriptionWorkflow.seen)
                    if not seen.busy and not seen.undelivered:
                        return True
            await asyncio.sleep(POLL_SECONDS)
        return False

    async def runs(self, id_: str) -> int:
        """How many runs a subscription has had."""
        count, run_id = 0, None
        while True:
            count += 1
            handle = self.client.get_workflow_handle(workflow_id(id_), run_id=run_id)
            first = await anext(handle.fetch_history_events(page_size=1))
            run_id = first.workflow_execution_started_event_attributes.continued_execution_run_id
            if not run_id:
                return count


@asynccontextmanager
async def town(suggested_after: int) -> AsyncIterator[Town]:
    """Servers and a worker while the block runs; runs are asked to continue as new after so many events."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="perennial-")))
        dsn, server = await asyncio.gather(
            stack.enter_async_context(postgres(folder / "books", durable=False)),
            stack.enter_async_context(
                temporal(
                    None,
                    search_attributes=REGISTERED,
                    time_skipping=False,
                    dynamic_config=WITHOUT_PAUSE | {SUGGESTED: str(suggested_after)},
                )
            ),
        )
        await migrated(dsn)
        pool = await stack.enter_async_context(connected(dsn, size=20))
        outside = await stack.enter_async_context(reached(Settings(), pool))
        client = await connect(server.address, "default")
        here = Town(client, pool, outside.books, outside)
        await here.start_worker()
        stack.push_async_callback(here.stop_worker)
        yield here
