"""Subscriptions as lists and pages show them, their customers, their timeline, and what the platform reports of use."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import asyncpg

from adapters.postgres.pool import Connection
from adapters.postgres.stored import invoice_of
from adapters.postgres.unapplied import name_key
from domain.effects import Entry, View
from domain.letters import Addressee
from domain.policy import Standing
from domain.subscription import Invoice

PAGE_LIMIT = 500  # rows of one page of a list
TIMELINE_LIMIT = 100_000  # entries; fifty years of one invoice a month with every rung come to 10,000


async def register(connection: Connection, customer: Addressee, subscription_id: str) -> None:
    """Keep a customer's address as it is now, and that this subscription is theirs. Again is no harm."""
    await connection.execute(
        "insert into customer (id, client_number, name, name_key, email, locale, phone, address)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (id) do update set"
        " (client_number, name, name_key, email, locale, phone, address, updated_at) ="
        " (excluded.client_number, excluded.name, excluded.name_key, excluded.email, excluded.locale, excluded.phone,"
        " excluded.address, now())",
        customer.id,
        customer.client_number,
        customer.name,
        name_key(customer.name),
        customer.email,
        customer.locale,
        customer.phone,
        dict(customer.address) or None,
    )
    await connection.execute(
        "insert into subscription (id, customer_id, client_number, tenant) values ($1, $2, $3, $4)"
        " on conflict (id) do update set tenant = excluded.tenant",
        subscription_id,
        customer.id,
        customer.client_number,
        customer.tenant,
    )


async def customer_of(connection: Connection, subscription_id: str) -> Addressee | None:
    """The customer of a subscription; None where none is registered."""
    row = await connection.fetchrow(
        "select customer.id, customer.client_number, name, email, locale, phone, address, tenant from subscription"
        " join customer on customer.id = subscription.customer_id where subscription.id = $1",
        subscription_id,
    )
    return Addressee(**{**dict(row), "address": row["address"] or {}}) if row else None


async def siblings(connection: Connection, subscription_id: str) -> list[str]:
    """The ids of the same customer's other subscriptions that have not ended."""
    rows = await connection.fetch(
        "select other.id from subscription this join subscription other using (customer_id)"
        " where this.id = $1 and other.id <> $1 and other.ended is not true order by other.id",
        subscription_id,
    )
    return [row["id"] for row in rows]


async def view(connection: Connection, subscription_id: str) -> View | None:
    """The subscription as it stood after the last batch; None before the first."""
    row = await connection.fetchrow(
        "select * from subscription where id = $1 and standing is not null", subscription_id
    )
    return _view(row) if row else None


async def find(
    connection: Connection,
    *,
    standings: Sequence[Standing] = (),
    customer_id: str | None = None,
    client_number: str | None = None,
    attention: str | None = None,
    after: str = "",
    limit: int = 50,
) -> list[View]:
    """Subscriptions in the order of their ids, those after the id `after`; at most `limit` (1 to 500).

    Each condition narrows the list. `attention` is a part of a remark, "" any remark at all; `standings` empty is any.
    """
    if not 1 <= limit <= PAGE_LIMIT:
        raise ValueError(f"limit {limit}: expected 1 to {PAGE_LIMIT}")
    rows = await connection.fetch(_FIND, list(standings), customer_id, client_number, attention, after, limit)
    return [_view(row) for row in rows]


async def timeline(connection: Connection, subscription_id: str) -> list[Entry]:
    """Everything that happened to a subscription, in order."""
    rows = await connection.fetch(
        "select number, at, what, fields, by, because from timeline where subscription_id = $1"
        " order by number limit $2",
        subscription_id,
        TIMELINE_LIMIT,
    )
    return [Entry(**dict(row)) for row in rows]


async def invoices(connection: Connection, subscription_id: str) -> list[Invoice]:
    """Every invoice of a subscription as it was last kept, in order of issue."""
    rows = await connection.fetch(
        "select body from invoice where subscription_id = $1 order by ordinal, number", subscription_id
    )
    return [invoice_of(row["body"]) for row in rows]


async def open_invoices(connection: Connection, subscription_id: str, also: str | None) -> list[Invoice]:
    """The open invoices, and the one numbered `also` whatever has become of it, in order of issue."""
    rows = await connection.fetch(
        "select body from invoice where subscription_id = $1 and (status = 'open' or number = $2)"
        " order by ordinal, number",
        subscription_id,
        also,
    )
    return [invoice_of(row["body"]) for row in rows]


async def balances(connection: Connection, subscription_id: str) -> dict[str, int]:
    """Every account's balance (minor units), recomputed from entries; accounts that come to zero are left out."""
    rows = await connection.fetch(
        "select account, sum(minor)::bigint as minor from posting join ledger_entry entry on entry.key = entry_key"
        " where subscription_id = $1 group by account having sum(minor) <> 0 order by account",
        subscription_id,
    )
    return {row["account"]: row["minor"] for row in rows}


async def known_messages(connection: Connection, subscription_id: str, digests: Sequence[str]) -> tuple[str, ...]:
    """Those of the digests that were taken in before, in the order given."""
    rows = await connection.fetch(
        "select digest from message where subscription_id = $1 and digest = any ($2::text[])",
        subscription_id,
        list(digests),
    )
    known = {row["digest"] for row in rows}
    return tuple(digest for digest in digests if digest in known)


async def used_between(connection: Connection, subscription_id: str, start: date, end: date) -> bool:
    """Whether anything was used from the local date `start` (inclusive) to `end` (exclusive)."""
    found: bool = await connection.fetchval(
        "select exists (select from usage where subscription_id = $1 and on_date >= $2 and on_date < $3)",
        subscription_id,
        start,
        end,
    )
    return found


async def record_usage(connection: Connection, subscription_id: str, on: date, kind: str) -> None:
    """Note that something was used on a local date; again on that date is no harm."""
    await connection.execute(
        "insert into usage (subscription_id, on_date, kind) values ($1, $2, $3) on conflict do nothing",
        subscription_id,
        on,
        kind,
    )


def _view(row: asyncpg.Record) -> View:
    return View(
        subscription_id=row["id"],
        customer_id=row["customer_id"],
        client_number=row["client_number"],
        policy=row["policy"],
        policy_version=row["policy_version"],
        plan=row["plan"],
        currency=row["currency"],
        timezone=row["timezone"],
        standing=row["standing"],
        balance_minor=row["balance_minor"],
        open_minor=row["open_minor"],
        credit_minor=row["credit_minor"],
        placed_minor=row["placed_minor"],
        next_at=row["next_at"],
        next_what=row["next_what"],
        attention=tuple(row["attention"]),
        ended=row["ended"],
    )


_FIND = """
select * from subscription
 where standing is not null
   and (cardinality($1::text[]) = 0 or standing = any ($1))
   and ($2::text is null or customer_id = $2)
   and ($3::text is null or client_number = $3)
   and ($4::text is null or exists (select from unnest(attention) as remark where strpos(lower(remark), lower($4)) > 0))
   and id > $5
 order by id limit $6
"""
