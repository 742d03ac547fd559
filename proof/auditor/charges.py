"""One debt is charged at most once; keys are derived; an unknown outcome blocks its invoice (spec section 3)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from proof.auditor.debts import Debt
from proof.auditor.situation import PROMPT, Situation
from proof.auditor.steps import Step, Thing

PROMISE = "one debt is charged at most once"
DERIVED = "charge keys are derived"
BLOCKED = "an unknown outcome blocks its invoice"
CHANNEL = "only channels that are open are charged"


@dataclass
class Asked:
    """A charge as it was put to the gateway first."""

    debt: Debt
    role: str
    method: str
    minor: int
    outcome: str = "unknown"


class Charges:
    """Watches what is asked of the gateway, and what it says."""

    def __init__(self, life: Situation) -> None:
        self.life = life
        self.asked: dict[str, Asked] = {}
        self.taken: dict[str, Asked] = {}
        """Approved by the gateway and not yet told as received."""
        self.failed_at: datetime | None = None
        """Of the round in this step: its last failed attempt."""
        self.answered_at: datetime | None = None
        self.attempted = False

    def begin(self) -> None:
        """A new step."""
        self.failed_at, self.answered_at, self.attempted = None, None, False

    def put(self, asked: Thing) -> None:
        """A charge is put to the gateway."""
        found, key = self.life.object, asked["key"]
        debt = self.life.money.debts.get(asked["invoice"])
        if debt is None:
            found(PROMISE, f"charge {key} of {asked['invoice']}, which was never issued")
            return
        self.attempted = True
        first = self.asked.get(key)
        if first is not None:
            debt.absent_since = None
            found.unless(first.minor == asked["minor"], PROMISE, f"charge {key} was asked again for another amount")
            found.unless(
                first.outcome == "unknown", PROMISE, f"charge {key} was asked again after it was {first.outcome}"
            )
            return
        self._key(debt, key, asked["role"])
        found.unless(
            asked["minor"] == debt.owed > 0, PROMISE, f"charge {key} of {asked['minor']}, and {debt.owed} is owed"
        )
        oldest = self.life.money.open()[:1]
        found.unless(
            oldest == [debt],
            "the oldest invoice first",
            f"charge {key}, and {oldest[0].number if oldest else 'nothing'} is the oldest",
        )
        method = self.life.methods.get(asked["role"])
        found.unless(
            method == asked["method"] and asked["role"] in self.life.usable_roles(),
            CHANNEL,
            f"charge {key} by {asked['method']}",
        )
        self._blocked(debt, key)
        self.asked[key] = Asked(debt, asked["role"], asked["method"], asked["minor"])

    def _key(self, debt: Debt, key: str, role: str) -> None:
        derived = re.fullmatch(rf"{re.escape(debt.number)}/([1-9]\d*)/{role}", key)
        number = int(derived[1]) if derived else 0
        if number not in (debt.tried, debt.tried + 1) or not number:
            due = f"{debt.number}/{debt.tried + 1}/{role}"
            self.life.object(DERIVED, f"charge key {key}: expected {due}")
        debt.tried = max(debt.tried, number)

    def _blocked(self, debt: Debt, key: str) -> None:
        """Another key only after the gateway has known nothing of the old one twice, 15 minutes apart (0047)."""
        if debt.unresolved is None:
            return
        now = self.answered_at or self.life.object.at
        if debt.absent_since is None or now - debt.absent_since < PROMPT:
            self.life.object(BLOCKED, f"charge {key} while nobody knows what became of {debt.unresolved}")
        debt.unresolved = None

    def answered(self, said: Thing, step: Step) -> None:
        """The gateway's answer, at once or to a look-up."""
        key, outcome, at = said["key"], said["outcome"], said["at"]
        asked = self.asked.get(key)
        if asked is None:
            self.life.object(DERIVED, f"charge {key} was answered and never asked")
            return
        self.answered_at = at
        debt = asked.debt
        match outcome:
            case "approved":
                asked.outcome = outcome
                self.taken[key] = asked
                debt.unresolved = debt.absent_since = None
                if asked.method == "card":
                    self.life.card_failures = 0
            case "declined":
                asked.outcome = outcome
                debt.unresolved = debt.absent_since = None
                self._failed(asked, said["reason"], at, step)
            case "unknown":
                debt.unresolved = key
            case _:
                debt.absent_since = debt.absent_since or at

    def _failed(self, asked: Asked, reason: str | None, at: datetime, step: Step) -> None:
        life = self.life
        self.failed_at = step.cause.due if at - step.cause.due <= PROMPT else at
        asked.debt.since = asked.debt.since or self.failed_at
        life.last_decline = reason
        life.card_failures += asked.method == "card"
        limit = life.rules.channels.get("card_failures") or 0
        too_often = limit and life.card_failures >= limit and asked.method == "card"
        if too_often or (asked.method == "paypal" and life.rules.channels.get("paypal_failures")):
            life.bank_only = True

    def received(self, reference: str, minor: int) -> str | None:
        """The invoice that a charge's money is for, or None where no charge took money under that reference."""
        taken = self.taken.pop(reference, None)
        if taken is None:
            return None
        self.life.object.unless(
            minor == taken.minor, "money is conserved", f"{reference}: {taken.minor} taken, {minor} booked"
        )
        return taken.debt.number

    def over(self) -> None:
        """After a step: what the gateway took has been booked."""
        for key in self.taken:
            self.life.object("money is conserved", f"the gateway took {key}, and no payment was booked")
        self.taken.clear()
