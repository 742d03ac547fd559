"""What should have happened, by the pure core alone: every entry, ledger entry, payment and tiding of a life."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from domain.agenda import next_item
from domain.decide import decide
from domain.effects import (
    Charge,
    CommandPlatform,
    Effect,
    Entry,
    KeepInvoice,
    KeepPayment,
    KeepUnapplied,
    LedgerEntry,
    LookUpCharge,
    PlaceWithAgency,
    Question,
    RecallFromAgency,
    SendMail,
    TellSiblings,
    View,
    WithdrawMails,
    view_of,
)
from domain.events import ChargeAnswered, ChargeLookedUp, DeadlinePassed, Event, MessageReceived
from domain.messages import Refused, digests, parse
from domain.opening import opened
from domain.policy import Policy
from domain.rounds import LOOK_UP_AGAIN
from domain.scenario import Said, Scenario
from domain.subscription import Invoice, Subscription
from domain.world import Book, answer

STEPS_LIMIT = 100_000  # a life of four months takes some dozens

Written = Callable[[int], Entry | None]
"""What was really written under a number of the timeline; None for nothing."""


def nothing_yet(_: int) -> None:
    """Of a life that has not been lived there is nothing to go by: every answer is heard."""


@dataclass(frozen=True, slots=True)
class Told:
    """A life as the core tells it. `charges` are all that the gateways were asked for, by their keys.

    `views` are the projection as it may stand: after the last decision that had an effect, and after the last of all.
    A deadline that passes without any effect is recorded only together with what comes before it, so that the next step
    in the projection may be one that has passed; in nothing else the two differ.
    """

    state: Subscription
    views: tuple[View | None, View]
    effects: tuple[Effect, ...]
    charges: dict[str, Charge]
    unheard: tuple[str, ...]
    """The keys of charges of which an answer was not heard, each as often as that was so."""
    wake_at: datetime | None

    @property
    def entries(self) -> list[Entry]:
        return [e for e in self.effects if isinstance(e, Entry)]

    @property
    def ledger(self) -> list[LedgerEntry]:
        return [e for e in self.effects if isinstance(e, LedgerEntry)]

    @property
    def payments(self) -> list[KeepPayment]:
        return [e for e in self.effects if isinstance(e, KeepPayment)]

    @property
    def unapplied(self) -> list[KeepUnapplied]:
        return [e for e in self.effects if isinstance(e, KeepUnapplied)]

    @property
    def invoices(self) -> dict[str, Invoice]:
        """Each as it was kept last."""
        return {e.invoice.number: e.invoice for e in self.effects if isinstance(e, KeepInvoice)}

    @property
    def commands(self) -> list[CommandPlatform]:
        return [e for e in self.effects if isinstance(e, CommandPlatform)]

    @property
    def mails(self) -> list[SendMail]:
        return [e for e in self.effects if isinstance(e, SendMail)]

    @property
    def placements(self) -> list[PlaceWithAgency]:
        return [e for e in self.effects if isinstance(e, PlaceWithAgency)]

    @property
    def recalls(self) -> list[RecallFromAgency]:
        return [e for e in self.effects if isinstance(e, RecallFromAgency)]

    @property
    def siblings(self) -> list[TellSiblings]:
        return [e for e in self.effects if isinstance(e, TellSiblings)]

    def may_be_withdrawn(self, key: str) -> bool:
        """Whether a mail was made untrue later, so that one that had not gone out by then must not."""
        templates = {mail.key: mail.template for mail in self.mails}
        after = [mail.key for mail in self.mails].index(key) if key in templates else 0
        seen = 0
        for effect in self.effects:
            if isinstance(effect, SendMail):
                seen += 1
            elif isinstance(effect, WithdrawMails) and seen > after and templates.get(key) in effect.templates:
                return True
        return False


def played(scenario: Scenario, policy: Policy, heard: Sequence[Said], written: Written = nothing_yet) -> Told:
    """Play a life until its end (exclusive), with the messages as they came.

    Of what was really written two things are taken, which only the wire can know. A charge whose answer was not heard
    answers `unknown`, and the truth when it is looked up; where what was asked then was not heard either, when it is
    looked up again, at the instant that the entry shows. And a message that is repeated after the end is written down
    as `repeated` while the workflow still lives, and not at all by the front door (docs/decisions/0010).
    """
    world, zone = scenario.world, scenario.terms.customer.timezone
    book, effects = Book(), list[Effect]()
    charges: dict[str, Charge] = {}
    silent: list[str] = []

    def said(question: Question, state: Subscription, now: datetime) -> Event:
        if isinstance(question, Charge):
            charges[question.charge_key] = question
            if _says(written(state.entries + 1), "charge", outcome="unknown"):
                silent.append(question.charge_key)
                return ChargeAnswered("unknown", None, now)
        if isinstance(question, LookUpCharge):
            later = written(state.entries + 1)
            if later is not None and later.at > now and later.because == f"look up charge {question.charge_key}":
                silent.append(question.charge_key)
                return ChargeLookedUp("unknown", None, later.at - LOOK_UP_AGAIN)
        return answer(question, world, book, now, zone)

    view: View | None = None
    state, messages = opened(scenario.terms, policy), list(heard)
    event: Event = DeadlinePassed(datetime.min.replace(tzinfo=UTC))
    for _ in range(STEPS_LIMIT):
        asking: Event | None = event
        wake_at: datetime | None = None
        while asking is not None:
            decision = decide(state, asking, policy)
            state, wake_at = decision.subscription, decision.wake_at
            effects += decision.effects
            if decision.effects:
                view = _view(state, policy)
            book.keep(decision.effects)
            asking = said(decision.question, state, asking.at) if decision.question is not None else None
        due = wake_at if wake_at is not None and wake_at < scenario.until else None
        if messages and (due is None or messages[0].at <= due):
            message = messages.pop(0)
            silent_repetition = state.standing == "ended" and _repeats(message, state, book)
            if silent_repetition and not _says(written(state.entries + 1), "repeated"):
                event = DeadlinePassed(message.at)  # nothing is due any more
                continue
            event = MessageReceived(message.signal, (message.payload,), message.at)
        elif due is not None:
            event = DeadlinePassed(due)
        else:
            return Told(state, (view, _view(state, policy)), tuple(effects), charges, tuple(silent), wake_at)
    raise AssertionError(f"subscription {scenario.terms.id}: {STEPS_LIMIT} steps did not reach {scenario.until}")


def _view(state: Subscription, policy: Policy) -> View:
    upcoming = None if state.asked_for else next_item(state, policy)
    return view_of(state, upcoming.at if upcoming else None, upcoming.what if upcoming else "")


def _says(entry: Entry | None, what: str, **fields: str) -> bool:
    return entry is not None and entry.what == what and fields.items() <= entry.fields.items()


def _repeats(said: Said, state: Subscription, book: Book) -> bool:
    """Whether a message has been taken in before."""
    try:
        message = parse(said.signal, (said.payload,), state.currency, state.timezone, said.at)
    except Refused:
        return False
    return any(digest in book.messages for digest in digests(message))


def deadlines_about(heard: Sequence[Said], scenario: Scenario, policy: Policy, at: datetime) -> list[datetime]:
    """The next deadline at an instant, before anything that is heard then has been acted on, and after."""
    until = replace(scenario, until=at)
    before = played(until, policy, [m for m in heard if m.at < at]).wake_at
    after = played(until, policy, [m for m in heard if m.at <= at]).wake_at
    return [due for due in (before, after) if due is not None]
