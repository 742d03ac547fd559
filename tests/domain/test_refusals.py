"""What makes no sense at the moment is refused with the reason, and changes nothing (spec, section 8)."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from domain.decide import decide
from domain.effects import Entry
from domain.events import MessageReceived
from domain.messages import parse
from domain.support import refusal
from tests.domain.gateway import APPROVED, DECLINED, silent
from tests.domain.life import Life, begins
from tests.domain.test_messages import GOOD

WHO = {"by": "support:kim", "reason": "a reason"}
TRANSFER = {"amount": "49.00", "channel": "bank_transfer", "reference": "r-1"}

UNKNOWN = "the outcome of charge s-1-0003/1/primary is not known yet; it is looked up by itself"
BEYOND = "a promise must reach beyond today"


def healthy(policy: str = "photo-monthly") -> Life:
    """Nothing is owed."""
    return begins(policy).play("2026-03-20")


def missed(policy: str = "photo-monthly") -> Life:
    """Unpaid since 2026-03-15, locked three days later."""
    return begins(policy, APPROVED, APPROVED, afterwards=DECLINED).play("2026-03-20")


def unknown() -> Life:
    """The charge of 2026-03-15 has no outcome yet."""
    return begins("photo-monthly", APPROVED, APPROVED, silent(2_000, APPROVED)).play("2026-03-20")


def cancelled(policy: str = "photo-monthly") -> Life:
    """Cancelled by the customer, with the debt of March still open."""
    return missed(policy).hear("2026-03-20", "cancel", **WHO, when="now")


def leaving() -> Life:
    """Cancelled for the end of the period."""
    return healthy().hear("2026-03-20", "cancel", **WHO, when="period_end")


def held() -> Life:
    """In a hold for a dispute."""
    return missed().hear("2026-03-20", "hold-dunning", by="support:lee", reason="dispute")


def blocked() -> Life:
    """Blocked for abuse."""
    return healthy().hear("2026-03-20", "block-access", by="support:lee", reason="abuse")


def paid(reversed_minor: str = "") -> Life:
    """Paid by a transfer `r-1`, of which this much was reversed."""
    life = missed().hear("2026-03-20", "payment-received", **TRANSFER)
    if reversed_minor:
        life.hear("2026-03-20", "payment-reversed", amount=reversed_minor, reference="r-1", reason="bounced")
    return life


def restricted() -> Life:
    """Only bank transfer is open: a PayPal charge has failed."""
    return begins("hosting", DECLINED, primary="paypal").play("2026-02-20")


def transferring() -> Life:
    """Owes, and has nothing on file that can be charged."""
    return begins("photo-monthly", primary="bank_transfer", secondary=None).play("2026-01-20")


def erased() -> Life:
    """Cancelled by the ladder, in collections, its data deleted."""
    return begins("hosting", APPROVED, afterwards=DECLINED).play("2026-06-01")


def deleted() -> Life:
    """The same, then paid through the agency: it has ended."""
    life = erased()
    return life.hear("2026-06-01", "payment-received", amount="119.23", channel="agency", reference="r-agency")


def past_choice() -> Life:
    """The first month end has passed, and the plan goes on."""
    return begins("photo-annual", APPROVED, APPROVED, afterwards=DECLINED).play("2026-04-02")


@pytest.mark.parametrize(
    ("lived", "signal", "changes", "why"),
    [
        (healthy, "retry-payment", {}, "nothing is owed"),
        (
            unknown,
            "retry-payment",
            {},
            UNKNOWN,
        ),
        (restricted, "retry-payment", {}, "only bank transfer is open"),
        (transferring, "retry-payment", {}, "no payment method on file can be charged"),
        (healthy, "promise-to-pay", {}, "nothing is owed"),
        (missed, "promise-to-pay", {"until": "2026-03-19"}, f"until 2026-03-19: {BEYOND}"),
        (missed, "promise-to-pay", {"until": "2026-03-20"}, f"until 2026-03-20: {BEYOND}"),
        (healthy, "write-off", {}, "nothing is owed"),
        (healthy, "undo-write-off", {}, "nothing has been written off"),
        (held, "hold-dunning", {}, "held already, by support:lee: dispute"),
        (missed, "release-dunning", {}, "there is no hold"),
        (cancelled, "cancel", {}, "the plan is cancelled already"),
        (leaving, "cancel", {"when": "now"}, "a cancellation at period end is set already"),
        (leaving, "cancel", {}, "a cancellation at period end is set already"),
        (healthy, "reactivate", {}, "there is nothing to decide"),
        (partial(healthy, "hosting"), "reactivate", {}, "there is nothing to decide"),
        (missed, "reactivate", {}, "something is past due; reactivate once it is paid"),
        (erased, "reactivate", {}, "the data has been deleted; nothing can be restored"),
        (deleted, "reactivate", {}, "the subscription has ended"),
        (healthy, "refuse-reactivation", {}, "there is nothing to decide"),
        (missed, "refuse-reactivation", {}, "there is nothing to decide"),
        (healthy, "choose-at-month-end", {}, "this policy leaves no choice at month end"),
        (partial(healthy, "hosting"), "choose-at-month-end", {}, "this policy leaves no choice at month end"),
        (partial(healthy, "photo-annual"), "choose-at-month-end", {}, "no instalment has been missed"),
        (past_choice, "choose-at-month-end", {}, "the month end has passed"),
        (healthy, "payment-announced", {"client_number": "K999"}, "client number 'K999' is not this customer's"),
        (blocked, "block-access", {}, "blocked for 'abuse' already"),
        (healthy, "block-access", {"reason": "unpaid"}, "the name 'unpaid' belongs to the ladder"),
        (healthy, "unblock-access", {}, "not blocked for 'abuse'"),
        (missed, "unblock-access", {"reason": "unpaid"}, "not blocked for 'unpaid'"),
        (healthy, "agency-update", {}, "nothing is placed with an agency"),
        (healthy, "payment-reversed", {"reference": "r-9"}, "payment 'r-9' is unknown"),
        (
            partial(paid, "49.00"),
            "payment-reversed",
            {"reason": "refund"},
            "payment 'r-1' has been reversed in full already",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_it_is_refused_with_its_reason_and_changes_nothing_else(
    lived: Callable[[], Life], signal: str, changes: dict[str, str], why: str
) -> None:
    life = lived()
    before, payload = life.state, {**GOOD[signal], **changes}
    noted = len(life.entries)
    life.hear("2026-06-01T10:00" if before.ended else "2026-03-20T10:00", signal, **payload)
    assert [(e.what, e.fields) for e in life.entries[noted:]] == [("refused", {"signal": signal, "why": why})]
    assert replace(life.state, entries=before.entries, attention=before.attention, seen=before.seen) == before


@pytest.mark.parametrize("signal", GOOD)
def test_after_the_end_everything_is_refused(signal: str) -> None:
    life = deleted().hear("2026-06-01T10:00", signal, **GOOD[signal])
    assert [e.fields for e in life.entries if e.what == "refused"] == [
        {"signal": signal, "why": "the subscription has ended"}
    ]
    assert life.state.standing == "ended"


@pytest.mark.parametrize(
    ("signal", "payloads", "why"),
    [
        ("cancel", (), "cancel: 0 payloads: expected one JSON object"),
        ("cancel", ({}, {}), "cancel: 2 payloads: expected one JSON object"),
        ("cancel", ("now",), "cancel: 'now': expected one JSON object"),
        ("cancel", ({"by": "x", "reason": "y"},), "cancel: field 'when' is missing"),
        ("pay-me", ({},), None),
    ],
)
def test_what_cannot_be_understood_is_recorded_as_refused(
    signal: str, payloads: tuple[object, ...], why: str | None
) -> None:
    life = healthy()
    decision = decide(life.state, MessageReceived(signal, payloads, life.at("2026-03-20T10:00")), life.policy)
    (said,) = [e for e in decision.effects if isinstance(e, Entry)]
    assert (said.what, said.fields["signal"]) == ("refused", signal)
    assert said.fields["why"] == why or (why is None and "unknown; expected one of" in str(said.fields["why"]))
    assert decision.subscription.standing == "active"


def test_an_absurdly_long_name_does_not_fill_the_timeline() -> None:
    life = healthy().hear("2026-03-20T10:00", "x" * 100_000)
    assert len(str(life.entries[-1].fields)) < 1_000
    assert all(len(remark) <= 200 for remark in life.state.attention)


def test_a_reversal_of_more_than_is_left_takes_what_is_left_and_tells_support() -> None:
    life = paid("40.00")
    life.hear("2026-03-20T10:00", "payment-reversed", amount="49.00", reference="r-1", reason="chargeback")
    assert life.story("payment_reversed")[-1] == "03-20 10:00 payment reversed 9.00"
    assert life.state.attention[-1] == "reversal of 49.00: only 9.00 of r-1 was left to reverse"


def test_update_validators_judge_by_the_same_rules() -> None:
    """`refusal` is what validators ask before a message enters the history."""
    life = healthy()
    for signal, payload in GOOD.items():
        message = parse(signal, (payload,), "USD", life.state.timezone, life.at("2026-03-20"))
        why = refusal(life.state, life.policy, message)
        told = healthy().hear("2026-03-20", signal, **payload).entries[-1]
        if signal != "payment-reversed":  # which is judged once the ledger has said what became of its payment
            assert (told.what == "refused") is (why is not None)
            assert why is None or told.fields["why"] == why
