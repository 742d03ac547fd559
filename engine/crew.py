"""The worker: adapters handed to activities, activities and the workflow served on a task queue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Literal

from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker, WorkerDeploymentConfig

from activities.access import AccessActivities
from activities.agency import AgencyActivities
from activities.delivery import Deliveries
from activities.ledger import LedgerActivities
from activities.notices import NoticeActivities
from activities.payments import PaymentActivities
from activities.reconciliation import ReconciliationActivities
from adapters.postgres.migrate import BOOKS, migrate
from adapters.simulated.world import PARTIES
from domain.errands import gateway_queue
from domain.subscription import CHARGEABLE, MethodKind
from engine.begin import handle_of
from engine.heartbeats import BEAT_SECONDS, Heartbeats
from engine.outside import Outside
from engine.precedence import Precedence
from engine.sandbox import runner as runner
from settings import Settings
from workflows.reconciliation import ReconciliationWorkflow
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


def at_gateways(client: Client, outside: Outside) -> list[Callable[..., Any]]:
    """The activities that wait for a gateway's answer."""
    payments = PaymentActivities(outside.books, outside.gateway, deliveries_of(client, outside))
    return [payments.charge, payments.look_up_charge]


def activities(client: Client, outside: Outside) -> list[Callable[..., Any]]:
    """Every activity, with the adapters it needs."""
    books, deliveries = outside.books, deliveries_of(client, outside)
    ledger = LedgerActivities(books, deliveries)
    access, agency, notices = AccessActivities(deliveries), AgencyActivities(deliveries), NoticeActivities(deliveries)
    return [
        ledger.carry_out,
        ledger.look_up_payment,
        ledger.look_up_message,
        ledger.read_facts,
        *at_gateways(client, outside),  # what was asked for before gateways had queues of their own
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


@dataclass(frozen=True, slots=True)
class Version:
    """Which release of which deployment a worker is: runs that it has taken up stay with it (docs/upgrading.md)."""

    deployment: str
    build: str

    @classmethod
    def of(cls, said: Settings) -> Version | None:
        """As the settings say; None without a build id, where a worker takes whatever its queue holds."""
        return cls(said.deployment, said.build) if said.build else None

    def said(self) -> str:
        """For people, with what they may have to do."""
        say = f"set-current-version --deployment-name {self.deployment} --build-id {self.build}"
        return f"as version {self.build} of {self.deployment}; it is given work by: temporal worker deployment {say}"


@dataclass(frozen=True, slots=True)
class Capacity:
    """How much one worker process takes on. The defaults were chosen by measurement: docs/performance.md."""

    cached_workflows: int = 1000
    """Kept in memory between two tasks; 0 replays every task from its history."""
    sticky_seconds: int = 10
    """How long a task waits for the worker that has its workflow cached, before any other may have it."""
    workflow_slots: int = 100
    """Workflow tasks under way at once."""
    activity_slots: int = 100
    """Activities under way at once; and so many again at each gateway."""
    pollers: int = 5
    """Requests for work that wait at the server, for each kind of work."""
    cards_per_second: int = 0
    """Charges and look-ups of cards that the server gives out a second, to all workers together; 0: no limit."""
    wallets_per_second: int = 0
    """The same for wallets."""

    @classmethod
    def of(cls, said: Settings) -> Capacity:
        """As the settings of these names say."""
        return cls(**{each.name: getattr(said, each.name) for each in fields(cls)})

    def limit(self, method: MethodKind) -> float | None:
        """What a gateway may be asked a second; None for as often as there is need."""
        return float(self.cards_per_second if method == "card" else self.wallets_per_second) or None


ONE = Capacity()
NOTHING_KEPT = Capacity(cached_workflows=0)


@asynccontextmanager
async def crew(
    client: Client,
    outside: Outside,
    task_queue: str,
    capacity: Capacity = ONE,
    *,
    version: Version | None = None,
    reconciliation: ReconciliationActivities | None = None,
) -> AsyncIterator[None]:
    """Serve while the block runs: one worker for the subscriptions, and one for each gateway, on a queue of its own.

    With a `version` they are given nothing until Temporal has been told that this version is the current one.
    """
    shared = (client, capacity, version)
    async with AsyncExitStack() as stack:
        for method in CHARGEABLE:
            offered = at_gateways(client, outside)
            at_gateway = _worker(*shared, gateway_queue(task_queue, method), offered, [], capacity.limit(method))
            await stack.enter_async_context(at_gateway)
        offered = [*activities(client, outside), *_reconciling(reconciliation)]
        workflows = [SubscriptionWorkflow, ReconciliationWorkflow]
        await stack.enter_async_context(_worker(*shared, task_queue, offered, workflows))
        yield
    await asyncio.sleep(SETTLE_SECONDS)


def _worker(
    client: Client,
    capacity: Capacity,
    version: Version | None,
    task_queue: str,
    offered: list[Callable[..., Any]],
    workflows: list[type],
    a_second: float | None = None,
) -> Worker:
    """One queue's worker. The server gives out at most so many of its activities `a_second`."""
    return Worker(
        client,
        task_queue=task_queue,
        workflows=workflows,
        activities=offered,
        interceptors=[Heartbeats(), Precedence(client)],
        max_heartbeat_throttle_interval=timedelta(seconds=BEAT_SECONDS),
        default_heartbeat_throttle_interval=timedelta(seconds=BEAT_SECONDS),
        workflow_runner=runner(),
        max_cached_workflows=capacity.cached_workflows,
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=capacity.sticky_seconds),
        max_concurrent_workflow_tasks=capacity.workflow_slots,
        max_concurrent_workflow_task_polls=capacity.pollers,
        max_concurrent_activities=capacity.activity_slots,
        max_concurrent_activity_task_polls=capacity.pollers,
        max_task_queue_activities_per_second=a_second,
        graceful_shutdown_timeout=SHUTDOWN,
        deployment_config=_pinned(version) if version else None,
    )


def _reconciling(reconciliation: ReconciliationActivities | None) -> list[Callable[..., Any]]:
    """Its activities, where this worker does that, too; what serves a play does not."""
    return [reconciliation.begin, reconciliation.compare, reconciliation.finish] if reconciliation else []


def _pinned(version: Version) -> WorkerDeploymentConfig:
    """A run stays with the version that began it; the next one goes to the version that is current then."""
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(version.deployment, version.build),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.PINNED,
    )
