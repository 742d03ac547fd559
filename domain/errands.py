"""What a workflow asks of its activities, and what they answer: the concrete types on the wire.

They stand in the domain, so that workflows, activities and tests share them without importing each other. Where a
batch is given it is written first, in one transaction; writing it again changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from domain.effects import Batch, Charge, LookUpCharge, ReadFacts
from domain.subscription import MethodKind

CARRY_OUT = "carry_out"
CHARGE = "charge"
LOOK_UP_CHARGE = "look_up_charge"
READ_FACTS = "read_facts"
LOOK_UP_PAYMENT = "look_up_payment"
LOOK_UP_MESSAGE = "look_up_message"

DELIVERIES: dict[str, str] = {
    "platform": "deliver_commands",
    "agency": "deliver_to_agency",
    "siblings": "tell_siblings",
    "mail": "deliver_mails",
}
"""The activity that delivers what is pending for each party, in the order in which parties are served."""


def gateway_queue(task_queue: str, method: MethodKind) -> str:
    """The task queue on which a gateway is spoken to, beside the one that everything else waits in.

    A gateway that answers slowly, or may be asked only so often, then holds up nobody but who waits for a charge.
    """
    return f"{task_queue}.{method}"


HEARTBEAT_TIMEOUT = timedelta(seconds=20)
"""After so long without a sign of life an activity's worker counts as dead, and another one tries again.

A customer who pays to be unlocked while a worker is killed waits no longer than this.
"""


@dataclass(frozen=True, slots=True)
class CarriedOut:
    """`undelivered` names the parties with tidings still pending after one try."""

    undelivered: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Delivered:
    """Everything that may go out now has gone out. `again_at` (business time): when the next of what waits may."""

    again_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ChargeRequest:
    """`if_approved` is what an approval leads to; written by the activity itself, so that a healthy month is one."""

    subscription_id: str
    timezone: str
    batch: Batch | None
    charge: Charge
    if_approved: Batch | None


@dataclass(frozen=True, slots=True)
class ChargeOutcome:
    """`unknown`: it may have been sent and was not answered. `undelivered` as in CarriedOut."""

    outcome: Literal["approved", "declined", "unknown"]
    reason: str | None = None
    undelivered: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LookUpRequest:
    subscription_id: str
    timezone: str
    batch: Batch | None
    question: LookUpCharge


@dataclass(frozen=True, slots=True)
class LookUpOutcome:
    outcome: Literal["approved", "declined", "not_found", "unknown"]
    reason: str | None = None
    undelivered: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FactsRequest:
    subscription_id: str
    batch: Batch | None
    question: ReadFacts


@dataclass(frozen=True, slots=True)
class FactsAnswer:
    used: bool
    evidence: bool
    undelivered: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    subscription_id: str
    batch: Batch | None
    reference: str


@dataclass(frozen=True, slots=True)
class MessageRequest:
    subscription_id: str
    batch: Batch | None
    digests: tuple[str, ...]


def written(request: object, answer: object) -> tuple[Batch, ...]:
    """The batches that an activity has written by the time at which it gives this answer."""
    batches = [request if isinstance(request, Batch) else getattr(request, "batch", None)]
    if isinstance(request, ChargeRequest) and isinstance(answer, ChargeOutcome) and answer.outcome == "approved":
        batches.append(request.if_approved)
    return tuple(batch for batch in batches if isinstance(batch, Batch))
