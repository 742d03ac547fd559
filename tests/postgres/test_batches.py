"""Batches: everything or nothing, once per key."""

import asyncio
from dataclasses import replace

import pytest

from adapters.postgres.batches import BatchConflict
from adapters.postgres.books import Books
from adapters.postgres.pool import Pool
from domain.effects import Batch, Effect, SendMail, WithdrawMails
from tests.postgres.lives import HOSTING, Written, played, scenario


@pytest.fixture(scope="module")
def life() -> Written:
    return played(HOSTING)


async def _counts(pool: Pool) -> list[int]:
    tables = ("batch", "ledger_entry", "posting", "payment", "timeline", "invoice", "outbox")
    return [await pool.fetchval(f"select count(*) from {table}") for table in tables]


async def test_a_batch_written_twice_is_written_once(books: Books, pool: Pool, life: Written) -> None:
    for batch in life.batches:
        assert await books.write(batch)
    before = await _counts(pool)
    for batch in life.batches:
        assert not await books.write(batch)
    assert await _counts(pool) == before


async def test_a_batch_written_by_two_workers_at_once_is_written_once(books: Books, life: Written) -> None:
    written = await asyncio.gather(*(books.write(life.batches[0]) for _ in range(4)))
    assert sorted(written) == [False, False, False, True]


async def test_another_content_under_a_known_key_is_an_error_not_a_repetition(books: Books, life: Written) -> None:
    first, second = life.batches[:2]
    await books.write(first)
    with pytest.raises(BatchConflict, match=r"batch s-1/1 .* no money moved"):
        await books.write(replace(second, key=first.key))
    assert await books.view("s-1") == first.view


async def test_a_batch_that_fails_half_way_leaves_nothing(books: Books, pool: Pool, life: Written) -> None:
    first = life.batches[0]
    broken = replace(first, effects=(*first.effects, *first.effects))
    with pytest.raises(Exception, match="duplicate key"):
        await books.write(broken)
    assert await _counts(pool) == [0] * 7


async def test_withdrawn_mails_are_those_before_the_withdrawal_never_those_after(
    books: Books, pool: Pool, life: Written
) -> None:
    at, view = life.scenario.begins_at, life.batches[0].view

    def mail(number: int, template: str) -> SendMail:
        return SendMail(f"s-1/{number:06d}/mail", template, at)

    def batch(number: int, *effects: Effect) -> Batch:
        return Batch(f"s-1/{number}", view, effects)

    await books.write(batch(1, mail(1, "payment_reminder"), mail(2, "invoice"), mail(3, "payment_reminder")))
    await books.mark_delivered("s-1/000001/mail")
    await books.write(
        batch(2, mail(4, "payment_reminder"), WithdrawMails(at, ("payment_reminder",)), mail(5, "payment_reminder"))
    )
    states = await pool.fetch("select substr(key, 10, 1) as number, state from outbox order by key")
    assert [(row["number"], row["state"]) for row in states] == [
        ("1", "delivered"),
        ("2", "pending"),
        ("3", "withdrawn"),
        ("4", "withdrawn"),
        ("5", "pending"),
    ]
    assert [t.key[9] for t in (await books.pending_tidings("s-1"))["mail"]] == ["2", "5"]


async def test_a_settled_debt_withdraws_the_mails_that_demand_it(books: Books) -> None:
    life = played(scenario("hosting-agency-collects-everything"))
    for batch in life.batches:
        await books.write(batch)
    left = (await books.pending_tidings(life.state.id)).get("mail", [])
    assert {"payment_reminder", "collections_warning"}.isdisjoint(t.template for t in left if isinstance(t, SendMail))
