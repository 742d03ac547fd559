"""The worker: adapters handed to activities, activities and the workflow served on a task queue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, Literal

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.access import AccessActivities
from activities.agency import AgencyActivities
from activities.delivery import Deliveries
from activities.ledger import LedgerActivities
from activities.notices import NoticeActivities
from activities.payments import PaymentActivities
from adapters.postgres.migrate import BOOKS, migrate
from adapters.simulated.world import PARTIES
from engine.begin import handle_of
from engine.heartbeats import Heartbeats
from engine.outside import Outside
from workflows.subscription import SubscriptionWorkflow

SHUTDOWN = timedelta(seconds=10)  # what is under way may finish; what is not is tried again by another worker
SETTLE_SECONDS = 0.5  # an interpreter that ends right after a worker closes can crash (temporalio #300); measured


class TemporalSiblings:
    """Reaches a customer's other subscriptions by signal; one that has ended has nothing left to block."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def tell(
        self,
        key: str,
        *,
        subscription_id: str,
        signal: Literal["block-access", "unblock-access"],
        reason: str,
        at: datetime,
    ) -> None:
        """Signal one sibling; the key names the message, so that it counts once."""
        said = {"id": key, "by": "policy", "reason": reason, "at": at.isoformat()}
        try:
            await handle_of(self._client, subscription_id).signal(signal, said)
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise


async def migrated(database_url: str) -> None:
    """Bring the database up to date, the simulated parties' tables included. Raises MigrationFailed."""
    await migrate(database_url, (BOOKS, PARTIES))


def activities(client: Client, outside: Outside) -> list[Callable[..., Any]]:
    """Every activity, with the adapters it needs."""
    books, deliveries = outside.books, deliveries_of(client, outside)
    ledger = LedgerActivities(books, deliveries)
    payments = PaymentActivities(books, outside.gateway, deliveries)
    access, agency, notices = AccessActivities(deliveries), AgencyActivities(deliveries), NoticeActivities(deliveries)
    return [
        ledger.carry_out,
        ledger.look_up_payment,
        ledger.look_up_message,
        ledger.read_facts,
        payments.charge,
        payments.look_up_charge,
        access.deliver_commands,
        access.tell_siblings,
        agency.deliver_to_agency,
        notices.deliver_mails,
    ]


def deliveries_of(client: Client, outside: Outside) -> Deliveries:
    """What tells the outside parties, and a customer's other subscriptions."""
    return Deliveries(
        outside.books,
        platform=outside.platform,
        agency=outside.agency,
        siblings=TemporalSiblings(client),
        mailer=outside.mailer,
    )


def runner() -> SandboxedWorkflowRunner:
    """The sandbox, with nothing passed through but the pure domain."""
    return SandboxedWorkflowRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules("domain"))


@asynccontextmanager
async def crew(
    client: Client, outside: Outside, task_queue: str, *, cached_workflows: int = 1000
) -> AsyncIterator[Worker]:
    """A worker while the block runs. `cached_workflows` 0 replays every task from its history."""
    worker = Worker(
        client,
        task_queue=task_queue,
        workflows=[SubscriptionWorkflow],
        activities=activities(client, outside),
        interceptors=[Heartbeats()],
        workflow_runner=runner(),
        max_cached_workflows=cached_workflows,
        graceful_shutdown_timeout=SHUTDOWN,
    )
    async with worker:
        yield worker
    await asyncio.sleep(SETTLE_SECONDS)
