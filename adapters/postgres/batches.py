"""Writing what a decision wants recorded: everything of one batch in one transaction, once per key."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime

from adapters.postgres import outbox, unapplied
from adapters.postgres.pool import Connection
from adapters.postgres.statement import Statement
from adapters.postgres.stored import digest_of, invoice_body
from domain.effects import (
    Batch,
    CommandPlatform,
    Entry,
    KeepInvoice,
    KeepMessage,
    KeepPayment,
    KeepUnapplied,
    LedgerEntry,
    PlaceWithAgency,
    RecallFromAgency,
    SendMail,
    TellPlatform,
    TellSiblings,
    Tiding,
    View,
    WithdrawMails,
)
from domain.subscription import Invoice


class BatchConflict(RuntimeError):
    """A batch came under a key that is known, but says something else. Nothing was written and no money moved."""


@dataclass(slots=True)
class SortedRows:
    """The effects of one batch by table. Of an invoice kept twice only the last state counts."""

    entries: list[Entry] = field(default_factory=list)
    ledger: list[LedgerEntry] = field(default_factory=list)
    invoices: dict[str, Invoice] = field(default_factory=dict)
    payments: list[KeepPayment] = field(default_factory=list)
    unapplied: list[KeepUnapplied] = field(default_factory=list)
    messages: list[KeepMessage] = field(default_factory=list)
    tidings: list[Tiding] = field(default_factory=list)
    withdrawn: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Mail templates to withdraw, each with the keys of this batch's own mails before the withdrawal."""

    @property
    def needs_more(self) -> bool:
        """Whether one statement is not enough for them."""
        return bool(self.unapplied) or any(isinstance(t, PlaceWithAgency | RecallFromAgency) for t in self.tidings)

    def withdraw(self, templates: tuple[str, ...]) -> None:
        for template in templates:
            own = {t.key for t in self.tidings if isinstance(t, SendMail) and t.template == template}
            self.withdrawn[template] |= own


async def write(connection: Connection, batch: Batch, events: AbstractSet[str] = frozenset()) -> bool:
    """Write a batch, in the caller's transaction or in one of its own. False where its key is known: nothing was left
    to do.

    `events` names the kinds of entries that the platform hears of, each in its place among the commands.

    Raises BatchConflict where the key is known with another content, and asyncpg.PostgresError where the database
    refuses a row: an entry that does not balance, a payment reference that is known. All of the batch or nothing.
    """
    rows, statement = sorted_rows(batch, events), Statement()
    record(statement, batch, rows)
    if rows.needs_more:
        async with connection.transaction():
            written = bool(await connection.fetchval(statement.asking(_WRITTEN), *statement.arguments))
            if written:
                await _write_more(connection, batch.view, rows)
    else:
        written = bool(await connection.fetchval(statement.asking(_WRITTEN), *statement.arguments))
    if not written:
        await _refuse_other_content(connection, batch)
    return written


async def _refuse_other_content(connection: Connection, batch: Batch) -> None:
    known, digest = await connection.fetchval("select digest from batch where key = $1", batch.key), digest_of(batch)
    if known != digest:
        raise BatchConflict(
            f"subscription {batch.view.subscription_id}: batch {batch.key} was written with another content before "
            f"(digest {known[:12]}, now {digest[:12]}). Nothing was written and no money moved. The workflow was reset "
            "past a decision that the books hold, or decide() is not deterministic: compare its history with the "
            "timeline."
        )


def record(statement: Statement, batch: Batch, rows: SortedRows, after: str | None = None) -> None:
    """Add what writes a batch to a statement; its part `recorded` returns a row where the key was not known.

    With `after`, the name of an earlier part, it is written only where that one returned a row; a key that is known is
    an error then, and undoes the whole statement.
    """
    id_ = batch.view.subscription_id
    said = (batch.key, id_, digest_of(batch))
    if after is None:
        statement.add("recorded", _BATCH, *said)
    else:
        statement.add("recorded", _BATCH_AFTER.replace("{after}", after), *said)
    _project(statement, batch.view)
    if rows.ledger:
        _write_ledger(statement, rows.ledger, id_, batch.view.currency, "recorded")
    if rows.invoices:
        _write_invoices(statement, list(rows.invoices.values()), id_)
    if rows.payments:
        columns = zip(*((p.reference, p.minor, p.channel, p.at) for p in rows.payments), strict=True)
        statement.add("paid", _PAYMENTS, id_, *map(list, columns))
    if rows.entries:
        lines = ((e.number, e.at, e.what, e.fields, e.by, e.because) for e in rows.entries)
        statement.add("told", _TIMELINE, id_, *map(list, zip(*lines, strict=True)))
    if rows.messages:
        columns_ = zip(*((m.digest, m.signal, m.at) for m in rows.messages), strict=True)
        statement.add("heard", _MESSAGES, id_, *map(list, columns_))
    outbox.put(statement, rows.tidings, rows.withdrawn, id_)


async def _write_more(connection: Connection, view: View, rows: SortedRows) -> None:
    """What does not fit into one statement, because it looks at what that has written; rare."""
    for money in rows.unapplied:
        await unapplied.keep_after_end(connection, money, view)
    await outbox.hand_over(connection, rows.tidings, view.subscription_id)


async def write_ledger(
    connection: Connection, entries: list[LedgerEntry], subscription_id: str | None, currency: str
) -> None:
    """Write ledger entries with their postings, in this order; the database checks their balance at the commit."""
    statement = Statement()
    statement.add("begun", "select true")
    _write_ledger(statement, entries, subscription_id, currency, "begun")
    await connection.execute(statement.asking("select true"), *statement.arguments)


def _write_ledger(
    statement: Statement, entries: list[LedgerEntry], subscription_id: str | None, currency: str, after: str
) -> None:
    lines = [(e.key, line, p) for e in entries for line, p in enumerate(e.postings, start=1)]
    statement.add(
        "entered",
        _LEDGER.replace("{after}", after),
        subscription_id,
        [e.key for e in entries],
        [e.at for e in entries],
        [e.what for e in entries],
        [e.by for e in entries],
        [e.because for e in entries],
    )
    statement.add(
        "posted",
        _POSTINGS.replace("{after}", after),
        currency,
        [key for key, _, _ in lines],
        [line for _, line, _ in lines],
        [p.account for _, _, p in lines],
        [p.minor for _, _, p in lines],
        [p.payment for _, _, p in lines],
    )


def status_of(invoice: Invoice) -> str:
    """What an invoice is to people: open while anything is owed of it, else how it was closed."""
    if invoice.open_minor:
        return "open"
    if invoice.voided:
        return "voided"
    return "written_off" if invoice.written_off_minor else "paid"


def sorted_rows(batch: Batch, events: AbstractSet[str]) -> SortedRows:
    """The effects of a batch by table."""
    rows = SortedRows()
    for effect in batch.effects:
        match effect:
            case Entry():
                rows.entries.append(effect)
                if effect.what in events:
                    rows.tidings.append(_told(effect, batch.view.subscription_id))
            case LedgerEntry():
                rows.ledger.append(effect)
            case KeepInvoice(invoice):
                rows.invoices[invoice.number] = invoice
            case KeepPayment():
                rows.payments.append(effect)
            case KeepUnapplied():
                rows.unapplied.append(effect)
            case KeepMessage():
                rows.messages.append(effect)
            case WithdrawMails(_, templates):
                rows.withdraw(templates)
            case (
                SendMail()
                | CommandPlatform()
                | TellPlatform()
                | PlaceWithAgency()
                | RecallFromAgency()
                | TellSiblings()
            ):
                rows.tidings.append(effect)
    return rows


def _told(entry: Entry, subscription_id: str) -> TellPlatform:
    key = f"{subscription_id}/{entry.number:06d}/event"
    return TellPlatform(key, entry.what, entry.fields, entry.at, entry.by, entry.because)


def _project(statement: Statement, view: View) -> None:
    statement.add(
        "projected",
        _PROJECTION,
        view.subscription_id,
        view.customer_id,
        view.client_number,
        view.policy,
        view.policy_version,
        view.plan,
        view.currency,
        view.timezone,
        view.standing,
        view.balance_minor,
        view.open_minor,
        view.credit_minor,
        view.placed_minor,
        view.next_at,
        view.next_what,
        list(view.attention),
        view.ended,
    )


def _write_invoices(statement: Statement, invoices: list[Invoice], subscription_id: str) -> None:
    lines: Iterable[tuple[str, int, str, int, int, datetime, bool, object]] = (
        (i.number, i.ordinal, status_of(i), i.amount_minor, i.open_minor, i.due_at, i.missed, invoice_body(i))
        for i in invoices
    )
    statement.add("invoiced", _INVOICES, subscription_id, *map(list, zip(*lines, strict=True)))


_WRITTEN = "select exists (select from recorded)"

_BATCH = """
insert into batch (key, subscription_id, digest) values ({0}, {1}, {2}) on conflict do nothing returning true
"""

_BATCH_AFTER = "insert into batch (key, subscription_id, digest) select {0}, {1}, {2} from {after} returning true"

_PROJECTION = """
insert into subscription (id, customer_id, client_number, policy, policy_version, plan, currency, timezone, standing,
                          balance_minor, open_minor, credit_minor, placed_minor, next_at, next_what, attention, ended)
select {0}, {1}, {2}, {3}, {4}::integer, {5}, {6}, {7}, {8}, {9}::bigint, {10}::bigint, {11}::bigint, {12}::bigint,
       {13}::timestamptz, {14}, {15}::text[], {16}::boolean
  from recorded
on conflict (id) do update set
  (customer_id, client_number, policy, policy_version, plan, currency, timezone, standing, balance_minor, open_minor,
   credit_minor, placed_minor, next_at, next_what, attention, ended, updated_at) =
  (excluded.customer_id, excluded.client_number, excluded.policy, excluded.policy_version, excluded.plan,
   excluded.currency, excluded.timezone, excluded.standing, excluded.balance_minor, excluded.open_minor,
   excluded.credit_minor, excluded.placed_minor, excluded.next_at, excluded.next_what, excluded.attention,
   excluded.ended, now())
"""

_LEDGER = """
insert into ledger_entry (key, subscription_id, at, what, by, because)
select key, {0}, at, what, by, because
  from {after}, unnest({1}::text[], {2}::timestamptz[], {3}::text[], {4}::text[], {5}::text[])
       with ordinality as given (key, at, what, by, because, ordinal)
 order by ordinal
"""

_POSTINGS = """
insert into posting (entry_key, line, account, minor, currency, payment)
select entry_key, line, account, minor, {0}, payment
  from {after}, unnest({1}::text[], {2}::integer[], {3}::text[], {4}::bigint[], {5}::text[])
       as given (entry_key, line, account, minor, payment)
"""

_INVOICES = """
insert into invoice (number, subscription_id, ordinal, status, amount_minor, open_minor, due_at, missed, body)
select number, {0}, ordinal, status, amount_minor, open_minor, due_at, missed, body
  from recorded, unnest({1}::text[], {2}::integer[], {3}::text[], {4}::bigint[], {5}::bigint[], {6}::timestamptz[],
                        {7}::boolean[], {8}::jsonb[])
       as given (number, ordinal, status, amount_minor, open_minor, due_at, missed, body)
on conflict (number) do update set
  (ordinal, status, amount_minor, open_minor, due_at, missed, body, updated_at) =
  (excluded.ordinal, excluded.status, excluded.amount_minor, excluded.open_minor, excluded.due_at, excluded.missed,
   excluded.body, now())
"""

_PAYMENTS = """
insert into payment (subscription_id, reference, minor, channel, at)
select {0}, reference, minor, channel, at
  from recorded, unnest({1}::text[], {2}::bigint[], {3}::text[], {4}::timestamptz[])
       as given (reference, minor, channel, at)
"""

_TIMELINE = """
insert into timeline (subscription_id, number, at, what, fields, by, because)
select {0}, number, at, what, fields, by, because
  from recorded, unnest({1}::integer[], {2}::timestamptz[], {3}::text[], {4}::json[], {5}::text[], {6}::text[])
       as given (number, at, what, fields, by, because)
"""

_MESSAGES = """
insert into message (subscription_id, digest, signal, at)
select {0}, digest, signal, at
  from recorded, unnest({1}::text[], {2}::text[], {3}::timestamptz[]) as given (digest, signal, at)
on conflict do nothing
"""
