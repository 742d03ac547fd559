"""What can happen to a subscription, in the past tense. Every event carries its own instant (aware, UTC)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from domain.subscription import Channel, Invoice
from domain.values import maker


@dataclass(frozen=True, slots=True)
class DeadlinePassed:
    """It is `at`: act on the first item of the agenda that is due by now. Nothing happens where none is."""

    at: datetime


make_deadline_passed = maker(DeadlinePassed)


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """A signal or an update, as it came: its name and its payloads, not yet believed. `at` is when it was taken in."""

    signal: str
    payloads: tuple[object, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class ChargeAnswered:
    """The gateway's answer, or `unknown` where no answer came after sending. A decline is a value, not an error."""

    outcome: Literal["approved", "declined", "unknown"]
    reason: str | None
    at: datetime


make_charge_answered = maker(ChargeAnswered)


@dataclass(frozen=True, slots=True)
class ChargeLookedUp:
    """What the gateway knows of a charge by its key; `not_found`: it never arrived; `unknown`: none can say."""

    outcome: Literal["approved", "declined", "not_found", "unknown"]
    reason: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class FactsRead:
    """Usage in the month asked for, and whether unapplied bank money may be this customer's."""

    used: bool
    evidence: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Allocated:
    """How much of a payment an invoice holds now; the invoice as it was last kept."""

    invoice: Invoice
    minor: int


@dataclass(frozen=True, slots=True)
class PaymentFacts:
    """A payment in the ledger: `allocations` newest first, net of what has been undone."""

    reference: str
    minor: int
    reversed_minor: int
    channel: Channel
    allocations: tuple[Allocated, ...]


@dataclass(frozen=True, slots=True)
class PaymentLookedUp:
    """The ledger's answer; None where it knows no such payment."""

    payment: PaymentFacts | None
    at: datetime


@dataclass(frozen=True, slots=True)
class MessageLookedUp:
    """Which of the digests asked for the ledger has taken in before."""

    known: tuple[str, ...]
    at: datetime


Event = (
    DeadlinePassed | MessageReceived | ChargeAnswered | ChargeLookedUp | FactsRead | PaymentLookedUp | MessageLookedUp
)
