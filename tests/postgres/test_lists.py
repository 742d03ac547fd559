"""Lists, customers and siblings."""

from dataclasses import replace

import pytest

from adapters.postgres.books import Books
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
