"""Charge attempts: written down before the gateway is asked, answered once and for all."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from adapters.postgres.books import Books
from adapters.postgres.payments import Attempt, AttemptConflict
from domain.effects import Charge, KeepPayment
from tests.postgres.lives import HOSTING, played

CHARGE = Charge("s-1-0001/1/primary", "s-1-0001", "primary", "card", 3100, "EUR", datetime(2026, 2, 1, tzinfo=UTC))


async def test_an_attempt_is_new_once_and_started_after(books: Books) -> None:
    assert await books.attempt(CHARGE.charge_key) is None
    assert await books.begin_attempt(CHARGE, "s-1") == Attempt("new")
    assert await books.begin_attempt(CHARGE, "s-1") == Attempt("started")


async def test_the_first_final_answer_stands(books: Books) -> None:
    await books.begin_attempt(CHARGE, "s-1")
    declined = Attempt("declined", "insufficient_funds")
    assert await books.complete_attempt(CHARGE.charge_key, "declined", "insufficient_funds") == declined
    assert await books.complete_attempt(CHARGE.charge_key, "approved", None) == declined
    assert await books.complete_attempt(CHARGE.charge_key, "unknown", None) == declined
    assert await books.begin_attempt(CHARGE, "s-1") == declined


async def test_an_unknown_outcome_is_replaced_by_what_a_look_up_finds(books: Books) -> None:
    await books.begin_attempt(CHARGE, "s-1")
    assert await books.complete_attempt(CHARGE.charge_key, "unknown", None) == Attempt("unknown")
    assert await books.complete_attempt(CHARGE.charge_key, "approved", None) == Attempt("approved")


async def test_an_approval_is_written_with_its_batch_in_one_transaction(books: Books) -> None:
    life = played(HOSTING)
    number = next(i for i, b in enumerate(life.batches) if any(isinstance(e, KeepPayment) for e in b.effects))
    for batch in life.batches[:number]:
        await books.write(batch)
    approval = life.batches[number]
    await books.begin_attempt(CHARGE, "s-1")
    with pytest.raises(Exception, match="duplicate key"):
        await books.complete_attempt(
            CHARGE.charge_key, "approved", None, replace(approval, effects=approval.effects + approval.effects)
        )
    assert await books.attempt(CHARGE.charge_key) == Attempt("started")
    await books.complete_attempt(CHARGE.charge_key, "approved", None, approval)
    assert await books.view("s-1") == approval.view
    assert await books.complete_attempt(CHARGE.charge_key, "approved", None, approval) == Attempt("approved")
    assert await books.audit() == []


async def test_a_late_approval_does_not_write_over_a_subscription_that_went_on(books: Books) -> None:
    life = played(HOSTING)
    await books.begin_attempt(CHARGE, "s-1")
    await books.complete_attempt(CHARGE.charge_key, "unknown", None)
    assert await books.complete_attempt(CHARGE.charge_key, "approved", None, life.batches[0]) == Attempt("approved")
    assert await books.view("s-1") is None


async def test_no_second_charge_of_an_invoice_begins_while_one_is_unresolved(books: Books) -> None:
    other = replace(CHARGE, charge_key="s-1-0001/1/secondary", role="secondary")
    await books.begin_attempt(CHARGE, "s-1")
    with pytest.raises(AttemptConflict, match="no money moved"):
        await books.begin_attempt(other, "s-1")
    await books.complete_attempt(CHARGE.charge_key, "unknown", None)
    with pytest.raises(AttemptConflict, match="Look that one up first"):
        await books.begin_attempt(other, "s-1")
    await books.complete_attempt(CHARGE.charge_key, "declined", None)
    assert await books.begin_attempt(other, "s-1") == Attempt("new")


async def test_a_charge_key_means_one_charge(books: Books) -> None:
    await books.begin_attempt(CHARGE, "s-1")
    with pytest.raises(AttemptConflict, match=r"asked before for .*3100.* now for .*3101"):
        await books.begin_attempt(replace(CHARGE, minor=3101), "s-1")


async def test_an_unknown_charge_is_begun_again_only_by_a_new_decision(books: Books) -> None:
    first, second = played(HOSTING).batches[:2]
    await books.begin_attempt(CHARGE, "s-1", first)
    await books.complete_attempt(CHARGE.charge_key, "unknown", None)
    assert await books.begin_attempt(CHARGE, "s-1", first) == Attempt("unknown")
    assert await books.begin_attempt(CHARGE, "s-1", second) == Attempt("started")
    assert await books.begin_attempt(CHARGE, "s-1", second) == Attempt("started")


async def test_a_charge_that_never_arrived_gives_way_to_the_next_of_its_invoice(books: Books) -> None:
    rest = replace(CHARGE, charge_key="s-1-0001/2/primary", minor=2100)
    await books.begin_attempt(CHARGE, "s-1")
    await books.complete_attempt(CHARGE.charge_key, "unknown", None)
    with pytest.raises(AttemptConflict, match="no known outcome yet"):
        await books.begin_attempt(rest, "s-1")
    await books.note_absent(CHARGE.charge_key)
    assert await books.begin_attempt(rest, "s-1") == Attempt("new")
    assert await books.begin_attempt(CHARGE, "s-1") == Attempt("declined", "never_arrived")


async def test_a_charge_that_was_asked_for_again_does_not_give_way(books: Books) -> None:
    await books.begin_attempt(CHARGE, "s-1")
    await books.complete_attempt(CHARGE.charge_key, "unknown", None)
    await books.note_absent(CHARGE.charge_key)
    assert await books.begin_attempt(CHARGE, "s-1") == Attempt("started")
    await books.complete_attempt(CHARGE.charge_key, "unknown", None)
    with pytest.raises(AttemptConflict):
        await books.begin_attempt(replace(CHARGE, charge_key="s-1-0001/2/primary"), "s-1")
