"""The world of a scenario: what charges answer, what was used, which money lies unapplied.

A pure function of business time, so that the core and the real workflow meet the same world.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime

from domain.effects import (
    Charge,
    Effect,
    KeepPayment,
    LedgerEntry,
    LookUpCharge,
    LookUpMessage,
    LookUpPayment,
    Question,
    ReadFacts,
)
from domain.events import (
    Allocated,
    ChargeAnswered,
    ChargeLookedUp,
    Event,
    FactsRead,
    MessageLookedUp,
    PaymentFacts,
    PaymentLookedUp,
    make_charge_answered,
)
from domain.opening import Outcome
from domain.periods import local_date
from domain.subscription import Invoice, Role

USAGE_KINDS = ("batch_uploaded", "credit_used", "site_activated", "tour_activated")


@dataclass(frozen=True, slots=True)
class GatewayRule:
    """What charges of a method answer from a local date (inclusive) until another (exclusive; None: for ever)."""

    role: Role
    first_on: date
    until: date | None
    outcome: Outcome
    reason: str | None


@dataclass(frozen=True, slots=True)
class Usage:
    on: date
    kind: str


@dataclass(frozen=True, slots=True)
class World:
    """What a scenario says of the outside. Later gateway rules win; what no rule covers is approved."""

    gateway: tuple[GatewayRule, ...] = ()
    usage: tuple[Usage, ...] = ()
    evidence: tuple[tuple[datetime, datetime], ...] = ()
    """Spans (from inclusive, to exclusive) in which unapplied bank money may be this customer's."""

    def rule(self, role: Role, on: date) -> GatewayRule | None:
        """The rule that answers a charge on a local date."""
        for rule in reversed(self.gateway):
            if rule.role == role and rule.first_on <= on and (not rule.until or on < rule.until):
                return rule
        return None

    def charge(self, role: Role, at: datetime, timezone: str) -> ChargeAnswered:
        """What the gateway answers at once."""
        rule = self.rule(role, local_date(at, timezone))
        match rule.outcome if rule else "approved":
            case "approved":
                return make_charge_answered("approved", None, at)
            case "declined":
                return make_charge_answered("declined", rule.reason if rule else None, at)
            case _:
                return make_charge_answered("unknown", None, at)

    def look_up(self, role: Role, at: datetime, timezone: str) -> ChargeLookedUp:
        """What the gateway tells of a charge made at `at` when asked by key."""
        rule = self.rule(role, local_date(at, timezone))
        declined = rule is not None and rule.outcome in ("declined", "unknown_then_declined")
        return ChargeLookedUp("declined" if declined else "approved", rule.reason if rule and declined else None, at)

    def used(self, start: date | None, end: date | None) -> bool:
        """Whether anything was used from `start` (inclusive) to `end` (exclusive)."""
        return start is not None and end is not None and any(start <= u.on < end for u in self.usage)

    def possible_money(self, at: datetime) -> bool:
        """Whether unapplied money may be this customer's at an instant."""
        return any(start <= at < end for start, end in self.evidence)


class Book:
    """The books of one subscription in memory: what the ledger in PostgreSQL would answer."""

    def __init__(self) -> None:
        self.entries: list[LedgerEntry] = []
        self.invoices: dict[str, Invoice] = {}
        self.payments: dict[str, KeepPayment] = {}
        self.messages: set[str] = set()

    def keep(self, effects: tuple[Effect, ...]) -> None:
        """Write what a decision wants recorded."""
        for effect in effects:
            match effect.kind:
                case "ledger_entry":
                    self.entries.append(effect)
                case "invoice":
                    self.invoices[effect.invoice.number] = effect.invoice
                case "payment":
                    self.payments[effect.reference] = effect
                case "message":
                    self.messages.add(effect.digest)
                case _:
                    pass  # the timeline is not asked, and others are told

    def payment(self, reference: str) -> PaymentFacts | None:
        """A payment and what it pays now, newest allocation first."""
        kept = self.payments.get(reference)
        if kept is None:
            return None
        allocated: dict[str, int] = defaultdict(int)
        received = 0
        order: list[str] = []
        for entry in self.entries:
            for posting in entry.postings:
                if posting.payment != reference:
                    continue
                if posting.account.startswith("cash:"):
                    received += posting.minor
                elif posting.account.startswith("receivable:"):
                    number = posting.account.removeprefix("receivable:")
                    allocated[number] -= posting.minor
                    if posting.minor < 0:
                        order = [*(n for n in order if n != number), number]
        parts = tuple(Allocated(self.invoices[n], allocated[n]) for n in reversed(order) if allocated[n] > 0)
        return PaymentFacts(reference, kept.minor, kept.minor - received, kept.channel, parts)


def answer(question: Question, world: World, book: Book, now: datetime, timezone: str) -> Event:
    """What the world answers a question, at once."""
    match question:
        case Charge():
            return world.charge(question.role, question.at, timezone)
        case LookUpCharge():
            return world.look_up(question.role, question.at, timezone)
        case ReadFacts():
            used = world.used(question.month_start, question.month_end)
            return FactsRead(used, world.possible_money(question.at), now)
        case LookUpPayment():
            return PaymentLookedUp(book.payment(question.reference), now)
        case LookUpMessage():
            return MessageLookedUp(tuple(d for d in question.digests if d in book.messages), now)
