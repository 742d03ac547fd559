"""A bank's statement and a real subscription: what is certain pays and unlocks, what is likely holds the lock back."""

from datetime import UTC, datetime

from adapters.bank.creditor_reference import creditor_reference
from adapters.postgres.bank import BankBooks
from domain.money import decimal_text
from engine.bank import Door, Imported, import_statement
from tests.bank.samples import Transfer, statement
from tests.workflows.conftest import Begin
from tests.workflows.lives import Life, declined


async def take(life: Life, *transfers: Transfer) -> Imported:
    """Import a statement of those transfers, and wait until the subscription has heard of them."""
    books = life.stage.books
    imported = await import_statement(
        books,
        BankBooks(life.stage.pool),
        Door(life.time.client, books),
        "day.xml",
        statement(*transfers),
        datetime.now(UTC),
    )
    await life.settled()
    return imported


async def test_a_transfer_with_the_invoices_reference_unlocks_and_its_return_locks_again(live: Begin) -> None:
    life = await live("photo-monthly", "bank-unlock", world=declined("2026-02-01"))
    await life.until("2026-02-19T12:00")
    assert (await life.state()).standing == "locked"
    reference = creditor_reference("bank-unlock-0002")
    there = Transfer("49.00", f"merci {reference}", "B-1", currency="USD", end_to_end_id="E-1")
    for _ in range(2):
        await take(life, there)
    assert (await life.state()).standing == "active"
    assert [e.fields["amount"] for e in await life.entries("payment_received")][1:] == ["49.00"]
    assert await life.entries("repeated") == []
    await take(
        life, there, Transfer("49.00", "", "B-2", side="DBIT", returned=True, currency="USD", end_to_end_id="E-1")
    )
    assert len(await life.entries("payment_reversed")) == 1
    assert (await life.state()).open_minor == 4900


async def test_likely_money_holds_the_lock_back_until_support_has_assigned_it(live: Begin) -> None:
    life = await live("photo-monthly", "bank-likely", world=declined("2026-02-01"))
    books = life.stage.books
    await life.until("2026-02-16T12:00")
    imported = await take(life, Transfer("49.00", f"client {life.terms.customer.client_number}", currency="USD"))
    assert imported.counts == {"proposed": 1}
    await life.until("2026-02-20T12:00")
    assert await life.told("standing") == [("2026-02-15", "past_due")]
    assert [date for date, _ in await life.told("evidence_hold")] == ["2026-02-18"]
    [task] = await books.tasks(life.id)
    [money] = [m for m in await books.unapplied_money() if m.reference == imported.entries[0].key]
    assert f"`cli.py assign {money.id} {life.id} --by" in task.text
    answer = await life.ask(
        "payment-received",
        id=f"unapplied/{money.id}",
        amount=decimal_text(money.minor, money.currency),
        channel=money.channel,
        reference=money.reference,
        by="support:kim",
        reason="client number",
    )
    await books.resolve_unapplied(money.id, "applied", by="support:kim", reason="client number", at=datetime.now(UTC))
    assert (answer.standing, answer.balance) == ("active", "0.00")
    back = Transfer("49.00", "", "B-9", side="DBIT", returned=True, currency="USD")
    assert (await take(life, back)).counts == {"returned": 1}
    assert len(await life.entries("payment_reversed")) == 1
