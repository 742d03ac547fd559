"""What a decision wants done: records to write, parties to tell, and at most one question to the world.

Records and tidings of one decision are written in one transaction, in this order; a question is put after that, and
its answer is the next event. Amounts are whole minor units of `currency`; instants are aware UTC datetimes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from domain.policy import Standing
from domain.subscription import Channel, Invoice, MethodKind, Role, Subscription
from domain.values import maker

FieldValue = str | bool | int | list[str]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the timeline: what happened, when it was due, who caused it and why. `number` counts from 1."""

    number: int
    at: datetime
    what: str
    fields: dict[str, FieldValue]
    by: str
    because: str
    kind: Literal["entry"] = "entry"


make_entry = maker(Entry)


@dataclass(frozen=True, slots=True)
class Posting:
    """One side of a ledger entry: debit is positive, credit negative. `payment` is the reference of the money moved."""

    account: str
    minor: int
    payment: str | None = None


make_posting = maker(Posting)


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A balanced entry. `key` is unique for ever; writing it twice is impossible."""

    key: str
    at: datetime
    what: str
    postings: tuple[Posting, ...]
    by: str
    because: str
    kind: Literal["ledger_entry"] = "ledger_entry"

    def __post_init__(self) -> None:
        total = 0
        for posting in self.postings:
            total += posting.minor
        if total or not self.postings:
            raise ValueError(f"ledger entry {self.key}: its postings sum to {total}, expected 0")


make_ledger_entry = maker(LedgerEntry)


@dataclass(frozen=True, slots=True)
class KeepInvoice:
    """The invoice as it stands now, open or closed; replaces what was kept under its number."""

    invoice: Invoice
    kind: Literal["invoice"] = "invoice"


make_keep_invoice = maker(KeepInvoice)


@dataclass(frozen=True, slots=True)
class KeepPayment:
    """A payment received, under a reference that is unique within the subscription."""

    reference: str
    minor: int
    channel: Channel
    at: datetime
    kind: Literal["payment"] = "payment"


make_keep_payment = maker(KeepPayment)


@dataclass(frozen=True, slots=True)
class KeepUnapplied:
    """Money that came after the end: kept for support to assign or return, never lost."""

    reference: str
    minor: int
    channel: str
    at: datetime
    kind: Literal["unapplied"] = "unapplied"


@dataclass(frozen=True, slots=True)
class KeepMessage:
    """The digest of a message taken in, so that its repetition is known for ever."""

    digest: str
    signal: str
    at: datetime
    kind: Literal["message"] = "message"


@dataclass(frozen=True, slots=True)
class SendMail:
    """One e-mail to the customer. `about` holds what its text says: amounts as decimals, dates as ISO."""

    key: str
    template: str
    at: datetime
    about: dict[str, str] = field(default_factory=dict)
    not_before: datetime | None = None
    """Where the policy keeps quiet hours or business days: when it may go out at the earliest."""
    kind: Literal["mail"] = "mail"


@dataclass(frozen=True, slots=True)
class WithdrawMails:
    """Mails that demand money and have not gone out yet must not: the debt is settled."""

    at: datetime
    templates: tuple[str, ...]
    kind: Literal["withdraw_mails"] = "withdraw_mails"


@dataclass(frozen=True, slots=True)
class CommandPlatform:
    """One instruction to the platform; delivered in the order of their keys, until acknowledged."""

    key: str
    command: str
    at: datetime
    because: str
    kind: Literal["command"] = "command"


@dataclass(frozen=True, slots=True)
class PlaceWithAgency:
    """Hand a debt to the collections agency: which invoices, and how much of each."""

    key: str
    minor: int
    invoices: tuple[Invoice, ...]
    at: datetime
    kind: Literal["place"] = "place"


@dataclass(frozen=True, slots=True)
class RecallFromAgency:
    """Take an amount back from the agency because it was settled elsewhere."""

    key: str
    minor: int
    invoice: str
    at: datetime
    because: str
    kind: Literal["recall"] = "recall"


@dataclass(frozen=True, slots=True)
class TellSiblings:
    """Block or unblock the customer's other subscriptions; only where the policy's scope is the customer."""

    key: str
    signal: Literal["block-access", "unblock-access"]
    reason: str
    at: datetime
    kind: Literal["siblings"] = "siblings"


@dataclass(frozen=True, slots=True)
class TellPlatform:
    """An entry of the timeline that the platform hears of, between the commands it stands between.

    Put into the outbox by the books, for the kinds of entries that the platform wants; decisions do not name it.
    """

    key: str
    what: str
    fields: dict[str, FieldValue]
    at: datetime
    by: str
    because: str
    kind: Literal["event"] = "event"


Record = Entry | LedgerEntry | KeepInvoice | KeepPayment | KeepUnapplied | KeepMessage | WithdrawMails
Tiding = SendMail | CommandPlatform | TellPlatform | PlaceWithAgency | RecallFromAgency | TellSiblings
Effect = Record | Tiding


@dataclass(frozen=True, slots=True)
class Charge:
    """Ask the gateway for money. `at` is the business time of the round; real gateways ignore it."""

    charge_key: str
    invoice: str
    role: Role
    method: MethodKind
    minor: int
    currency: str
    at: datetime
    kind: Literal["charge"] = "charge"


make_charge = maker(Charge)


@dataclass(frozen=True, slots=True)
class LookUpCharge:
    """Ask the gateway what became of a charge, by its key, before anything else is charged for that invoice."""

    charge_key: str
    invoice: str
    role: Role
    method: MethodKind
    minor: int
    at: datetime
    kind: Literal["look_up_charge"] = "look_up_charge"


@dataclass(frozen=True, slots=True)
class ReadFacts:
    """Ask what a rung's conditions need: usage in a month (of local dates), unapplied money that may be this one's."""

    at: datetime
    month_start: date | None
    month_end: date | None
    """Exclusive."""
    kind: Literal["read_facts"] = "read_facts"


@dataclass(frozen=True, slots=True)
class LookUpPayment:
    """Ask the ledger for a payment and what it paid."""

    reference: str
    kind: Literal["look_up_payment"] = "look_up_payment"


@dataclass(frozen=True, slots=True)
class LookUpMessage:
    """Ask the ledger whether a message was taken in before; only once the state has begun to forget."""

    digests: tuple[str, ...]
    kind: Literal["look_up_message"] = "look_up_message"


Question = Charge | LookUpCharge | ReadFacts | LookUpPayment | LookUpMessage


@dataclass(frozen=True, slots=True)
class Decision:
    """The new state, what to write and tell, what to ask, and when to wake if nothing comes (None: never)."""

    subscription: Subscription
    effects: tuple[Effect, ...]
    question: Question | None
    wake_at: datetime | None


make_decision = maker(Decision)


@dataclass(frozen=True, slots=True)
class View:
    """What lists, pages and search attributes show of a subscription. No personal data but the customer's id."""

    subscription_id: str
    customer_id: str
    client_number: str
    policy: str
    policy_version: int
    plan: str
    currency: str
    timezone: str
    standing: Standing
    balance_minor: int
    open_minor: int
    credit_minor: int
    placed_minor: int
    next_at: datetime | None
    next_what: str
    attention: tuple[str, ...]
    ended: bool


@dataclass(frozen=True, slots=True)
class Batch:
    """What one decision wants recorded and told: written in one transaction, once per `key`.

    `key` is `<subscription id>/<turn number>`; writing a batch again whose key is known changes nothing. `view` is the
    subscription as it stands after these effects.
    """

    key: str
    view: View
    effects: tuple[Effect, ...]


def view_of(state: Subscription, next_at: datetime | None, next_what: str) -> View:
    """The view of a state; `next_at` and `next_what` are the first item of its agenda."""
    return View(
        state.id,
        state.customer_id,
        state.client_number,
        state.policy.name,
        state.policy.version,
        state.plan,
        state.currency,
        state.timezone,
        state.standing,
        state.balance_minor,
        state.open_minor,
        state.credit_minor,
        state.placed_minor,
        next_at,
        next_what,
        state.attention,
        state.standing == "ended",
    )


def condensed(effects: Iterable[Effect]) -> tuple[Effect, ...]:
    """The effects of one batch without what a later one of them replaces: of an invoice only its last look is kept."""
    listed = list(effects)
    last = {e.invoice.number: i for i, e in enumerate(listed) if isinstance(e, KeepInvoice)}
    return tuple(e for i, e in enumerate(listed) if not isinstance(e, KeepInvoice) or last[e.invoice.number] == i)
