"""What the database itself refuses, whoever writes to it."""

import asyncpg
import pytest

from adapters.postgres.books import Books
from adapters.postgres.pool import Pool
from domain.effects import KeepPayment, LedgerEntry, Posting
from tests.postgres.lives import HOSTING, played

ENTRY = "insert into ledger_entry (key, at, what, by, because) values ($1, now(), 'w', 'b', 'c')"
POSTING = "insert into posting (entry_key, line, account, minor, currency) values ($1, $2, 'a', $3, $4)"


@pytest.mark.parametrize(
    ("postings", "why"),
    [
        ([], "no posting at all"),
        ([(1, 100, "EUR")], "one posting"),
        ([(1, 100, "EUR"), (2, -99, "EUR")], "a cent is missing"),
        ([(1, 100, "EUR"), (2, -100, "USD")], "two currencies"),
    ],
)
async def test_an_entry_that_does_not_balance_is_refused_at_the_commit(
    pool: Pool, postings: list[tuple[int, int, str]], why: str
) -> None:
    async def write() -> None:
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute(ENTRY, "e-1")
            for line, minor, currency in postings:
                await connection.execute(POSTING, "e-1", line, minor, currency)

    with pytest.raises(asyncpg.CheckViolationError, match="ledger entry e-1 does not balance"):
        await write()
    assert await pool.fetchval("select count(*) from ledger_entry") == 0


async def test_a_balanced_entry_cannot_be_unbalanced_by_a_later_posting(pool: Pool) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(ENTRY, "e-1")
        await connection.executemany(POSTING, [("e-1", 1, 5, "EUR"), ("e-1", 2, -5, "EUR")])
    with pytest.raises(asyncpg.CheckViolationError, match="does not balance"):
        await pool.execute(POSTING, "e-1", 3, 1, "EUR")


@pytest.mark.parametrize("table", ["ledger_entry", "posting", "payment", "timeline", "message", "batch"])
@pytest.mark.parametrize("verb", ["update {} set {} = {}", "delete from {}", "truncate {} cascade"])
async def test_what_was_written_is_never_changed(pool: Pool, table: str, verb: str) -> None:
    column = await pool.fetchval(
        "select column_name from information_schema.columns where table_name = $1 and is_identity = 'NO' limit 1", table
    )
    with pytest.raises(asyncpg.RestrictViolationError, match="is append-only"):
        await pool.execute(verb.format(table, column, column))


async def test_money_under_a_known_reference_is_refused_with_all_of_its_batch(books: Books, pool: Pool) -> None:
    life = played(HOSTING)
    for batch in life.batches:
        await books.write(batch)
    paid = next(b for b in life.batches if any(isinstance(e, KeepPayment) for e in b.effects))
    before = await pool.fetchval("select count(*) from posting")
    again = type(paid)("s-1/again", paid.view, tuple(e for e in paid.effects if isinstance(e, KeepPayment)))
    with pytest.raises(asyncpg.UniqueViolationError):
        await books.write(again)
    twice = type(paid)("s-1/again", paid.view, tuple(e for e in paid.effects if isinstance(e, LedgerEntry)))
    with pytest.raises(asyncpg.UniqueViolationError):
        await books.write(twice)
    assert await pool.fetchval("select count(*) from posting") == before
    assert await books.audit() == []


def test_the_domain_refuses_an_unbalanced_entry_even_before() -> None:
    with pytest.raises(ValueError, match="sum to 1"):
        LedgerEntry("k", played(HOSTING).scenario.begins_at, "w", (Posting("a", 1),), "b", "c")
