"""Whole lives written to PostgreSQL: what is read back is what was decided, and the audit agrees."""

import pytest

from adapters.postgres.books import Books
from domain import ledger
from domain.effects import KeepMessage, KeepPayment, LedgerEntry, Tiding
from tests.postgres.lives import SCENARIOS, played, scenario

NAMES = sorted(path.stem for path in SCENARIOS.glob("*.json") if "exit" not in scenario(path.stem))
QUICK = {
    "hosting-agency-collects-in-part",
    "hosting-agency-returned-is-still-owed",
    "annual-written-off-counts-as-received",
    "annual-oldest-paid-starts-count-again",
}


def marked(place: int, name: str) -> object:
    """A scenario as a parameter. Each is told by the workflow, its activities and books in CI (tests/timelines)."""
    slow = [pytest.mark.slow] if place % 4 == 0 else [pytest.mark.slow, pytest.mark.exhaustive]
    return name if name in QUICK else pytest.param(name, marks=slow)


@pytest.mark.parametrize("name", [marked(place, name) for place, name in enumerate(NAMES)])
async def test_a_life_is_read_back_as_it_was_written(books: Books, name: str) -> None:
    life = played(scenario(name))
    subscription_id = life.state.id
    for batch in life.batches:
        assert await books.write(batch)

    assert await books.timeline(subscription_id) == life.entries
    assert await books.view(subscription_id) == (life.batches[-1].view if life.batches else None)
    entries = [effect for effect in life.effects(LedgerEntry) if isinstance(effect, LedgerEntry)]
    assert await books.balances(subscription_id) == ledger.balances(entries)
    assert {i.number: i for i in await books.invoices(subscription_id)} == life.book.invoices
    for kept in life.effects(KeepPayment):
        assert isinstance(kept, KeepPayment)
        assert await books.payment(subscription_id, kept.reference) == life.book.payment(kept.reference)
    assert await books.audit(subscription_id) == []
    assert await books.audit() == []


async def test_a_batch_that_tells_nobody_anything_takes_at_most_eight_statements(
    books: Books, statements: list[str]
) -> None:
    life = played(scenario("hosting-agency-collects-in-part"))
    most = 0
    for batch in life.batches:
        del statements[:]
        assert await books.write(batch)
        if not any(isinstance(effect, Tiding | KeepMessage) for effect in batch.effects):
            most = max(most, len([s for s in statements if "depth DESC" not in s and "set_config" not in s]))
    assert 0 < most <= 8
