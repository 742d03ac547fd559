"""A message has one effect however often it is said, and what makes no sense is refused with the reason."""

from dataclasses import replace

import pytest

from domain.decide import SEEN_LIMIT, StatePolicyMismatch, decide
from domain.effects import Entry, KeepMessage, KeepUnapplied, LookUpMessage
from domain.events import DeadlinePassed, MessageReceived
from policies.load import load
from tests.domain.gateway import APPROVED, DECLINED
from tests.domain.life import Life, begins

PAID = {"amount": "49.00", "channel": "bank_transfer"}


def talkative(messages: int) -> Life:
    """A life in which the first message, `r-0`, has been followed by so many others."""
    life = begins("photo-monthly").play("2026-01-16")
    life.hear("2026-01-16T10:00", "payment-received", **PAID, reference="r-0")
    for number in range(messages):
        life.hear("2026-01-16T11:00", "reactivation-requested", reason="please", id=f"m-{number}")
    return life


def questions(life: Life) -> list[object]:
    """From now on, every question that is asked."""
    asked: list[object] = []
    life.witness = lambda before, event, decision: asked.append(decision.question) if decision.question else None
    return asked


@pytest.mark.parametrize("messages", [0, 1, SEEN_LIMIT - 2, SEEN_LIMIT - 1, SEEN_LIMIT, 3 * SEEN_LIMIT])
def test_a_repeated_message_has_no_second_effect_however_long_ago_it_was(messages: int) -> None:
    life = talkative(messages).hear("2026-01-17T10:00", "payment-received", **PAID, reference="r-0")
    assert life.entries[-1].what == "repeated"
    assert life.state.credit_minor == 4900


@pytest.mark.parametrize("messages", [0, SEEN_LIMIT, 3 * SEEN_LIMIT])
def test_a_new_message_is_acted_on_however_many_came_before(messages: int) -> None:
    life = talkative(messages).hear("2026-01-17T10:00", "payment-received", **PAID, reference="r-new")
    assert life.state.credit_minor == 9800


def test_the_state_remembers_the_latest_and_counts_what_it_forgot() -> None:
    life = talkative(3 * SEEN_LIMIT)
    assert len(life.state.seen) == SEEN_LIMIT
    assert life.state.forgotten == 2 * SEEN_LIMIT + 1
    assert len(life.book.messages) == 3 * SEEN_LIMIT + 1, "the books remember all of them"


def test_the_books_are_asked_only_once_the_state_has_begun_to_forget() -> None:
    few, many = talkative(SEEN_LIMIT - 1), talkative(SEEN_LIMIT)
    for life, asks in ((few, False), (many, True)):
        asked = questions(life)
        life.hear("2026-01-17T10:00", "reactivation-requested", reason="please", id="new")
        assert [isinstance(question, LookUpMessage) for question in asked] == [True] * asks


def test_a_message_without_a_name_of_its_own_may_be_said_again_and_again() -> None:
    life = begins("photo-monthly").play("2026-01-16")
    for _ in range(3):
        life.hear("2026-01-16T11:00", "reactivation-requested", reason="please")
    assert len(life.story("reactivation_requested")) == 3
    assert life.state.seen == ()


@pytest.mark.parametrize(
    ("first", "second", "repeated"),
    [
        pytest.param({"reference": "r-1"}, {"reference": "r-1"}, True, id="the same reference"),
        pytest.param({"reference": "r-1"}, {"reference": "r-2"}, False, id="another reference"),
        pytest.param({"reference": "r-1", "id": "a"}, {"reference": "r-2", "id": "a"}, True, id="the same id"),
        pytest.param(
            {"reference": "r-1", "id": "a"}, {"reference": "r-1", "id": "b"}, True, id="money under one reference"
        ),
        pytest.param({"reference": "r-1", "id": "a"}, {"reference": "r-2", "id": "b"}, False, id="all different"),
        pytest.param({"reference": "r-1"}, {"reference": "R-1"}, False, id="capitals matter"),
    ],
)
def test_a_payment_is_known_by_its_id_and_by_its_reference(
    first: dict[str, str], second: dict[str, str], repeated: bool
) -> None:
    life = begins("photo-monthly").play("2026-01-16")
    life.hear("2026-01-16T10:00", "payment-received", **PAID, **first)
    life.hear("2026-01-16T11:00", "payment-received", **PAID, **second)
    assert life.state.credit_minor == (4900 if repeated else 9800)


def test_one_id_under_two_names_is_two_messages() -> None:
    life = begins("photo-monthly", afterwards=DECLINED).play("2026-01-16")
    life.hear("2026-01-16T10:00", "hold-dunning", by="support", reason="VIP", id="a")
    life.hear("2026-01-16T11:00", "release-dunning", by="support", reason="no longer", id="a")
    assert life.story("dunning_held", "dunning_released") == [
        "01-16 10:00 dunning held",
        "01-16 11:00 dunning released",
    ]


@pytest.mark.parametrize(
    ("second", "reversed_minor"),
    [
        ({"amount": "10.00", "reason": "refund"}, 1000),
        ({"amount": "10.00", "reason": "bounced"}, 2000),
        ({"amount": "11.00", "reason": "refund"}, 2100),
    ],
)
def test_a_reversal_is_known_by_its_payment_its_amount_and_its_reason(
    second: dict[str, str], reversed_minor: int
) -> None:
    life = begins("photo-monthly").play("2026-01-16")
    life.hear("2026-01-16T10:00", "payment-received", **PAID, reference="r-1")
    life.hear("2026-01-16T11:00", "payment-reversed", amount="10.00", reference="r-1", reason="refund")
    life.hear("2026-01-16T12:00", "payment-reversed", reference="r-1", **second)
    assert life.state.credit_minor == 4900 - reversed_minor


def test_a_refused_message_may_be_sent_again_once_it_makes_sense() -> None:
    life = begins("photo-monthly", APPROVED, afterwards=DECLINED).play("2026-01-16")
    life.hear("2026-01-16T10:00", "retry-payment", by="customer", id="again")
    assert life.entries[-1].fields["why"] == "nothing is owed"
    life.tell("2026-02-16T10:00", "retry-payment", by="customer", id="again")
    assert life.story("charge", since="2026-02-16") == ["02-16 10:00 charge declined 49.00"] * 2


def test_money_that_comes_after_the_end_is_kept_once_and_for_someone_to_assign() -> None:
    life = begins("photo-monthly").tell("2026-01-20T10:00", "cancel", by="customer", reason="moving", when="now")
    for _ in range(2):
        life.hear("2026-01-21T10:00", "payment-received", **PAID, reference="r-late")
    kept = [e for e in life.effects if isinstance(e, KeepUnapplied)]
    assert [(e.reference, e.minor, e.channel) for e in kept] == [("r-late", 4900, "bank_transfer")]
    assert life.story("refused", "unapplied", "repeated") == [
        "01-21 10:00 refused payment-received",
        "01-21 10:00 unapplied 49.00",
        "01-21 10:00 repeated",
    ]


@pytest.mark.parametrize(
    "word", ["cancel", "reactivate", "hold-dunning", "write-off", "block-access", "undo-write-off"]
)
def test_after_the_end_every_message_is_refused(word: str) -> None:
    life = begins("photo-monthly").tell("2026-01-20T10:00", "cancel", by="customer", reason="moving", when="now")
    life.hear("2026-01-21T10:00", word, by="support", reason="late", when="now" if word == "cancel" else None)
    assert life.entries[-1].fields == {"signal": word, "why": "the subscription has ended"}


def test_a_repetition_is_written_down_and_kept_nowhere_else() -> None:
    life = talkative(0).hear("2026-01-17T10:00", "payment-received", **PAID, reference="r-0")
    before = life.state
    decision = decide(
        before, MessageReceived("payment-received", ({**PAID, "reference": "r-0"},), life.at("2026-01-18")), life.policy
    )
    assert [e.what for e in decision.effects if isinstance(e, Entry)] == ["repeated"]
    assert not [e for e in decision.effects if isinstance(e, KeepMessage)]
    assert decision.subscription == replace(before, entries=before.entries + 1)


def test_attention_is_bounded_and_keeps_the_newest() -> None:
    life = begins("photo-monthly")
    for number in range(30):
        life.hear("2026-01-14T10:00", "reactivation-requested", reason=f"reason {number}")
    assert len(life.state.attention) == 8
    assert life.state.attention[-1] == "the customer asks to be reactivated: reason 29"


def test_a_state_made_under_another_text_of_its_policy_decides_nothing() -> None:
    life = begins("photo-monthly")
    with pytest.raises(StatePolicyMismatch, match=r"state was made under policy photo-monthly version 1 .* hosting"):
        decide(life.state, DeadlinePassed(life.at("2026-01-15")), load("hosting"))


def test_a_deadline_that_has_not_come_changes_nothing() -> None:
    life = begins("photo-monthly").play("2026-01-20")
    decision = decide(life.state, DeadlinePassed(life.at("2026-01-21")), life.policy)
    assert decision.effects == ()
    assert decision.subscription == life.state
    assert decision.wake_at == life.at("2026-02-15")
