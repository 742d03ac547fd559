"""Support decides whether access comes back: when it is asked, until when, what happens without it, what ends it."""

from typing import Any

import pytest

from domain.periods import parse_local
from tests.domain.gateway import APPROVED, DECLINED
from tests.domain.life import Life, begins
from tests.domain.variations import Vary

OFFICE = {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "08:00", "until": "18:00", "timezone": "Europe/Berlin"}


def deadline(default: str, escalate: int = 8, decide: int = 20) -> dict[str, Any]:
    """A review's deadline, in hours of an office in Berlin."""
    return {
        "unlock": "review",
        "refused_email": "reactivation_refused",
        "decide": {
            "office": OFFICE,
            "escalate_after_hours": escalate,
            "default_after_hours": decide,
            "default": default,
        },
    }


def locked(life: Life) -> Life:
    """Unpaid since 2026-03-15, due on the 29th, locked on 5 April; paid on Friday, 10 April, 16:00 in Berlin."""
    return life.tell("2026-04-10T10:00", "payment-received", amount="49.00", channel="bank_transfer", reference="r-1")


def cancelled(life: Life) -> Life:
    """As `locked`, but paid a week after the cancellation of 28 April."""
    return life.tell("2026-05-05T10:00", "payment-received", amount="119.23", channel="bank_transfer", reference="r-1")


def test_the_shipped_policy_waits_for_support_for_ever_and_keeps_the_data_meanwhile() -> None:
    life = cancelled(begins("hosting", APPROVED, afterwards=DECLINED)).play("2028-01-01")
    assert life.story(since="2026-05-05")[1:] == ["05-05 10:00 standing awaiting_review"]
    assert life.wake_at is None


@pytest.mark.parametrize(
    ("default", "outcome"),
    [
        (
            "reactivate",
            [
                "04-13 08:00 review escalated",  # two hours on Friday, six on Monday: 14:00 in Berlin
                "04-14 10:00 standing active",  # two, ten and eight hours: Tuesday, 16:00 in Berlin
                "04-14 10:00 platform unlock_server",
            ],
        ),
        (
            "refuse",
            [
                "04-13 08:00 review escalated",
                "04-14 10:00 standing cancelled",
                "04-14 10:00 platform cancel_server",
                "04-14 10:00 e-mail reactivation_refused",
            ],
        ),
    ],
)
def test_a_review_that_nobody_decides_escalates_and_then_takes_its_default(
    vary: Vary, default: str, outcome: list[str]
) -> None:
    life = locked(begins(vary("hosting", when_paid=deadline(default)), APPROVED, DECLINED, DECLINED, DECLINED))
    life.play("2026-04-15")
    assert life.story("review_escalated", "standing", "platform", "email", since="2026-04-11") == outcome


@pytest.mark.parametrize(
    ("paid_at", "escalated_at"),
    [
        ("2026-04-10T08:00", "2026-04-13T06:00"),  # Friday, 14:00 in Berlin: four hours are left of the day
        ("2026-04-10T11:59", "2026-04-13T09:59"),  # one minute before it closes
        ("2026-04-10T12:00", "2026-04-13T10:00"),  # closed
        ("2026-04-11T12:00", "2026-04-13T10:00"),  # Saturday
        ("2026-04-13T01:00", "2026-04-13T10:00"),  # Monday, before it opens
        ("2026-04-13T02:00", "2026-04-13T10:00"),  # as it opens
    ],
)
def test_hours_count_only_while_the_office_is_open(vary: Vary, paid_at: str, escalated_at: str) -> None:
    life = begins(vary("hosting", when_paid=deadline("refuse")), APPROVED, DECLINED, DECLINED, DECLINED)
    life.tell(paid_at, "payment-received", amount="49.00", channel="bank_transfer", reference="r-1")
    assert life.wake_at == parse_local(escalated_at, "America/New_York")


@pytest.mark.parametrize(
    ("message", "standing"),
    [
        ({"signal": "reactivate", "by": "support", "reason": "paid"}, "active"),
        ({"signal": "refuse-reactivation", "by": "support", "reason": "third time"}, "cancelled"),
        ({"signal": "cancel", "by": "customer", "reason": "leaving", "when": "now"}, "cancelled"),
    ],
)
def test_a_decision_or_a_later_event_closes_the_review_before_its_deadline(
    vary: Vary, message: dict[str, str], standing: str
) -> None:
    life = locked(begins(vary("hosting", when_paid=deadline("refuse")), APPROVED, DECLINED, DECLINED, DECLINED))
    life.tell("2026-04-13T07:00", **message)
    life.play("2026-04-14T23:00")
    assert life.story("review_escalated") == []
    assert life.state.review is None
    assert life.state.standing == standing


def test_debt_that_falls_due_closes_the_review_and_the_ladder_applies(vary: Vary) -> None:
    policy = vary("hosting", when_paid=deadline("reactivate", decide=400, escalate=400))
    life = locked(begins(policy, APPROVED, afterwards=DECLINED)).play("2026-05-07")
    assert life.story("invoice_issued", "standing", "email", since="2026-04-11") == [
        "04-15 invoice s-1-0003 49.00",
        "04-29 standing locked",
        "04-29 e-mail payment_reminder",
    ]


def test_reactivation_by_default_revokes_a_cancellation_as_by_support(vary: Vary) -> None:
    life = cancelled(begins(vary("hosting", when_paid=deadline("reactivate")), APPROVED, afterwards=DECLINED))
    life.play("2026-05-16")
    assert life.story("standing", "platform", "invoice_issued", since="2026-05-05") == [
        "05-05 10:00 standing awaiting_review",
        "05-07 10:00 standing active",
        "05-07 10:00 platform unlock_server",
        "05-07 10:00 platform unlock_account",
        "05-07 10:00 platform revoke_cancellation",
        "05-15 invoice s-1-0005 27.77",  # the final invoice billed 21.23 of this month already
    ]


def test_refusal_by_default_leaves_what_was_cancelled_and_its_retention_goes_on(vary: Vary) -> None:
    life = cancelled(begins(vary("hosting", when_paid=deadline("refuse")), APPROVED, afterwards=DECLINED))
    life.play("2026-06-01")
    assert life.story("standing", "email", "platform", "ended", since="2026-05-05") == [
        "05-05 10:00 standing awaiting_review",
        "05-07 10:00 standing cancelled",
        "05-07 10:00 e-mail reactivation_refused",
        "05-28 platform delete_data",
        "05-28 standing ended",
        "05-28 ended",
    ]


@pytest.mark.parametrize(
    ("limits", "standing"),
    [
        pytest.param({"days_late": 12, "late_payments": 0}, "active", id="within both limits"),
        pytest.param({"days_late": 11, "late_payments": 0}, "awaiting_review", id="a day too late"),
        pytest.param(
            {"days_late": 0, "late_payments": 99}, "awaiting_review", id="late payments do not make up for it"
        ),
    ],
)
def test_review_if_asks_support_only_above_its_limits(vary: Vary, limits: dict[str, int], standing: str) -> None:
    """Due on 29 March, paid twelve days later; the first late payment of this customer."""
    paid = {"unlock": "review_if", "review_above": limits, "email": "account_unlocked"}
    life = locked(begins(vary("hosting", when_paid=paid), APPROVED, DECLINED, DECLINED, DECLINED))
    assert life.state.standing == standing
    assert life.story("email", since="2026-04-10") == (
        ["04-10 10:00 e-mail account_unlocked"] if standing == "active" else []
    )


@pytest.mark.parametrize(("allowed", "standing"), [(1, "active"), (0, "awaiting_review")])
def test_review_if_counts_the_earlier_late_payments_and_not_this_one(vary: Vary, allowed: int, standing: str) -> None:
    paid = {"unlock": "review_if", "review_above": {"days_late": 99, "late_payments": allowed}}
    life = locked(begins(vary("hosting", when_paid=paid), APPROVED, *[DECLINED] * 3, afterwards=DECLINED))
    if life.state.standing == "awaiting_review":
        life.tell("2026-04-10T11:00", "reactivate", by="support", reason="paid")
    life.tell("2026-05-10T10:00", "payment-received", amount="49.00", channel="bank_transfer", reference="r-2")
    assert life.state.late_payments == 2
    assert life.state.standing == standing


def test_automatic_unlock_needs_no_human(vary: Vary) -> None:
    paid = {"unlock": "automatic", "email": "account_unlocked"}
    life = locked(begins(vary("hosting", when_paid=paid), APPROVED, DECLINED, DECLINED, DECLINED))
    assert life.story(since="2026-04-10") == [
        "04-10 10:00 payment received 49.00",
        "04-10 10:00 standing active",
        "04-10 10:00 platform unlock_server",
        "04-10 10:00 e-mail account_unlocked",
    ]


def test_support_sees_the_facts_it_decides_by() -> None:
    life = locked(begins("hosting", APPROVED, DECLINED, DECLINED, DECLINED))
    asked = next(e for e in life.entries if e.fields.get("to") == "awaiting_review")
    assert asked.fields == {
        "to": "awaiting_review",
        "from": "locked",
        "days_late": 12,
        "late_payments": 1,
        "failed_charges": 3,
        "broken_promises": 0,
        "data_exists": True,
    }
