"""One subscription: as its page shows it, its customer, its timeline, and what the platform reports of use."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date

from adapters.postgres.lists import VIEW, view_in
from adapters.postgres.pool import Connection
from adapters.postgres.stored import invoice_of
from adapters.postgres.unapplied import name_key
from domain.effects import Entry, View
from domain.letters import Addressee
from domain.subscription import Invoice


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
        " ".join(("select", VIEW, "from subscription where id = $1 and standing is not null")), subscription_id
    )
    return view_in(row) if row else None


async def timeline(connection: Connection, subscription_id: str) -> list[Entry]:
    """Everything that happened to a subscription, in order."""
    rows = await connection.fetch(_TIMELINE, subscription_id)
    fields = json.loads(f"[{','.join([row['fields'] for row in rows])}]")  # all at once: half of what each alone takes
    return [
        Entry(number, at, what, said, by, because)
        for (number, at, what, by, because, _), said in zip(rows, fields, strict=True)
    ]


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


# At most 100,000 entries: fifty years of one invoice a month with every rung come to 10,000. The number stands in the
# text, see adapters/postgres/lists.py.
_TIMELINE = """
select number, at, what, by, because, fields::text as fields from timeline where subscription_id = $1
 order by number limit 100000
"""
