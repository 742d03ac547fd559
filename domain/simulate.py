"""Play a life in virtual time through the real decision code: no clock, no sleep, no server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from domain.decide import decide
from domain.effects import Decision, Effect, Entry, Question
from domain.events import DeadlinePassed, Event, MessageReceived, make_deadline_passed
from domain.opening import opened
from domain.policy import Policy
from domain.scenario import Said, Scenario
from domain.subscription import Subscription
from domain.world import Book, World, answer

Answering = Callable[[Question, World, Book, datetime, str], Event]
"""How the world answers a question put at an instant, to a customer of a zone."""

Witness = Callable[[Event, Decision], None]
"""Is shown every event and what was decided, before the books are written and the world is asked."""

STEPS_LIMIT = 1_000_000  # a 50-year life of one invoice a month with every rung takes 10,000


class NeverEnds(Exception):
    """The policy makes a life that does not come forward in time; nothing more was played."""


@dataclass(frozen=True, slots=True)
class Played:
    """A life as it was played: every entry of its timeline, and the state it ended in."""

    entries: tuple[Entry, ...]
    state: Subscription


def simulate(scenario: Scenario, policy: Policy) -> Played:
    """Play a scenario from its beginning until (exclusive) its end. Raises InvalidTerms, NeverEnds."""
    state = opened(scenario.terms, policy)
    return play(state, policy, scenario.world, Book(), scenario.messages, scenario.until)


def play(
    state: Subscription,
    policy: Policy,
    world: World,
    book: Book,
    messages: Sequence[Said],
    until: datetime,
    *,
    answering: Answering = answer,
    witness: Witness | None = None,
) -> Played:
    """Play from any state. Messages come before what is due at their instant; those at or after `until` never come."""
    entries: list[Entry] = []
    coming = [m for m in messages if m.at < until]
    event: Event = DeadlinePassed(datetime.min.replace(tzinfo=UTC))  # nothing is due yet; it gives the first wake
    heard = 0
    for _ in range(STEPS_LIMIT):
        state, wake_at, effects = turn(state, policy, world, book, event, answering=answering, witness=witness)
        entries += [e for e in effects if e.kind == "entry"]
        due = wake_at if wake_at is not None and wake_at < until else None
        said = coming[heard] if heard < len(coming) else None
        if said is not None and (due is None or said.at <= due):
            heard += 1
            event = MessageReceived(said.signal, (said.payload,), said.at)
        elif due is not None:
            event = make_deadline_passed(due)
        else:
            return Played(tuple(entries), state)
    raise NeverEnds(f"policy {policy.name}: {STEPS_LIMIT} steps did not reach {until.isoformat()}")


def turn(
    state: Subscription,
    policy: Policy,
    world: World,
    book: Book,
    event: Event,
    *,
    answering: Answering = answer,
    witness: Witness | None = None,
) -> tuple[Subscription, datetime | None, list[Effect]]:
    """One event and all that its questions lead to."""
    effects: list[Effect] = []
    asking: Event | None = event
    wake_at: datetime | None = None
    while asking is not None:
        decision = decide(state, asking, policy)
        if witness is not None:
            witness(asking, decision)
        state, wake_at = decision.subscription, decision.wake_at
        effects += decision.effects
        book.keep(decision.effects)
        question = decision.question
        asking = answering(question, world, book, asking.at, state.timezone) if question else None
    return state, wake_at, effects
