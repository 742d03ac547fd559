"""What is owed, as the auditor keeps it: one debt for each invoice, in whole minor units of one currency."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal


@dataclass
class Debt:
    """An invoice and what became of it. Dates are the customer's, instants UTC, `end` is exclusive."""

    number: str
    ordinal: int
    kind: Literal["period", "fee", "termination"]
    period: int
    start: date
    end: date
    minor: int
    owed: int
    issued_at: datetime
    due_at: datetime
    missed_on: date
    since: datetime | None = None
    """Unpaid since."""
    missed: bool = False
    """Past due: its due instant has passed, with its attempt round, and something is owed of it."""
    reopened_at: datetime | None = None
    forgiven: int = 0
    voided: bool = False
    paid: dict[str, int] = field(default_factory=dict)
    """By payment."""
    placed: int = 0
    returned: bool = False
    noticed: set[str] = field(default_factory=set)
    announced: bool = False
    """Its first failed round has been mailed, or it was re-opened, which has a mail of its own."""
    unresolved: str | None = None
    """The key of the charge of which nobody knows what became."""
    absent_since: datetime | None = None
    tried: int = 0

    @property
    def overdue(self) -> bool:
        """Whether the ladder works on it: past due, and not wholly with the agency nor given back by it."""
        return self.missed and self.owed > self.placed and not self.returned

    @property
    def age(self) -> tuple[datetime, int]:
        """What the oldest debt is the least by: unpaid since; at one instant the one issued first."""
        return self.since or self.due_at, self.ordinal


@dataclass
class Payment:
    """Money that came in under a reference; `pays` holds what of it pays which debt, newest allocation last."""

    reference: str
    minor: int
    channel: str
    taken_back: int = 0
    pays: dict[str, int] = field(default_factory=dict)
