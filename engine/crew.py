"""The worker: adapters handed to activities, activities and the workflow served on a task queue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker, WorkerDeploymentConfig
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.access import AccessActivities
from activities.agency import AgencyActivities
from activities.delivery import Deliveries
from activities.ledger import LedgerActivities
from activities.notices import NoticeActivities
from activities.payments import PaymentActivities
from activities.reconciliation import ReconciliationActivities
from adapters.postgres.migrate import BOOKS, migrate
from adapters.simulated.world import PARTIES
from engine.begin import handle_of
from engine.heartbeats import BEAT_SECONDS, Heartbeats
from engine.outside import Outside
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


@asynccontextmanager
async def crew(
    client: Client,
    outside: Outside,
    task_queue: str,
    *,
    cached_workflows: int = 1000,
    version: Version | None = None,
    reconciliation: ReconciliationActivities | None = None,
) -> AsyncIterator[Worker]:
    """A worker while the block runs. `cached_workflows` 0 replays every task from its history.

    With a `version` it is given nothing until Temporal has been told that this version is the current one.
    """
    worker = Worker(
        client,
        task_queue=task_queue,
        workflows=[SubscriptionWorkflow, ReconciliationWorkflow],
        activities=[*activities(client, outside), *_reconciling(reconciliation)],
        interceptors=[Heartbeats()],
        max_heartbeat_throttle_interval=timedelta(seconds=BEAT_SECONDS),
        default_heartbeat_throttle_interval=timedelta(seconds=BEAT_SECONDS),
        workflow_runner=runner(),
        max_cached_workflows=cached_workflows,
        graceful_shutdown_timeout=SHUTDOWN,
        deployment_config=_pinned(version) if version else None,
    )
    async with worker:
        yield worker
    await asyncio.sleep(SETTLE_SECONDS)


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
