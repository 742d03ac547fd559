"""Reconciliation: what gateways, ledger, workflows, projection, agency and platform say of the same things, compared.

Plain values. Who asks whom is in `activities/`, what counts as a difference in `domain/takings.py` and
`domain/differences.py`, and what each party says in `domain/witnesses.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from domain.money import decimal_text

Pair = Literal["gateways", "books", "workflows", "deliveries", "agency", "platform"]
"""gateways with the ledger; ledger, invoices and projection with each other; workflows with the projection; what is to
be told or taken in with who should do it; the agency's cases with our placements; the platform with what it was told.
"""

PAIRS: tuple[Pair, ...] = get_args(Pair)
"""In the order in which they are compared: what a gateway's lost reports bring is in the books for those after it."""

BEGIN = "begin_reconciliation"
COMPARE = "compare"
FINISH = "finish_reconciliation"

KIND = "reconciliation"
"""Of the tasks that support is asked about differences."""

NO_MONEY = "No money moved."

SUBJECT_LIMIT = 200  # characters; keys of tasks are made of it


@dataclass(frozen=True, slots=True)
class Side:
    """What one party says of the thing in question: `Stripe` says `49.00 USD, approved`."""

    who: str
    says: str


@dataclass(frozen=True, slots=True)
class Difference:
    """Two parties that should agree and do not."""

    pair: Pair
    kind: str
    """Such as `charge_unbooked`; docs/reconciliation.md lists them."""
    subject: str
    """What it is about: a charge's key, a subscription's id, a case's number. No personal data, no token."""
    subscription_id: str | None
    sides: tuple[Side, ...]
    money: str
    """Whether money moved."""
    do: str
    """What a person is to do about it, with the command."""

    @property
    def key(self) -> str:
        """The same for the same difference, for as long as it lasts."""
        return f"{self.kind}/{self.subject[:SUBJECT_LIMIT]}"

    @property
    def text(self) -> str:
        """What support reads."""
        said = "; ".join(f"{side.who}: {side.says}" for side in self.sides)
        about = f"{self.subject} of subscription {self.subscription_id}" if self._names_another else self.subject
        return f"{about} ({self.kind}): {said}. {self.money} {self.do}"

    @property
    def _names_another(self) -> bool:
        return self.subscription_id is not None and not self.subject.startswith(self.subscription_id)


@dataclass(frozen=True, slots=True)
class Asked:
    """One run: what is to be compared. On the wire between the workflow and its activities."""

    run_id: str
    by: str
    """`schedule`, or who has it done by hand."""
    subscription_id: str | None = None
    """None: everything, in bounded pages."""
    dry: bool = False
    """Nothing is repaired, nobody is asked, and nothing of it is remembered."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What one comparison gave."""

    compared: int
    differences: tuple[Difference, ...] = ()
    repaired: tuple[str, ...] = ()
    """What was put right by itself, a line each."""
    away: tuple[str, ...] = ()
    """Who could not be asked, and why; a line each."""
    notes: tuple[str, ...] = ()
    """What is worth knowing and no difference."""
    subjects: frozenset[str] = frozenset()
    """What was looked at, as in `Difference.subject`: a difference about one of them is gone if not found."""
    complete: bool = False
    """Everything of this pair was looked at: whatever is not found is gone."""
    reached: dict[str, str] = field(default_factory=dict)
    """Where the next run goes on, by the name of the list."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A comparison in numbers, as it travels to the workflow and is kept."""

    pair: Pair
    compared: int
    differences: int
    repaired: int
    away: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """A difference that stands since an earlier run."""

    key: str
    kind: str
    subject: str
    subscription_id: str | None


def money_text(minor: int, currency: str) -> str:
    """An amount as differences tell it: `49.00 USD`."""
    return f"{decimal_text(minor, currency)} {currency}"
