"""A worker that was down does all that it missed, in order, dated by its deadline, never at the customer's cost."""

import pytest

from tests.domain.gateway import APPROVED, DECLINED
from tests.domain.life import begins

STAGES = ("standing", "email", "cancelled", "collections_placed", "platform")


@pytest.mark.parametrize("down_since", ["2026-03-16", "2026-03-30", "2026-04-06", "2026-04-13", "2026-04-29"])
def test_notices_come_before_harsher_stages_whenever_the_worker_went_down(down_since: str) -> None:
    """The hosting ladder, wherever the outage begins: nothing is skipped, nothing is said twice."""
    life = begins("hosting", APPROVED, afterwards=DECLINED).play(down_since).wake("2026-06-20")
    assert life.story(*STAGES, since="2026-03-02") == [
        "03-15 e-mail payment_declined",
        "03-29 standing past_due",
        "03-29 e-mail payment_reminder",
        "04-05 standing locked",
        "04-05 platform lock_server",
        "04-05 e-mail product_locked",
        "04-12 standing account_locked",
        "04-12 platform lock_account",
        "04-12 e-mail account_locked",
        "04-12 e-mail bank_transfer_instructions",
        "04-28 cancelled",
        "04-28 standing cancelled",
        "04-28 platform cancel_server",
        "04-28 e-mail subscription_cancelled",
        "04-28 e-mail collections_warning",
        "05-12 collections placed 119.23",
        "05-12 standing in_collections",
        "05-28 platform delete_data",
    ]


@pytest.mark.parametrize("policy", ["photo-monthly", "photo-annual", "hosting"])
@pytest.mark.parametrize("back_at", ["2026-03-17T23:59", "2026-03-25T10:00", "2026-04-01T00:00"])
def test_a_late_worker_tells_the_same_life_as_a_punctual_one(policy: str, back_at: str) -> None:
    """All that was due while it was down needs no answer from a gateway, so nothing shows that it was late."""
    punctual = begins(policy, APPROVED, APPROVED, afterwards=DECLINED).play(back_at)
    late = begins(policy, APPROVED, APPROVED, afterwards=DECLINED).play("2026-03-16").wake(back_at)
    since = "2026-03-16"
    kinds = ("standing", "email", "platform", "cancelled", "invoice_voided", "invoice_issued")
    assert late.story(*kinds, since=since)[: len(punctual.story(*kinds, since=since))] == punctual.story(
        *kinds, since=since
    )


def test_three_days_of_grace_count_from_the_attempt_that_failed_and_not_from_the_date_it_was_due() -> None:
    life = begins("photo-monthly", APPROVED, APPROVED, afterwards=DECLINED).play("2026-03-14")
    life.wake("2026-03-20T10:00").play("2026-03-31")
    assert life.story("charge", "standing", since="2026-03-01") == [
        "03-15 charge declined 49.00",
        "03-15 charge declined 49.00",
        "03-15 standing past_due",
        "03-23 10:00 standing locked",
    ]


def test_an_answer_a_few_minutes_after_its_deadline_counts_as_given_at_the_deadline() -> None:
    life = begins("photo-monthly", afterwards=DECLINED).wake("2026-01-15T00:15").play("2026-01-31")
    assert life.story("standing") == ["01-15 standing past_due", "01-18 standing locked"]


def test_cancellation_waits_for_the_grace_that_an_outage_moved_beyond_the_month_end() -> None:
    life = begins("photo-monthly", APPROVED, APPROVED, afterwards=DECLINED).play("2026-03-14")
    life.wake("2026-03-30T10:00").play("2026-05-01")
    assert life.story("standing", "cancelled", since="2026-03-01") == [
        "03-15 standing past_due",
        "04-02 10:00 standing locked",
        "04-02 10:00 cancelled",
        "04-02 10:00 standing cancelled",
        "04-02 10:00 standing ended",
    ]
    assert life.state.ended is not None
    assert life.state.ended.effective_on.isoformat() == "2026-02-28", "what the table says, whenever it is judged"


def test_of_the_weekly_rounds_missed_only_the_latest_is_made_up_for() -> None:
    life = begins("photo-annual", APPROVED, afterwards=DECLINED).play("2026-02-16").wake("2026-03-12T10:00")
    assert life.story("charge", since="2026-02-16") == ["03-08 charge declined 49.00"] * 2
    assert len(life.gateway.asked) == 5  # one approved, two methods at the first miss, two now


def test_the_weekly_schedule_goes_on_as_it_was_fixed_after_an_outage() -> None:
    life = begins("photo-annual", APPROVED, afterwards=DECLINED).play("2026-02-16").wake("2026-03-10T10:00")
    life.play("2026-04-01")
    rounds = sorted({line[:5] for line in life.story("charge", since="2026-03-09")})
    assert rounds == ["03-15", "03-22", "03-29"]


def test_half_a_year_of_missed_weekly_rounds_is_one_round() -> None:
    life = begins("photo-annual", APPROVED, afterwards=DECLINED).play("2026-02-16").wake("2026-07-20T10:00")
    rounds = sorted({line[:5] for line in life.story("charge", since="2026-02-16")})
    assert rounds == ["03-15", "04-12", "04-15", "05-15", "06-15", "07-15"], "one weekly round, and each billing date's"


def test_a_payment_taken_in_before_a_passed_deadline_is_acted_on_counts() -> None:
    life = begins("photo-monthly", afterwards=DECLINED).play("2026-01-16")
    life.hear("2026-02-20T10:00", "payment-received", amount="49.00", channel="bank_transfer", reference="r-1")
    life.wake("2026-02-20T10:00")
    assert life.story("standing", "cancelled") == [
        "01-15 standing past_due",
        "02-20 10:00 standing active",
        "02-15 standing past_due",
    ]


def test_a_message_dated_before_a_stage_that_was_applied_does_not_undo_it() -> None:
    life = begins("photo-monthly", afterwards=DECLINED)
    life.tell(
        "2026-01-19T10:00",
        "payment-received",
        amount="49.00",
        channel="bank_transfer",
        reference="r-1",
        at="2026-01-17T09:00",
    )
    assert life.story("payment_received", "standing") == [
        "01-15 standing past_due",
        "01-18 standing locked",
        "01-17 09:00 payment received 49.00",
        "01-17 09:00 standing active",
    ]


@pytest.mark.parametrize("policy", ["photo-monthly", "photo-annual", "hosting"])
def test_a_healthy_life_that_was_left_alone_for_a_year_bills_every_month_once(policy: str) -> None:
    life = begins(policy).play("2026-01-10").wake("2027-01-10")
    in_advance = policy != "hosting"
    assert len(life.story("invoice_issued")) == (12 if in_advance else 11)
    assert len(life.gateway.taken) == (12 if in_advance else 11)
    assert life.state.standing == "active"
