"""Writing what a decision wants recorded: everything of one batch in one transaction, once per key."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime

from adapters.postgres import outbox, unapplied
from adapters.postgres.pool import Connection
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
class _Sorted:
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

    def withdraw(self, templates: tuple[str, ...]) -> None:
        for template in templates:
            own = {t.key for t in self.tidings if isinstance(t, SendMail) and t.template == template}
            self.withdrawn[template] |= own


async def write(connection: Connection, batch: Batch, events: AbstractSet[str] = frozenset()) -> bool:
    """Write a batch inside the caller's transaction. False where its key is known and nothing was left to do.

    `events` names the kinds of entries that the platform hears of, each in its place among the commands.

    Raises BatchConflict where the key is known with another content, and asyncpg.PostgresError where the database
    refuses a row: an entry that does not balance, a payment reference that is known. All of the batch or nothing.
    """
    subscription_id, digest = batch.view.subscription_id, digest_of(batch)
    if not await connection.fetchval(_BATCH, batch.key, subscription_id, digest):
        known = await connection.fetchval("select digest from batch where key = $1", batch.key)
        if known != digest:
            raise BatchConflict(
                f"subscription {subscription_id}: batch {batch.key} was written with another content before (digest "
                f"{known[:12]}, now {digest[:12]}). Nothing was written and no money moved. The workflow was reset "
                "past a decision that the books hold, or decide() is not deterministic: compare its history with the "
                "timeline."
            )
        return False
    rows = _sorted(batch, events)
    await _project(connection, batch.view)
    if rows.ledger:
        await write_ledger(connection, rows.ledger, subscription_id, batch.view.currency)
    if rows.invoices:
        await _write_invoices(connection, list(rows.invoices.values()), subscription_id)
    if rows.payments:
        await connection.executemany(
            "insert into payment (subscription_id, reference, minor, channel, at) values ($1, $2, $3, $4, $5)",
            [(subscription_id, p.reference, p.minor, p.channel, p.at) for p in rows.payments],
        )
    if rows.entries:
        await connection.executemany(
            "insert into timeline (subscription_id, number, at, what, fields, by, because)"
            " values ($1, $2, $3, $4, $5, $6, $7)",
            [(subscription_id, e.number, e.at, e.what, e.fields, e.by, e.because) for e in rows.entries],
        )
    if rows.messages:
        await connection.executemany(
            "insert into message (subscription_id, digest, signal, at) values ($1, $2, $3, $4) on conflict do nothing",
            [(subscription_id, m.digest, m.signal, m.at) for m in rows.messages],
        )
    for money in rows.unapplied:
        await unapplied.keep_after_end(connection, money, batch.view)
    if rows.withdrawn or rows.tidings:
        await outbox.put(connection, rows.tidings, rows.withdrawn, subscription_id)
    return True


async def write_ledger(
    connection: Connection, entries: list[LedgerEntry], subscription_id: str | None, currency: str
) -> None:
    """Write ledger entries with their postings, in this order; the database checks their balance at the commit."""
    lines = [(e.key, line, p) for e in entries for line, p in enumerate(e.postings, start=1)]
    await connection.execute(
        _LEDGER,
        subscription_id,
        currency,
        [e.key for e in entries],
        [e.at for e in entries],
        [e.what for e in entries],
        [e.by for e in entries],
        [e.because for e in entries],
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


def _sorted(batch: Batch, events: AbstractSet[str]) -> _Sorted:
    rows = _Sorted()
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


async def _project(connection: Connection, view: View) -> None:
    await connection.execute(
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


async def _write_invoices(connection: Connection, invoices: list[Invoice], subscription_id: str) -> None:
    rows: list[tuple[str, str, int, str, int, int, datetime, bool, object]] = [
        (
            i.number,
            subscription_id,
            i.ordinal,
            status_of(i),
            i.amount_minor,
            i.open_minor,
            i.due_at,
            i.missed,
            invoice_body(i),
        )
        for i in invoices
    ]
    await connection.executemany(_INVOICE, rows)


_BATCH = """
insert into batch (key, subscription_id, digest) values ($1, $2, $3) on conflict do nothing returning true
"""

_PROJECTION = """
insert into subscription (id, customer_id, client_number, policy, policy_version, plan, currency, timezone, standing,
                          balance_minor, open_minor, credit_minor, placed_minor, next_at, next_what, attention, ended)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
on conflict (id) do update set
  (customer_id, client_number, policy, policy_version, plan, currency, timezone, standing, balance_minor, open_minor,
   credit_minor, placed_minor, next_at, next_what, attention, ended, updated_at) =
  (excluded.customer_id, excluded.client_number, excluded.policy, excluded.policy_version, excluded.plan,
   excluded.currency, excluded.timezone, excluded.standing, excluded.balance_minor, excluded.open_minor,
   excluded.credit_minor, excluded.placed_minor, excluded.next_at, excluded.next_what, excluded.attention,
   excluded.ended, now())
"""

_LEDGER = """
with entry as (
  insert into ledger_entry (key, subscription_id, at, what, by, because)
  select key, $1, at, what, by, because
    from unnest($3::text[], $4::timestamptz[], $5::text[], $6::text[], $7::text[])
         with ordinality as given (key, at, what, by, because, ordinal)
   order by ordinal
)
insert into posting (entry_key, line, account, minor, currency, payment)
select entry_key, line, account, minor, $2, payment
  from unnest($8::text[], $9::integer[], $10::text[], $11::bigint[], $12::text[])
       as given (entry_key, line, account, minor, payment)
"""

_INVOICE = """
insert into invoice (number, subscription_id, ordinal, status, amount_minor, open_minor, due_at, missed, body)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (number) do update set
  (ordinal, status, amount_minor, open_minor, due_at, missed, body, updated_at) =
  (excluded.ordinal, excluded.status, excluded.amount_minor, excluded.open_minor, excluded.due_at, excluded.missed,
   excluded.body, now())
"""
