"""Dead letters: tidings that a party refused and will not take as they are. A person replays or discards each of them.

A replayed tiding is `pending` again, under the key it always had; a discarded one is `withdrawn`. Who decided so, and
why, is kept for ever in `dead_letter_decision`. What is merely late is not dead; `stuck` lists it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal, TypeAlias

import asyncpg

from adapters.postgres import outside
from adapters.postgres.pool import Connection, Pool
from adapters.postgres.stored import tiding_of
from domain.access import DEMANDS
from domain.effects import (
    CommandPlatform,
    PlaceWithAgency,
    RecallFromAgency,
    SendMail,
    TellPlatform,
    TellSiblings,
    Tiding,
)

LIST_LIMIT = 1000  # rows of one list; a party that refuses more has one fault, not a thousand
NAME_LIMIT = 200  # characters of who decided and why; as in messages

Row: TypeAlias = "asyncpg.Record"
State = Literal["pending", "delivered", "withdrawn", "failed"]


class UnknownDeadLetter(LookupError):
    """No dead letter has that key. Nothing was changed and nobody was told anything."""


class ReplayRefused(Exception):
    """Sending it now would do harm; the text says why and what is left to do. Nothing was changed, nobody was told."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A tiding that its party refused. No addresses: whom a mail goes to is in the customer's record."""

    key: str
    subscription_id: str
    party: str
    kind: str
    """command, event, mail, place, recall or siblings."""
    what: str
    """The command, the event, the mail's template, or what was to be placed, recalled or said."""
    at: datetime
    """When it was decided, in business time."""
    put_at: datetime | None
    """The same in real time; None for what was decided before this was noted."""
    not_before: datetime | None
    """A mail's hour, in business time; it had come when the mail was refused."""
    attempts: int
    error: str


@dataclass(frozen=True, slots=True)
class Stuck:
    """The first in a party's line that has been tried in vain and waits; `waiting` counts the line, it included."""

    key: str
    subscription_id: str
    party: str
    what: str
    at: datetime
    put_at: datetime | None
    attempts: int
    error: str
    waiting: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a replay. `failed`: it was not taken, and is the dead letter again that it was, for `error`."""

    state: State
    error: str


async def listed(connection: Connection, subscription_id: str | None, limit: int) -> list[DeadLetter]:
    """Dead letters in the order of decision: of one subscription, or (None) of all; at most `limit` (1 to 1000)."""
    rows = await connection.fetch(
        "select * from outbox where state = 'failed' and ($1::text is null or subscription_id = $1)"
        " order by seq limit $2",
        subscription_id,
        min(limit, LIST_LIMIT),
    )
    return [_letter(row) for row in rows]


async def stuck(connection: Connection, limit: int) -> list[Stuck]:
    """What has been tried in vain, is not being sent at this moment and waits for the next try; oldest first."""
    rows = await connection.fetch(_STUCK, min(limit, LIST_LIMIT))
    return [
        Stuck(
            row["key"],
            row["subscription_id"],
            row["party"],
            what_of(tiding_of(row["body"])),
            row["at"],
            row["put_at"],
            row["attempts"],
            row["last_error"] or "",
            row["waiting"],
        )
        for row in rows
    ]


async def replay(connection: Connection, key: str, by: str, reason: str) -> DeadLetter:
    """Have a dead letter told again, inside the caller's transaction; gives it. Whoever calls this has to deliver it.

    It keeps its place in the order, unless others of the same decision were told after it: then it comes last, because
    a receiver would take it for late. Raises UnknownDeadLetter, ReplayRefused, ValueError for an empty name or reason.
    """
    row = await _locked(connection, key, by, reason)
    tiding = tiding_of(row["body"])
    await _refuse_harm(connection, tiding, row)
    last = await connection.fetchval(_TOLD_TOGETHER, key) if isinstance(tiding, CommandPlatform) else False
    await connection.execute(_AGAIN_AT_THE_END if last else _AGAIN, key)
    await _decided(connection, key, "replay", by, reason, row["last_error"])
    await connection.execute(_REOPEN_TASK, f"refused/{key}")
    return _letter(row)


async def discard(connection: Connection, key: str, by: str, reason: str) -> DeadLetter:
    """Give a dead letter up, inside the caller's transaction; gives it. Its support task is closed.

    Raises UnknownDeadLetter, and ValueError for an empty name or reason.
    """
    row = await _locked(connection, key, by, reason)
    await connection.execute("update outbox set state = 'withdrawn' where key = $1", key)
    await _decided(connection, key, "discard", by, reason, row["last_error"])
    await outside.close_task(connection, f"refused/{key}", by, reason)
    return _letter(row)


async def settle(connection: Connection, key: str, by: str, reason: str) -> Outcome:
    """After a replayed tiding was sent: close its task where it was delivered, else make it the dead letter it was."""
    await connection.execute("update outbox set state = 'failed' where key = $1 and state = 'pending'", key)
    row = await connection.fetchrow("select state, last_error from outbox where key = $1", key)
    if row is None:
        raise UnknownDeadLetter(f"{key}: no tiding of that key is in the outbox. Nothing was changed.")
    if row["state"] != "failed":
        await outside.close_task(connection, f"refused/{key}", by, reason)
    return Outcome(row["state"], row["last_error"] or "")


def what_of(tiding: Tiding) -> str:
    """What a tiding says, in few words, without addresses."""
    match tiding:
        case CommandPlatform(command=command):
            return command
        case TellPlatform(what=what):
            return what
        case SendMail(template=template):
            return template
        case PlaceWithAgency(invoices=invoices):
            return f"place {', '.join(i.number for i in invoices)}"
        case RecallFromAgency(invoice=invoice):
            return f"recall {invoice}"
        case TellSiblings(signal=signal):
            return signal


class DeadLetters:
    """The same on a pool; each method is one transaction. Raises what asyncpg raises where the database is away."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def listed(self, subscription_id: str | None = None, limit: int = 100) -> Sequence[DeadLetter]:
        """Dead letters in the order of decision: of one subscription, or (None) of all."""
        async with self._pool.acquire() as connection:
            return await listed(connection, subscription_id, limit)

    async def stuck(self, limit: int = 100) -> Sequence[Stuck]:
        """What has been tried in vain and waits for the next try; oldest first."""
        async with self._pool.acquire() as connection:
            return await stuck(connection, limit)

    async def replay(self, key: str, *, by: str, reason: str) -> DeadLetter:
        """Have a dead letter told again; whoever calls this has to deliver it, and to `settle` it afterwards."""
        async with self._pool.acquire() as connection, connection.transaction():
            return await replay(connection, key, by, reason)

    async def discard(self, key: str, *, by: str, reason: str) -> DeadLetter:
        """Give a dead letter up; gives it."""
        async with self._pool.acquire() as connection, connection.transaction():
            return await discard(connection, key, by, reason)

    async def settle(self, key: str, *, by: str, reason: str) -> Outcome:
        """How a replayed tiding stands; one that was not taken is the dead letter again that it was."""
        async with self._pool.acquire() as connection, connection.transaction():
            return await settle(connection, key, by, reason)


async def _locked(connection: Connection, key: str, by: str, reason: str) -> Row:
    """A dead letter, with its subscription's row locked: nothing new is decided while we look at what came after it."""
    for name, text in (("by", by), ("reason", reason)):
        if not text.strip() or len(text) > NAME_LIMIT or not text.isprintable():
            raise ValueError(f"{key}: {name}: expected 1 to {NAME_LIMIT} printable characters. Nothing was changed.")
    await connection.execute(
        "select from subscription where id = (select subscription_id from outbox where key = $1) for update", key
    )
    row = await connection.fetchrow("select * from outbox where key = $1 for update", key)
    if row is None or row["state"] != "failed":
        known = f"it is {row['state']}" if row else "no tiding of that key is in the outbox"
        raise UnknownDeadLetter(f"{key}: no dead letter: {known}. Nothing was changed; see the list of dead letters.")
    return row


def _letter(row: Row) -> DeadLetter:
    tiding = tiding_of(row["body"])
    return DeadLetter(
        row["key"],
        row["subscription_id"],
        row["party"],
        tiding.kind,
        what_of(tiding),
        row["at"],
        row["put_at"],
        row["not_before"],
        row["attempts"],
        row["last_error"] or "",
    )


async def _refuse_harm(connection: Connection, tiding: Tiding, row: Row) -> None:
    """Raises ReplayRefused where telling it now would undo or repeat what came after it."""
    match tiding:
        case CommandPlatform() | TellSiblings():
            newer = await connection.fetchval(_NEWER, tiding.key)
            if newer is not None:
                raise _refused(tiding, row, f"{newer} was decided after it, and would be overtaken by what is older")
        case SendMail(template=template, about=about):
            owed = await connection.fetchrow(
                "select balance_minor, open_minor from subscription where id = $1", row["subscription_id"]
            )
            was_due = Decimal(about.get("balance", "0")) != 0
            if owed and ((was_due and not owed["balance_minor"]) or (template in DEMANDS and not owed["open_minor"])):
                raise _refused(tiding, row, "it speaks of a debt, and nothing is owed any more")
        case PlaceWithAgency():
            taken_back = await connection.fetchval(_TAKEN_BACK, tiding.key)
            if taken_back is not None:
                raise _refused(tiding, row, f"{taken_back} has taken back what it would place")
        case TellPlatform() | RecallFromAgency():
            return  # a fact stays one whenever it is told; an amount is taken back once


def _refused(tiding: Tiding, row: Row, why: str) -> ReplayRefused:
    return ReplayRefused(
        f"{tiding.key} ({what_of(tiding)}) of subscription {row['subscription_id']} is not sent again: {why}. Nothing "
        "was changed and no money moved. Discard it; what is still wanted is done by hand, or by a new message."
    )


async def _decided(
    connection: Connection, key: str, decision: Literal["replay", "discard"], by: str, reason: str, error: str | None
) -> None:
    await connection.execute(
        "insert into dead_letter_decision (key, decision, by, reason, error) values ($1, $2, $3, $4, $5)",
        key,
        decision,
        by,
        reason,
        error,
    )


_AGAIN = "update outbox set state = 'pending', sending_until = null where key = $1"
_AGAIN_AT_THE_END = "update outbox set state = 'pending', sending_until = null, seq = default where key = $1"
_REOPEN_TASK = "update support_task set (done_by, done_reason, done_at) = (null, null, null) where key = $1"

# Of one decision are rows that one transaction put in, with one instant and one reason.
_NEWER = """
select later.key from outbox dead join outbox later using (subscription_id, party, kind)
 where dead.key = $1 and later.seq > dead.seq and later.state in ('pending', 'delivered')
   and not coalesce((later.put_at, later.at, later.because) = (dead.put_at, dead.at, dead.because), false)
 order by later.seq limit 1
"""

_TOLD_TOGETHER = """
select exists (
  select from outbox dead join outbox later using (subscription_id, party, kind)
   where dead.key = $1 and later.seq > dead.seq and later.state in ('pending', 'delivered')
)
"""

_TAKEN_BACK = """
select later.key
  from outbox dead
  join placement placed on placed.key = dead.key
  join placement recalled on recalled.invoice = placed.invoice and recalled.minor < 0
  join outbox later on later.key = recalled.key
 where dead.key = $1 and later.seq > dead.seq order by later.seq limit 1
"""

_STUCK = """
select key, subscription_id, party, body, at, put_at, attempts, last_error, waiting
  from (select *, count(*) over line as waiting, row_number() over (line order by seq) as nth
          from outbox where state = 'pending' window line as (partition by subscription_id, party)) as pending
 where nth = 1 and attempts > 0 and (sending_until is null or sending_until < now())
 order by seq limit $1
"""
