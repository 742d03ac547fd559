"""What each party says of the same things, as plain values: gateway, books, workflow, agency, platform, outbox.

Amounts are whole ISO minor units; instants are aware UTC datetimes in real time, not business time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from domain.reports import Report
from domain.subscription import Invoice, MethodKind

# What a gateway says, and what the books say


@dataclass(frozen=True, slots=True)
class Taking:
    """A charge as a gateway's own books have it. `charge_key` is ours, by the names it was made with; None for others.

    `at` is when the gateway says that it was made. `payer` is the gateway's token for who paid, never shown.
    """

    gateway: str
    reference: str
    charge_key: str | None
    subscription_id: str | None
    minor: int
    currency: str
    outcome: Literal["approved", "declined", "open"]
    at: datetime | None = None
    payer: str = field(default="", repr=False)
    remembered: bool = True
    """The books name this very charge under its key; False for one that only claims the key."""
    gives_back: bool = False
    """Some of it was given back or disputed: what exactly has to be asked for."""


@dataclass(frozen=True, slots=True)
class Span:
    """What a gateway has told within a span of time; `left_out`: there was more than can be read at once."""

    takings: tuple[Taking, ...] = ()
    reports: tuple[Report, ...] = ()
    """The very reports that its webhooks make, oldest first."""
    left_out: bool = False


@dataclass(frozen=True, slots=True)
class BookedCharge:
    """A charge as our books have it. `paid_minor` is the payment under its key; None where there is none."""

    charge_key: str
    subscription_id: str
    method: MethodKind
    minor: int
    currency: str
    state: Literal["started", "approved", "declined", "unknown"]
    started_at: datetime
    paid_minor: int | None
    reversed_minor: int = 0


# What a workflow says


@dataclass(frozen=True, slots=True)
class Owed:
    """What a subscription's state comes to, by whoever tells it. `open_invoices` are numbers with open amounts."""

    standing: str
    policy: str
    balance_minor: int
    open_minor: int
    credit_minor: int
    placed_minor: int
    open_invoices: tuple[tuple[str, int], ...]

    @staticmethod
    def lines(invoices: Sequence[Invoice]) -> tuple[tuple[str, int], ...]:
        """Open invoices as they are compared."""
        return tuple(sorted((i.number, i.open_minor) for i in invoices if i.open_minor))


@dataclass(frozen=True, slots=True)
class Projected:
    """A subscription as lists read it. `owed` is None before its first batch."""

    subscription_id: str
    currency: str
    ended: bool
    owed: Owed | None
    registered_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Life:
    """A subscription's workflow, as the server describes it and as it answers."""

    found: Literal["running", "closed", "missing"]
    how: str = ""
    """Of a closed one: completed, terminated, failed, ..."""
    failing: int = 0
    """How often its waiting workflow task has been tried; 0 or 1 where all is well."""
    errand: str = ""
    """The activity that has been tried most often in vain, where that is often: its name, how often, its last error."""
    owed: Owed | None = None
    """By its own state; None where it did not answer or is at work just now."""
    couriers: frozenset[str] = frozenset()
    """The parties that it is still telling."""
    in_force: frozenset[str] = frozenset()
    """The commands that stand by its state."""
    plan_running: bool = True
    offset_seconds: float = 0.0
    """What business time is ahead of real time; 0 in production."""
    answered: bool = False


# What the agency and the platform say


@dataclass(frozen=True, slots=True)
class PlacedCase:
    """A case as our books have it: what was placed with it, taken back from it and paid to it, minor units."""

    case_id: str
    agency: str
    subscription_id: str
    currency: str
    placed_minor: int
    recalled_minor: int
    paid_minor: int
    closed_as: str | None
    quiet_since: datetime
    """When it was last told or heard anything about."""


@dataclass(frozen=True, slots=True)
class CaseStands:
    """The same case as the agency has it. `minor` is what it was made for."""

    minor: int
    currency: str
    closed: bool


@dataclass(frozen=True, slots=True)
class Handed:
    """What of a subscription was decided to be with the agency, and what the agency was told, net; minor units.

    Only for a subscription of which nothing waits to be told to the agency, and nothing was refused by it.
    """

    subscription_id: str
    currency: str
    decided_minor: int
    told_minor: int


@dataclass(frozen=True, slots=True)
class Obeys:
    """What a platform says of a subscription. `place` is that of the newest command it has obeyed, 0 for none.

    `in_force` None: it does not tell.
    """

    place: int
    in_force: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Commanded:
    """What a platform was told of a subscription: the place of the newest command that it has acknowledged."""

    subscription_id: str
    place: int
    command: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A line of tidings that waits: whose, since when, how often tried, how many, and why the first is not taken."""

    subscription_id: str
    party: str
    key: str
    what: str
    put_at: datetime
    attempts: int
    waiting: int
    error: str
