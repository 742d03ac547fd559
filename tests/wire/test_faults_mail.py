"""A mail server that breaks: mails arrive, or are withdrawn, or are somebody's task; nothing else waits for them."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.wire.lives_on_the_wire import Town, WiredLife, begun_in

DECLINED, LOCKED, UNLOCKED = "payment_declined", "account_locked", "account_unlocked"
LOCK = ["block_uploads", "block_archive", "deactivate_sites"]
UNLOCK = ["allow_uploads", "allow_archive", "activate_sites"]
FOR_GOOD = 1_000_000


async def _declined(town: Town) -> WiredLife:
    """A life whose card is declined: a mail on the 15th, a lock with another on the 18th."""
    return await begun_in(town, "photo-monthly", f"mail-{uuid4().hex[:12]}", card="pm_card_chargeCustomerFail")


async def _paid(life: WiredLife) -> None:
    await life.tell("payment-received", amount="49.00", channel="bank_transfer", reference=f"bank-{life.id}")


def _ids(life: WiredLife) -> list[str]:
    """The Message-IDs of what was caught, in order, repetitions among them."""
    return [mail.message_id for mail in life.town.mail.caught if life.id in mail.part("plain")]


@pytest.mark.parametrize(
    ("kind", "said"),
    [("refuse_recipient", "550 5.1.1 No such user"), ("refuse_mail", "554 5.6.0 Not like this")],
)
async def test_a_mail_that_is_refused_is_a_dead_letter_and_a_task_and_the_next_one_goes_out(
    town: Town, kind: str, said: str
) -> None:
    town.mail.break_(kind, said)  # type: ignore[arg-type]
    life = await _declined(town)
    await life.until("2026-01-18T12:00")
    assert await life.outbox("mail") == [(DECLINED, "failed"), (LOCKED, "delivered")]
    assert len(_ids(life)) == 1
    (task,) = await life.tasks()
    assert task.kind == "dead letter"
    assert said[:9] in task.text
    assert "example.com" not in task.text
    assert town.platform.obeyed(life.id) == LOCK


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("refuse_recipient", "451 4.7.1 Greylisted, come back"),
        ("refuse_mail", "452 4.3.1 Full"),
        ("refuse_sender", "421 4.3.2 Closing"),
        ("refuse_sender", "530 5.7.0 Authentication required"),
        ("refuse_recipient", "550 5.7.1 Relaying denied"),
        ("lost_before", ""),
    ],
)
@pytest.mark.parametrize("times", [1, pytest.param(5, marks=pytest.mark.slow)])
async def test_a_mail_that_is_not_taken_just_now_arrives_once_later(
    town: Town, kind: str, said: str, times: int
) -> None:
    town.mail.break_(kind, said, times=times)  # type: ignore[arg-type]
    life = await _declined(town)
    await life.until("2026-01-16T12:00")
    assert await life.outbox("mail") == [(DECLINED, "delivered")]
    assert len(_ids(life)) == 1
    assert await life.tasks() == []
    assert town.mail.faults[0].times == 0


@pytest.mark.parametrize("times", [1, 3])
async def test_a_mail_whose_answer_is_lost_comes_again_under_one_message_id(town: Town, times: int) -> None:
    town.mail.break_("lost_after", times=times)
    life = await _declined(town)
    await life.until("2026-01-18T12:00")
    assert await life.outbox("mail") == [(DECLINED, "delivered"), (LOCKED, "delivered")]
    ids = _ids(life)
    assert len(ids) == times + 2
    assert ids == [ids[0]] * (times + 1) + [ids[-1]]
    assert ids[0] != ids[-1]


async def test_a_connection_that_breaks_at_the_goodbye_repeats_nothing(town: Town) -> None:
    town.mail.break_("lost_at_quit")
    life = await _declined(town)
    await life.until("2026-01-16T12:00")
    assert len(_ids(life)) == 1
    assert await life.outbox("mail") == [(DECLINED, "delivered")]


async def test_while_the_mail_server_is_away_locks_and_unlocks_go_out_and_old_demands_do_not_follow(
    town: Town,
) -> None:
    life = await _declined(town)
    await life.until("2026-01-17T23:00")
    town.to_mail_server.close()
    await life.until("2026-01-18T03:00")
    assert town.platform.obeyed(life.id) == LOCK
    assert await life.outbox("mail") == [(DECLINED, "delivered"), (LOCKED, "pending")]
    assert "not yet delivered: mail" in (await life.metadata()).current_details
    await _paid(life)
    assert town.platform.obeyed(life.id) == LOCK + UNLOCK
    assert (await life.state()).standing == "active"
    town.mended()
    await life.until("2026-01-18T12:00")
    assert await life.outbox("mail") == [(DECLINED, "delivered"), (LOCKED, "withdrawn"), (UNLOCKED, "delivered")]
    assert len(_ids(life)) == 2
    assert await life.stage.books.audit(life.id) == []


@pytest.mark.slow
async def test_a_mail_that_was_not_sent_before_a_new_run_began_is_sent_by_that_one(town: Town) -> None:
    life = await _declined(town)
    await life.until("2026-01-18T12:00")
    await _paid(life)
    await life.until("2026-02-14T23:00")
    town.to_mail_server.close()
    runs = len(await life.runs())
    await life.until("2026-02-15T06:00")
    assert len(await life.runs()) == runs + 1
    assert (await life.outbox("mail"))[-1] == (DECLINED, "pending")
    town.mended()
    await life.until("2026-02-15T12:00")
    assert (await life.outbox("mail"))[-1] == (DECLINED, "delivered")
    assert len(_ids(life)) == len(set(_ids(life))) == 4


@pytest.mark.slow
async def test_a_demand_that_hangs_half_sent_is_not_sent_again_once_it_is_paid(town: Town) -> None:
    town.mail.break_("lost_after", times=FOR_GOOD)
    life = await _declined(town)
    await life.until("2026-01-15T00:30")
    before = len(_ids(life))
    assert before >= 1
    await _paid(life)
    town.mended()
    await life.until("2026-01-16T12:00")
    assert await life.outbox("mail") == [(DECLINED, "withdrawn")]
    assert len(_ids(life)) == before
    assert len(set(_ids(life))) == 1
