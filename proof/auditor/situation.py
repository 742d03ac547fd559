"""How a life stands, as the auditor reckons it: money, standing, access, what keeps the ladder back."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from proof.auditor.calendar import Calendar, months_later
from proof.auditor.debts import Debt
from proof.auditor.money import Fresh, Money
from proof.auditor.objections import Objections
from proof.auditor.rules import Rules, read, severity
from proof.auditor.steps import Premises

UNPAID = "unpaid"
CHARGEABLE = ("card", "paypal")
PROMPT = timedelta(minutes=15)
"""Decision 0024: an answer within this of its deadline counts as given at the deadline."""


def minor_units(text: Any, decimals: int) -> int:
    """The whole minor units that a decimal string says, for a currency of so many decimals."""
    return int(Decimal(str(text)).scaleb(decimals))


def beginning(premises: Premises, objections: Objections) -> Situation:
    """How a life stands before anything has happened."""
    rules, terms = read(premises.policy), premises.terms
    plan, methods = terms["plan"], terms["payment_methods"]
    return Situation(
        premises=premises,
        rules=rules,
        object=objections,
        calendar=Calendar(terms["customer"]["timezone"]),
        methods={"primary": methods["primary"], "secondary": methods.get("secondary")},
        starts_on=date.fromisoformat(terms["starts_on"]),
        price=minor_units(plan["price"], premises.decimals),
        instalments=int(plan.get("instalments") or 0) if rules.committed else 0,
    )


@dataclass
class Episode:
    """From the first miss until nothing is past due; `passed` names the rungs judged in it."""

    first_missed_at: datetime
    passed: set[str] = field(default_factory=set)
    choice: str | None = None


@dataclass
class Ending:
    """How the plan ended, and the rungs counted from there that have been judged."""

    at: datetime
    effective_on: date
    by: str
    passed: set[str] = field(default_factory=set)
    billed: int = 0
    """What the final invoice billed of the period that was cut short."""


@dataclass
class Situation:
    """One life. Instants are UTC."""

    premises: Premises
    rules: Rules
    object: Objections
    calendar: Calendar
    methods: dict[str, str | None]
    starts_on: date
    price: int
    instalments: int
    """Length of the commitment in months; 0 where the policy that it began under is none."""
    money: Money = field(default_factory=Money)
    standing: str = "active"
    in_force: dict[str, set[str]] = field(default_factory=dict)
    """Commands that can be undone and still stand, each with the named reasons it stands for."""
    blocks: set[str] = field(default_factory=set)
    hold: bool = False
    promise_at: datetime | None = None
    announced_until: datetime | None = None
    look_again_at: datetime | None = None
    """While unapplied money may be this customer's: when that is looked at next (decision 0017: each day)."""
    released_at: datetime | None = None
    acted_at: datetime | None = None
    episode: Episode | None = None
    ended: Ending | None = None
    ends_with_period: str | None = None
    review_since: datetime | None = None
    warned_at: datetime | None = None
    placed_once: bool = False
    data_deleted: bool = False
    bank_only: bool = False
    card_failures: int = 0
    last_decline: str | None = None
    next_period: int = 0
    resumed_at: datetime | None = None
    """When a cancellation was revoked: nothing is billed for before."""
    resumes_on: date | None = None
    billed_before: int = 0

    @property
    def id(self) -> str:
        return str(self.premises.terms["id"])

    @property
    def plan_running(self) -> bool:
        return self.ended is None and self.standing != "ended"

    def minor(self, text: Any) -> int:
        """The whole minor units that a decimal string says."""
        return minor_units(text, self.premises.decimals)

    def begins_on(self, period: int) -> date:
        """The billing date with which a period begins."""
        return months_later(self.starts_on, period)

    def down_at(self, at: datetime) -> bool:
        """Whether an instant is the end of an outage, when everything that waited is done."""
        return any(end == at for _, end in self.premises.down)

    def was_down(self, since: datetime, until: datetime) -> bool:
        """Whether no worker was up at some moment between two instants."""
        return any(begin <= until and since <= end for begin, end in self.premises.down)

    def evidence_at(self, at: datetime) -> bool:
        """Whether unapplied money may be this customer's."""
        return any(begin <= at < end for begin, end in self.premises.evidence)

    def used_in_month_of(self, on: date) -> bool:
        return any((u.year, u.month) == (on.year, on.month) for u in self.premises.usage)

    def usable_roles(self) -> list[str]:
        """What can be charged now, in the policy's order."""
        if self.bank_only:
            return []
        return [role for role in self.rules.said["charge"] if self.methods.get(role) in CHARGEABLE]

    def fresh(self, at: datetime) -> Fresh:
        """What a debt gets that is owed again from an instant on."""
        due_again = bool(self.rules.said["when_reversed"].get("due_again"))
        grace = self.calendar.days_after(at, self.rules.grace_days)
        return Fresh(at, self.calendar.date_of(at), grace, due_again)

    def missed_at(self, debt: Debt) -> datetime:
        """When a past-due debt was missed: its due instant, or the reversal that re-opened it after that."""
        if debt.reopened_at is None or debt.since is None:
            return debt.due_at
        return max(debt.due_at, debt.since)

    def settle(self, at: datetime) -> None:
        """What follows once a cause has done all it does to the books: an episode opens, goes on or is over."""
        missed = [d for d in self.money.debts.values() if d.missed]
        if missed and self.standing != "ended":
            if self.episode is None:
                self.episode = Episode(min(self.missed_at(d) for d in missed))
            if self.review_since is not None:
                self.review_since, self.released_at = None, at
        elif not missed and self.money.balance == 0 and self.episode is not None:
            self.episode = self.promise_at = self.announced_until = self.look_again_at = self.released_at = None

    def stand(self, to: str) -> None:
        """The standing changes; some leave bank transfer as the only channel."""
        worse = severity(to) > severity(self.standing)
        self.standing = to
        if worse and to in (self.rules.channels.get("bank_transfer_only_at") or []):
            self.bank_only = True

    def blocked_for_debt(self) -> bool:
        return any(UNPAID in reasons for reasons in self.in_force.values())
