"""What the books say of charges and subscriptions, for being compared with what others say."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from adapters.postgres.handed_over import PAGE_LIMIT, HandedOver
from domain.witnesses import BookedCharge, Owed, Projected


class Witness(HandedOver):
    """Reads only. `before` bounds what is looked at: what is younger may still be in flight."""

    # Charges

    async def charges(self, keys: Sequence[str]) -> dict[str, BookedCharge]:
        """Charges that were begun, by their keys."""
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(f"{_CHARGE} where charge_key = any ($1::text[])", list(keys))
        return {row["charge_key"]: BookedCharge(**dict(row)) for row in rows}

    async def approved_between(
        self, since: datetime, until: datetime, subscription_id: str | None, limit: int
    ) -> Sequence[BookedCharge]:
        """Charges of which the gateway's approval was booked from `since` (inclusive) to `until` (exclusive)."""
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(
                f"{_CHARGE} where state = 'approved' and completed_at >= $1 and completed_at < $2"
                " and ($3::text is null or attempt.subscription_id = $3) order by completed_at, charge_key limit $4",
                since,
                until,
                subscription_id,
                limit,
            )
        return [BookedCharge(**dict(row)) for row in rows]

    async def unfinished(
        self, before: datetime, subscription_id: str | None, limit: int = PAGE_LIMIT
    ) -> Sequence[BookedCharge]:
        """Charges without a known outcome that were begun before an instant, oldest first."""
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(
                f"{_CHARGE} where state in ('started', 'unknown') and started_at < $1"
                " and ($2::text is null or attempt.subscription_id = $2) order by started_at, charge_key limit $3",
                before,
                subscription_id,
                limit,
            )
        return [BookedCharge(**dict(row)) for row in rows]

    async def named_between(
        self, gateway: str, since: datetime, until: datetime, subscription_id: str | None, limit: int
    ) -> Sequence[tuple[str, str, str]]:
        """The key, the gateway's reference and the subscription of every charge that was named in a span of time."""
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(
                "select charge_key, reference, subscription_id from gateway_reference"
                " where gateway = $1 and kept_at >= $2 and kept_at < $3 and ($4::text is null or subscription_id = $4)"
                " order by kept_at, charge_key limit $5",
                gateway,
                since,
                until,
                subscription_id,
                limit,
            )
        return [(row["charge_key"], row["reference"], row["subscription_id"]) for row in rows]

    async def counted(self, references: Sequence[str]) -> frozenset[str]:
        """Those of the references under which money is counted: as a payment, or as unapplied money."""
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(
                "select reference from payment where reference = any ($1::text[])"
                " and subscription_id in (select entry.subscription_id from posting join ledger_entry entry"
                " on entry.key = entry_key where posting.payment = any ($1::text[]))"  # found by the index of postings
                " union select reference from unapplied where reference = any ($1::text[])",
                list(references),
            )
        return frozenset(row["reference"] for row in rows)

    async def known_reports(self, source: str, ids: Sequence[str]) -> frozenset[str]:
        """Those of a party's reports that have been taken in."""
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(
                "select id from report where source = $1 and id = any ($2::text[]) and state = 'taken_in'",
                source,
                list(ids),
            )
        return frozenset(row["id"] for row in rows)

    # Subscriptions

    async def subscriptions(self, ids: Sequence[str]) -> dict[str, Projected]:
        """Subscriptions by their ids."""
        async with self._pool.acquire() as connection, connection.transaction(isolation="repeatable_read"):
            rows = await connection.fetch(f"{_PROJECTED} where id = any ($1::text[])", list(ids))
            open_lines = await _open_lines(connection, [row["id"] for row in rows])
        return {row["id"]: _projected(row, open_lines.get(row["id"], ())) for row in rows}

    async def count(self, subscription_id: str | None) -> int:
        """How many subscriptions there are; 1 for one that is known."""
        async with self._pool.acquire() as connection:
            found: int = await connection.fetchval(
                "select count(*) from subscription where $1::text is null or id = $1", subscription_id
            )
        return found

    async def next_ids(self, after: str, before: datetime, limit: int) -> Sequence[str]:
        """Ids of subscriptions that have not ended, or only in the last day, registered before an instant."""
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(
                "select id from subscription where id > $1 and registered_at < $2"
                " and (ended is not true or updated_at > $2 - interval '1 day') order by id limit $3",
                after,
                before,
                limit,
            )
        return [row["id"] for row in rows]

    async def overdue_ids(self, before: datetime, limit: int) -> Sequence[str]:
        """Ids of subscriptions whose next deadline came before an instant and was not acted on, oldest first."""
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(
                "select id from subscription where ended is not true and next_at < $1 order by next_at, id limit $2",
                before,
                limit,
            )
        return [row["id"] for row in rows]


async def _open_lines(
    connection: asyncpg.pool.PoolConnectionProxy[asyncpg.Record], ids: Sequence[str]
) -> dict[str, tuple[tuple[str, int], ...]]:
    rows = await connection.fetch(
        "select subscription_id, number, open_minor from invoice where subscription_id = any ($1::text[])"
        " and open_minor > 0 order by subscription_id, number",
        list(ids),
    )
    found: dict[str, list[tuple[str, int]]] = {}
    for row in rows:
        found.setdefault(row["subscription_id"], []).append((row["number"], row["open_minor"]))
    return {id_: tuple(sorted(lines)) for id_, lines in found.items()}


def _projected(row: asyncpg.Record, open_lines: tuple[tuple[str, int], ...]) -> Projected:
    owed = None
    if row["standing"] is not None:
        policy = f"{row['policy']} {row['policy_version']}"
        owed = Owed(
            row["standing"],
            policy,
            row["balance_minor"],
            row["open_minor"],
            row["credit_minor"],
            row["placed_minor"],
            open_lines,
        )
    return Projected(
        row["id"], row["currency"] or "", bool(row["ended"]), owed, row["registered_at"], row["updated_at"]
    )


_CHARGE = """
select charge_key, attempt.subscription_id, attempt.method, attempt.minor, attempt.currency, attempt.state,
       attempt.started_at, kept.minor as paid_minor, coalesce(taken.minor, 0)::bigint as reversed_minor
  from attempt
  left join lateral (
    select payment.reference, payment.minor from payment
     where payment.subscription_id = attempt.subscription_id
       and (payment.reference = charge_key or payment.reference in (
         select named.reference from gateway_reference named
          where named.charge_key = any (array[charge_key, charge_key || '/order-2', charge_key || '/order-3',
            charge_key || '/order-4', charge_key || '/order-5', charge_key || '/order-6', charge_key || '/order-7',
            charge_key || '/order-8'])))
     order by payment.reference = charge_key desc limit 1
  ) kept on true
  left join lateral (
    select -sum(posting.minor) as minor
      from posting join ledger_entry entry on entry.key = posting.entry_key
     where entry.subscription_id = attempt.subscription_id and posting.payment = kept.reference
       and posting.account like 'cash:%' and posting.minor < 0
  ) taken on true
"""

_PROJECTED = """
select id, currency, policy, policy_version, standing, ended, balance_minor, open_minor, credit_minor, placed_minor,
       registered_at, updated_at from subscription
"""
