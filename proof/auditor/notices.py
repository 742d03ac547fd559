"""Mails: none that demands what nobody owes, none twice, and none skipped (spec sections 4, 6 and 7)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from proof.auditor.situation import Situation
from proof.auditor.steps import Thing

DEMANDS = (
    "payment_declined",
    "payment_reminder",
    "payment_reversed",
    "bank_transfer_instructions",
    "collections_warning",
)
"""Templates that ask for money."""

LOCKS = ("product_locked", "account_locked")
"""Templates that tell of a lock and of the debt it is for; no longer true once the debt is paid (decision 0037)."""

OWED = "no mail demands what is not owed"
PAID = "no mail after payment"


class Notices:
    """Watches the mails of a life."""

    def __init__(self, life: Situation) -> None:
        self.life = life
        self.sent: set[tuple[str, str]] = set()
        """Template and invoice of every mail about a failed round."""
        self.may_wait: set[str] = set()
        """Templates of mails that demand something, and that may still wait at a mail server that is away."""
        self.was_past_due = 0

    def mailed(self, mail: Thing, *, in_round: bool) -> None:
        """A mail goes out. `in_round`: by an attempt round, not by a rung."""
        life, template, about = self.life, mail["template"], mail["about"]
        if template in (*DEMANDS, *LOCKS):
            self.may_wait.add(template)
        owed = life.money.owed
        if template in DEMANDS:
            life.object.unless(owed > 0, OWED, f"{template} went out, and nothing is owed")
        if "open" in about and life.minor(about["open"]) != owed:
            life.object(OWED, f"{template} says that {about['open']} is open; it is {owed} minor units")
        if in_round and template in self.of_rounds() and "invoice" in about:
            self._declined(template, about["invoice"])

    def withdrawn(self, templates: Sequence[str]) -> None:
        """Mails of these templates that have not gone out are not to."""
        self.may_wait.difference_update(templates)

    def over(self) -> None:
        """A step has been read: once nothing is past due any more, no mail that waits may still demand it."""
        past_due = self.life.money.past_due
        if self.was_past_due and not past_due and self.life.standing != "ended":
            self.life.object.unless(
                not self.may_wait, PAID, f"nothing is past due, and {', '.join(sorted(self.may_wait))} may still go out"
            )
            self.may_wait.clear()
        self.was_past_due = past_due

    def of_rounds(self) -> list[str]:
        """Templates that a failed round may send."""
        return self.life.rules.mails("when_declined") + self.life.rules.mails("when_no_method_can_be_charged")

    def _declined(self, template: str, number: str) -> None:
        debt = self.life.money.debts.get(number)
        if debt is None:
            self.life.object(OWED, f"{template} is about {number}, which was never issued")
            return
        self.life.object.unless(debt.owed, OWED, f"{template} is about {number}, of which nothing is owed")
        once = (template, number)
        self.life.object.unless(
            once not in self.sent, "no notice is sent twice", f"{template} for {number} went out again"
        )
        self.sent.add(once)
        debt.announced = True

    def after_round(self, *, declined: bool, attempted: bool, stuck: bool) -> None:
        """Each invoice's first failed round is mailed, tried or not (decision 0015)."""
        rules = self.life.rules
        if self.life.standing == "ended":
            return
        mails = rules.mails("when_declined") if declined else []
        if not declined and not stuck and not attempted and not self.life.usable_roles():
            mails = rules.mails("when_no_method_can_be_charged")
        for debt in self.life.money.open():
            if mails and debt.unresolved is None and not debt.announced:
                self.life.object(
                    "no required notice is skipped", f"{debt.number} had a failed round, and no mail says so"
                )
                debt.announced = True

    def reopened(self, at: datetime, template: str) -> None:
        """A debt is owed again, and the customer has to hear of it."""
        self.life.object(
            "no required notice is skipped", f"debt was owed again at {at.isoformat()}, and no {template} went out"
        )
