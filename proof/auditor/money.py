"""Money conserved: the auditor's own books, by the sentences of spec section 3.

Allocation: the named invoice, then the oldest by issue, the rest is credit; credit goes to open debt at once and to a
new invoice before any charge. A reversal re-opens newest allocation first (all that one payment pays of one invoice
counts as one allocation, as new as the latest part of it). A void gives the paid part back as credit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime

from proof.auditor.debts import Debt, Payment


@dataclass
class Money:
    """Debts, payments, credit and write-offs of one life. `grace` and `due_again` come from the policy in force."""

    debts: dict[str, Debt] = field(default_factory=dict)
    payments: dict[str, Payment] = field(default_factory=dict)
    credit: dict[str, int] = field(default_factory=dict)
    """By payment, in the order in which it became credit."""
    write_offs: list[dict[str, int]] = field(default_factory=list)
    recalled: int = 0
    """What should have been taken back from the agency so far, all in all."""
    paid_late: int = 0
    last_paid_at: datetime | None = None

    def open(self) -> list[Debt]:
        """What is owed, oldest by issue first."""
        return sorted((d for d in self.debts.values() if d.owed), key=lambda d: d.ordinal)

    @property
    def owed(self) -> int:
        return sum(d.owed for d in self.debts.values())

    @property
    def past_due(self) -> int:
        return sum(d.owed for d in self.debts.values() if d.missed)

    @property
    def balance(self) -> int:
        """Past due, placed debt included."""
        return sum(d.owed if d.missed else min(d.placed, d.owed) for d in self.debts.values())

    @property
    def placed(self) -> int:
        return sum(d.placed for d in self.debts.values())

    @property
    def in_credit(self) -> int:
        return sum(self.credit.values())

    @property
    def new_customer(self) -> bool:
        """True while no invoice stands fully paid by money."""
        return not any(d.minor and not d.owed and not d.forgiven and not d.voided for d in self.debts.values())

    def overdue(self) -> list[Debt]:
        """What the ladder works on, oldest (unpaid since) first."""
        return sorted((d for d in self.debts.values() if d.overdue), key=lambda d: d.age)

    def issue(self, debt: Debt) -> None:
        """A new invoice; credit pays it first."""
        self.debts[debt.number] = debt
        self.use_credit()

    def receive(self, minor: int, channel: str, reference: str, named: str | None, at: datetime) -> None:
        """Money came in."""
        self.last_paid_at = at
        self.payments[reference] = Payment(reference, minor, channel)
        self.credit[reference] = minor
        by_agency = channel == "agency"
        for debt in self._in_order(named):
            self._pay(debt, reference, min(self.credit.get(reference, 0), debt.owed), by_agency=by_agency)

    def _in_order(self, named: str | None) -> Iterator[Debt]:
        if named is not None and named in self.debts:
            yield self.debts[named]
        yield from self.open()

    def use_credit(self) -> None:
        """Let credit pay what is open: oldest debt, oldest credit first."""
        for debt in self.open():
            for reference in list(self.credit):
                self._pay(debt, reference, min(self.credit[reference], debt.owed), by_agency=False)

    def _pay(self, debt: Debt, reference: str, minor: int, *, by_agency: bool) -> None:
        if minor <= 0:
            return
        self._change_credit(reference, -minor)
        payment = self.payments[reference]
        payment.pays[debt.number] = payment.pays.pop(debt.number, 0) + minor
        debt.paid[reference] = debt.paid.get(reference, 0) + minor
        self._settle(debt, minor, recall=not by_agency)
        if debt.owed == 0:
            self.paid_late += debt.missed
            debt.missed = False

    def _settle(self, debt: Debt, minor: int, *, recall: bool) -> None:
        taken = min(debt.placed, minor)
        debt.owed -= minor
        debt.placed -= taken
        if recall:
            self.recalled += taken

    def _change_credit(self, reference: str, minor: int) -> None:
        left = self.credit.get(reference, 0) + minor
        if left:
            self.credit[reference] = left
        else:
            self.credit.pop(reference, None)

    def _unpay(self, debt: Debt, reference: str, minor: int) -> None:
        payment = self.payments[reference]
        payment.pays[debt.number] -= minor
        debt.paid[reference] -= minor
        if not debt.paid[reference]:
            del debt.paid[reference], payment.pays[debt.number]

    def void(self, debt: Debt) -> None:
        """An invoice is not owed after all; what was paid of it is credit again."""
        for reference, minor in list(debt.paid.items()):
            self._unpay(debt, reference, minor)
            self._change_credit(reference, minor)
        self._settle(debt, debt.owed, recall=True)
        debt.voided, debt.missed = True, False
        for write_off in self.write_offs:
            write_off.pop(debt.number, None)
        self.write_offs = [w for w in self.write_offs if w]

    def reverse(self, reference: str, minor: int, fresh: Fresh) -> int:
        """Take money back: what is still credit, then newest allocation first. Gives what is owed again by it."""
        payment = self.payments[reference]
        payment.taken_back += minor
        spare = min(minor, self.credit.get(reference, 0))
        self._change_credit(reference, -spare)
        left = minor - spare
        for number, held in reversed(list(payment.pays.items())):
            taken = min(left, held)
            if taken:
                debt = self.debts[number]
                self._unpay(debt, reference, taken)
                self.reopen(debt, taken, fresh)
                left -= taken
        self.use_credit()
        return minor - spare - left

    def reopen(self, debt: Debt, minor: int, fresh: Fresh) -> None:
        """Owe a part again. A closed debt gets a fresh grace; one still open keeps its age."""
        if debt.owed == 0:
            debt.since, debt.missed_on = fresh.at, fresh.on
            debt.missed = not fresh.due_again
            debt.due_at = fresh.grace_over if fresh.due_again else debt.due_at
            debt.announced, debt.returned, debt.placed = True, False, 0
        debt.owed += minor
        debt.reopened_at = fresh.at

    def write_off(self) -> None:
        """Everything open is forgiven."""
        gone = {d.number: d.owed for d in self.open()}
        for number, minor in gone.items():
            debt = self.debts[number]
            self._settle(debt, minor, recall=True)
            debt.forgiven += minor
            debt.missed = False
        self.write_offs.append(gone)

    def undo_write_off(self, fresh: Fresh) -> int:
        """The latest write-off is owed again; gives how much of it."""
        gone = self.write_offs.pop()
        for number, minor in gone.items():
            self.debts[number].forgiven -= minor
            self.reopen(self.debts[number], minor, fresh)
        self.use_credit()
        return sum(gone.values())

    def received_of(self, first_period: int, instalments: int) -> int:
        """All that a commitment's instalments have received, what was written off included."""
        held = range(first_period, first_period + instalments)
        within = (d for d in self.debts.values() if d.kind == "period" and d.period in held and not d.voided)
        return sum(d.minor - d.owed for d in within)

    def placeable(self) -> int:
        """What a placement hands over now: everything open that is neither there already nor was given back."""
        return sum(d.owed - d.placed for d in self.open() if not d.returned)

    def place(self, at: datetime) -> int:
        """Hand everything open over; gives how much."""
        total = self.placeable()
        for debt in self.open():
            if not debt.returned and debt.owed > debt.placed:
                debt.placed = debt.owed
                debt.missed = True
                debt.since = debt.since or at
        return total

    def give_back(self) -> None:
        """The agency gives its cases back."""
        for debt in self.open():
            if debt.placed:
                debt.placed, debt.returned = 0, True


@dataclass(frozen=True)
class Fresh:
    """The instant at which a debt is owed again, its local date, and what the policy gives from there."""

    at: datetime
    on: date
    grace_over: datetime
    due_again: bool
