"""Money that could not be matched: kept, in the ledger, and a reason to wait."""

from datetime import UTC, datetime

import pytest

from adapters.postgres.books import Books
from adapters.postgres.pool import Pool
from adapters.postgres.unapplied import UnknownMoney
from domain.effects import Batch, KeepUnapplied, LedgerEntry
from domain.ledger import unapplied
from domain.letters import Addressee
from tests.postgres.lives import HOSTING, played

AT = datetime(2026, 3, 1, 9, tzinfo=UTC)


@pytest.fixture
async def owing(books: Books) -> Books:
    """Books in which subscription s-1 of Ada Example (K100) owes 31.00 EUR."""
    life = played(HOSTING | {"gateway": [{"method": "primary", "from": "2026-01-01", "outcome": "declined"}]})
    await books.register(Addressee("c-1", "K100", "Ada  Example", "ada@example.com", "en"), "s-1")
    for batch in life.batches[:3]:
        await books.write(batch)
    assert [i.open_minor for i in await books.invoices("s-1")] == [3100]
    return books


@pytest.mark.parametrize(
    ("client_number", "name", "minor", "currency", "channel", "possible"),
    [
        ("K100", None, 1, "EUR", "bank_transfer", True),
        ("K999", " ada EXAMPLE ", 1, "USD", "bank_transfer", True),
        (None, None, 3100, "EUR", "bank_transfer", True),
        (None, None, 3100, "USD", "bank_transfer", False),
        (None, None, 3099, "EUR", "bank_transfer", False),
        ("K999", "Bob", 1, "EUR", "bank_transfer", False),
        ("K100", None, 1, "EUR", "card", False),
    ],
)
async def test_money_may_be_a_customers_by_number_name_or_amount(
    owing: Books,
    client_number: str | None,
    name: str | None,
    minor: int,
    currency: str,
    channel: str,
    possible: bool,
) -> None:
    assert not await owing.possible_money("s-1")
    kept = await owing.keep_unapplied(
        source="bank",
        reference="t-1",
        minor=minor,
        currency=currency,
        channel=channel,
        at=AT,
        client_number=client_number,
        name=name,
    )
    assert kept is not None
    assert await owing.possible_money("s-1") is possible
    assert not await owing.possible_money("s-unknown")
    await owing.resolve_unapplied(kept, "returned", by="support:kim", reason="sender asked", at=AT)
    assert not await owing.possible_money("s-1")
    assert await owing.audit() == []


async def test_money_is_kept_once_and_resolved_once_and_both_are_in_the_ledger(books: Books, pool: Pool) -> None:
    async def keep() -> int | None:
        return await books.keep_unapplied(
            source="bank", reference="t-1", minor=500, currency="EUR", channel="bank_transfer", at=AT
        )

    first = await keep()
    assert first is not None
    assert await keep() is None
    assert await pool.fetchval("select sum(minor) from posting where account = 'unapplied'") == -500
    assert await books.audit() == []
    await books.resolve_unapplied(first, "applied", by="support:kim", reason="invoice s-1-0001", at=AT)
    with pytest.raises(UnknownMoney, match="unapplied money 1: unknown, or applied or returned already"):
        await books.resolve_unapplied(first, "returned", by="support:kim", reason="", at=AT)
    assert await pool.fetchval("select sum(minor) from posting where account = 'unapplied'") == 0
    assert await pool.fetchval("select array_agg(by order by seq) from ledger_entry") == ["bank", "support:kim"]


async def test_money_after_the_end_keeps_its_owners_name_and_number(owing: Books, pool: Pool) -> None:
    view = await owing.view("s-1")
    assert view is not None
    money = KeepUnapplied("r-9", 700, "bank_transfer", AT)
    entry = LedgerEntry("s-1/000099", AT, "unapplied", unapplied("bank_transfer", 700, "r-9"), "platform", "late")
    await owing.write(Batch("s-1/99", view, (money, entry)))
    row = await pool.fetchrow("select source, client_number, name, currency, state from unapplied")
    assert row is not None
    assert tuple(row) == ("subscription/s-1", "K100", "Ada  Example", "EUR", "open")
    assert await owing.audit() == []
    await owing.resolve_unapplied(1, "returned", by="support:kim", reason="ended", at=AT)
    assert await owing.audit() == []
