"""The outbox: one sender at a time, and no placement beside a paid debt."""

from datetime import timedelta

from adapters.postgres.books import Books
from adapters.postgres.pool import Pool
from domain.effects import Batch, PlaceWithAgency, RecallFromAgency
from tests.postgres.lives import Written, played, scenario

LIFE: Written = played(scenario("hosting-agency-returns-the-case"))
PLACED = next(e for e in LIFE.effects(PlaceWithAgency) if isinstance(e, PlaceWithAgency))


def _recalls(start: int, *, short_by: int = 0) -> list[RecallFromAgency]:
    """One recall for each invoice placed, the first one `short_by` minor units too small."""
    at = PLACED.at + timedelta(hours=1)
    return [
        RecallFromAgency(f"s-1/{900000 + number}/agency", invoice.placed_minor - short, invoice.number, at, "paid")
        for number, (invoice, short) in enumerate(zip(PLACED.invoices, (short_by, *[0] * 9), strict=False), start)
    ]


async def _write(books: Books, number: int, *effects: PlaceWithAgency | RecallFromAgency) -> None:
    await books.write(Batch(f"s-1/{number}", LIFE.batches[0].view, effects))


async def _states(pool: Pool) -> list[str]:
    return [row["state"] for row in await pool.fetch("select state from outbox order by key")]


async def test_a_sender_keeps_others_off_until_it_is_done_or_late(books: Books) -> None:
    await _write(books, 1, PLACED)
    assert await books.begin_try(PLACED.key, 60)
    assert not await books.begin_try(PLACED.key, 60)
    await books.mark_failed_try(PLACED.key, "away")
    assert await books.begin_try(PLACED.key, -1)
    assert await books.begin_try(PLACED.key, 60)
    await books.mark_delivered(PLACED.key)
    assert not await books.begin_try(PLACED.key, 60)
    assert await books.pending_tidings("s-1") == {}


async def test_a_placement_that_was_paid_before_it_was_sent_is_never_sent(books: Books, pool: Pool) -> None:
    await _write(books, 1, PLACED)
    await _write(books, 2, *_recalls(1, short_by=1000))
    assert set(await _states(pool)) == {"pending"}
    at, first = PLACED.at + timedelta(hours=2), PLACED.invoices[0].number
    await _write(books, 3, RecallFromAgency("s-1/900009/agency", 1000, first, at, "paid"))
    assert set(await _states(pool)) == {"withdrawn"}


async def test_a_placement_that_may_have_been_sent_is_recalled(books: Books, pool: Pool) -> None:
    await _write(books, 1, PLACED)
    assert await books.begin_try(PLACED.key, 60)
    await _write(books, 2, *_recalls(1))
    assert set(await _states(pool)) == {"pending"}
    assert [t.key for t in (await books.pending_tidings("s-1"))["agency"]][:2] == [PLACED.key, "s-1/900001/agency"]


async def test_a_recall_in_part_is_sent_after_its_placement(books: Books, pool: Pool) -> None:
    await _write(books, 1, PLACED)
    await _write(books, 2, *_recalls(1, short_by=1))
    assert set(await _states(pool)) == {"pending"}


async def test_what_is_pending_comes_back_as_the_domain_said_it(books: Books) -> None:
    life = played(scenario("hosting-agency-collects-in-part"))
    for batch in life.batches:
        await books.write(batch)
    pending = await books.pending_tidings("s-1")
    assert all([t.key for t in tidings] == sorted(t.key for t in tidings) for tidings in pending.values())
    assert PLACED.kind == "place"
    said = {e.key: e for batch in life.batches for e in batch.effects if hasattr(e, "key")}
    assert all(said[t.key] == t for tidings in pending.values() for t in tidings)
