"""The outbox: what is to be told to whom, put there by the transaction that decided it, sent after its commit.

A row is `pending` until it is `delivered`, `withdrawn` (what it says no longer holds) or `failed` (its party will never
take it as it is: a dead letter). `seq` is the order in which a subscription's things were decided and are to be told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from adapters.postgres.pool import Connection
from adapters.postgres.statement import Statement
from adapters.postgres.stored import party_of, tiding_body, tiding_of
from domain.effects import CommandPlatform, PlaceWithAgency, RecallFromAgency, SendMail, TellPlatform, Tiding

PENDING_LIMIT = 500  # tidings read at once for one subscription; the rest comes with the next delivery
ERROR_LIMIT = 500  # characters of an error that are kept


def put(
    statement: Statement,
    tidings: Sequence[Tiding],
    withdrawn: Mapping[str, AbstractSet[str]],
    subscription_id: str,
) -> None:
    """Add to a statement what puts tidings in, and withdraws what the batch in its part `recorded` makes untrue.

    `withdrawn` names the mail templates to withdraw, each with those of these tidings that it covers, too.
    """
    if withdrawn:
        statement.add("unsaid", _WITHDRAW_MAILS, subscription_id, list(withdrawn))
    if not tidings:
        return
    covered = {key for keys in withdrawn.values() for key in keys}
    lines = (
        (
            t.key,
            party_of(t),
            t.kind,
            tiding_body(t),
            t.at,
            t.because if isinstance(t, CommandPlatform | TellPlatform | RecallFromAgency) else "",
            "withdrawn" if t.key in covered else "pending",
            t.not_before if isinstance(t, SendMail) else None,
        )
        for t in tidings
    )
    statement.add("put", _PUT, subscription_id, *map(list, zip(*lines, strict=True)))


async def hand_over(connection: Connection, tidings: Sequence[Tiding], subscription_id: str) -> None:
    """Keep what an agency is to be given and to give back, inside the caller's transaction, which has put it in."""
    handed_over = [
        *(
            (t.key, i.number, i.placed_minor, t.at, "")
            for t in tidings
            if isinstance(t, PlaceWithAgency)
            for i in t.invoices
        ),
        *((t.key, t.invoice, -t.minor, t.at, t.because) for t in tidings if isinstance(t, RecallFromAgency)),
    ]
    if handed_over:
        await connection.executemany(
            "insert into placement (key, invoice, minor, at, because, subscription_id) values ($1, $2, $3, $4, $5, $6)",
            [(*row, subscription_id) for row in handed_over],
        )
    if any(isinstance(t, RecallFromAgency) for t in tidings):
        await _withdraw_settled_placement(connection, subscription_id)


async def pending(connection: Connection, subscription_id: str) -> dict[str, list[Tiding]]:
    """What is still to be told, by party, each party's in the order of decision; at most 500 in all."""
    rows = await connection.fetch(
        "select party, body from outbox where subscription_id = $1 and state = 'pending' order by seq limit $2",
        subscription_id,
        PENDING_LIMIT,
    )
    found: dict[str, list[Tiding]] = {}
    for row in rows:
        found.setdefault(row["party"], []).append(tiding_of(row["body"]))
    return found


async def begin_try(connection: Connection, key: str, seconds: float) -> int | None:
    """Look once more whether a tiding is wanted, right before it is sent, and keep other senders off it for `seconds`.

    Gives its place in the order, which grows with every tiding of a subscription; None where it has been delivered or
    withdrawn meanwhile, or where another sender is at it.
    """
    place: int | None = await connection.fetchval(
        "update outbox set attempts = attempts + 1, sending_until = now() + make_interval(secs => $2)"
        " where key = $1 and state = 'pending' and (sending_until is null or sending_until < now()) returning seq",
        key,
        seconds,
    )
    return place


async def mark_delivered(connection: Connection, key: str) -> None:
    """The party has it. Also where it was withdrawn while it was on its way: the outbox says what happened."""
    await connection.execute(
        "update outbox set state = 'delivered', delivered_at = now(), last_error = null, sending_until = null"
        " where key = $1 and state <> 'delivered'",
        key,
    )


async def mark_failed_try(connection: Connection, key: str, error: str) -> None:
    """It was not delivered this time; it stays pending, free to be tried again at once."""
    await connection.execute(
        "update outbox set last_error = $2, sending_until = null where key = $1 and state = 'pending'",
        key,
        error[:ERROR_LIMIT],
    )


async def mark_refused(connection: Connection, key: str, error: str) -> None:
    """The party will never take it: it is not tried again."""
    await connection.execute(
        "update outbox set state = 'failed', last_error = $2, sending_until = null"
        " where key = $1 and state = 'pending'",
        key,
        error[:ERROR_LIMIT],
    )


async def _withdraw_settled_placement(connection: Connection, subscription_id: str) -> None:
    """A placement that was never sent, and that recalls have undone in full, is not sent at all, nor are the recalls.

    The rows are locked first, so that a sender that is about to begin either came before or finds them withdrawn.
    """
    await connection.execute(
        "select from outbox where subscription_id = $1 and party = 'agency' and state = 'pending' for update",
        subscription_id,
    )
    await connection.execute(_WITHDRAW_PLACEMENT, subscription_id)


_WITHDRAW_MAILS = """
update outbox set state = 'withdrawn' from recorded
 where subscription_id = {0} and party = 'mail' and state = 'pending' and body ->> 'template' = any ({1}::text[])
"""

_PUT = """
insert into outbox (key, subscription_id, party, kind, body, at, because, state, not_before)
select key, {0}, party, kind, body, at, because, state, not_before
  from recorded, unnest({1}::text[], {2}::text[], {3}::text[], {4}::jsonb[], {5}::timestamptz[], {6}::text[],
                        {7}::text[], {8}::timestamptz[])
       with ordinality as given (key, party, kind, body, at, because, state, not_before, ordinal)
 order by ordinal
"""

_WITHDRAW_PLACEMENT = """
with unsent as (
  select key, kind from outbox
   where subscription_id = $1 and party = 'agency' and state = 'pending' and attempts = 0
), placed as (
  select max(key collate "C") as key from unsent where kind = 'place'
), lines as (
  select placement.key, placement.invoice, placement.minor
    from placed join placement on placement.key = placed.key
  union all
  select recall.key, recall.invoice, recall.minor
    from placed
    join unsent on unsent.kind = 'recall' and unsent.key collate "C" > placed.key collate "C"
    join placement recall on recall.key = unsent.key
   where recall.invoice in (select invoice from placement where placement.key = placed.key)
), net as (
  select invoice, sum(minor) as minor from lines group by invoice
)
update outbox set state = 'withdrawn'
 where key in (select key from lines) and not exists (select from net where minor <> 0)
"""
