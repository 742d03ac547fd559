"""A payment gateway that answers by script and keeps its own book: one answer for each charge key, for ever."""

from __future__ import annotations

import asyncio
from datetime import date, datetime, timedelta
from typing import Literal

import asyncpg

from adapters.postgres.pool import Connection, Pool
from domain.effects import Charge
from domain.gateways import GatewayAnswer, GatewaySilent, GatewayUnavailable
from domain.periods import local_date
from domain.subscription import MethodKind
from domain.witnesses import Span, Taking
from domain.world import GatewayRule, World

Fault = Literal["timeout_before_commit", "timeout_after_commit", "slow", "unavailable"]
"""What breaks on the way: the request is lost, its answer is lost, it takes long, or the gateway cannot be reached."""


class SimulatedGateway:
    """Finds its answer by the local date of the charge's own `at`, as the scenario says; no rule means approved.

    Asking the same key again gives the stored answer, whatever the script says by then.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def charge(self, charge: Charge, *, subscription_id: str, timezone: str) -> GatewayAnswer:
        """Take the money, or decline.

        Raises GatewaySilent where the script wants no answer to be heard, GatewayUnavailable where it wants the gateway
        away, ValueError for a key that is known with another amount.
        """
        if await self._approved_at_once(charge, subscription_id):
            return GatewayAnswer("approved")
        on = local_date(charge.at, timezone)
        async with self._pool.acquire() as connection, connection.transaction():
            asked: int = await connection.fetchval(_ASK, charge.charge_key)
            fault = await self._fault(connection, subscription_id, on, asked)
            kept = await connection.fetchrow("select * from simulated_charge where charge_key = $1", charge.charge_key)
            heard = True
            lost = fault is not None and fault["fault"] in ("timeout_before_commit", "unavailable")
            if kept is None and not lost:
                world = World(gateway=await self._rules(connection, subscription_id))
                heard = world.charge(charge.role, charge.at, timezone).outcome != "unknown"
                answer = world.look_up(charge.role, charge.at, timezone)
                kept = await connection.fetchrow(
                    _COMMIT,
                    charge.charge_key,
                    subscription_id,
                    charge.minor,
                    charge.currency,
                    answer.outcome,
                    answer.reason,
                    charge.at,
                )
        if fault is not None:
            await self._break(charge.charge_key, fault)
        if kept is None or not heard:
            raise GatewaySilent(f"charge {charge.charge_key}: sent, but no answer came (simulated)")
        if (kept["minor"], kept["currency"]) != (charge.minor, charge.currency):
            raise ValueError(
                f"charge {charge.charge_key}: known for {kept['minor']} {kept['currency']}, now asked for "
                f"{charge.minor} {charge.currency}; no money moved this time. One key means one charge."
            )
        return GatewayAnswer(kept["outcome"], kept["reason"])

    async def _approved_at_once(self, charge: Charge, subscription_id: str) -> bool:
        """Take the money where nothing is scripted for a subscription, and the key is new: by one statement."""
        async with self._pool.acquire() as connection:
            taken = await connection.fetchval(
                AT_ONCE, charge.charge_key, subscription_id, charge.minor, charge.currency, charge.at
            )
        return bool(taken)

    async def look_up(self, charge_key: str, *, subscription_id: str, method: MethodKind) -> GatewayAnswer:
        """What became of a charge, by its key."""
        async with self._pool.acquire() as connection:
            kept = await connection.fetchrow(
                "select outcome, reason from simulated_charge where charge_key = $1 and subscription_id = $2",
                charge_key,
                subscription_id,
            )
        return GatewayAnswer(kept["outcome"], kept["reason"]) if kept else GatewayAnswer("not_found")

    # Its own books, for the reconciliation

    name = "simulated"
    kept_for = timedelta(days=30)

    async def told(self, since: datetime, until: datetime, limit: int) -> Span:
        """Nothing: it sends no webhooks, so that none can be lost."""
        return Span()

    async def taken(self, since: datetime, until: datetime, subscription_id: str | None, limit: int) -> Span:
        """The charges that it kept from `since` (inclusive) to `until` (exclusive), real time, oldest first."""
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(
                "select * from simulated_charge where kept_at >= $1 and kept_at < $2"
                " and ($3::text is null or subscription_id = $3) order by kept_at, charge_key limit $4",
                since,
                until,
                subscription_id,
                limit + 1,
            )
        if len(rows) > limit:
            return Span(left_out=True)
        return Span(tuple(_taking(row) for row in rows))

    async def taking(self, charge_key: str) -> Taking | None:
        """A charge as it stands; None where it never arrived."""
        async with self._pool.acquire() as connection:
            row = await connection.fetchrow("select * from simulated_charge where charge_key = $1", charge_key)
        return _taking(row) if row else None

    async def shown(self, reference: str) -> Taking | None:
        """The same: its references are our keys."""
        return await self.taking(reference)

    async def returned(self, reference: str) -> int | None:
        """It keeps no book of what was given back, and does not tell."""
        return None

    async def add_rule(self, subscription_id: str, rule: GatewayRule) -> None:
        """Script what charges answer from now on; a later rule wins over an earlier one."""
        async with self._pool.acquire() as connection:
            await connection.execute(
                "insert into simulated_gateway_rule (subscription_id, role, first_on, until, outcome, reason)"
                " values ($1, $2, $3, $4, $5, $6)",
                subscription_id,
                rule.role,
                rule.first_on,
                rule.until,
                rule.outcome,
                rule.reason,
            )

    async def add_fault(
        self,
        subscription_id: str,
        fault: Fault,
        *,
        first_on: date = date.min,
        until: date | None = None,
        times: int = 1,
        seconds: float = 0,
    ) -> None:
        """Break the first `times` asks of every charge dated from `first_on` until `until` (exclusive), local dates.

        `seconds` is how long `slow` takes before it answers, in real time; at most 600.
        """
        async with self._pool.acquire() as connection:
            await connection.execute(
                "insert into simulated_gateway_fault (subscription_id, first_on, until, fault, times, seconds)"
                " values ($1, $2, $3, $4, $5, $6)",
                subscription_id,
                first_on,
                until,
                fault,
                times,
                seconds,
            )

    async def _rules(self, connection: Connection, subscription_id: str) -> tuple[GatewayRule, ...]:
        rows = await connection.fetch(
            "select role, first_on, until, outcome, reason from simulated_gateway_rule"
            " where subscription_id = $1 order by id",
            subscription_id,
        )
        return tuple(GatewayRule(**dict(row)) for row in rows)

    async def _fault(self, connection: Connection, subscription_id: str, on: date, asked: int) -> asyncpg.Record | None:
        return await connection.fetchrow(
            "select fault, seconds from simulated_gateway_fault where subscription_id = $1 and first_on <= $2"
            " and (until is null or $2 < until) and $3 <= times order by id desc limit 1",
            subscription_id,
            on,
            asked,
        )

    async def _break(self, charge_key: str, fault: asyncpg.Record) -> None:
        kind: Fault = fault["fault"]
        match kind:
            case "slow":
                await asyncio.sleep(fault["seconds"])
            case "unavailable":
                raise GatewayUnavailable(f"charge {charge_key}: the gateway cannot be reached (simulated)")
            case "timeout_before_commit" | "timeout_after_commit":
                raise GatewaySilent(f"charge {charge_key}: sent, but no answer came (simulated)")


def _taking(row: asyncpg.Record) -> Taking:
    return Taking(
        SimulatedGateway.name,
        row["charge_key"],
        row["charge_key"],
        row["subscription_id"],
        row["minor"],
        row["currency"],
        row["outcome"],
        row["kept_at"],
    )


AT_ONCE = """
with scripted as (
  select true from simulated_gateway_rule where subscription_id = $2
  union all
  select true from simulated_gateway_fault where subscription_id = $2
  union all
  select true from simulated_ask where charge_key = $1
), taken as (
  insert into simulated_charge (charge_key, subscription_id, minor, currency, outcome, at)
  select $1, $2, $3::bigint, $4, 'approved', $5::timestamptz where not exists (select from scripted)
  on conflict do nothing returning charge_key
), asked as (
  insert into simulated_ask (charge_key, asked) select charge_key, 1 from taken
  on conflict (charge_key) do update set asked = simulated_ask.asked + 1
)
select true from taken
"""

_ASK = """
insert into simulated_ask (charge_key, asked) values ($1, 1)
on conflict (charge_key) do update set asked = simulated_ask.asked + 1 returning asked
"""

_COMMIT = """
insert into simulated_charge (charge_key, subscription_id, minor, currency, outcome, reason, at)
values ($1, $2, $3, $4, $5, $6, $7) returning *
"""
