"""What a mail can say of the future, and when it may go out."""

from dataclasses import replace
from datetime import UTC, datetime, time

import pytest

from domain.decide import decide
from domain.effects import SendMail
from domain.events import DeadlinePassed
from domain.mail_hours import may_go_out
from domain.policy import MailHours
from policies.load import load
from tests.domain.gateway import APPROVED, DECLINED
from tests.domain.life import Life, begins

EVERY_DAY = (0, 1, 2, 3, 4, 5, 6)
NIGHT = MailHours(EVERY_DAY, time(21), time(8), ("account_unlocked",))
OFFICE = MailHours((0, 1, 2, 3, 4), time(18), time(9), ())
LUNCH = MailHours(EVERY_DAY, time(12), time(14), ())
WEEKDAYS = MailHours((0, 1, 2, 3, 4), None, None, ())
BERLIN = "Europe/Berlin"


@pytest.mark.parametrize(
    ("hours", "at", "allowed"),
    [
        (NIGHT, "2026-03-18T12:00+01:00", "2026-03-18T12:00+01:00"),
        (NIGHT, "2026-03-18T08:00+01:00", "2026-03-18T08:00+01:00"),  # the end is exclusive
        (NIGHT, "2026-03-18T07:59+01:00", "2026-03-18T08:00+01:00"),
        (NIGHT, "2026-03-18T21:00+01:00", "2026-03-19T08:00+01:00"),  # the beginning is inclusive
        (NIGHT, "2026-03-18T00:00+01:00", "2026-03-18T08:00+01:00"),
        (NIGHT, "2026-03-28T23:00+01:00", "2026-03-29T08:00+02:00"),  # the night of the clock change
        (OFFICE, "2026-03-20T17:59+01:00", "2026-03-20T17:59+01:00"),
        (OFFICE, "2026-03-20T18:00+01:00", "2026-03-23T09:00+01:00"),  # Friday evening, Monday morning
        (OFFICE, "2026-03-21T12:00+01:00", "2026-03-23T09:00+01:00"),
        (LUNCH, "2026-03-18T13:00+01:00", "2026-03-18T14:00+01:00"),
        (WEEKDAYS, "2026-03-21T12:00+01:00", "2026-03-23T00:00+01:00"),
        (WEEKDAYS, "2026-03-23T00:00+01:00", "2026-03-23T00:00+01:00"),
    ],
)
def test_a_mail_goes_out_at_the_first_allowed_moment(hours: MailHours, at: str, allowed: str) -> None:
    found = may_go_out(datetime.fromisoformat(at), "payment_reminder", hours, BERLIN)
    assert found == datetime.fromisoformat(allowed)


def test_what_the_policy_calls_prompt_is_never_kept_waiting() -> None:
    night = datetime(2026, 3, 18, 23, tzinfo=UTC)
    assert may_go_out(night, "account_unlocked", NIGHT, BERLIN) == night


def test_quiet_hours_move_the_mail_and_not_the_decision() -> None:
    life = begins("photo-monthly", APPROVED, APPROVED, afterwards=DECLINED).play("2026-03-14")
    quiet = replace(load("photo-monthly"), mail_hours=NIGHT)
    state = life.state
    loud, hushed = (decide(state, DeadlinePassed(life.at("2026-03-15T00:00")), p) for p in (life.policy, quiet))
    assert [e for e in loud.effects if not isinstance(e, SendMail)] == [
        e for e in hushed.effects if not isinstance(e, SendMail)
    ]
    assert loud.subscription == hushed.subscription


def said(life: Life, template: str) -> dict[str, str]:
    """What the newest mail of a template says of the future."""
    mail = [mail for mail in life.mails if mail.template == template][-1]
    return {name: mail.about[name] for name in ("next", "next_on", "retry_on", "bank_only") if name in mail.about}


@pytest.mark.parametrize(
    ("policy", "until", "template", "future"),
    [
        ("photo-monthly", "2026-03-16", "payment_declined", {"next": "lock", "next_on": "2026-03-18"}),
        ("photo-monthly", "2026-03-19", "account_locked", {"next": "cancel", "next_on": "2026-04-01"}),
        (
            "photo-annual",
            "2026-03-16",
            "payment_declined",
            {"next": "lock", "next_on": "2026-03-18", "retry_on": "2026-03-22"},
        ),
        # the card declined at issue, the second, and again when due: three in a row leave bank transfer only
        (
            "hosting",
            "2026-03-30",
            "payment_reminder",
            {"next": "lock", "next_on": "2026-04-05", "bank_only": "yes"},
        ),
        (
            "hosting",
            "2026-04-06",
            "product_locked",
            {"next": "lock_account", "next_on": "2026-04-12", "bank_only": "yes"},
        ),
        ("hosting", "2026-04-13", "account_locked", {"next": "cancel", "next_on": "2026-04-28", "bank_only": "yes"}),
        (
            "hosting",
            "2026-04-29",
            "collections_warning",
            {"next": "collections", "next_on": "2026-05-12", "bank_only": "yes"},
        ),
    ],
)
def test_a_mail_names_the_next_consequence_and_its_date(
    policy: str, until: str, template: str, future: dict[str, str]
) -> None:
    paid = (APPROVED,) if policy == "hosting" else (APPROVED, APPROVED)
    life = begins(policy, *paid, afterwards=DECLINED).play(until)
    found = said(life, template)
    assert {name: found.get(name) for name in ("next", "next_on")} == {n: future.get(n) for n in ("next", "next_on")}
    assert found.get("bank_only") == future.get("bank_only")
    if "retry_on" in future:
        assert found["retry_on"] == future["retry_on"]


def test_a_mail_about_a_settled_debt_threatens_nothing() -> None:
    life = begins("photo-monthly", APPROVED, APPROVED, afterwards=DECLINED).play("2026-03-19")
    life.tell("2026-03-20T10:00", "payment-received", amount="49.00", channel="bank_transfer", reference="r-1")
    assert said(life, "account_unlocked") == {}
