"""Money may be on its way: unapplied bank money, an announced transfer, a hold, a promise. Harsher stages wait."""

from datetime import date

import pytest

from domain.decide import decide
from domain.effects import ReadFacts
from domain.events import DeadlinePassed
from domain.opening import Terms
from domain.periods import first_instant
from domain.world import Usage, World
from tests.domain.gateway import APPROVED, DECLINED, Gateway
from tests.domain.life import Life, begins, terms

STAGES = ("standing", "email", "platform", "evidence_hold", "cancelled", "collections_placed")


def doubtful(policy: str, since: str, until: str) -> Life:
    """Two invoices paid, then none; from one local date until another unapplied money may be this customer's."""
    customer: Terms = terms()
    span = tuple(first_instant(date.fromisoformat(on), customer.customer.timezone) for on in (since, until))
    world = World(evidence=((span[0], span[1]),))
    return Life(policy, customer, Gateway.of(APPROVED, *[APPROVED] * (policy != "hosting"), afterwards=DECLINED), world)


def test_harsher_stages_wait_for_evidence_and_come_by_themselves_once_it_is_gone() -> None:
    life = doubtful("hosting", "2026-04-01", "2026-04-20").play("2026-05-01")
    assert life.story(*STAGES, since="2026-03-16") == [
        "03-29 standing past_due",
        "03-29 e-mail payment_reminder",
        "04-05 evidence hold",
        "04-20 standing locked",
        "04-20 platform lock_server",
        "04-20 e-mail product_locked",
        "04-20 standing account_locked",
        "04-20 platform lock_account",
        "04-20 e-mail account_locked",
        "04-20 e-mail bank_transfer_instructions",
        "04-28 cancelled",
        "04-28 standing cancelled",
        "04-28 platform cancel_server",
        "04-28 e-mail subscription_cancelled",
        "04-28 e-mail collections_warning",
    ]


def test_a_plain_reminder_does_not_wait_for_evidence() -> None:
    life = doubtful("hosting", "2026-03-20", "2026-04-20").play("2026-04-01")
    assert life.story("email", "evidence_hold", since="2026-03-16") == ["03-29 e-mail payment_reminder"]


def test_support_is_asked_once_and_not_every_day() -> None:
    life = doubtful("photo-monthly", "2026-03-17", "2026-04-05").play("2026-04-04")
    assert life.story("evidence_hold") == ["03-18 evidence hold"]
    assert life.state.attention == ("unapplied bank money may be this customer's: assign or return it",)
    assert life.state.standing == "past_due"


def test_money_that_is_applied_ends_the_wait_without_any_stage() -> None:
    life = doubtful("photo-monthly", "2026-03-17", "2026-04-05")
    life.tell("2026-03-30T10:00", "payment-received", amount="49.00", channel="bank_transfer", reference="r-1")
    life.play("2026-04-14")
    assert life.story("standing", "email", since="2026-03-16") == ["03-30 10:00 standing active"]
    assert life.state.evidence_look_at is None


def test_billing_goes_on_while_a_debt_waits_for_evidence() -> None:
    life = doubtful("photo-annual", "2026-03-17", "2026-05-20").play("2026-05-19")
    assert life.story("invoice_issued", since="2026-03-01") == [
        "03-15 invoice s-1-0003 49.00",
        "04-15 invoice s-1-0004 49.00",
        "05-15 invoice s-1-0005 49.00",
    ]


def test_delinquency_waits_for_evidence_and_is_dated_by_its_end() -> None:
    life = doubtful("photo-annual", "2026-05-25", "2026-06-05").play("2026-07-01")
    assert life.story("cancelled", "termination_charge", "collections_placed") == [
        "06-05 cancelled",
        "06-05 termination charge 245.00",
        "06-05 collections placed 245.00",
    ]


@pytest.mark.parametrize(
    ("used_on", "kind", "voided"),
    [
        ("2026-03-01", "batch_uploaded", False),
        ("2026-03-31", "site_activated", False),
        ("2026-02-28", "credit_used", True),
        ("2026-04-01", "tour_activated", True),
    ],
)
def test_facts_are_asked_for_the_month_of_the_missed_billing_date(used_on: str, kind: str, voided: bool) -> None:
    world = World(usage=(Usage(date.fromisoformat(used_on), kind),))
    life = Life("photo-monthly", terms(), Gateway.of(APPROVED, APPROVED, afterwards=DECLINED), world).play("2026-05-01")
    assert bool(life.story("invoice_voided")) is voided


def test_facts_are_read_once_for_all_rungs_of_an_instant() -> None:
    questions = []
    life = begins("photo-monthly", afterwards=DECLINED)
    life.witness = lambda before, event, decision: questions.append(decision.question)
    life.play("2026-02-02")
    assert [(q.at, q.month_start, q.month_end) for q in questions if isinstance(q, ReadFacts)] == [
        (life.at("2026-01-18"), date(2026, 1, 1), date(2026, 2, 1)),
        (life.at("2026-02-01"), date(2026, 1, 1), date(2026, 2, 1)),
    ]


def test_an_announced_transfer_holds_harsher_stages_for_five_days() -> None:
    life = begins("photo-monthly", afterwards=DECLINED)
    life.tell("2026-01-17T09:00", "payment-announced", amount="49.00", invoices=["s-1-0001"], client_number="K100")
    assert life.play("2026-01-25").story("standing", since="2026-01-16") == ["01-22 09:00 standing locked"]


def test_a_second_announcement_never_shortens_the_first() -> None:
    life = begins("photo-monthly", afterwards=DECLINED)
    for at, said in (("2026-01-17T09:00", "2026-01-17T09:00"), ("2026-01-17T10:00", "2026-01-15T09:00")):
        life.tell(at, "payment-announced", amount="49.00", invoices=[], client_number="K100", at=said)
    assert life.play("2026-01-25").story("standing", since="2026-01-16") == ["01-22 09:00 standing locked"]


@pytest.mark.parametrize(
    ("until", "locked_on"),
    [("2026-01-17", "01-18"), ("2026-01-18", "01-18"), ("2026-01-19", "01-19"), ("2026-01-31", "01-31")],
)
def test_a_promise_keeps_every_stage_back_until_its_date_begins(until: str, locked_on: str) -> None:
    life = begins("photo-monthly", afterwards=DECLINED).tell(
        "2026-01-16T10:00", "promise-to-pay", by="support", until=until
    )
    assert life.play("2026-01-31T12:00").story("standing", since="2026-01-16") == [f"{locked_on} standing locked"]


def test_a_broken_promise_is_counted_and_shown_to_support() -> None:
    life = begins("photo-monthly", afterwards=DECLINED)
    life.tell("2026-01-16T10:00", "promise-to-pay", by="support", until="2026-01-20").play("2026-01-21")
    assert life.state.broken_promises == 1
    assert "a promise to pay was broken" in life.state.attention


@pytest.mark.parametrize("kept_by", ["hold-dunning", "promise-to-pay"])
def test_what_was_kept_back_applies_in_order_at_the_release(kept_by: str) -> None:
    life = begins("hosting", APPROVED, afterwards=DECLINED)
    if kept_by == "hold-dunning":
        life.tell("2026-03-28T10:00", "hold-dunning", by="support", reason="VIP")
        life.tell("2026-04-30T10:00", "release-dunning", by="support", reason="no longer")
    else:
        life.tell("2026-03-28T10:00", "promise-to-pay", by="support", until="2026-04-30")
    life.play("2026-05-01")
    released = "04-30 10:00" if kept_by == "hold-dunning" else "04-30"
    assert life.story("standing", "email", since="2026-03-29") == [
        "03-29 standing past_due",
        f"{released} e-mail payment_reminder",
        f"{released} standing locked",
        f"{released} e-mail product_locked",
        f"{released} standing account_locked",
        f"{released} e-mail account_locked",
        f"{released} e-mail bank_transfer_instructions",
        f"{released} standing cancelled",
        f"{released} e-mail subscription_cancelled",
        f"{released} e-mail collections_warning",
    ]


def test_a_placement_keeps_its_distance_from_a_warning_that_a_hold_delayed() -> None:
    life = begins("hosting", APPROVED, afterwards=DECLINED)
    life.tell("2026-04-27T10:00", "hold-dunning", by="support", reason="dispute")
    life.tell("2026-05-20T10:00", "release-dunning", by="support", reason="settled").play("2026-06-10")
    assert life.story("email", "collections_placed", since="2026-05-01") == [
        "05-20 10:00 e-mail subscription_cancelled",
        "05-20 10:00 e-mail collections_warning",
        "06-03 10:00 collections placed 156.48",
    ]


def test_facts_read_for_one_instant_are_not_believed_at_another() -> None:
    """Used on the last day of the month: the lock's facts of the 18th do not know it, the month end asks again."""
    world = World(usage=(Usage(date(2026, 1, 31), "credit_used"),))
    life = Life("photo-monthly", terms(), Gateway.of(afterwards=DECLINED), world).play("2026-02-01")
    decision = decide(life.state, DeadlinePassed(life.at("2026-02-01")), life.policy)
    assert isinstance(decision.question, ReadFacts)
