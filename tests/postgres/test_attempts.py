"""Charge attempts: written down before the gateway is asked, answered once and for all."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from adapters.postgres.batches import BatchConflict
from adapters.postgres.books import Books
from adapters.postgres.payments import Attempt, AttemptConflict
from domain.effects import Batch, Charge, KeepPayment, SendMail, Tiding
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
    before, approval = _paid_by_charge()
    for batch in before:
        await books.write(batch)
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


async def test_a_charge_is_begun_and_completed_by_one_statement_each(books: Books, statements: list[str]) -> None:
    before, approval = _paid_by_charge()
    for batch in before[:-1]:
        await books.write(batch)
    del statements[:]
    assert await books.begin_attempt(CHARGE, "s-1", before[-1]) == Attempt("new")
    assert await books.complete_attempt(CHARGE.charge_key, "approved", None, approval) == Attempt("approved")
    assert len([said for said in statements if "depth DESC" not in said and "set_config" not in said]) == 2
    assert await books.audit() == []


async def test_a_batch_whose_charge_must_not_begin_is_not_written(books: Books) -> None:
    first = played(HOSTING).batches[0]
    await books.begin_attempt(replace(CHARGE, charge_key="s-1-0001/1/secondary", role="secondary"), "s-1")
    with pytest.raises(AttemptConflict, match="no money moved"):
        await books.begin_attempt(CHARGE, "s-1", first)
    assert await books.view("s-1") is None


async def test_a_charge_whose_batch_says_something_else_is_neither_begun_nor_completed(books: Books) -> None:
    first, second = played(HOSTING).batches[:2]
    await books.write(first)
    other = replace(second, key=first.key)
    with pytest.raises(BatchConflict, match="no money moved"):
        await books.begin_attempt(CHARGE, "s-1", other)
    assert await books.attempt(CHARGE.charge_key) is None
    await books.begin_attempt(CHARGE, "s-1")
    with pytest.raises(BatchConflict, match="no money moved"):
        await books.complete_attempt(CHARGE.charge_key, "approved", None, other)
    assert await books.attempt(CHARGE.charge_key) == Attempt("started")


async def test_a_completed_charge_says_whether_anybody_is_still_to_be_told(books: Books) -> None:
    first = played(HOSTING).batches[0]
    quiet = replace(first, effects=tuple(each for each in first.effects if not isinstance(each, Tiding)))
    at, mail = CHARGE.at, SendMail("s-1/000009/mail", "payment_declined", CHARGE.at, {})
    await books.begin_attempt(CHARGE, "s-1", quiet)
    assert not (await books.complete_attempt(CHARGE.charge_key, "declined", None)).may_tell
    await books.write(replace(quiet, key="s-1/2", effects=(mail,)))
    later = replace(CHARGE, charge_key="s-1-0001/2/primary", at=at)
    await books.begin_attempt(later, "s-1")
    assert (await books.complete_attempt(later.charge_key, "declined", None)).may_tell
    await books.mark_delivered(mail.key)
    last = replace(CHARGE, charge_key="s-1-0001/3/primary")
    await books.begin_attempt(last, "s-1")
    telling = replace(quiet, key="s-1/3", effects=(replace(mail, key="s-1/000010/mail"),))
    assert (await books.complete_attempt(last.charge_key, "approved", None, telling)).may_tell


def _paid_by_charge() -> tuple[list[Batch], Batch]:
    """The batches of a life up to its first payment, and the one with it."""
    batches = played(HOSTING).batches
    number = next(i for i, b in enumerate(batches) if any(isinstance(e, KeepPayment) for e in b.effects))
    return batches[:number], batches[number]
