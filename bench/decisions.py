"""Decisions that lives of the book have asked for, taken again: what deciding costs, without world and books."""

from __future__ import annotations

import cProfile
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass

from bench.finding import table
from bench.lives import POLICIES, Life, life
from domain.decide import decide
from domain.effects import Decision, KeepInvoice, LedgerEntry
from domain.events import Event
from domain.opening import opened
from domain.policy import Policy
from domain.simulate import play
from domain.subscription import Subscription
from domain.values import frozen, thawed
from domain.world import Book

SAMPLE = 480  # subscriptions whose decisions are recorded: every policy and zone, and each first date once
ROUNDS = 3  # of the recorded decisions; the fastest counts, as the least disturbed by others


@dataclass(frozen=True, slots=True)
class Recorded:
    """One decision: what was asked, and what was decided."""

    state: Subscription
    event: Event
    policy: Policy
    decision: Decision


def recorded(it: Life) -> list[Recorded]:
    """Every decision of one life."""
    state, decisions = opened(it.terms, it.policy), list[Recorded]()
    before = state

    def witness(event: Event, decision: Decision) -> None:
        nonlocal before
        decisions.append(Recorded(before, event, it.policy, decision))
        before = decision.subscription

    play(state, it.policy, it.world, Book(), it.messages, it.until, witness=witness)
    return decisions


def digest() -> str:
    """Of all that is decided in the lives of a sample: where it is the same, the same was decided."""
    seen = hashlib.sha256()
    for number in range(SAMPLE):
        for one in recorded(life(number)):
            seen.update(repr(one.decision).encode())
    return seen.hexdigest()


def decided(decisions: list[Recorded]) -> float:
    """CPU seconds to decide all of them again, on this core."""
    return _fastest(lambda: _again(decisions))


def made_again(decisions: list[Recorded]) -> float:
    """CPU seconds to do nothing but make their values again: a state for each, and each record that it wants kept."""
    values: list[object] = []
    for one in decisions:
        values.append(one.decision.subscription)
        for effect in one.decision.effects:
            values.append(effect)
            values += effect.postings if isinstance(effect, LedgerEntry) else ()
            values += (effect.invoice,) if isinstance(effect, KeepInvoice) else ()

    def make() -> None:
        for value in values:
            frozen(thawed(value))

    return _fastest(make)


def _again(decisions: list[Recorded]) -> None:
    """Take them, and keep none of them: the collector would go through all that was kept, again and again."""
    for one in decisions:
        decide(one.state, one.event, one.policy)


def _fastest(work: Callable[[], object]) -> float:
    seconds = []
    for _ in range(ROUNDS):
        began = time.process_time()
        work()
        seconds.append(time.process_time() - began)
    return min(seconds)


def calls(decisions: list[Recorded]) -> tuple[int, float]:
    """How many functions are called to decide all of them again, and the share of the one that takes most itself."""
    profile = cProfile.Profile()
    profile.runcall(_again, decisions)
    functions = profile.getstats()
    own = [one.inlinetime for one in functions]
    return sum(one.callcount for one in functions), max(own) / sum(own)


@dataclass(frozen=True, slots=True)
class Rates:
    """Of the book's own mix; `by_kind` is a table of each policy's."""

    per_second: float
    """Decisions per second and core."""
    values_share: float
    """How much of their time it takes to make their values alone."""
    monthly: float
    """Decisions a month."""
    calls_a_month: float
    largest_share: float
    """Of the function that takes most of their time itself, by a profiler that makes calls dearer than they are."""
    by_kind: str


def rates() -> Rates:
    """Record the decisions of a sample, and take them again."""
    lives = [life(number) for number in range(SAMPLE)]
    rows = []
    for name in POLICIES:
        own = [it for it in lives if it.policy.name == name]
        rows.append(_paced(f"{name}, every charge approved", [it for it in own if not it.declined])[0])
        rows.append(_paced(f"{name}, declined at least once", [it for it in own if it.declined])[0])
    row, mix, seconds = _paced("the book's own mix", lives)
    called, largest = calls(mix)
    months = sum(len(it.bills) for it in lives)
    head = ["recorded lives", "how many", "decisions a month", "decisions a second and core"]
    return Rates(
        per_second=len(mix) / seconds,
        values_share=made_again(mix) / seconds,
        monthly=len(mix) / months,
        calls_a_month=called / months,
        largest_share=largest,
        by_kind=table(head, [*rows, row]),
    )


def _paced(kind: str, lives: list[Life]) -> tuple[list[str], list[Recorded], float]:
    """A row of the table, the decisions of these lives, and the CPU seconds that they take."""
    decisions = [one for it in lives for one in recorded(it)]
    seconds, months = decided(decisions), sum(len(it.bills) for it in lives)
    row = [kind, f"{len(lives):,}", f"{len(decisions) / months:.1f}", f"{len(decisions) / seconds:,.0f}"]
    return row, decisions, seconds
