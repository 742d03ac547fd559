"""The policy language: what a YAML file may say, and what each word means. The editors' JSON schema is made from it.

Days are calendar days in the customer's zone; amounts are whole minor units of the subscription's currency, because
one policy serves many currencies.
"""

from __future__ import annotations

import re
from datetime import time
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from domain.periods import zone
from domain.policy import CancelAsOf, Standing


def _printable(text: str) -> str:
    """It stands in books, pages and mails: PostgreSQL refuses a zero byte, and nobody reads a control character."""
    if not text.isprintable() or not text.strip():
        raise ValueError("expected printable characters in one line")
    return text


def _known_zone(name: str) -> str:
    zone(name)
    return name


Days = Annotated[int, Field(ge=0, le=3660)]
Minor = Annotated[int, Field(ge=0, lt=10**15)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,60}$")]
Title = Annotated[str, StringConstraints(min_length=1, max_length=120), AfterValidator(_printable)]
Percent = Annotated[int, Field(ge=0, le=100)]

Template = Literal[
    "payment_declined",
    "payment_reminder",
    "payment_reversed",
    "product_locked",
    "account_locked",
    "account_unlocked",
    "bank_transfer_instructions",
    "subscription_cancelled",
    "collections_warning",
    "reactivation_refused",
    "receipt",
    "invoice",
]


Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def _listed(value: object) -> object:
    return value if isinstance(value, list) else [value]


def _clock(value: object) -> time:
    if not isinstance(value, str) or not re.fullmatch(_CLOCK, value):
        raise ValueError('expected a quoted local time such as "00:00"')
    return time.fromisoformat(value)


_CLOCK = r"([01]\d|2[0-3]):[0-5]\d"
LocalTime = Annotated[time, BeforeValidator(_clock), WithJsonSchema({"type": "string", "pattern": f"^{_CLOCK}$"})]

OneOrMoreNames = Annotated[
    Annotated[list[Name], Field(min_length=1, max_length=20)],
    BeforeValidator(_listed, json_schema_input_type=Name | list[Name]),
]
OneOrMoreTemplates = Annotated[
    Annotated[list[Template], Field(min_length=1, max_length=5)],
    BeforeValidator(_listed, json_schema_input_type=Template | list[Template]),
]


class Said(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Bill(Said):
    """When an invoice is made, and when it is due."""

    every: Literal["month"]
    in_: Literal["advance", "arrears"] = Field(alias="in", description="for the period that begins, or just ended")
    at: LocalTime = Field(description="local time of day at which invoices are issued")
    due_after_days: Days
    new_customer_due_after_days: Days | None = Field(
        default=None, description="while no invoice has been paid in full by money; default: as due_after_days"
    )
    charge_when_issued: bool = Field(default=False, description="an attempt round at issue, not only when due")
    invoice_email: Template | None = None
    receipt_email: Template | None = None
    spread_minutes: Annotated[int, Field(ge=0, le=720)] = Field(
        default=0, description="spread billing over so many minutes after `at`, by a hash of the subscription's id"
    )


class Channels(Said):
    """Which failures leave bank transfer as the only channel, until support reactivates. 0: never."""

    card_failures: Annotated[int, Field(ge=0, le=100)] = 0
    paypal_failures: Annotated[int, Field(ge=0, le=1)] = 0
    bank_transfer_only_at: list[Standing] = []


class KeepTrying(Said):
    """Attempt rounds on a fixed schedule from the first miss of an episode."""

    at_first_month_end: Literal["keep_trying", "cancel"]
    every_days: Annotated[int, Field(ge=1, le=366)]
    for_months: Annotated[int, Field(ge=1, le=24)]


class When(Said):
    """Exactly one trigger."""

    days_unpaid: Days | None = Field(default=None, description="after `unpaid since` of the oldest past-due debt")
    days_after_due: Days | None = Field(default=None, description="after the due instant of the oldest overdue invoice")
    days_before_due: Annotated[int, Field(ge=1, le=365)] | None = None
    end_of_month_of_consecutive_missed: Annotated[int, Field(ge=2, le=36)] | None = Field(
        default=None, description="end of the month of the k-th consecutive missed instalment"
    )
    unpaid_invoices: Annotated[int, Field(ge=1, le=100)] | None = None
    balance_above: Minor | None = Field(default=None, description="the past-due balance, in minor units")
    days_after_cancellation: Days | None = None

    @model_validator(mode="after")
    def _one(self) -> When:
        if len(self.model_fields_set) != 1 or None in self.model_dump(exclude_unset=True).values():
            raise ValueError("expected exactly one trigger, with its number")
        return self


class If(Said):
    """Every condition named must hold when the rung is due."""

    used_that_month: bool | None = Field(default=None, description="anything used in the month of the missed date")
    at_month_end: Literal["keep_trying", "cancel"] | None = Field(
        default=None, description="the platform's choice for the first month end, or support's for this subscription"
    )
    new_customer: bool | None = None
    warned: bool | None = Field(default=None, description="the rung with `warns: true` has been applied")
    plan_running: bool | None = Field(default=None, description="false once the plan has been cancelled")
    access_blocked: bool | None = Field(default=None, description="a lock for this debt is in force")
    standing_below: Standing | None = None
    customer_for_days: Days | None = Field(default=None, description="a customer for at least so many days")
    late_payments: Days | None = Field(default=None, description="at least so many invoices were paid late before")
    decline: Literal["hard", "soft"] | None = Field(default=None, description="kind of the latest decline")
    tag: Name | None = None
    balance_above: Minor | None = None
    channel: Literal["card", "paypal", "bank_transfer"] | None = Field(
        default=None, description="of the primary method"
    )
    usable_method: bool | None = None


class Terminate(Said):
    percent_of_remaining_balance: Percent


class LateFee(Said):
    amount: Minor = 0
    percent: Percent = 0


class Then(Said):
    """Exactly one effect."""

    standing: Literal["past_due", "locked", "account_locked"] | None = None
    platform: OneOrMoreNames | None = None
    email: OneOrMoreTemplates | None = None
    cancel: CancelAsOf | None = None
    terminate: Terminate | None = None
    collections: Literal["everything_open"] | None = None
    charge: Literal["everything_open"] | None = None
    void: Literal["everything_open"] | None = None
    late_fee: LateFee | None = None
    write_off_up_to: Minor | None = None

    @model_validator(mode="after")
    def _one(self) -> Then:
        if len(self.model_fields_set) != 1 or None in self.model_dump(exclude_unset=True).values():
            raise ValueError("expected exactly one effect, with what it means")
        return self


class Email(Said):
    email: Template


class Rung(Said):
    """One stage: when it is due, on which condition, and what follows, in this order."""

    rung: Title
    why: Title = Field(description="what operators read in timers, pages and forecasts")
    when: When | Literal["end_of_month"]
    if_: If = Field(default=If(), alias="if")
    then: Annotated[list[Then], Field(min_length=1, max_length=20)]
    warns: bool = Field(default=False, description="the notice that must precede an agency")
    days_after_warning: Days | None = Field(default=None, description="least distance from that notice")


def _counts_misses(when: When | str) -> bool:
    return isinstance(when, When) and when.end_of_month_of_consecutive_missed is not None


def _counts_from_due(when: When | str) -> bool:
    return isinstance(when, When) and when.days_after_due is not None


class Limits(Said):
    days_late: Days
    late_payments: Days


class Office(Said):
    """Office hours. Weekdays by their English short names."""

    days: Annotated[list[Weekday], Field(min_length=1)]
    from_: LocalTime = Field(alias="from")
    until: LocalTime
    timezone: Annotated[str, AfterValidator(_known_zone)]

    @model_validator(mode="after")
    def _opens(self) -> Office:
        if self.from_ >= self.until:
            raise ValueError("expected an office that opens before it closes")
        return self

    @property
    def hours_a_year(self) -> int:
        """At least so many, whole ones, holidays not counted."""
        opens, closes = ((clock.hour * 60 + clock.minute) for clock in (self.from_, self.until))
        return 50 * len(set(self.days)) * (closes - opens) // 60


class Decide(Said):
    """What becomes of a review that nobody decides; hours are office hours."""

    office: Office
    escalate_after_hours: Annotated[int, Field(ge=1, le=400)]
    default_after_hours: Annotated[int, Field(ge=1, le=400)]
    default: Literal["reactivate", "refuse"]

    @model_validator(mode="after")
    def _reached(self) -> Decide:
        wanted, had = max(self.escalate_after_hours, self.default_after_hours), self.office.hours_a_year
        if wanted > had:
            raise ValueError(f"{wanted} office hours never come: this office has {had} in a year")
        return self


class WhenPaid(Said):
    """What a settled debt gives back to someone who was locked."""

    unlock: Literal["automatic", "review", "review_if"]
    review_above: Limits | None = None
    email: Template | None = Field(default=None, description="only if access had been locked")
    refused_email: Template | None = None
    decide: Decide | None = None

    @model_validator(mode="after")
    def _limits(self) -> WhenPaid:
        if (self.unlock == "review_if") != (self.review_above is not None):
            raise ValueError("`unlock: review_if` and `review_above` need each other")
        return self


class WhenReversed(Said):
    email: Template
    due_again: bool = Field(default=False, description="due again after the grace, where the ladder counts from due")


class Access(Said):
    """What blocks access, and the counterpart of every command that can be undone."""

    block: OneOrMoreNames
    undo: dict[Name, Name]


class WhenCancelled(Said):
    platform: OneOrMoreNames
    by_customer_also: OneOrMoreNames | None = None
    email: Template
    supersedes_locks: bool
    final_invoice: bool = False
    deletes_data: Name | None = Field(default=None, description="the command after which nothing can be restored")
    period_end_means: Literal["period", "commitment"] = "period"


class QuietHours(Said):
    """From (inclusive) until (exclusive), in the customer's zone; over midnight where it ends before it begins."""

    from_: LocalTime = Field(alias="from")
    until: LocalTime

    @model_validator(mode="after")
    def _some(self) -> QuietHours:
        if self.from_ == self.until:
            raise ValueError("expected quiet hours that end at another time than they begin")
        return self


class MailHours(Said):
    """When e-mails may go out. What is decided outside these hours waits, and is withdrawn if the debt is paid."""

    quiet_hours: QuietHours | None = None
    days: Annotated[list[Weekday], Field(min_length=1)] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    prompt: list[Template] = Field(default=[], description="never kept waiting, such as account_unlocked")


class PolicyFile(Said):
    """One published policy."""

    policy: Name
    version: Annotated[int, Field(ge=1, le=10_000)]
    title: Title
    bill: Bill
    charge: Annotated[list[Literal["primary", "secondary"]], Field(min_length=1, max_length=2)]
    grace_days: Days
    when_declined: list[Email] = []
    when_no_method_can_be_charged: list[Email] = []
    channels: Channels | None = None
    keep_trying: KeepTrying | None = None
    ladder: Annotated[list[Rung], Field(max_length=50)]
    when_paid: WhenPaid
    when_reversed: WhenReversed
    access: Access
    when_cancelled: WhenCancelled
    announcement_days: Days = 5
    uncollectable: Literal["keep", "write_off"] = "keep"
    scope: Literal["subscription", "customer"] = Field(
        default="subscription", description="customer: a lock here blocks the customer's other subscriptions too"
    )
    mail_hours: MailHours | None = Field(default=None, description="without it, an e-mail goes out at once")

    @model_validator(mode="after")
    def _coherent(self) -> PolicyFile:
        ids = [rung.rung for rung in self.ladder]
        for twice in {i for i in ids if ids.count(i) > 1}:
            raise ValueError(f"rung {twice!r} stands twice; a rung's name is unique")
        if any(r.days_after_warning is not None for r in self.ladder) and not any(r.warns for r in self.ladder):
            raise ValueError("`days_after_warning` needs a rung with `warns: true`")
        if any(r.if_.at_month_end for r in self.ladder) and self.keep_trying is None:
            raise ValueError("`at_month_end` needs `keep_trying`, which holds the default choice")
        if any(_counts_from_due(r.when) for r in self.ladder) and not self.when_reversed.due_again:
            raise ValueError("`days_after_due` needs `when_reversed: {due_again: true}`, or a reversal has no grace")
        if any(then.terminate and not _counts_misses(r.when) for r in self.ladder for then in r.then):
            raise ValueError("`terminate` needs `when: {end_of_month_of_consecutive_missed: ...}`")
        if self.when_cancelled.final_invoice and self.bill.in_ == "advance":
            raise ValueError("`final_invoice` is for plans billed in arrears; in advance everything is billed already")
        return self
