"""A charge whose outcome nobody knows is looked up by its key before anything else is charged for that invoice."""

import pytest

from tests.domain.gateway import (
    APPROVED,
    DECLINED,
    LOST_APPROVED,
    LOST_DECLINED,
    NEVER_ARRIVED,
    Fate,
    silent,
)
from tests.domain.life import Life, begins

MONEY = ("charge", "payment_received", "credit_applied", "standing", "email")


@pytest.mark.parametrize(
    ("fates", "story"),
    [
        pytest.param(
            [LOST_APPROVED],
            ["01-15 charge unknown 49.00", "01-15 payment received 49.00"],
            id="it went through",
        ),
        pytest.param(
            [LOST_DECLINED],
            ["01-15 charge unknown 49.00", "01-15 charge approved 49.00", "01-15 payment received 49.00"],
            id="it was declined, the next method pays",
        ),
        pytest.param(
            [NEVER_ARRIVED],
            ["01-15 charge unknown 49.00", "01-15 payment received 49.00"],
            id="it never arrived, and is asked again under the same key",
        ),
        pytest.param(
            [NEVER_ARRIVED, NEVER_ARRIVED],
            ["01-15 charge unknown 49.00", "01-15 00:15 payment received 49.00"],
            id="it never arrived twice, and is asked again later",
        ),
        pytest.param(
            [silent(3, APPROVED)],
            ["01-15 charge unknown 49.00", "01-15 00:45 payment received 49.00"],
            id="it is known at the fourth look",
        ),
        pytest.param(
            [silent(20, DECLINED), DECLINED],
            [
                "01-15 charge unknown 49.00",
                "01-15 05:00 charge declined 49.00",
                "01-15 05:00 standing past_due",
                "01-15 05:00 e-mail payment_declined",
            ],
            id="it is known after hours; nobody is past due before that",
        ),
    ],
)
def test_what_became_of_it_is_found_out(fates: list[Fate], story: list[str]) -> None:
    assert begins("photo-monthly", *fates).play("2026-01-16").story(*MONEY) == story


@pytest.mark.parametrize("fate", [LOST_APPROVED, NEVER_ARRIVED, silent(9, APPROVED), silent(9, NEVER_ARRIVED)])
def test_it_is_one_charge_under_one_key_however_often_it_is_asked(fate: Fate) -> None:
    life = begins("photo-monthly", fate).play("2026-02-14")
    assert {asked.charge_key for asked in life.gateway.asked} == {"s-1-0001/1/primary"}
    assert life.gateway.taken == {"s-1-0001/1/primary": 4900}
    assert len([e for e in life.entries if e.what == "charge"]) == 1


def test_nothing_else_is_charged_while_it_is_unknown() -> None:
    life = begins("photo-monthly", silent(1_000, APPROVED)).play("2026-01-18")
    assert [asked.charge_key for asked in life.gateway.asked] == ["s-1-0001/1/primary"]
    assert life.state.standing == "active"
    assert life.state.attention == (
        "the outcome of charge s-1-0001/1/primary is unknown; it is looked up again by itself",
    )


def test_the_next_billing_date_does_not_charge_what_is_still_unknown() -> None:
    life = begins("photo-monthly", silent(3_500, APPROVED)).play("2026-02-19")
    assert [asked.charge_key for asked in life.gateway.asked] == ["s-1-0001/1/primary"]
    assert life.play("2026-02-24").gateway.taken == {"s-1-0001/1/primary": 4900, "s-1-0002/1/primary": 4900}


def test_the_customer_cannot_run_the_payment_while_it_is_unknown() -> None:
    life = begins("photo-monthly", silent(8, APPROVED)).tell("2026-01-15T01:00", "retry-payment", by="customer")
    assert life.entries[-1].fields["why"] == (
        "the outcome of charge s-1-0001/1/primary is not known yet; it is looked up by itself"
    )


def test_grace_counts_from_the_moment_at_which_the_failure_became_known() -> None:
    life = begins("photo-monthly", silent(30, DECLINED), afterwards=DECLINED).play("2026-01-20")
    assert life.story("standing") == ["01-15 07:30 standing past_due", "01-18 07:30 standing locked"]


def paid_meanwhile(truth: Fate, amount: str) -> Life:
    """The charge of the first invoice is unknown for two hours; after one of them the customer pays."""
    life = begins("photo-monthly", silent(7, truth))
    return life.tell("2026-01-15T01:00", "payment-received", amount=amount, channel="bank_transfer", reference="r-1")


@pytest.mark.parametrize(
    ("truth", "amount", "credit", "taken"),
    [
        pytest.param(
            APPROVED, "49.00", 4900, {"s-1-0001/1/primary": 4900}, id="approved: paid twice, and kept as credit"
        ),
        pytest.param(APPROVED, "40.00", 4000, {"s-1-0001/1/primary": 4900}, id="approved: the surplus is credit"),
        pytest.param(DECLINED, "49.00", 0, {}, id="declined: nothing is left to charge"),
        pytest.param(DECLINED, "40.00", 0, {"s-1-0001/1/secondary": 900}, id="declined: the next method pays the rest"),
        pytest.param(NEVER_ARRIVED, "49.00", 0, {}, id="never arrived: nothing is left to charge"),
        pytest.param(
            NEVER_ARRIVED, "40.00", 0, {"s-1-0001/2/primary": 900}, id="never arrived: only the rest is charged"
        ),
        pytest.param(NEVER_ARRIVED, "60.00", 1100, {}, id="never arrived: the customer's own surplus is credit"),
    ],
)
def test_a_payment_meanwhile_is_never_charged_again(
    truth: Fate, amount: str, credit: int, taken: dict[str, int]
) -> None:
    life = paid_meanwhile(truth, amount).play("2026-02-14")
    assert life.gateway.taken == taken
    assert (life.state.standing, life.state.open_minor, life.state.credit_minor) == ("active", 0, credit)


def test_money_found_late_pays_the_next_invoice_before_any_charge() -> None:
    life = paid_meanwhile(APPROVED, "49.00").play("2026-02-16")
    assert life.story(since="2026-02-15") == ["02-15 invoice s-1-0002 49.00", "02-15 credit applied 49.00"]


def test_money_found_after_a_write_off_is_credit_and_is_booked_once_when_the_write_off_is_undone() -> None:
    life = begins("photo-monthly", silent(7, APPROVED))
    life.tell("2026-01-15T01:00", "write-off", by="support", reason="goodwill")
    life.tell("2026-01-15T12:00", "undo-write-off", by="support", reason="mistaken").play("2026-01-16")
    assert life.story("payment_received") == ["01-15 01:45 payment received 49.00"]
    assert (life.state.open_minor, life.state.credit_minor) == (0, 0)


def test_a_subscription_does_not_end_before_the_outcome_is_known() -> None:
    life = begins("photo-monthly", silent(7, APPROVED))
    life.tell("2026-01-15T01:00", "payment-received", amount="49.00", channel="card", reference="r-1")
    life.tell("2026-01-15T01:10", "cancel", by="customer", reason="moving", when="now").play("2026-01-16")
    assert life.story("standing", "payment_received", "ended") == [
        "01-15 01:00 payment received 49.00",
        "01-15 01:10 standing cancelled",
        "01-15 01:45 payment received 49.00",
        "01-15 01:45 standing ended",
        "01-15 01:45 ended",
    ]


def test_more_owed_than_was_charged_books_what_was_charged() -> None:
    """A reversal adds to the debt while the charge of the smaller rest is unknown: only that rest has been taken."""
    life = begins("photo-monthly", DECLINED, DECLINED, silent(7, NEVER_ARRIVED))
    life.tell("2026-01-16T10:00", "payment-received", amount="30.00", channel="bank_transfer", reference="r-1")
    life.tell("2026-01-16T11:00", "retry-payment", by="customer")
    life.tell("2026-01-16T12:00", "payment-reversed", amount="30.00", reference="r-1", reason="bounced")
    life.play("2026-01-17")
    assert life.gateway.taken == {"s-1-0001/2/primary": 1900, "s-1-0001/2/secondary": 3000}
    assert life.state.open_minor == 0
    assert life.state.credit_minor == 0


@pytest.mark.parametrize("policy", ["photo-monthly", "photo-annual", "hosting"])
def test_a_free_plan_asks_the_gateway_for_nothing(policy: str) -> None:
    life = begins(policy, NEVER_ARRIVED, price_minor=0).play("2027-03-01")
    assert life.gateway.asked == []
    assert {entry.what for entry in life.entries} == {"invoice_issued"}
    assert life.state.standing == "active"


def test_what_a_part_payment_left_is_charged_under_another_key_only_once_nothing_can_be_on_its_way() -> None:
    """A slow request that arrives after the first look must not be paid beside the charge for the rest."""
    life = begins("photo-monthly", silent(1, NEVER_ARRIVED)).play("2026-01-15T00:05")
    life.tell("2026-01-15T00:10", "payment-received", amount="20.00", channel="bank_transfer", reference="r-1")
    life.play("2026-01-15T00:29")
    assert [(c.charge_key, c.minor) for c in life.gateway.asked] == [("s-1-0001/1/primary", 4900)]
    life.play("2026-01-15T00:31")
    assert [(c.charge_key, c.minor) for c in life.gateway.asked[1:]] == [("s-1-0001/2/primary", 2900)]
    assert life.state.open_minor == 0


def test_a_slow_request_that_arrives_between_the_two_looks_is_found_and_nothing_else_is_charged() -> None:
    life = begins("photo-monthly", silent(1, NEVER_ARRIVED)).play("2026-01-15T00:05")
    life.tell("2026-01-15T00:10", "payment-received", amount="20.00", channel="bank_transfer", reference="r-1")
    life.play("2026-01-15T00:20")
    life.gateway.fates["s-1-0001/1/primary"] = APPROVED
    life.play("2026-01-16")
    assert len(life.gateway.asked) == 1
    assert life.state.credit_minor == 2000


def test_support_is_not_asked_any_more_once_the_outcome_is_known() -> None:
    life = begins("photo-monthly", silent(3, APPROVED)).play("2026-01-15T00:20")
    assert life.state.attention == (
        "the outcome of charge s-1-0001/1/primary is unknown; it is looked up again by itself",
    )
    life.play("2026-01-15T01:00")
    assert life.state.attention == ()
