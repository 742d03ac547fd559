"""Values are made and copied by a way of their own, and come out as a plain frozen dataclass would make them."""

import copy
import dataclasses
import pickle
from datetime import UTC, date, datetime
from typing import Any

import pytest

from domain import effects
from domain.agenda import agenda, next_item
from domain.decide import decide
from domain.effects import Decision, Entry, LedgerEntry, Posting, make_ledger_entry, make_posting
from domain.events import Event
from domain.subscription import Invoice, PaidPart, Subscription
from domain.values import frozen, maker, replace, thawed
from tests.domain.gateway import APPROVED, DECLINED, Fate
from tests.domain.life import begins

AT = datetime(2026, 3, 1, tzinfo=UTC)
INVOICE = Invoice("s-1-0001", 1, "period", 0, date(2026, 3, 1), date(2026, 4, 1), 4900, 4900, AT, AT, date(2026, 3, 1))
VALUES = [
    PaidPart("r-1", 4900),
    INVOICE,
    Entry(1, AT, "ended", {}, "policy", ""),
    LedgerEntry("s-1/000001", AT, "invoice issued", (Posting("a", 1), Posting("b", -1)), "policy", ""),
]

each_value = pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)


def as_plain(value: Any) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


@each_value
def test_a_copy_is_what_the_standard_library_makes(value: Any) -> None:
    for field in dataclasses.fields(value):
        changed = {field.name: getattr(value, field.name)}
        assert replace(value, **changed) == dataclasses.replace(value, **changed) == value
        assert type(replace(value, **changed)) is type(value)
    assert replace(value) is not value


@each_value
def test_nothing_of_a_value_can_be_set(value: Any) -> None:
    for made in (value, replace(value), frozen(thawed(value))):
        name = dataclasses.fields(made)[0].name
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(made, name, None)
        with pytest.raises(dataclasses.FrozenInstanceError):
            delattr(made, name)


@each_value
def test_a_value_can_be_kept_and_compared(value: Any) -> None:
    assert pickle.loads(pickle.dumps(value)) == copy.copy(value) == copy.deepcopy(value) == value
    assert repr(value).startswith(f"{type(value).__name__}(")


def test_a_thawed_copy_leaves_the_original_alone() -> None:
    open_copy: Any = thawed(INVOICE)
    open_copy.open_minor = 0
    assert INVOICE.open_minor == 4900
    assert isinstance(open_copy, Invoice)
    assert frozen(open_copy) is open_copy
    assert open_copy == dataclasses.replace(INVOICE, open_minor=0)
    assert frozen(open_copy) is open_copy


@each_value
def test_what_is_made_is_what_the_constructor_makes(value: Any) -> None:
    made = maker(type(value))(**as_plain(value))
    assert made == value
    assert type(made) is type(value)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(made, dataclasses.fields(made)[0].name, None)


def test_fields_have_their_defaults_and_can_be_named() -> None:
    assert make_posting(account="credit", minor=1) == make_posting("credit", 1) == Posting("credit", 1, None)
    with pytest.raises(TypeError):
        make_posting("credit")  # type: ignore[call-arg]


@pytest.mark.parametrize("make", [LedgerEntry, make_ledger_entry])
def test_a_value_still_refuses_to_exist_wrong(make: Any) -> None:
    with pytest.raises(ValueError, match="its postings sum to 1, expected 0"):
        make("s-1/000001", AT, "invoice issued", (Posting("a", 1),), "policy", "")


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(AttributeError):
        replace(INVOICE, colour="red")  # type: ignore[call-arg]


@dataclasses.dataclass(frozen=True)
class WithoutSlots:
    number: int


@pytest.mark.parametrize("other", [WithoutSlots(1), 5, "text"])
def test_what_is_no_slotted_dataclass_is_refused(other: object) -> None:
    with pytest.raises(TypeError, match="expected a slotted dataclass"):
        thawed(other)


def test_a_default_that_is_made_anew_is_refused() -> None:
    with pytest.raises(TypeError, match=r"SendMail.about: expected a plain field"):
        maker(effects.SendMail)


@pytest.mark.parametrize("afterwards", [APPROVED, DECLINED], ids=["paid", "never paid"])
@pytest.mark.parametrize("policy", ["photo-monthly", "photo-annual", "hosting"])
def test_deciding_leaves_the_state_it_was_given_as_it_was(policy: str, afterwards: Fate) -> None:
    """Also the first thing to come, which is remembered for one state, is always that of the agenda."""
    seen = 0

    def look(state: Subscription, event: Event, decision: Decision) -> None:
        nonlocal seen
        seen += 1
        before = as_plain(state)
        again = decide(state, event, life.policy)
        assert as_plain(state) == before
        assert again == decision
        assert type(again.subscription) is Subscription
        for one in (again.subscription, state):
            assert next_item(one, life.policy) == next(iter(agenda(one, life.policy)), None)

    life = begins(policy, APPROVED, afterwards=afterwards)
    life.witness = look
    life.play("2027-03-01")
    assert seen > 8
