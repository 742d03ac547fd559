"""Lists, customers and siblings."""

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import pytest

from adapters.postgres.books import Books
from adapters.postgres.lists import VIEW as COLUMNS
from adapters.postgres.pool import Pool
from domain.effects import Batch, View
from domain.letters import Addressee
from tests.postgres.lives import HOSTING, played

VIEW = played(HOSTING).batches[0].view


async def _put(books: Books, view: View) -> None:
    await books.write(Batch(f"{view.subscription_id}/1", view, ()))


async def test_subscriptions_are_found_by_standing_customer_number_and_remark(books: Books) -> None:
    await _put(books, replace(VIEW, subscription_id="a"))
    await _put(books, replace(VIEW, subscription_id="b", standing="locked", attention=("Refused cancel: why",)))
    await _put(books, replace(VIEW, subscription_id="c", customer_id="c-2", client_number="K2", standing="past_due"))

    async def ids(**by: object) -> list[str]:
        return [view.subscription_id for view in await books.find(**by)]  # type: ignore[arg-type]  # each case names its own

    assert await ids() == ["a", "b", "c"]
    assert await ids(standings=["locked", "past_due"]) == ["b", "c"]
    assert await ids(customer_id="c-2") == ["c"]
    assert await ids(client_number="K100") == ["a", "b"]
    assert await ids(attention="") == ["b"]
    assert await ids(attention="refused") == ["b"]
    assert await ids(attention="review") == []
    assert await ids(limit=2) == ["a", "b"]
    assert await ids(limit=2, after="b") == ["c"]
    with pytest.raises(ValueError, match="limit 501: expected 1 to 500"):
        await ids(limit=501)


async def test_a_row_is_read_in_the_order_of_the_views_fields() -> None:
    assert COLUMNS.split(", ") == ["id", *[field.name for field in fields(View)][1:]]


async def test_pages_of_several_standings_are_one_list(books: Books) -> None:
    standings = ("locked", "past_due", "active")
    for number in range(9):
        await _put(books, replace(VIEW, subscription_id=f"s-{number}", standing=standings[number % 3]))
    found: list[str] = []
    while page := await books.find(
        standings=["past_due", "locked", "locked"], after=found[-1] if found else "", limit=4
    ):
        found += [view.subscription_id for view in page]
    assert found == ["s-0", "s-1", "s-3", "s-4", "s-6", "s-7"]
    assert [view.subscription_id for view in await books.find(standings=["locked"], limit=2)] == ["s-0", "s-3"]
    both = await books.find(standings=["past_due", "locked"], client_number="K100", customer_id="c-1", attention="")
    assert both == []


async def test_the_next_deadlines_come_soonest_first_in_pages(books: Books) -> None:
    first = datetime(2026, 3, 18, tzinfo=UTC)
    due = {"d": first, "b": first + timedelta(hours=1), "c": first + timedelta(hours=1), "a": first + timedelta(days=9)}
    for id_, at in due.items():
        await _put(books, replace(VIEW, subscription_id=id_, next_at=at))
    await _put(books, replace(VIEW, subscription_id="ended", standing="ended", next_at=None, ended=True))
    await books.register(Addressee("c-1", "K100", "Ada Example", "ada@example.com", "en"), "registered")

    async def ids(**by: object) -> list[str]:
        return [view.subscription_id for view in await books.by_deadline(**by)]  # type: ignore[arg-type]  # each case names its own

    assert await ids() == ["d", "b", "c", "a"]
    assert await ids(limit=2) == ["d", "b"]
    assert await ids(limit=2, after=(due["b"], "b")) == ["c", "a"]
    assert await ids(since=due["b"]) == ["b", "c", "a"]
    assert await ids(since=due["b"], until=due["a"]) == ["b", "c"], "from the first instant, until before the second"
    assert await ids(until=due["a"], after=(due["b"], "c")) == []
    with pytest.raises(ValueError, match="limit 0: expected 1 to 500"):
        await ids(limit=0)


READS = {
    "subscription_by_deadline": lambda books: books.by_deadline(),
    "subscription_by_standing": lambda books: books.find(standings=["locked", "past_due"]),
    "subscription_with_attention": lambda books: books.find(attention="review"),
    "subscription_by_customer": lambda books: books.find(customer_id="c-7"),
    "subscription_by_client_number": lambda books: books.find(client_number="K7"),
    "invoice_missed": lambda books: books.ageing(datetime(2026, 3, 18, tzinfo=UTC).date()),
    "timeline_pkey": lambda books: books.timeline("s-7"),
}  # fmt: skip


@pytest.mark.parametrize("index", READS)
async def test_each_list_is_read_from_its_index(books: Books, pool: Pool, index: str) -> None:
    """Also where PostgreSQL has made a plan for whatever comes, as it does for a statement that it meets often."""
    await pool.execute(
        "insert into subscription (id, customer_id, client_number, policy, policy_version, plan, currency, timezone,"
        " standing, balance_minor, open_minor, credit_minor, placed_minor, next_at, next_what, attention, ended)"
        " select 's-' || n, 'c-' || n, 'K' || n, 'hosting', 1, 'pro', 'EUR', 'UTC',"
        " case when n % 50 = 0 then 'locked' else 'active' end, 0, 0, 0, 0, now() + n * interval '1 minute', '',"
        " case when n % 50 = 0 then array['Review: why'] else '{}' end, false from generate_series(1, 5000) n"
    )
    await pool.execute(
        "insert into invoice (number, subscription_id, ordinal, status, amount_minor, open_minor, due_at, missed, body)"
        " select id || '-1', id, 1, case when standing = 'locked' then 'open' else 'paid' end, 9,"
        " case when standing = 'locked' then 9 else 0 end, now(), standing = 'locked', '{}' from subscription"
    )
    await pool.execute(
        "insert into timeline (subscription_id, number, at, what, fields, by, because)"
        " select id, 1, now(), 'w', '{}', 'b', 'c' from subscription"
    )
    await pool.execute("analyze")

    async def scans() -> int:
        async with pool.acquire() as connection:
            await connection.execute("select pg_stat_force_next_flush()")
            read: int = await connection.fetchval(
                "select idx_scan from pg_stat_user_indexes where indexrelname = $1", index
            )
            return read

    before = await scans()
    for _ in range(8):
        await READS[index](books)
    assert await scans() >= before + 8


async def test_a_registered_subscription_has_a_customer_before_it_has_a_view(books: Books) -> None:
    async def register(email: str) -> None:
        await books.register(Addressee("c-1", "K100", "Ada Example", email, "en"), "s-1")

    assert await books.customer_of("s-1") is None
    await register("ada@example.com")
    assert await books.view("s-1") is None
    assert await books.find() == []
    await register("ada@example.org")
    customer = await books.customer_of("s-1")
    assert customer is not None
    assert customer.email == "ada@example.org"
    await _put(books, VIEW)
    assert await books.view("s-1") == VIEW


async def test_siblings_are_the_customers_other_subscriptions_that_have_not_ended(books: Books) -> None:
    for name, customer_id, ended in [("a", "c-1", False), ("b", "c-1", False), ("c", "c-1", True), ("d", "c-2", False)]:
        await _put(books, replace(VIEW, subscription_id=name, customer_id=customer_id, ended=ended))
    assert await books.siblings("a") == ["b"]
    assert await books.siblings("d") == []
