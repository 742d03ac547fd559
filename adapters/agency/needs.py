"""What an agency's adapter needs to remember and to ask; the books and `AgencyCases` in PostgreSQL fit these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

AgencyName = Literal["debitura", "csv"]


class AgencyAway(ConnectionError):
    """The agency did not answer, or could not take it now. What was sent may have arrived: it is looked up first
    when it is tried again, so that trying again is safe."""


@dataclass(frozen=True, slots=True)
class AgencyCase:
    """The agency's case for one placement, and what was placed with it."""

    placement_key: str
    agency: AgencyName
    case_id: str
    """By the agency's own name."""
    subscription_id: str
    currency: str
    lines: Mapping[str, int]
    """What was placed of each invoice, by its number; whole minor units, each above zero."""
    closed_as: str | None = None

    @property
    def minor(self) -> int:
        """All that was placed, whatever came of it."""
        return sum(self.lines.values())


@dataclass(frozen=True, slots=True)
class AgencyPayment:
    """A payment that the agency reported. `counted_minor` is how much of it was owed to us; the rest is its own."""

    payment_id: str
    minor: int
    counted_minor: int


class Cases(Protocol):
    """Remembers what an agency has of ours. Everything may be repeated; what was kept first stands."""

    async def keep(self, case: AgencyCase) -> AgencyCase: ...
    async def of_placement(self, placement_key: str) -> AgencyCase | None: ...
    async def find(self, agency: AgencyName, case_id: str) -> AgencyCase | None: ...
    async def holding(self, agency: AgencyName, subscription_id: str, invoice: str) -> AgencyCase | None: ...
    async def open_beside(self, case: AgencyCase) -> int: ...
    async def close(self, case: AgencyCase, as_: str) -> None: ...

    async def keep_recall(
        self, key: str, *, subscription_id: str, invoice: str, minor: int, case: AgencyCase | None, at: datetime
    ) -> None: ...
    async def recalled(self, case: AgencyCase) -> int: ...
    async def forestall(self, placement_key: str, subscription_id: str) -> None: ...
    async def forestalled(self, key: str) -> bool: ...
    async def recalled_from_nobody(self, subscription_id: str, invoice: str, since: datetime) -> int: ...

    async def keep_payment(
        self, case: AgencyCase, payment_id: str, minor: int, *, paid_to: Literal["agency", "us"]
    ) -> AgencyPayment: ...
    async def undo_payment(self, agency: AgencyName, payment_id: str) -> AgencyPayment | None: ...
    async def paid(self, case: AgencyCase) -> int: ...


class Tasks(Protocol):
    """Asks a person to look at something; asked again under the same key, it is asked once."""

    async def ask_support(self, key: str, subscription_id: str | None, kind: str, text: str) -> None: ...
