"""The books of every subscription, in PostgreSQL: the record of money, and of what was said to whom."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime
from typing import Literal

from adapters.postgres import ageing, audit, batches, lists, outbox, outside, payments, subscriptions, unapplied
from adapters.postgres.ageing import Aged
from adapters.postgres.audit import Difference
from adapters.postgres.outside import SeenReport, Task, WaitingReport
from adapters.postgres.payments import Attempt
from adapters.postgres.pool import Pool
from adapters.postgres.unapplied import Money
from domain import ledger
from domain.effects import Batch, Charge, Entry, LedgerEntry, Tiding, View
from domain.events import PaymentFacts
from domain.gateways import Holder, KnownCharge, Vaulted
from domain.letters import Addressee
from domain.policy import Standing
from domain.reports import Report
from domain.subscription import Invoice, Role


class Books:
    """Each method is one transaction and may be repeated: what was written before is not written again.

    All raise asyncpg.PostgresError, asyncpg.InterfaceError or OSError where the database is away or refuses a row;
    nothing of that call is written then.
    """

    def __init__(self, pool: Pool, events: AbstractSet[str] = frozenset()) -> None:
        """`events` names the kinds of timeline entries that the platform hears of, beside its commands."""
        self._pool = pool
        self._events = frozenset(events)

    # Decisions

    async def write(self, batch: Batch) -> bool:
        """Write everything of a batch, or nothing. False where its key is known. Raises batches.BatchConflict."""
        async with self._pool.acquire() as connection:
            return await batches.write(connection, batch, self._events)

    async def payment(self, subscription_id: str, reference: str) -> PaymentFacts | None:
        """A payment and what it pays now, newest allocation first; None where it is unknown."""
        async with self._pool.acquire() as connection, connection.transaction(isolation="repeatable_read"):
            return await payments.payment(connection, subscription_id, reference)

    async def known_messages(self, subscription_id: str, digests: Sequence[str]) -> tuple[str, ...]:
        """Those of the digests that were taken in before, in the order given."""
        async with self._pool.acquire() as connection:
            return await subscriptions.known_messages(connection, subscription_id, digests)

    async def used_between(self, subscription_id: str, start: date, end: date) -> bool:
        """Whether anything was used from the local date `start` (inclusive) to `end` (exclusive)."""
        async with self._pool.acquire() as connection:
            return await subscriptions.used_between(connection, subscription_id, start, end)

    async def possible_money(self, subscription_id: str) -> bool:
        """Whether open, unapplied bank money may be this subscription's: by client number, name or amount."""
        async with self._pool.acquire() as connection:
            return await unapplied.possible_money(connection, subscription_id)

    # Charges

    async def begin_attempt(self, charge: Charge, subscription_id: str, batch: Batch | None = None) -> Attempt:
        """Write the batch and that the gateway is about to be asked; gives what was known of the charge before.

        Raises payments.AttemptConflict where the gateway must not be asked.
        """
        async with self._pool.acquire() as connection:
            return await payments.begin_attempt(connection, charge, subscription_id, batch, self._events)

    async def complete_attempt(
        self,
        charge_key: str,
        state: Literal["approved", "declined", "unknown"],
        reason: str | None,
        if_approved: Batch | None = None,
    ) -> Attempt:
        """Write the gateway's answer and, with an approval, its batch. The first final answer stands; it is given."""
        async with self._pool.acquire() as connection:
            return await payments.complete_attempt(connection, charge_key, state, reason, if_approved, self._events)

    async def note_absent(self, charge_key: str) -> None:
        """The gateway says that it knows of no such charge; another one may take its place."""
        async with self._pool.acquire() as connection:
            await payments.note_absent(connection, charge_key)

    async def attempt(self, charge_key: str) -> Attempt | None:
        """What the books know of a charge; None where none was begun under that key."""
        async with self._pool.acquire() as connection:
            return await payments.attempt(connection, charge_key)

    # The outbox

    async def pending_tidings(self, subscription_id: str) -> dict[str, list[Tiding]]:
        """What is still to be told, by party (platform, agency, siblings, mail), in the order of decision."""
        async with self._pool.acquire() as connection:
            return await outbox.pending(connection, subscription_id)

    async def begin_try(self, key: str, seconds: float) -> int | None:
        """A tiding's place in the order, where it is still wanted and nobody else is sending it; else None.

        It is the caller's for `seconds` then.
        """
        async with self._pool.acquire() as connection:
            return await outbox.begin_try(connection, key, seconds)

    async def mark_delivered(self, key: str) -> None:
        """The party has it."""
        async with self._pool.acquire() as connection:
            await outbox.mark_delivered(connection, key)

    async def mark_failed_try(self, key: str, error: str) -> None:
        """It was not delivered this time and stays pending."""
        async with self._pool.acquire() as connection:
            await outbox.mark_failed_try(connection, key, error)

    async def mark_refused(self, key: str, error: str) -> None:
        """The party will never take it; it is not tried again."""
        async with self._pool.acquire() as connection:
            await outbox.mark_refused(connection, key, error)

    # The outside: vaulted methods, gateways' references, reports, tasks for support

    async def keep_vaulted(
        self, subscription_id: str, role: Role, method: Vaulted, told_at: datetime | None = None
    ) -> bool:
        """Keep how a subscription pays in a role; replaces what was kept. False where that is newer than `told_at`."""
        async with self._pool.acquire() as connection:
            return await outside.keep_vaulted(connection, subscription_id, role, method, told_at)

    async def vaulted(self, subscription_id: str, role: Role) -> Vaulted | None:
        """How a subscription pays in a role; None where nothing is kept."""
        async with self._pool.acquire() as connection:
            return await outside.vaulted(connection, subscription_id, role)

    async def holders_of(self, gateway: str, method: str) -> list[Holder]:
        """Who pays by a vaulted method."""
        async with self._pool.acquire() as connection:
            return await outside.holders_of(connection, gateway, method)

    async def holders_of_payer(self, gateway: str, payer: str) -> list[Holder]:
        """Who pays by any method of a payer."""
        async with self._pool.acquire() as connection:
            return await outside.holders_of_payer(connection, gateway, payer)

    async def mark_vaulted(
        self,
        gateway: str,
        method: str,
        state: Literal["usable", "expired", "removed"],
        told_at: datetime | None = None,
    ) -> list[Holder]:
        """Note how a vaulted method stands at its gateway; gives whose it is. What is known from later stays."""
        async with self._pool.acquire() as connection, connection.transaction():
            return await outside.mark_vaulted(connection, gateway, method, state, told_at)

    async def refuse_vaulted(self, gateway: str, method: str, reason: str) -> None:
        """Note that a method was declined for a hard reason: it is not asked for again until it is replaced."""
        async with self._pool.acquire() as connection:
            await outside.refuse_vaulted(connection, gateway, method, reason)

    async def remember(self, charge_key: str, gateway: str, reference: str, *, subscription_id: str) -> str:
        """Keep the gateway's name for a charge; gives the one that is kept, which is the first."""
        async with self._pool.acquire() as connection, connection.transaction():
            return await outside.remember(connection, charge_key, gateway, reference, subscription_id)

    async def remembered(self, charge_key: str, gateway: str) -> str | None:
        """The gateway's name for a charge; None where it was never given one."""
        async with self._pool.acquire() as connection:
            return await outside.remembered(connection, charge_key, gateway)

    async def charge_of(self, gateway: str, reference: str) -> KnownCharge | None:
        """The charge that a gateway knows by a reference; None where it is none of ours."""
        async with self._pool.acquire() as connection:
            return await outside.charge_of(connection, gateway, reference)

    async def see_report(self, report: Report) -> SeenReport:
        """Note that something was reported; gives whether it was taken in before, and how long it has been known."""
        async with self._pool.acquire() as connection:
            return await outside.see_report(connection, report)

    async def report_taken_in(self, source: str, report_id: str, note: str = "", *, refused: bool = False) -> None:
        """Note that a report has had its effect; `refused`: that its message was, so that it had none."""
        async with self._pool.acquire() as connection:
            await outside.report_taken_in(connection, source, report_id, note, refused=refused)

    async def report_refused(self, source: str, report_id: str) -> bool:
        """Whether the message of a report was refused."""
        async with self._pool.acquire() as connection:
            return await outside.report_refused(connection, source, report_id)

    async def waiting_reports(self, limit: int = 100) -> list[WaitingReport]:
        """What has been reported and has had no effect yet, oldest first."""
        async with self._pool.acquire() as connection:
            return await outside.waiting_reports(connection, limit)

    async def ask_support(self, key: str, subscription_id: str | None, kind: str, text: str) -> None:
        """Ask a person to look at something; asked again under the same key, it is asked once."""
        async with self._pool.acquire() as connection:
            await outside.ask_support(connection, key, subscription_id, kind, text)

    async def tasks(self, subscription_id: str | None = None, limit: int = 100) -> list[Task]:
        """Open tasks for support, oldest first: of one subscription, or all."""
        async with self._pool.acquire() as connection:
            return await outside.tasks(connection, subscription_id, limit)

    async def task_done(self, task_id: int, *, by: str, reason: str) -> bool:
        """Close a task; False where none of that id is open."""
        async with self._pool.acquire() as connection:
            return await outside.task_done(connection, task_id, by, reason)

    # Customers, usage, unapplied money

    async def register(self, customer: Addressee, subscription_id: str) -> None:
        """Keep a customer's address as it is now, and that this subscription is theirs."""
        async with self._pool.acquire() as connection, connection.transaction():
            await subscriptions.register(connection, customer, subscription_id)

    async def customer_of(self, subscription_id: str) -> Addressee | None:
        """The customer of a subscription; None where none is registered."""
        async with self._pool.acquire() as connection:
            return await subscriptions.customer_of(connection, subscription_id)

    async def siblings(self, subscription_id: str) -> list[str]:
        """The ids of the same customer's other subscriptions that have not ended."""
        async with self._pool.acquire() as connection:
            return await subscriptions.siblings(connection, subscription_id)

    async def record_usage(self, subscription_id: str, on: date, kind: str) -> None:
        """Note that something was used on a local date; again on that date is no harm."""
        async with self._pool.acquire() as connection:
            await subscriptions.record_usage(connection, subscription_id, on, kind)

    async def keep_unapplied(
        self,
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
        """Keep money that could not be matched, and enter it in the ledger; its id, or None where it is known."""
        async with self._pool.acquire() as connection, connection.transaction():
            money_id = await unapplied.keep(
                connection,
                source=source,
                reference=reference,
                minor=minor,
                currency=currency,
                channel=channel,
                at=at,
                client_number=client_number,
                name=name,
            )
            if money_id is not None:
                postings = ledger.unapplied(channel, minor, reference)
                entry = LedgerEntry(f"unapplied/{money_id}", at, "unapplied", postings, source, "not matched")
                await batches.write_ledger(connection, [entry], None, currency)
            return money_id

    async def unapplied_money(self, limit: int = 100) -> list[Money]:
        """Open money that waits for support to assign or return it, oldest first."""
        async with self._pool.acquire() as connection:
            return await unapplied.listed(connection, limit)

    async def resolve_unapplied(
        self, money_id: int, state: Literal["applied", "returned"], *, by: str, reason: str, at: datetime
    ) -> None:
        """Take money out of the unapplied: it was recorded as a payment elsewhere, or sent back.

        Raises unapplied.UnknownMoney where none of that id is open.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            row = await unapplied.resolve(connection, money_id, state, by, reason)
            postings = ledger.unapplied(row["channel"], -row["minor"], row["reference"])
            entry = LedgerEntry(f"unapplied/{money_id}/{state}", at, f"unapplied money {state}", postings, by, reason)
            owner = row["subscription_id"] if row["source"].startswith("subscription/") else None
            await batches.write_ledger(connection, [entry], owner, row["currency"])
            await outside.close_task(connection, row["reference"], by, f"{state}: {reason}")

    # Reading

    async def timeline(self, subscription_id: str) -> list[Entry]:
        """Everything that happened to a subscription, in order: the audit trail."""
        async with self._pool.acquire() as connection:
            return await subscriptions.timeline(connection, subscription_id)

    async def view(self, subscription_id: str) -> View | None:
        """The subscription as it stood after the last batch; None before the first."""
        async with self._pool.acquire() as connection:
            return await subscriptions.view(connection, subscription_id)

    async def find(
        self,
        *,
        standings: Sequence[Standing] = (),
        customer_id: str | None = None,
        client_number: str | None = None,
        attention: str | None = None,
        after: str = "",
        limit: int = 50,
    ) -> list[View]:
        """Subscriptions in the order of their ids, page by page. `attention` "" is any remark, else a part of one."""
        async with self._pool.acquire() as connection:
            return await lists.find(
                connection,
                standings=standings,
                customer_id=customer_id,
                client_number=client_number,
                attention=attention,
                after=after,
                limit=limit,
            )

    async def by_deadline(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        after: tuple[datetime, str] | None = None,
        limit: int = 50,
    ) -> list[View]:
        """Subscriptions by their next deadline, soonest first, page by page; `after` is deadline and id of the last."""
        async with self._pool.acquire() as connection:
            return await lists.by_deadline(connection, since=since, until=until, after=after, limit=limit)

    async def ageing(self, on: date) -> list[Aged]:
        """What is past due, by currency and by days since it was due, counted to the local date `on`."""
        async with self._pool.acquire() as connection:
            return await ageing.ageing(connection, on)

    async def invoices(self, subscription_id: str) -> list[Invoice]:
        """Every invoice as it was last kept, in order of issue."""
        async with self._pool.acquire() as connection:
            return await subscriptions.invoices(connection, subscription_id)

    async def open_invoices(self, subscription_id: str, also: str | None = None) -> list[Invoice]:
        """The open invoices, and the one numbered `also` whatever has become of it, in order of issue."""
        async with self._pool.acquire() as connection:
            return await subscriptions.open_invoices(connection, subscription_id, also)

    async def balances(self, subscription_id: str) -> dict[str, int]:
        """Every account's balance (minor units), recomputed from entries; those of zero are left out."""
        async with self._pool.acquire() as connection:
            return await subscriptions.balances(connection, subscription_id)

    async def audit(self, subscription_id: str | None = None) -> list[Difference]:
        """What in the books does not agree, of one subscription or (None) of all; empty where everything does."""
        async with self._pool.acquire() as connection:
            return await audit.audit(connection, subscription_id)
