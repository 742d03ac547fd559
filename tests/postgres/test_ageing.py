"""The ageing report: what is past due by age, and that it is what ledger and projection say."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from adapters.postgres.ageing import DAYS, Aged
from adapters.postgres.books import Books
from adapters.postgres.pool import Pool
from domain.effects import Batch, KeepInvoice, LedgerEntry
from domain.ledger import issued
from domain.subscription import Invoice
from tests.postgres.lives import HOSTING, Written, played, scenario

VIEW = played(HOSTING).batches[0].view
INVOICE = next(e.invoice for b in played(HOSTING).batches for e in b.effects if isinstance(e, KeepInvoice))
ON = date(2026, 3, 18)

IN_DEBT = (
    "hosting-new-customer-full-ladder",
    "hosting-agency-collects-in-part",
    "hosting-agency-returned-is-still-owed",
    "hosting-bank-transfer-is-the-only-method",
    "hosting-reversal-due-again-after-three-days",
    "hosting-write-off-after-placement",
    "money-direct-partial-payment-recalled",
    "money-reversal-after-placement",
    "money-yen",
    "monthly-unknown-then-declined-both",
    "annual-misses-in-second-year",
    "monthly-paid-inside-grace-after-month-end",
)


async def _owe(books: Books, id_: str, due_at: datetime, minor: int = 100, *, missed: bool = True, **view: str) -> None:
    """One subscription with one open invoice."""
    invoice: Invoice = replace(
        INVOICE, number=f"{id_}-1", amount_minor=minor, open_minor=minor, due_at=due_at, missed=missed
    )
    entry = LedgerEntry(f"{id_}/1", due_at, "invoice issued", issued(invoice.number, minor), "policy", "")
    now = replace(VIEW, subscription_id=id_, open_minor=minor, balance_minor=minor if missed else 0, **view)  # type: ignore[arg-type]  # each case names its own
    await books.write(Batch(f"{id_}/1", now, (entry, KeepInvoice(invoice))))


async def _life(books: Books, name: str) -> Written:
    """A life as it was played, under the scenario's name."""
    said = scenario(name)
    said["subscription"] = {**said["subscription"], "id": name}  # type: ignore[dict-item]  # an object, in every scenario
    life = played(said)
    for batch in life.batches:
        await books.write(batch)
    return life


@pytest.mark.parametrize(
    ("days", "bucket"),
    [(-3, "0-30"), (0, "0-30"), (30, "0-30"), (31, "31-60"), (60, "31-60"), (61, "61-90"), (90, "61-90"),
     (91, "over 90"), (4000, "over 90")],
)  # fmt: skip
async def test_an_invoice_is_as_old_as_the_days_since_it_was_due(books: Books, days: int, bucket: str) -> None:
    await _owe(books, "s", datetime(2026, 3, 17, 23, tzinfo=UTC) - timedelta(days=days))  # midnight in Berlin
    assert await books.ageing(ON) == [Aged("EUR", bucket, 1, 100)]


async def test_days_are_counted_on_the_customers_calendar(books: Books) -> None:
    """Due at one instant, which is the 15th in New York and the 16th in Tokyo."""
    due_at = datetime(2026, 2, 15, 20, tzinfo=UTC)
    await _owe(books, "s-1", due_at, timezone="America/New_York", currency="USD")
    await _owe(books, "s-2", due_at, timezone="Asia/Tokyo", currency="JPY")
    assert await books.ageing(ON) == [Aged("JPY", "0-30", 1, 100), Aged("USD", "31-60", 1, 100)]


async def test_currencies_are_not_added_and_what_is_not_past_due_is_not_there(books: Books) -> None:
    assert await books.ageing(ON) == []
    due_at = datetime(2026, 3, 1, tzinfo=UTC)
    await _owe(books, "s-1", due_at, 100)
    await _owe(books, "s-2", due_at, 50)
    await _owe(books, "s-3", due_at, 7, currency="USD")
    await _owe(books, "s-4", due_at, 9, missed=False)
    assert await books.ageing(ON) == [Aged("EUR", "0-30", 2, 150), Aged("USD", "0-30", 1, 7)]


async def test_its_total_is_what_projection_and_ledger_say_is_past_due(books: Books, pool: Pool) -> None:
    lives = [await _life(books, name) for name in IN_DEBT]
    assert await books.audit() == []
    expected: dict[str, int] = {}
    for life in lives:
        expected[life.state.currency] = expected.get(life.state.currency, 0) + life.state.balance_minor
    reported = await books.ageing(date(2026, 6, 1))
    assert {one.days for one in reported} <= set(DAYS)
    totals = {one.currency: 0 for one in reported}
    for one in reported:
        totals[one.currency] += one.minor
    assert totals == {currency: minor for currency, minor in expected.items() if minor}
    assert len(totals) > 1
    receivable = await pool.fetch(
        "select currency, sum(posting.minor)::bigint as minor from posting join invoice"
        " on account = 'receivable:' || number where missed group by currency"
    )
    assert totals == {row["currency"]: row["minor"] for row in receivable}
