"""The lives whose histories are recorded at each release: every standing, and whatever else decides commands."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time

from temporalio.api.workflowservice.v1 import SetWorkerDeploymentCurrentVersionRequest
from temporalio.service import RPCError

from adapters.simulated.refusals import refuse
from domain.moving import Move
from domain.policy import MailHours, Policy
from domain.world import GatewayRule, World
from engine.crew import Version, crew
from engine.outside import reached
from engine.stage import TASK_QUEUE, Stage
from policies.load import load, shipped
from settings import Settings
from tests.workflows.lives import KIM, Life, begun, declined, json_payload
from workflows.subscription import SubscriptionWorkflow

DEPLOYMENT = "perennial"
PATIENCE_SECONDS = 30  # until the server knows a worker that has just started
NIGHT = MailHours((0, 1, 2, 3, 4, 5, 6), time(21), time(8), ("account_unlocked",))


def carried() -> list[Policy]:
    """The policies of all these lives: those that are shipped, and two that no file says."""
    monthly = load("photo-monthly")
    hushed = replace(monthly, version=901, digest="hushed-901", mail_hours=NIGHT)
    return [*(load(name) for name in shipped()), hushed, replace(monthly, version=902, digest="other-902")]


Tell = Callable[[Stage], Awaitable[Life]]
MOMENTS: dict[str, Tell] = {}
"""Each gives a life, one of whose last two runs is the telling one: the longer, or the last of those in LAST."""

LAST = frozenset(
    (
        "evidence",
        "promise_broken",
        "recalled",
        "written_off",
        "moved",
        "forgotten",
        "quiet_hours",
        "choice_at_month_end",
    )
)


def moment(tell: Tell) -> Tell:
    MOMENTS[getattr(tell, "__name__", "")] = tell
    return tell


async def make_current(stage: Stage, build: str) -> None:
    """Give new runs to a build as soon as the server knows its worker; "" for unversioned workers."""
    request = SetWorkerDeploymentCurrentVersionRequest(
        namespace=stage.client.namespace,
        deployment_name=DEPLOYMENT,
        build_id=build,
        ignore_missing_task_queues=True,
        allow_no_pollers=not build,
    )
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            with contextlib.suppress(RPCError):
                await stage.client.workflow_service.set_worker_deployment_current_version(request)
                return
            await asyncio.sleep(0.1)


@moment
async def active(stage: Stage) -> Life:
    """A healthy month, begun by continue-as-new, and a secondary card that saves the next."""
    life = await begun(stage, "photo-monthly", "active", world=World(gateway=declined("2026-03-01").gateway[:1]))
    await life.until("2026-03-10T12:00")
    return life


@moment
async def past_due(stage: Stage) -> Life:
    life = await begun(stage, "photo-monthly", "past-due", world=declined("2026-02-01"))
    await life.until("2026-02-16T12:00")
    await life.tell("promise-to-pay", by="support:kim", until="2026-02-17")
    return life


@moment
async def locked(stage: Stage) -> Life:
    life = await begun(stage, "photo-monthly", "locked", world=declined("2026-02-01"))
    await life.until("2026-02-20T12:00")
    await life.tell("payment-received", amount="9.00", channel="bank_transfer", reference="r-1")
    await life.tell("retry-payment", by="support:kim")
    return life


async def _account_locked(stage: Stage, id_: str) -> Life:
    life = await begun(stage, "hosting", id_, starts_on="2026-01-01", world=declined("2026-03-01"))
    await life.until("2026-03-30T12:00")
    return life


@moment
async def account_locked(stage: Stage) -> Life:
    life = await _account_locked(stage, "account-locked")
    await life.tell("payment-announced", amount="31.00", invoices=[], client_number="K-account-locked")
    return life


@moment
async def awaiting_review(stage: Stage) -> Life:
    life = await _account_locked(stage, "awaiting-review")
    await life.ask("payment-received", amount="31.00", channel="bank_transfer", reference="r-1")
    return life


@moment
async def reactivated(stage: Stage) -> Life:
    life = await _account_locked(stage, "reactivated")
    await life.ask("payment-received", amount="31.00", channel="bank_transfer", reference="r-1")
    await life.ask("reactivate", **KIM)
    return life


@moment
async def cancelled(stage: Stage) -> Life:
    life = await begun(stage, "hosting", "cancelled", starts_on="2026-01-01", world=declined("2026-03-01"))
    await life.until("2026-04-15T12:00")
    return life


@moment
async def in_collections(stage: Stage) -> Life:
    life = await begun(stage, "hosting", "in-collections", starts_on="2026-01-01", world=declined("2026-03-01"))
    await life.until("2026-05-01T12:00")
    await life.tell("payment-received", amount="10.00", channel="agency", reference="a-1")
    return life


@moment
async def ended(stage: Stage) -> Life:
    life = await begun(stage, "photo-monthly", "ended", world=declined("2026-02-01"))
    await life.until("2026-03-02T12:00")
    return life


@moment
async def delinquent(stage: Stage) -> Life:
    """Weekly rounds, three instalments missed, the termination charge placed."""
    life = await begun(stage, "photo-annual", "delinquent", world=declined("2026-03-01"))
    await life.until("2026-06-02T12:00")
    return life


@moment
async def messages(stage: Stage) -> Life:
    """Good ones, repeated ones, nonsense, updates; a reversal, a hold, a write-off and its undoing."""
    life = await begun(stage, "photo-monthly", "messages")
    await life.until("2026-01-20T12:00")
    paid = {"amount": "10.00", "channel": "bank_transfer", "reference": "r-1"}
    await life.signal_raw("payment-received", json_payload(paid))
    await life.signal_raw("payment-received", json_payload(paid))
    await life.signal_raw("payment-received")
    await life.signal_raw("make-me-rich", json_payload(paid), json_payload(paid))
    await life.tell("payment-reversed", amount="49.00", reference="messages-0001/1/primary", reason="chargeback")
    await life.ask("hold-dunning", **KIM)
    await life.ask("write-off", **KIM)
    await life.ask("undo-write-off", **KIM)
    await life.ask("payment-reversed", amount="1.00", reference="unknown", reason="refund")
    await life.ask("cancel", **KIM, when="period_end")
    await life.until("2026-01-25T12:00")
    return life


@moment
async def unknown_charge(stage: Stage) -> Life:
    """A charge that was sent and not answered, and is looked up."""
    rule = GatewayRule("primary", date(2026, 1, 1), None, "unknown_then_declined", None)
    life = await begun(stage, "photo-monthly", "unknown-charge", world=World(gateway=(rule,)))
    await life.until("2026-01-18T12:00")
    return life


@moment
async def silent_parties(stage: Stage) -> Life:
    """A run that began with parties still to be reached, and reached them."""
    life = await begun(stage, "photo-monthly", "silent-parties", world=declined("2026-01-01"))
    await refuse(stage.pool, "mail", life.id, 9)
    await life.until("2026-01-15T03:30")
    return life


@moment
async def evidence(stage: Stage) -> Life:
    """Money that may be this customer's holds a cancellation up; it is looked for again."""
    life = await begun(stage, "photo-monthly", "evidence", world=declined("2026-02-01"))
    await life.until("2026-02-25T12:00")
    await stage.books.keep_unapplied(
        source="bank",
        reference="may-be",
        minor=4900,
        currency="USD",
        channel="bank_transfer",
        at=datetime(2026, 2, 25, 17, tzinfo=UTC),
        client_number=life.terms.customer.client_number,
    )
    await life.until("2026-03-03T12:00")
    return life


@moment
async def promise_broken(stage: Stage) -> Life:
    life = await begun(stage, "hosting", "promise-broken", starts_on="2026-01-01", world=declined("2026-03-01"))
    await life.until("2026-03-05T12:00")
    await life.tell("promise-to-pay", by="support:kim", until="2026-03-12")
    await life.until("2026-03-20T12:00")
    return life


@moment
async def recalled(stage: Stage) -> Life:
    """Placed with the agency, paid to us in part and then in full, taken back from the agency."""
    life = await begun(stage, "hosting", "recalled", starts_on="2026-01-01", world=declined("2026-03-01"))
    await life.until("2026-05-02T12:00")
    await life.ask("payment-received", amount="20.00", channel="bank_transfer", reference="r-1")
    await life.tell("payment-received", amount="500.00", channel="bank_transfer", reference="r-2")
    return life


@moment
async def written_off(stage: Stage) -> Life:
    life = await begun(stage, "hosting", "written-off", starts_on="2026-01-01", world=declined("2026-03-01"))
    await life.until("2026-05-02T12:00")
    await life.ask("write-off", **KIM)
    return life


@moment
async def moved(stage: Stage) -> Life:
    """Another version of the policy, taken up within a period."""
    life = await begun(stage, "photo-monthly", "moved", world=declined("2026-02-01"))
    await life.until("2026-02-16T12:00")
    await life.handle.execute_update(SubscriptionWorkflow.move_policy, Move("photo-monthly", 902, **KIM))
    await life.until("2026-02-20T12:00")
    return life


@moment
async def forgotten(stage: Stage) -> Life:
    """A message that the state no longer knows, looked up in the books."""
    life = await begun(stage, "photo-monthly", "forgotten")
    await life.until("2026-01-20T12:00")
    first = {"amount": "1.00", "channel": "bank_transfer", "reference": "r-0"}
    for number in range(70):
        await life.signal_raw("payment-received", json_payload({**first, "reference": f"r-{number}"}))
    await life.until("2026-03-20T12:00")
    await life.tell("payment-received", **first)
    return life


@moment
async def quiet_hours(stage: Stage) -> Life:
    """A mail that waits for its hour, begun with by continue-as-new."""
    hushed = next(policy for policy in carried() if policy.mail_hours)
    life = await begun(stage, "photo-monthly", "quiet-hours", world=declined("2026-02-15", "2026-02-16"), rules=hushed)
    await life.until("2026-02-15T08:01")
    return life


@moment
async def choice_at_month_end(stage: Stage) -> Life:
    """A commitment whose customer chose to end it with the month."""
    life = await begun(stage, "photo-annual", "choice-at-month-end", world=declined("2026-03-01"))
    await life.until("2026-03-16T12:00")
    await life.ask("choose-at-month-end", choice="cancel", by="customer")
    await life.until("2026-03-20T12:00")
    return life


@moment
async def another_version(stage: Stage) -> Life:
    """On a versioned worker: a message wakes it, another version has become current, and the run ends for it."""
    async with reached(Settings(), stage.pool) as outside:
        one, two = Version(DEPLOYMENT, "one"), Version(DEPLOYMENT, "two")
        async with (
            crew(stage.client, outside, TASK_QUEUE, version=one),
            crew(stage.client, outside, TASK_QUEUE, version=two),
        ):
            await make_current(stage, one.build)
            life = await begun(stage, "photo-monthly", "another-version")
            await life.until("2026-01-20T12:00")
            await make_current(stage, two.build)
            await life.tell("hold-dunning", **KIM)
            await make_current(stage, "")
    return life
