"""boilpayment, used as its documentation says: run by the Python of its own environment, and imports nothing of ours.

`prepare` fills an empty database with subscriptions, `tick` renews whatever is due and says how that went, as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from datetime import UTC, datetime, timedelta

import psycopg  # type: ignore[import-not-found]  # all of these are in the environment of its own
from boilpayment.core import (
    Money,
    Payment,
    PaymentFailure,
    Plan,
    PlanPrice,
    ProviderCapabilities,
    resolve_policy,
)
from boilpayment.lifecycle import scheduler
from boilpayment.postgres import PostgresLedgerStore, PostgresRepo, migrate
from psycopg_pool import AsyncConnectionPool  # type: ignore[import-not-found]

PRICE_MINOR, CURRENCY = 2900, "EUR"
LEASE = timedelta(minutes=11)  # its lease on a charge is 10 minutes: after this a dead worker's has lapsed
PERIOD = timedelta(days=30)

# Its defaults, in Perennial's zone. They schedule three retries of a declined charge, and each that waits is read at
# every later renewal. `--no-retries` goes without; then nothing collects what was declined.
ZONE = {"period": {"timezone": "UTC"}}
NO_RETRIES = {"dunning": {"retry_attempts": 0}}


class Gateway:
    """Takes money by one statement that commits by itself, under the key that the engine gives it."""

    name = "toss"  # one of the names it knows; the one whose charges it schedules by itself

    def __init__(self, pool: AsyncConnectionPool) -> None:
        self._pool = pool

    def capabilities(self) -> ProviderCapabilities:
        """Charges are the caller's to schedule."""
        return ProviderCapabilities(
            native_subscriptions=False, partial_refund=True, meters=False, scheduling="self", webhook_signature=False
        )

    async def charge_billing_key(
        self, *, billing_key: str, amount: Money, order_id: str, customer_ref: str, idempotency_key: str
    ) -> Payment:
        """The same key is the same charge."""
        async with self._pool.connection() as connection:
            asked = await connection.execute(
                CHARGE,
                {
                    "key": idempotency_key,
                    "id": billing_key,
                    "minor": amount.amount_minor,
                    "currency": amount.currency,
                    "order": order_id,
                },
            )
            row = await asked.fetchone()
        return _payment(order_id, amount, row[0])

    async def get_payment_by_order_id(self, order_id: str) -> Payment | None:
        """What became of a charge."""
        async with self._pool.connection() as connection:
            asked = await connection.execute(
                "select outcome, minor, currency from simulated_charge where reason = %s", (order_id,)
            )
            row = await asked.fetchone()
        return _payment(order_id, Money(amount_minor=row[1], currency=row[2]), row[0]) if row else None


def _payment(order_id: str, amount: Money, outcome: str) -> Payment:
    declined = PaymentFailure(
        code="card_declined", provider_code="insufficient_funds", retryable=True, user_message="declined"
    )
    return Payment(
        id="",
        customer_id="",
        provider="toss",
        provider_ref=order_id,
        subscription_id=None,
        amount=amount,
        status="succeeded" if outcome == "approved" else "failed",
        kind="subscription",
        period=None,
        occurred_at=datetime.now(UTC),
        failure=None if outcome == "approved" else declined,
        cash_receipt=None,
        raw={},
    )


class Clock:
    """The machine's, or one that is ahead of it."""

    def __init__(self, ahead: timedelta) -> None:
        self._ahead = ahead

    def now(self) -> datetime:
        """Now."""
        return datetime.now(UTC) + self._ahead


class Ids:
    """Not asked for any by a renewal."""

    def new_id(self) -> str:
        """Its protocol wants one; a renewal that asked for an id would be another race than the one described."""
        raise AssertionError("a renewal has asked for an id")


async def prepare(dsn: str, due: int, asleep: int) -> None:
    """Its tables, one plan, and subscriptions of which the first `due` are due a second ago."""
    await migrate(conninfo=dsn)
    repo = PostgresRepo(dsn)
    price = PlanPrice(currency=CURRENCY, amount_minor=PRICE_MINOR, provider_price_refs=None)
    plan = Plan(
        id="photo-m", name="Photo M", interval="month", credits_per_period=100, usage_included=0, trial_days=0,
        prices=[price],
    )  # fmt: skip
    await repo.plans.put(plan)
    now = datetime.now(UTC)
    async with await psycopg.AsyncConnection.connect(dsn) as connection, connection.cursor() as cursor:
        async with cursor.copy("copy customers (id, created_at) from stdin") as copy:
            for number in range(due + asleep):
                await copy.write_row((f"c-{number:06d}", now - PERIOD))
        async with cursor.copy(SUBSCRIPTIONS) as copy:
            for number in range(due + asleep):
                ends = now - timedelta(seconds=1) if number < due else now + PERIOD
                id_ = f"r-{number:06d}"
                row = (id_, f"c-{number:06d}", "photo-m", "toss", id_, "active", ends - PERIOD, ends, 1, id_, CURRENCY)
                await copy.write_row((*row, now - PERIOD))
        await connection.commit()
        await connection.set_autocommit(True)
        await cursor.execute("vacuum analyze")  # what the server would have done by itself, had they come one by one


async def tick(dsn: str, gateway: str, ahead: timedelta, policy: dict[str, object]) -> dict[str, float]:
    """Tick until a tick finds nothing that it can renew."""
    async with AsyncConnectionPool(gateway, min_size=1, max_size=10, kwargs={"autocommit": True}) as pool:
        repo = PostgresRepo(dsn)
        said = scheduler.SchedulerTickInput(
            provider=Gateway(pool),
            repo=repo,
            policy=resolve_policy(policy),
            ledger=PostgresLedgerStore(dsn),
            clock=Clock(ahead),
            ids=Ids(),
        )
        await repo.plans.get("photo-m")
        print("serving", flush=True)
        charged = failed = errors = ticks = 0
        begun = time.time()
        ended = begun
        while True:
            result = await scheduler.tick(said)
            ticks += 1
            charged, failed = charged + len(result.charged), failed + len(result.failed)
            errors = len(result.errors)
            if result.errors:
                print(result.errors[0], flush=True)
            if not result.charged and not result.failed:
                break
            ended = time.time()
    return {
        "charged": charged, "failed": failed, "errors": errors, "ticks": ticks, "begun": begun, "ended": ended,
    }  # fmt: skip


SUBSCRIPTIONS = """
copy subscriptions (id, customer_id, plan_id, provider, provider_ref, status, period_start, period_end, anchor_day,
                    billing_key, currency, created_at) from stdin
"""

CHARGE = """
insert into simulated_charge (charge_key, subscription_id, minor, currency, outcome, reason, at)
select %(key)s, %(id)s, %(minor)s, %(currency)s,
       coalesce((select outcome from simulated_gateway_rule where subscription_id = %(id)s limit 1), 'approved'),
       %(order)s, now()
on conflict (charge_key) do update set minor = simulated_charge.minor
returning outcome
"""


def main() -> None:
    """The command line."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("what", choices=["prepare", "tick"])
    asked.add_argument("dsn")
    asked.add_argument("--gateway", default="")
    asked.add_argument("--due", type=int, default=0)
    asked.add_argument("--asleep", type=int, default=0)
    asked.add_argument("--lapsed", action="store_true", help="by a clock at which leases of dead workers are over")
    asked.add_argument("--no-retries", action="store_true", help="declined charges are not tried again")
    said = asked.parse_args()
    if said.what == "prepare":
        asyncio.run(prepare(said.dsn, said.due, said.asleep))
    else:
        policy: dict[str, object] = {**ZONE, **(NO_RETRIES if said.no_retries else {})}
        ahead = LEASE if said.lapsed else timedelta()
        print(json.dumps(asyncio.run(tick(said.dsn, said.gateway, ahead, policy))), flush=True)


if __name__ == "__main__":
    main()
