"""Billing: each period once, on its date, for its price; nothing after a cancellation (spec sections 2, 4 and 6)."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any

from proof.auditor.calendar import ONE_DAY
from proof.auditor.debts import Debt
from proof.auditor.situation import Situation

PROMISE = "each period is billed once, on its date"


def half_up(amount: Fraction) -> int:
    """The nearest whole minor unit, half up."""
    return int((amount + Fraction(1, 2)).__floor__())


class Billing:
    """Watches invoices as they are issued."""

    def __init__(self, life: Situation) -> None:
        self.life = life
        self.number = 0
        self.billed: dict[int, int] = {}
        """By period: minor units invoiced for it."""
        self.issued_at: datetime | None = None
        """Of the invoice issued last."""

    def next_at(self) -> datetime | None:
        """The next billing instant, or None where the plan is over; the policy may spread it by some minutes."""
        life = self.life
        if not life.plan_running:
            return None
        period = life.next_period + (0 if life.rules.in_advance else 1)
        at = life.calendar.instant(life.begins_on(period), life.rules.billing_time)
        return max(at, life.resumed_at) if life.resumed_at else at

    @property
    def spread(self) -> timedelta:
        return timedelta(minutes=int(self.life.rules.said["bill"].get("spread_minutes") or 0))

    def issued(self, fields: dict[str, Any], at: datetime, *, fee: int | None, final: bool) -> None:
        """An invoice is told of. `fee`: what a late fee should be, where it is one; `final`: the plan has ended."""
        life, self.issued_at = self.life, at
        self.number += 1
        number = f"{life.id}-{self.number:04d}"
        life.object.unless(fields["invoice"] == number, PROMISE, f"invoice {fields['invoice']}: expected {number}")
        start, end = date.fromisoformat(fields["period_start"]), date.fromisoformat(fields["period_end"])
        minor = life.minor(fields["amount"])
        if fee is not None:
            life.object.unless(minor == fee, PROMISE, f"late fee {number} of {minor}: expected {fee}")
            due_at, kind, period = at, "fee", -1
        else:
            period = life.next_period
            self._period(number, start, end, minor, at, final=final)
            days = life.rules.terms_days(new_customer=life.money.new_customer)
            due_at, kind = life.calendar.days_after(at, days), "period"
        due_on = life.calendar.date_of(due_at)
        life.object.unless(
            fields["due_on"] == due_on.isoformat(), PROMISE, f"{number} due {fields['due_on']}: expected {due_on}"
        )
        debt = Debt(
            number=fields["invoice"], ordinal=self.number, kind="fee" if kind == "fee" else "period", period=period,
            start=start, end=end, minor=minor, owed=minor, issued_at=at, due_at=due_at,
            missed_on=start if life.rules.in_advance and kind == "period" else due_on,
        )  # fmt: skip
        life.money.issue(debt)

    def _period(self, number: str, start: date, end: date, minor: int, at: datetime, *, final: bool) -> None:
        life, period = self.life, self.life.next_period
        anchor, over = life.begins_on(period), life.begins_on(period + 1)
        begins = life.resumes_on or anchor
        life.object.unless(start == begins, PROMISE, f"{number} begins {start}: expected {begins}")
        life.resumes_on = None
        if final:
            last = life.ended.effective_on + ONE_DAY if life.ended else over
            ends = min(over, last)
        else:
            ends = over
            due = self.next_at()
            on_time = due is not None and due <= at <= due + self.spread
            life.object.unless(on_time, PROMISE, f"{number} issued at {at.isoformat()}: its billing instant is {due}")
        life.object.unless(end == ends, PROMISE, f"{number} ends {end}: expected {ends}")
        whole = (
            Fraction(life.price * (ends - anchor).days, (over - anchor).days) if ends != over else Fraction(life.price)
        )
        expected = max(0, half_up(whole) - life.billed_before)
        life.object.unless(minor == expected, PROMISE, f"{number} of {minor}: expected {expected}")
        if ends == over:
            life.next_period, life.billed_before = period + 1, 0
        else:
            if life.ended:
                life.ended.billed = minor + life.billed_before

    def terminated(self, minor: int, expected: int, at: datetime, run: list[Debt]) -> None:
        """The termination charge is told of."""
        life = self.life
        life.object.unless(minor == expected, "delinquency", f"termination charge of {minor}: expected {expected}")
        number = f"{life.id}-termination"
        debt = Debt(
            number=number, ordinal=self.number + 1, kind="termination", period=-1, start=run[0].start, end=run[-1].end,
            minor=minor, owed=minor, issued_at=at, due_at=at,
            missed_on=life.calendar.date_of(at), since=at, missed=True,
        )  # fmt: skip
        life.money.issue(debt)
        debt.missed = debt.owed > 0

    def skipped(self, before: datetime) -> None:
        """Nothing that should have been billed by an instant is missing."""
        due = self.next_at()
        if due is not None and due + self.spread < before:
            self.life.object(PROMISE, f"period {self.life.next_period} should have been billed at {due.isoformat()}")
            self.life.next_period += 1
