"""Whatever is said, paid, taken back and answered, in any order: the books balance and the state agrees with them.

An auditor that shares no code with the engine stands beside every single decision (`auditor.py` says what it looks at).
A failing life is printed as a value; `lived` plays it again.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from pydantic import TypeAdapter

from domain.decide import decide
from domain.effects import LedgerEntry, Posting
from domain.events import DeadlinePassed
from domain.forecast import ENTRIES_LIMIT, forecast
from domain.ledger import allocated, balances, issued, placement, received, returned, unapplied, voided, written_off
from domain.simulate import play
from domain.subscription import Subscription
from domain.world import Book, World
from policies.load import shipped
from tests.domain.gateway import APPROVED, DECLINED, LOST_DECLINED
from tests.domain.life import begins
from tests.domain.moves import RandomLife, agree, lives, make

AFTERMATH = timedelta(days=100)  # beyond the last message: every rung of every ladder, and deletion after retention
LIVES = 60  # of each policy, in every run; while this was written, 20,000 of each have been played
MOVES = 16
EVERY_WORD = str(Path(__file__).with_name("every-word.yaml"))
NOW = datetime(2026, 3, 15, tzinfo=UTC)

quickly = settings(
    max_examples=LIVES,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)


def lived(life_: RandomLife) -> None:
    """Play a random life to its end under audit, and look into its future on the way."""
    life, now = life_.begin()
    for number, move in enumerate(life_.moves):
        now = make(life, move, now)
        if number == len(life_.moves) // 2:
            seen = life.forecast(now)
            assert max(len(seen.if_everything_is), len(seen.if_nothing_is_paid)) <= ENTRIES_LIMIT
    life.play(now + AFTERMATH)
    agree(life)
    if not any(move.backdated_days or not move.punctual for move in life_.moves):
        order = [entry.at for entry in life.entries]
        assert order == sorted(order), "an entry stands before what happened earlier"


@quickly
@given(lives("photo-monthly", MOVES))
def test_the_books_of_any_monthly_life_balance_at_every_step(life: RandomLife) -> None:
    lived(life)


@quickly
@given(lives("photo-annual", MOVES))
def test_the_books_of_any_yearly_commitment_balance_at_every_step(life: RandomLife) -> None:
    lived(life)


@quickly
@given(lives("hosting", MOVES))
def test_the_books_of_any_hosting_product_balance_at_every_step(life: RandomLife) -> None:
    lived(life)


@quickly
@given(lives(EVERY_WORD, MOVES))
def test_the_books_balance_under_a_policy_that_uses_every_word_of_the_language(life: RandomLife) -> None:
    lived(life)


@pytest.mark.parametrize("policy", shipped())
def test_a_forecast_can_be_asked_for_in_the_middle_of_a_turn(policy: str) -> None:
    """While a charge is under way, or an answer of the books is awaited, the page of a subscription is still shown."""
    between: list[Subscription] = []
    life = begins(policy, LOST_DECLINED, APPROVED, afterwards=DECLINED)
    life.witness = lambda before, event, decision: between.append(decision.subscription) if decision.question else None
    life.tell("2026-02-17T10:00", "payment-received", amount="20.00", channel="card", reference="r-1")
    life.tell("2026-02-17T11:00", "payment-reversed", amount="5.00", reference="r-1", reason="refund")
    life.play("2026-06-10")
    assert {state.asked_for for state in between} >= {"charge", "look_up", "facts", "payment"}
    for state in between:
        assert forecast(state, life.policy, life.at("2026-06-10")).if_nothing_is_paid is not None


@pytest.mark.parametrize("policy", shipped())
def test_a_life_may_be_cut_anywhere_and_goes_on_as_if_it_had_not(policy: str) -> None:
    """The state, written as JSON and read again, is all that a life needs: continue-as-new at any moment."""
    adapter = TypeAdapter(Subscription)
    whole = begins(policy, APPROVED, afterwards=DECLINED).play("2026-08-01")
    life = begins(policy, APPROVED, afterwards=DECLINED)
    while life.wake_at is not None and life.wake_at < life.at("2026-08-01"):
        life.state = adapter.validate_json(adapter.dump_json(life.state))
        life.happen(DeadlinePassed(life.wake_at))
    assert life.story() == whole.story()
    assert life.state == whole.state


@pytest.mark.parametrize("policy", shipped())
def test_deciding_changes_nothing_but_what_it_returns(policy: str) -> None:
    life = begins(policy).play("2026-03-01")
    before = TypeAdapter(Subscription).dump_json(life.state)
    event = DeadlinePassed(life.wake_at or NOW)
    assert decide(life.state, event, life.policy) == decide(life.state, event, life.policy)
    assert TypeAdapter(Subscription).dump_json(life.state) == before


def test_playing_from_a_state_is_playing_from_the_beginning() -> None:
    life = begins("photo-monthly").play("2026-03-01")
    rest = play(life.state, life.policy, World(), Book(), (), life.at("2026-06-01"))
    assert rest.state == begins("photo-monthly").play("2026-06-01").state


@pytest.mark.parametrize(
    "postings",
    [
        issued("i", 4900),
        voided("i", 4900),
        received("card", 4900, "p"),
        returned("card", 4900, "p"),
        allocated("i", 4900, "p"),
        allocated("i", -4900, "p"),
        written_off("i", 4900),
        placement("i", -4900),
        unapplied("card", 4900, "p"),
    ],
)
def test_every_kind_of_entry_balances(postings: tuple[Posting, ...]) -> None:
    LedgerEntry("k", NOW, "what", postings, "who", "why")
    assert sum(posting.minor for posting in postings) == 0


@pytest.mark.parametrize("postings", [(), (Posting("a", 1),), (Posting("a", 1), Posting("b", -2))])
def test_an_entry_that_does_not_balance_refuses_to_exist(postings: tuple[Posting, ...]) -> None:
    with pytest.raises(ValueError, match=r"ledger entry k: its postings sum to -?\d+, expected 0"):
        LedgerEntry("k", NOW, "what", postings, "who", "why")


def test_balances_are_recomputed_from_entries_alone() -> None:
    story = (issued("i", 4900), received("card", 6000, "p"), allocated("i", 4900, "p"), returned("card", 100, "p"))
    entries = [LedgerEntry(str(n), NOW, "what", postings, "who", "why") for n, postings in enumerate(story)]
    assert balances(entries) == {"revenue": -4900, "cash:card": 5900, "credit": -1000}
