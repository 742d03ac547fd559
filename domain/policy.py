"""What a policy says, as plain values; `policies/` reads them from YAML and refuses what cannot be meant.

Nothing here or in `decide` knows a policy by its name: the three shipped ones differ only in these values.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time
from typing import Literal

Standing = Literal[
    "active", "past_due", "locked", "account_locked", "awaiting_review", "cancelled", "in_collections", "ended"
]
"""One at a time (spec, section 1). `ended` is final."""

CancelAsOf = Literal["previous_month_end", "month_end", "period_end", "now"]
"""The last day of a cancelled plan: of the month before the missed one, of the missed month, of the period that runs
(the cancellation then waits for its end), or of the instant."""

TriggerKind = Literal[
    "days_unpaid",
    "days_after_due",
    "days_before_due",
    "end_of_month",
    "end_of_month_of_consecutive_missed",
    "unpaid_invoices",
    "balance_above",
    "days_after_cancellation",
]


@dataclass(frozen=True, slots=True)
class Trigger:
    """When a rung is due.

    `number` counts calendar days (days_...), the k-th consecutive missed instalment, unpaid invoices, or the minor
    units that the past-due balance must exceed (balance_above); it is 0 for end_of_month.
    """

    kind: TriggerKind
    number: int = 0


ConditionKind = Literal[
    "used_that_month",
    "choice",
    "new_customer",
    "warned",
    "plan_running",
    "access_blocked",
    "customer_days",
    "late_payments",
    "decline",
    "tag",
    "balance_above",
    "channel",
    "usable_method",
    "standing_below",
]


@dataclass(frozen=True, slots=True)
class Condition:
    """What must hold when a rung is due; `wanted` is what the fact is compared with, by the kind's own rule."""

    kind: ConditionKind
    wanted: bool | int | str


@dataclass(frozen=True, slots=True)
class SetStanding:
    to: Standing


@dataclass(frozen=True, slots=True)
class Mail:
    template: str


@dataclass(frozen=True, slots=True)
class Command:
    command: str


@dataclass(frozen=True, slots=True)
class AttemptRound:
    pass


@dataclass(frozen=True, slots=True)
class Cancel:
    as_of: CancelAsOf


@dataclass(frozen=True, slots=True)
class Terminate:
    """Delinquency of a commitment: void what is open, owe this share (percent) of the remaining balance instead."""

    percent: int


@dataclass(frozen=True, slots=True)
class PlaceAll:
    """Hand everything open to the collections agency, due or not."""


@dataclass(frozen=True, slots=True)
class VoidAll:
    """Void every open invoice; what had been paid of them becomes credit."""


@dataclass(frozen=True, slots=True)
class LateFee:
    """A fee of its own: `minor` fixed minor units plus `percent` of the past-due balance, rounded half up."""

    minor: int
    percent: int


@dataclass(frozen=True, slots=True)
class WriteOffSmall:
    """Write everything open off where it is at most this many minor units."""

    at_most_minor: int


RungEffect = (
    SetStanding | Mail | Command | AttemptRound | Cancel | Terminate | PlaceAll | VoidAll | LateFee | WriteOffSmall
)


@dataclass(frozen=True, slots=True)
class Rung:
    """One stage of the ladder. `why` is what operators read in timers and forecasts; `id` is unique in a policy."""

    id: str
    why: str
    when: Trigger
    conditions: tuple[Condition, ...]
    then: tuple[RungEffect, ...]
    warns: bool = False
    """True for the notice that must precede an agency; nobody is reminded after it."""
    days_after_warning: int | None = None
    """The least distance from that notice, also after a hold; without the notice this rung is never due."""

    @property
    def harsh(self) -> bool:
        """True for what evidence of money and an announced transfer keep back: all but a plain mail or a round."""
        return self.warns or any(not isinstance(effect, Mail | AttemptRound) for effect in self.then)


@dataclass(frozen=True, slots=True)
class Billing:
    """One invoice a month. `terms_days` (and `new_customer_terms_days`) count from issue to due; prepaid is 0."""

    in_advance: bool
    at: time
    terms_days: int
    new_customer_terms_days: int
    charge_on_issue: bool
    methods: tuple[Literal["primary", "secondary"], ...]
    invoice_mail: str | None = None
    receipt_mail: str | None = None
    spread_minutes: int = 0


@dataclass(frozen=True, slots=True)
class Channels:
    """How many failures leave bank transfer as the only channel; 0 means never."""

    card_failures: int
    paypal_failures: int
    bank_only_at: tuple[Standing, ...]


@dataclass(frozen=True, slots=True)
class Reversal:
    """What follows a re-opened debt."""

    mail: str
    due_again: bool
    """True where the ladder counts from due dates: the debt is due again after the grace days."""


@dataclass(frozen=True, slots=True)
class Access:
    """The commands that take access away for a named reason, and each command's counterpart that gives it back."""

    block: tuple[str, ...]
    counterparts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ReviewLimits:
    """`review_if`: a settled debt is reviewed only above these; at or below both it unlocks by itself."""

    days_late: int
    late_payments: int


@dataclass(frozen=True, slots=True)
class OfficeHours:
    """When support works: weekdays (0 is Monday), from `opens` (inclusive) to `closes` (exclusive) in `timezone`."""

    weekdays: tuple[int, ...]
    opens: time
    closes: time
    timezone: str


@dataclass(frozen=True, slots=True)
class DecisionDeadline:
    """What becomes of a review that support leaves open: hours are office hours, counted from when it opened."""

    hours: OfficeHours
    escalate_after_hours: int
    default_after_hours: int
    default: Literal["reactivate", "refuse"]


@dataclass(frozen=True, slots=True)
class Settled:
    """What a settled debt does to someone who was locked: unlock, or ask support."""

    unlock: Literal["automatic", "review", "review_if"]
    limits: ReviewLimits | None
    unlocked_mail: str | None
    refused_mail: str | None
    deadline: DecisionDeadline | None


@dataclass(frozen=True, slots=True)
class Ending:
    """How a plan ends. `commands` follow every cancellation, `customer_commands` also the customer's own."""

    commands: tuple[str, ...]
    customer_commands: tuple[str, ...]
    mail: str
    at_period_end_means: Literal["period", "commitment"]
    final_invoice: bool
    """True where a period cut short is billed for the days the product existed (postpaid)."""
    keeps_locks: bool
    """True where cancelling adds to the locks in force; False where it supersedes them."""
    deletes_data: str | None
    """The command after which nothing can be restored."""


@dataclass(frozen=True, slots=True)
class KeepTrying:
    """Attempt rounds every `every_days` from the first miss until `months` calendar months after it (exclusive)."""

    every_days: int
    months: int
    default: Literal["keep_trying", "cancel"]


@dataclass(frozen=True, slots=True)
class MailHours:
    """When mails may go out, in the customer's zone: on `weekdays` (0 is Monday), outside the quiet hours."""

    weekdays: tuple[int, ...]
    quiet_from: time | None
    """Inclusive; None where no hour is quiet. Later than `quiet_until` means over midnight."""
    quiet_until: time | None
    """Exclusive."""
    prompt: tuple[str, ...]
    """Templates that are never kept waiting."""


@dataclass(frozen=True, slots=True)
class Policy:
    name: str
    version: int
    digest: str
    """SHA-256 of the file's meaning, in hex; the state carries it, so that no worker plays another text."""
    title: str
    billing: Billing
    when_declined: tuple[Mail, ...]
    when_no_method: tuple[Mail, ...]
    ladder: tuple[Rung, ...]
    settled: Settled
    reversal: Reversal
    access: Access
    ending: Ending
    channels: Channels | None
    keep_trying: KeepTrying | None
    grace_days: int
    """What a customer always has, from the failed attempt or the reversal, before anything harsh is judged."""
    announcement_days: int
    uncollectable: Literal["keep", "write_off"]
    scope: Literal["subscription", "customer"]
    mail_hours: MailHours | None = None
    """None: a mail goes out at once."""

    def counterpart(self, command: str) -> str | None:
        """The command that undoes `command`, or None where it cannot be undone."""
        return next((undo for done, undo in self.access.counterparts if done == command), None)

    @property
    def gives_notice(self) -> bool:
        """True where a rung comes before an invoice is due."""
        return "days_before_due" in [rung.when.kind for rung in self.ladder]

    @property
    def committed(self) -> bool:
        """True where the plan is a commitment of instalments."""
        return any(isinstance(effect, Terminate) for rung in self.ladder for effect in rung.then) or (
            self.keep_trying is not None
        )
