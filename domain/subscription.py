"""The state of one subscription: everything `decide` knows, and all that survives continue-as-new.

Amounts are whole minor units of `currency`; instants are aware UTC datetimes; dates are the customer's local dates.
Paid invoices and past payments are not here: the ledger has them, and is asked when a rule needs one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from domain.policy import Standing
from domain.values import maker

Role = Literal["primary", "secondary"]
MethodKind = Literal["card", "paypal", "bank_transfer"]
Channel = Literal["card", "paypal", "bank_transfer", "agency"]
InvoiceKind = Literal["period", "termination", "fee"]

CHARGEABLE: tuple[MethodKind, ...] = ("card", "paypal")
"""A bank transfer is sent by the customer; it cannot be charged."""


@dataclass(frozen=True, slots=True)
class PolicyName:
    """Which policy, which version, and the digest of its text. A worker that has another digest stops the task."""

    name: str
    version: int
    digest: str


@dataclass(frozen=True, slots=True)
class PaidPart:
    """What one payment, named by its reference, paid of an invoice or left as credit."""

    reference: str
    minor: int


make_paid_part = maker(PaidPart)


@dataclass(frozen=True, slots=True)
class Invoice:
    """A demand for money. `open_minor` is what is still owed of it; 0 once paid, voided or written off."""

    number: str
    ordinal: int
    """Counts from 1 in order of issue; the order of allocation."""
    kind: InvoiceKind
    period: int
    """The period billed, from 0; instalments of a commitment follow each other by it."""
    period_start: date
    period_end: date
    """Exclusive."""
    amount_minor: int
    open_minor: int
    issued_at: datetime
    due_at: datetime
    missed_on: date
    """The billing date, or the date of the reversal that re-opened it: the month meant by 'end of month'."""
    unpaid_since: datetime | None = None
    missed: bool = False
    """Past due: its due instant has been acted upon and it stayed unpaid."""
    rounds: int = 0
    notified: bool = False
    placed_minor: int = 0
    returned: bool = False
    """The agency gave it back; support decides, it is not placed again by itself."""
    reopened_at: datetime | None = None
    written_off_minor: int = 0
    voided: bool = False
    noticed: tuple[str, ...] = ()
    """Rungs before the due date that this invoice has had."""
    paid_by: tuple[PaidPart, ...] = ()
    unresolved: Unresolved | None = None


make_invoice = maker(Invoice)


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A charge whose outcome nobody knows yet. Blocks every further charge of its invoice until looked up by key."""

    charge_key: str
    role: Role
    method: MethodKind
    minor: int
    asked_at: datetime
    look_up_at: datetime
    looked_up: int = 0
    absent_since: datetime | None = None
    """When the gateway first said, after the latest ask, that it knows of no such charge."""


@dataclass(frozen=True, slots=True)
class Episode:
    """From the first miss until nothing is past due. `applied` names the rungs that have been passed in it."""

    first_missed_at: datetime
    applied: tuple[str, ...] = ()
    choice: Literal["keep_trying", "cancel"] | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """How the plan ended; the workflow may go on until its debts are settled."""

    at: datetime
    effective_on: date
    retroactive: bool
    by: Literal["ladder", "customer", "support_refusal"]
    billed_minor: int = 0
    """What the final invoice billed of the period that `effective_on` cut short."""
    applied: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InForce:
    """A platform command that has a counterpart and still stands, with the named reasons it stands for."""

    command: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hold:
    at: datetime
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Promise:
    until: date
    at: datetime
    """When it lapses: the first local instant of `until`."""
    by: str


@dataclass(frozen=True, slots=True)
class Review:
    """Support is asked whether to give access back. `came_from` is the lock in force that a new miss returns to."""

    opened_at: datetime
    came_from: Standing
    days_late: int
    escalated: bool = False


@dataclass(frozen=True, slots=True)
class Commitment:
    """What one year's commitment has received: which instalments (periods) in full, and how much money."""

    first_period: int
    received: tuple[int, ...] = ()
    received_minor: int = 0


make_commitment = maker(Commitment)


@dataclass(frozen=True, slots=True)
class WriteOff:
    at: datetime
    invoices: tuple[Invoice, ...]
    """Each as it stands now, but for `open_minor`, which is what was written off of it here."""


@dataclass(frozen=True, slots=True)
class Round:
    """An attempt round under way: which invoice and method were charged last, and what the round has found so far."""

    at: datetime
    """What it is dated by: its deadline, or the message that asked for it."""
    by: str = "policy"
    because: str = ""
    declined: bool = False
    invoice: str | None = None
    role: Role | None = None
    failed_at: datetime | None = None
    stuck: bool = False


make_round = maker(Round)


@dataclass(frozen=True, slots=True)
class PendingMessage:
    """A message that waits for what the ledger says before it can be acted on."""

    signal: str
    payload: dict[str, object]
    at: datetime
    known: bool = False
    """True once the ledger has said that the message is new."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What was read for the deadline at `at`: used in the month that begins `month`, money that may be this one's."""

    at: datetime
    month: date | None
    used: bool
    evidence: bool


@dataclass(frozen=True, slots=True)
class Subscription:
    id: str
    customer_id: str
    client_number: str
    timezone: str
    locale: str
    plan: str
    price_minor: int
    currency: str
    instalments: int
    """Length of the commitment in months; 0 where the plan is none."""
    starts_on: date
    primary: MethodKind
    secondary: MethodKind | None
    policy: PolicyName
    tags: tuple[str, ...] = ()
    customer_since: date | None = None

    standing: Standing = "active"
    next_period: int = 0
    next_period_from: date | None = None
    """Where the next invoice begins, if not at the anchor: after a revoked cancellation."""
    next_period_billed_minor: int = 0
    bill_not_before: datetime | None = None
    issued: int = 0
    invoices: tuple[Invoice, ...] = ()
    """Open ones only, in order of issue."""
    credit: tuple[PaidPart, ...] = ()
    episode: Episode | None = None
    ended: Ended | None = None
    cancel_at_period_end: Literal["customer", "ladder"] | None = None
    """By whom the plan is set to end with its period."""
    in_force: tuple[InForce, ...] = ()
    blocks: tuple[str, ...] = ()
    hold: Hold | None = None
    promise: Promise | None = None
    announced_until: datetime | None = None
    evidence_look_at: datetime | None = None
    released_at: datetime | None = None
    review: Review | None = None
    bank_only: bool = False
    card_failures: int = 0
    failed_charges: int = 0
    last_decline: str | None = None
    paid_invoices: int = 0
    late_payments: int = 0
    broken_promises: int = 0
    warned_at: datetime | None = None
    placed_once: bool = False
    data_deleted: bool = False
    commitments: tuple[Commitment, ...] = ()
    written_off: tuple[WriteOff, ...] = ()
    round: Round | None = None
    round_at: datetime | None = None
    last_round_at: datetime | None = None
    acted_at: datetime | None = None
    asked_for: Literal["charge", "look_up", "facts", "payment", "message"] | None = None
    pending: PendingMessage | None = None
    facts: Facts | None = None
    entries: int = 0
    """How many timeline entries have been written; numbers the next."""
    postings: int = 0
    """How many ledger entries have been written; part of the key of the next."""
    sent: int = 0
    """How many mails, commands and placements went out; part of the key of the next."""
    seen: tuple[str, ...] = ()
    """Short digests of the messages taken in lately, oldest first; bounded (`messages.SEEN_LIMIT`)."""
    forgotten: int = 0
    """How many digests have been dropped; from then on the ledger is asked whether a message is new."""
    attention: tuple[str, ...] = ()
    """What support should look at, newest last; bounded."""

    @property
    def open_minor(self) -> int:
        """Everything owed, due or not."""
        return sum([invoice.open_minor for invoice in self.invoices])

    @property
    def balance_minor(self) -> int:
        """Owed and past due, placed debt included: what the contract calls `balance`."""
        return sum(i.open_minor if i.missed else min(i.placed_minor, i.open_minor) for i in self.invoices)

    @property
    def past_due_minor(self) -> int:
        """Owed and past due, whether placed or not."""
        return sum(i.open_minor for i in self.invoices if i.missed)

    @property
    def placed_minor(self) -> int:
        """What stands with the collections agency."""
        return sum(i.placed_minor for i in self.invoices)

    @property
    def credit_minor(self) -> int:
        """Money received and not yet needed. Never paid out in cash."""
        return sum(part.minor for part in self.credit)

    @property
    def plan_running(self) -> bool:
        """True until the plan is cancelled."""
        return self.ended is None and self.standing != "ended"

    @property
    def new_customer(self) -> bool:
        """True until one invoice has been paid in full by money (spec, section 6)."""
        return self.paid_invoices == 0

    def overdue(self) -> tuple[Invoice, ...]:
        """What the ladder works on: past due and not wholly with the agency, nor returned by it."""
        return tuple([i for i in self.invoices if i.missed and i.open_minor > i.placed_minor and not i.returned])

    def invoice(self, number: str) -> Invoice | None:
        """The open invoice of that number, or None."""
        for invoice in self.invoices:
            if invoice.number == number:
                return invoice
        return None

    def method(self, role: Role) -> MethodKind | None:
        """The kind of payment method in that role, or None where there is none."""
        return self.primary if role == "primary" else self.secondary
