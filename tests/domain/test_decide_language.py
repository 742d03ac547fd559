"""What a policy can say beside the shipped ones: each word of the language, in a small policy, and what comes of it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from domain.policy import Policy
from policies.load import load_file
from tests.domain.gateway import APPROVED, DECLINED, STOLEN, Fate
from tests.domain.life import begins
from tests.domain.variations import Vary

SMALL = """
policy: small
version: 1
title: The least that a policy can say
bill: {{every: month, in: advance, at: "{at}", due_after_days: {terms}, spread_minutes: {spread}}}
charge: [primary, secondary]
grace_days: 0
uncollectable: {uncollectable}
{more}
ladder:
{ladder}
when_paid: {{unlock: automatic}}
when_reversed: {{email: payment_reversed, due_again: true}}
access: {{block: lock_server, undo: {{lock_server: unlock_server, block_plan_changes: allow_plan_changes}}}}
when_cancelled: {{platform: close_account, email: subscription_cancelled, supersedes_locks: true}}
"""

COLLECT = (
    "- {rung: collect, why: unpaid, when: {days_unpaid: 1}, then: [{cancel: now}, {collections: everything_open}]}"
)

Say = Callable[..., Policy]


@pytest.fixture
def say(tmp_path: Path) -> Say:
    """`say(ladder)`: a small policy with that ladder, and with what else is named."""

    def said(
        ladder: str, *, at: str = "00:00", terms: int = 0, spread: int = 0, uncollectable: str = "keep", more: str = ""
    ) -> Policy:
        path = tmp_path / "small.yaml"
        rungs = "\n".join("  " + line for line in ladder.strip().splitlines())
        text = SMALL.format(ladder=rungs, at=at, terms=terms, spread=spread, uncollectable=uncollectable, more=more)
        path.write_text(text, encoding="utf-8")
        return load_file(path)

    return said


def rung(when: str, then: str, condition: str = "{}") -> str:
    """One rung in YAML."""
    return f"- {{rung: it, why: because, when: {when}, if: {condition}, then: [{then}]}}"


REMIND = "{email: payment_reminder}"
COLLECT = "{cancel: now}, {collections: everything_open}"
NOTICE = "{email: invoice}"
TRANSFER = {"channel": "bank_transfer", "reference": "r-1"}


def reminders(policy: Policy, *fates: Fate, until: str = "2026-04-10", **changes: object) -> list[str]:
    """When the one rung's reminder was sent."""
    life = begins(policy, *fates, afterwards=DECLINED, **changes).play(until)
    return [line.removesuffix(" e-mail payment_reminder") for line in life.story("email") if "reminder" in line]


@pytest.mark.parametrize(
    ("when", "sent"),
    [
        pytest.param("{days_unpaid: 0}", ["01-15"], id="at once"),
        pytest.param("{days_unpaid: 5}", ["01-20"], id="days after the failed attempt"),
        pytest.param("{days_after_due: 5}", ["01-20"], id="days after the due date"),
        pytest.param("end_of_month", ["02-01"], id="the end of the month"),
        pytest.param("{unpaid_invoices: 1}", ["01-15"], id="one unpaid invoice"),
        pytest.param("{unpaid_invoices: 3}", ["03-15"], id="three unpaid invoices"),
        pytest.param("{balance_above: 4900}", ["02-15"], id="a balance above the price of one"),
        pytest.param("{balance_above: 4899}", ["01-15"], id="a balance above one cent less"),
        pytest.param("{end_of_month_of_consecutive_missed: 2}", ["03-01"], id="the month of the second miss in a row"),
        pytest.param("{days_after_cancellation: 5}", [], id="never cancelled"),
    ],
)
def test_a_rung_is_due_when_its_trigger_says(say: Say, when: str, sent: list[str]) -> None:
    assert reminders(say(rung(when, REMIND))) == sent


def test_a_rung_is_passed_once_in_an_episode_and_again_in_the_next(say: Say) -> None:
    policy = say(rung("{days_unpaid: 2}", REMIND))
    assert reminders(policy, DECLINED, DECLINED, APPROVED, DECLINED, DECLINED, APPROVED, until="2026-03-14") == [
        "01-17"
    ]
    life = begins(policy, DECLINED, DECLINED, afterwards=DECLINED)
    life.tell("2026-01-20T10:00", "payment-received", amount="49.00", **TRANSFER).play("2026-03-01")
    assert life.story("email") == ["01-17 e-mail payment_reminder", "02-17 e-mail payment_reminder"]


def test_every_invoice_has_its_own_notice_before_it_is_due(say: Say) -> None:
    life = begins(say(rung("{days_before_due: 4}", NOTICE), terms=10), afterwards=DECLINED).play("2026-04-01")
    assert [(f"{mail.at:%m-%d}", mail.about["invoice"], mail.about["due_on"]) for mail in life.mails] == [
        ("01-21", "s-1-0001", "2026-01-25"),
        ("02-21", "s-1-0002", "2026-02-25"),
        ("03-21", "s-1-0003", "2026-03-25"),
    ]


def test_an_invoice_paid_before_its_notice_gets_none(say: Say) -> None:
    life = begins(say(rung("{days_before_due: 4}", NOTICE), terms=10))
    life.tell("2026-01-16T10:00", "payment-received", amount="49.00", **TRANSFER).play("2026-02-01")
    assert life.mails == []


def test_an_invoice_that_comes_after_its_notice_would_have_been_due_gets_none(say: Say) -> None:
    life = begins(say(rung("{days_before_due: 4}", NOTICE), terms=3), afterwards=DECLINED).play("2026-03-01")
    assert life.mails == []


@pytest.mark.parametrize(
    ("condition", "changes", "sent"),
    [
        ("{customer_for_days: 365}", {"since": "2024-05-01"}, True),
        ("{customer_for_days: 365}", {"since": "2025-05-01"}, False),
        ("{customer_for_days: 3}", {}, True),  # since the subscription starts, where nothing else is known
        ("{customer_for_days: 6}", {}, False),
        ("{tag: risky}", {"tags": ("risky",)}, True),
        ("{tag: risky}", {"tags": ("friendly",)}, False),
        ("{channel: card}", {"primary": "card"}, True),
        ("{channel: card}", {"primary": "paypal"}, False),
        ("{usable_method: true}", {}, True),
        ("{usable_method: true}", {"primary": "bank_transfer", "secondary": None}, False),
        ("{usable_method: false}", {"primary": "bank_transfer", "secondary": None}, True),
        ("{balance_above: 4899}", {}, True),
        ("{balance_above: 4900}", {}, False),
        ("{new_customer: true}", {}, True),
        ("{new_customer: false}", {}, False),
        ("{standing_below: locked}", {}, True),
        ("{standing_below: past_due}", {}, False),
        ("{access_blocked: false}", {}, True),
        ("{plan_running: false}", {}, False),
        ("{tag: risky, channel: card}", {"tags": ("risky",)}, True),
        ("{tag: risky, channel: paypal}", {"tags": ("risky",)}, False),  # all of them must hold
    ],
)
def test_a_condition_is_judged_when_its_rung_is_due(
    say: Say, condition: str, changes: dict[str, object], sent: bool
) -> None:
    policy = say(rung("{days_unpaid: 5}", REMIND, condition))
    assert bool(reminders(policy, until="2026-02-01", **changes)) is sent


@pytest.mark.parametrize(
    ("kind", "fate", "sent"),
    [("hard", STOLEN, True), ("hard", DECLINED, False), ("soft", DECLINED, True), ("soft", STOLEN, False)],
)
def test_the_latest_decline_is_hard_or_soft(say: Say, kind: str, fate: Fate, sent: bool) -> None:
    life = begins(say(rung("{days_unpaid: 5}", REMIND, f"{{decline: {kind}}}")), DECLINED, fate).play("2026-02-01")
    assert bool(life.mails) is sent


@pytest.mark.parametrize(("wanted", "sent"), [(0, True), (1, True), (2, False)])
def test_earlier_late_payments_are_counted(say: Say, wanted: int, sent: bool) -> None:
    policy = say(rung("{days_unpaid: 5}", REMIND, f"{{late_payments: {wanted}}}"))
    life = begins(policy, afterwards=DECLINED)
    life.tell("2026-01-16T10:00", "payment-received", amount="49.00", **TRANSFER).play("2026-03-01")
    assert bool(life.story("email", since="2026-02-01")) is sent


@pytest.mark.parametrize(
    ("fee", "amount"),
    [
        ("{amount: 500}", "5.00"),
        ("{percent: 5}", "2.45"),
        ("{amount: 500, percent: 5}", "7.45"),
        ("{percent: 1}", "0.49"),
        ("{amount: 0, percent: 0}", None),
    ],
)
def test_a_late_fee_is_an_invoice_of_its_own_that_is_due_at_once(say: Say, fee: str, amount: str | None) -> None:
    life = begins(say(rung("{days_unpaid: 5}", f"{{late_fee: {fee}}}")), afterwards=DECLINED).play("2026-02-01")
    assert life.story("invoice_issued", since="2026-01-16") == ([f"01-20 invoice s-1-0002 {amount}"] if amount else [])
    assert life.state.past_due_minor == 4900 + int((amount or "0").replace(".", ""))


@pytest.mark.parametrize(
    ("at_most", "left"), [(4899, 4900), (4900, 0), (10_000, 0)], ids=["too much", "exactly as much", "less"]
)
def test_small_balances_can_be_written_off(say: Say, at_most: int, left: int) -> None:
    life = begins(say(rung("{days_unpaid: 5}", f"{{write_off_up_to: {at_most}}}")), afterwards=DECLINED).play(
        "2026-02-01"
    )
    assert life.state.open_minor == left
    assert life.state.standing == ("past_due" if left else "active")


def test_everything_open_can_be_voided_and_what_was_paid_of_it_is_credit(say: Say) -> None:
    life = begins(say(rung("{days_unpaid: 5}", "{void: everything_open}")), afterwards=DECLINED)
    life.tell("2026-01-16T10:00", "payment-received", amount="9.00", **TRANSFER).play("2026-02-01")
    assert life.story("invoice_voided", "standing", since="2026-01-17") == [
        "01-20 invoice voided 49.00",
        "01-20 standing active",
    ]
    assert (life.state.open_minor, life.state.credit_minor) == (0, 900)


def test_what_was_written_off_before_it_was_voided_cannot_be_owed_again(say: Say) -> None:
    life = begins(say(rung("{days_unpaid: 5}", "{void: everything_open}")), afterwards=DECLINED)
    life.tell("2026-01-16T10:00", "payment-received", amount="20.00", **TRANSFER)
    life.tell("2026-01-16T11:00", "write-off", by="support", reason="goodwill")
    life.tell("2026-01-16T12:00", "payment-reversed", amount="20.00", reference="r-1", reason="bounced")
    life.tell("2026-02-01", "undo-write-off", by="support", reason="mistaken")
    assert life.story("invoice_voided", "written_off") == [
        "01-16 11:00 written off 29.00",
        "01-21 12:00 invoice voided 49.00",
    ]
    assert life.entries[-1].fields["why"] == "nothing has been written off"
    assert life.state.open_minor == 0


def test_plan_changes_can_be_blocked_and_come_back_with_the_payment(say: Say) -> None:
    policy = say(rung("{days_unpaid: 1}", "{standing: locked}, {platform: block_plan_changes}"))
    life = begins(policy, afterwards=DECLINED)
    life.tell("2026-01-20T10:00", "payment-received", amount="49.00", **TRANSFER)
    assert life.story("platform") == [
        "01-16 platform block_plan_changes",
        "01-20 10:00 platform allow_plan_changes",
    ]


def test_a_rung_can_charge_again(say: Say) -> None:
    life = begins(say(rung("{days_unpaid: 5}", "{charge: everything_open}")), DECLINED, DECLINED).play("2026-02-01")
    assert life.story("charge", "standing") == [
        "01-15 charge declined 49.00",
        "01-15 charge declined 49.00",
        "01-15 standing past_due",
        "01-20 charge approved 49.00",
        "01-20 standing active",
    ]


@pytest.mark.parametrize(
    ("as_of", "last_day", "cancelled_on"),
    [
        ("now", "2026-01-19", "01-20"),  # at the very start of a day, the day before was the last
        ("previous_month_end", "2025-12-31", "01-20"),
        ("month_end", "2026-01-31", "01-20"),
        ("period_end", "2026-02-14", "02-15"),
    ],
)
def test_a_rung_cancels_as_of_four_days(say: Say, as_of: str, last_day: str, cancelled_on: str) -> None:
    life = begins(say(rung("{days_unpaid: 5}", f"{{cancel: {as_of}}}")), afterwards=DECLINED).play("2026-04-01")
    assert life.story("cancelled") == [f"{cancelled_on} cancelled"]
    assert life.state.ended is not None
    assert life.state.ended.effective_on.isoformat() == last_day
    assert len(life.story("invoice_issued")) == 1


@pytest.mark.parametrize(("at", "spread"), [("00:00", 0), ("09:30", 0), ("23:59", 0), ("00:00", 90), ("23:59", 720)])
def test_a_plan_that_ends_with_its_period_covers_the_day_before_the_next_billing_date(
    say: Say, at: str, spread: int
) -> None:
    life = begins(say(rung("{days_unpaid: 5}", REMIND), at=at, spread=spread))
    life.tell("2026-01-20T10:00", "cancel", by="customer", reason="moving", when="period_end").play("2026-04-01")
    assert [e.fields["effective_on"] for e in life.entries if e.what == "cancelled"] == ["2026-02-14"]
    assert len(life.story("invoice_issued")) == 1


@pytest.mark.parametrize(("uncollectable", "left"), [("keep", 4900), ("write_off", 0)])
def test_what_the_agency_calls_uncollectable_is_kept_or_written_off(say: Say, uncollectable: str, left: int) -> None:
    life = begins(say(rung("{days_unpaid: 1}", COLLECT), uncollectable=uncollectable), afterwards=DECLINED)
    life.tell("2026-03-01T10:00", "agency-update", status="uncollectable")
    assert life.state.open_minor == left
    assert life.state.standing == ("cancelled" if left else "ended")


def test_billing_is_spread_over_minutes_by_the_subscription_and_never_by_chance(say: Say) -> None:
    policy = say(rung("{days_unpaid: 5}", REMIND), spread=120)
    issued = {tuple(begins(policy).play("2026-04-01").story("invoice_issued")) for _ in range(3)}
    assert len(issued) == 1
    minutes = {line[6:11] for line in issued.pop()}
    assert len(minutes) == 1, "the same minute every month"
    assert "00:00" < minutes.pop() < "02:00"


@pytest.mark.parametrize("channel", ["product_locked", "account_locked"])
def test_a_rung_may_send_any_template_that_there_is(say: Say, channel: str) -> None:
    life = begins(say(rung("{days_unpaid: 5}", f"{{email: {channel}}}")), afterwards=DECLINED).play("2026-02-01")
    assert [mail.template for mail in life.mails] == [channel]


def test_bank_transfer_is_the_only_channel_from_any_standing_that_the_policy_names(vary: Vary) -> None:
    """A plan cancelled by the customer has a final invoice; its card is not charged for it any more."""
    policy = vary("hosting", channels={"bank_transfer_only_at": ["cancelled"]})
    life = begins(policy).tell("2026-03-10T10:00", "cancel", by="customer", reason="moving", when="now")
    life.play("2026-03-11")
    assert life.state.bank_only
    assert life.state.open_minor > 0
    assert life.story("charge", since="2026-03-10") == []


def test_an_invoice_mail_says_what_is_open_with_the_invoice_and_after_credit(vary: Vary) -> None:
    bill = {"every": "month", "in": "advance", "at": "00:00", "due_after_days": 0, "invoice_email": "invoice"}
    life = begins(vary("photo-monthly", bill=bill), APPROVED, DECLINED)
    life.tell("2026-01-20T10:00", "payment-received", amount="10.00", channel="bank_transfer", reference="r-1")
    life.play("2026-02-16")
    first, second = (mail for mail in life.mails if mail.template == "invoice")
    assert (first.about["open"], second.about["open"]) == ("49.00", "39.00")
