"""Money that belongs to no open subscription yet: kept until support assigns or returns it, never lost.

It is in the ledger under `unapplied` while it is open. Applying it means that support records it as a payment of a
subscription; resolving it here takes it out of `unapplied`, so that no amount is counted twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import asyncpg

from adapters.postgres.pool import Connection
from domain.effects import KeepUnapplied, View


class UnknownMoney(LookupError):
    """No open unapplied money has that id. Nothing was changed."""


def name_key(name: str) -> str:
    """A name as it is compared: case-folded, without spaces around it, one space within."""
    return " ".join(name.casefold().split())


async def keep_after_end(connection: Connection, money: KeepUnapplied, view: View) -> None:
    """Keep money that came to a subscription after its end; its ledger entry is part of the same batch.

    Raises asyncpg.UniqueViolationError where that reference of this subscription is kept already.
    """
    await connection.execute(
        "insert into unapplied (source, reference, subscription_id, client_number, name, name_key, minor, currency,"
        " channel, at) select 'subscription/' || $1::text, $2, $1, $3, customer.name, customer.name_key, $4, $5, $6, $7"
        " from (values ($8::text)) as owner (id) left join customer on customer.id = owner.id",
        view.subscription_id,
        money.reference,
        view.client_number,
        money.minor,
        view.currency,
        money.channel,
        money.at,
        view.customer_id,
    )


async def keep(
    connection: Connection,
    *,
    source: str,
    reference: str,
    minor: int,
    currency: str,
    channel: str,
    at: datetime,
    client_number: str | None = None,
    name: str | None = None,
) -> int | None:
    """Keep money that a bank import could not match; gives its id, or None where that source reported it before."""
    found: int | None = await connection.fetchval(
        "insert into unapplied (source, reference, client_number, name, name_key, minor, currency, channel, at)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict (source, reference) do nothing returning id",
        source,
        reference,
        client_number,
        name,
        name_key(name) if name else None,
        minor,
        currency,
        channel,
        at,
    )
    return found


async def resolve(
    connection: Connection, money_id: int, state: Literal["applied", "returned"], by: str, reason: str
) -> asyncpg.Record:
    """Close open money; gives its row. Raises UnknownMoney where none of that id is open."""
    row = await connection.fetchrow(
        "update unapplied set state = $2, resolved_by = $3, resolved_reason = $4, resolved_at = now()"
        " where id = $1 and state = 'open' returning *",
        money_id,
        state,
        by,
        reason,
    )
    if row is None:
        raise UnknownMoney(
            f"unapplied money {money_id}: unknown, or applied or returned already; nothing was changed. "
            "Look the list of open money up again."
        )
    return row


@dataclass(frozen=True, slots=True)
class Money:
    """Open unapplied money, as support sees it. `minor` is in minor units of `currency`."""

    id: int
    source: str
    reference: str
    client_number: str | None
    name: str | None
    minor: int
    currency: str
    channel: str
    at: datetime


async def listed(connection: Connection, limit: int) -> list[Money]:
    """Open money, oldest first, at most `limit`."""
    rows = await connection.fetch(
        "select id, source, reference, client_number, name, minor, currency, channel, at from unapplied"
        " where state = 'open' order by at, id limit $1",
        limit,
    )
    return [Money(**dict(row)) for row in rows]


async def possible_money(connection: Connection, subscription_id: str) -> bool:
    """Whether open bank money may be this subscription's: by client number, name, or the open amount of an invoice.

    An amount alone counts only where the money names no client: what says whose it is must not hold up others.
    """
    found: bool = await connection.fetchval(_POSSIBLE, subscription_id)
    return found


_POSSIBLE = """
select exists (
  select from unapplied
    join subscription on subscription.id = $1
    left join customer on customer.id = subscription.customer_id
   where unapplied.state = 'open' and unapplied.channel = 'bank_transfer'
     and (unapplied.client_number = subscription.client_number
          or unapplied.name_key = customer.name_key and customer.name_key <> ''
          or unapplied.client_number is null
             and unapplied.currency = subscription.currency
             and unapplied.minor in (select open_minor from invoice where subscription_id = $1 and status = 'open'))
)
"""
