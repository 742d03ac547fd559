"""Payments and charge attempts: what came in, what it pays now, and what each gateway was asked and said."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

import asyncpg

from adapters.postgres import batches
from adapters.postgres.pool import Connection
from adapters.postgres.statement import Statement
from adapters.postgres.stored import invoice_of
from domain.effects import Batch, Charge
from domain.events import Allocated, PaymentFacts

AttemptState = Literal["new", "started", "approved", "declined", "unknown"]


@dataclass(frozen=True, slots=True)
class Attempt:
    """A charge as the books know it.

    `new`: begun just now. `started`: begun before, by somebody who may have asked the gateway and never said so.
    `unknown`: asked, and no answer came. `approved` and `declined` are final.
    """

    state: AttemptState
    reason: str | None = None
    may_tell: bool = field(default=True, compare=False)
    """Whether anything may wait in the outbox of its subscription; True where nobody has looked."""


class AttemptConflict(RuntimeError):
    """A charge must not be asked for: its key is known with another amount, or its invoice has one unresolved."""


async def payment(connection: Connection, subscription_id: str, reference: str) -> PaymentFacts | None:
    """A payment and what it pays now, newest allocation first; None where the ledger knows no such payment."""
    kept = await connection.fetchrow(_PAYMENT, subscription_id, reference)
    if kept is None:
        return None
    held = await connection.fetch(
        "select allocation.minor::bigint as minor, invoice.body from allocation"
        " join invoice on invoice.number = allocation.invoice"
        " where allocation.subscription_id = $1 and allocation.reference = $2 and allocation.minor > 0"
        " order by allocation.last_seq desc",
        subscription_id,
        reference,
    )
    return PaymentFacts(
        reference=reference,
        minor=kept["minor"],
        reversed_minor=kept["reversed_minor"],
        channel=kept["channel"],
        allocations=tuple(Allocated(invoice_of(row["body"]), row["minor"]) for row in held),
    )


async def begin_attempt(
    connection: Connection, charge: Charge, subscription_id: str, batch: Batch | None, events: AbstractSet[str]
) -> Attempt:
    """Write a batch and that a gateway is about to be asked, together; gives what was known of the charge before.

    An unknown outcome is `started` once more where the domain asks (again) on purpose: without a batch, or with one
    that is new. Else this is the repetition of an earlier call, and it stays the answer that was given.

    Raises AttemptConflict where the key is known with another amount, currency or invoice, and where another charge of
    the same invoice is unresolved. The gateway must not be asked then.
    """
    with suppress(asyncpg.UniqueViolationError):  # its batch is known; whether it may be is looked at below
        if await _begun_at_once(connection, charge, subscription_id, batch, events):
            return Attempt("new")
    async with connection.transaction():
        asked_anew = batch is None or await batches.write(connection, batch, events)
        return await _begin_attempt(connection, charge, subscription_id, asked_anew=asked_anew)


async def _begun_at_once(
    connection: Connection, charge: Charge, subscription_id: str, batch: Batch | None, events: AbstractSet[str]
) -> bool:
    """Begin a charge that is new, by one statement. False where anything is in its way; nothing was written then.

    Raises asyncpg.UniqueViolationError where the batch is known, or says what the database refuses.
    """
    rows = batches.sorted_rows(batch, events) if batch else None
    if rows and rows.needs_more:
        return False
    statement = Statement()
    said = (charge.charge_key, subscription_id, charge.invoice, charge.role, charge.method, charge.minor)
    statement.add("begun", _BEGIN, *said, charge.currency)
    if batch and rows:
        batches.record(statement, batch, rows, after="begun")
    return bool(await connection.fetchval(statement.asking("select exists (select from begun)"), *statement.arguments))


async def _begin_attempt(connection: Connection, charge: Charge, subscription_id: str, *, asked_anew: bool) -> Attempt:
    """The same step by step, inside the caller's transaction."""
    if await _inserted(connection, charge, subscription_id):
        return Attempt("new")
    row = await connection.fetchrow("select * from attempt where charge_key = $1 for update", charge.charge_key)
    if row is None:
        if await _given_up(connection, charge) and await _inserted(connection, charge, subscription_id):
            return Attempt("new")
        raise AttemptConflict(
            f"charge {charge.charge_key} of subscription {subscription_id}: another charge of invoice {charge.invoice} "
            "has no known outcome yet, so the gateway was not asked and no money moved. Look that one up first."
        )
    said, known = (charge.invoice, charge.minor, charge.currency), (row["invoice"], row["minor"], row["currency"])
    if said != known:
        raise AttemptConflict(
            f"charge {charge.charge_key} of subscription {subscription_id}: asked before for {known}, now for {said} "
            "(invoice, minor units, currency). The gateway was not asked again and no money moved this time. "
            "A charge key must mean one charge: see domain/keys.py."
        )
    if row["state"] == "unknown" and asked_anew:
        await connection.execute(
            "update attempt set state = 'started', completed_at = null, absent_at = null where charge_key = $1",
            charge.charge_key,
        )
        return Attempt("started")
    return Attempt(row["state"], row["reason"])


async def _inserted(connection: Connection, charge: Charge, subscription_id: str) -> bool:
    """Whether the attempt is new: neither is its key known, nor has its invoice an unresolved one."""
    return bool(
        await connection.fetchval(
            "insert into attempt (charge_key, subscription_id, invoice, role, method, minor, currency, state)"
            " values ($1, $2, $3, $4, $5, $6, $7, 'started') on conflict do nothing returning true",
            charge.charge_key,
            subscription_id,
            charge.invoice,
            charge.role,
            charge.method,
            charge.minor,
            charge.currency,
        )
    )


async def _given_up(connection: Connection, charge: Charge) -> bool:
    """Close the unknown charge that this one takes the place of, where its gateway has said that it never arrived.

    The domain asks under another key only after a second look, a quarter of an hour after the first (domain/rounds.py).
    """
    return bool(
        await connection.fetchval(
            "update attempt set state = 'declined', reason = 'never_arrived', completed_at = now()"
            " where invoice = $1 and charge_key <> $2 and state = 'unknown' and absent_at is not null returning true",
            charge.invoice,
            charge.charge_key,
        )
    )


async def note_absent(connection: Connection, charge_key: str) -> None:
    """The gateway says that it knows of no such charge."""
    await connection.execute(
        "update attempt set absent_at = now() where charge_key = $1 and state = 'unknown'", charge_key
    )


async def complete_attempt(
    connection: Connection,
    charge_key: str,
    state: Literal["approved", "declined", "unknown"],
    reason: str | None,
    if_approved: Batch | None,
    events: AbstractSet[str],
) -> Attempt:
    """Write the gateway's answer down; gives the attempt as it stands now. The first final answer stands for ever.

    `if_approved` is written with an approval, unless somebody has called the charge unknown in the meantime: the
    subscription has gone on from there, and will hear of the approval when it looks the charge up.
    """
    rows = batches.sorted_rows(if_approved, events) if if_approved and state == "approved" else None
    if not (rows and rows.needs_more):
        with suppress(asyncpg.UniqueViolationError):  # its batch is known; whether it may be is looked at below
            found = await _completed_at_once(connection, charge_key, state, reason, if_approved, rows)
            if found is not None:
                return found
    async with connection.transaction():
        return await _complete_attempt(connection, charge_key, state, reason, if_approved, events)


async def _completed_at_once(
    connection: Connection,
    charge_key: str,
    state: Literal["approved", "declined", "unknown"],
    reason: str | None,
    if_approved: Batch | None,
    rows: batches.SortedRows | None,
) -> Attempt | None:
    """Complete a charge that was begun, by one statement. None where it has another state; nothing was written then."""
    statement = Statement()
    statement.add("completed", _COMPLETE, charge_key, state, reason)
    if if_approved and rows:
        batches.record(statement, if_approved, rows, after="completed")
    done, waiting = await connection.fetchrow(statement.asking(_DONE), *statement.arguments) or (False, True)
    return Attempt(state, reason, waiting or bool(rows and rows.tidings)) if done else None


async def _complete_attempt(
    connection: Connection,
    charge_key: str,
    state: Literal["approved", "declined", "unknown"],
    reason: str | None,
    if_approved: Batch | None,
    events: AbstractSet[str],
) -> Attempt:
    """The same step by step, inside the caller's transaction."""
    row = await connection.fetchrow("select state, reason from attempt where charge_key = $1 for update", charge_key)
    if row is None:
        raise LookupError(f"charge {charge_key}: no attempt was begun under that key; nothing was changed")
    before: AttemptState = row["state"]
    now = Attempt(before, row["reason"])
    if before == "started" or (before == "unknown" and state != "unknown"):
        now = Attempt(state, reason)
        await connection.execute(
            "update attempt set state = $2, reason = $3, completed_at = now() where charge_key = $1",
            charge_key,
            state,
            reason,
        )
    if if_approved is not None and now.state == "approved" and before != "unknown":
        await batches.write(connection, if_approved, events)
    return now


async def attempt(connection: Connection, charge_key: str) -> Attempt | None:
    """What the books know of a charge; None where none was begun under that key."""
    row = await connection.fetchrow("select state, reason from attempt where charge_key = $1", charge_key)
    return Attempt(row["state"], row["reason"]) if row else None


_BEGIN = """
insert into attempt (charge_key, subscription_id, invoice, role, method, minor, currency, state)
values ({0}, {1}, {2}, {3}, {4}, {5}, {6}, 'started') on conflict do nothing returning true
"""

_COMPLETE = """
update attempt set state = {1}, reason = {2}, completed_at = now() where charge_key = {0} and state = 'started'
returning subscription_id
"""

_DONE = """
select true, exists (select from outbox where outbox.subscription_id = completed.subscription_id and state = 'pending')
  from completed
"""

_PAYMENT = """
select payment.minor, payment.channel,
       coalesce((select -sum(posting.minor)
                   from posting join ledger_entry entry on entry.key = posting.entry_key
                  where entry.subscription_id = payment.subscription_id and posting.payment = payment.reference
                    and posting.account like 'cash:%' and posting.minor < 0), 0)::bigint as reversed_minor
  from payment where subscription_id = $1 and reference = $2
"""
