"""The agency's cases and our placements, and what its webhooks should have told about them.

Its reports are read from its own pages of each case and taken in by the door of its webhooks, under the same ids.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from activities.reconciliation import MARGIN, Places, now
from domain import differences
from domain.reconciliation import Asked, Difference, Known, Looked
from domain.reports import Report
from domain.witnesses import CaseStands, Handed, PlacedCase

RUN_LIMIT = 300  # cases of one run; two or three requests each, of the 2,000 a minute that Debitura allows
LIST = "cases"


class AgencyAccount(Protocol):
    """An agency's own pages. Both raise ConnectionError where it cannot be asked."""

    async def stands(self, case: PlacedCase) -> CaseStands | None: ...
    async def told(self, case: PlacedCase) -> Sequence[Report]: ...


class Witness(Protocol):
    """Cases and placements in our books."""

    async def cases(self, after: int, subscription_id: str | None, limit: int) -> Sequence[tuple[int, PlacedCase]]: ...
    async def cases_named(self, case_ids: Sequence[str]) -> Sequence[PlacedCase]: ...
    async def handed(self, subscription_id: str | None, before: datetime, limit: int) -> Sequence[Handed]: ...
    async def known_reports(self, source: str, ids: Sequence[str]) -> frozenset[str]: ...


class AgainstAgency:
    """Compares an agency with the books; without an account only the books with what was handed to it."""

    def __init__(
        self,
        account: AgencyAccount | None,
        witness: Witness,
        take_in: Callable[[Sequence[Report]], Awaitable[int]],
        *,
        margin: timedelta = MARGIN,
        clock: Callable[[], datetime] = now,
    ) -> None:
        """`account` None: an agency that cannot be asked, as one that takes files."""
        self._account = account
        self._witness = witness
        self._take_in = take_in
        self._margin = margin
        self._clock = clock

    async def look(self, asked: Asked, standing: Sequence[Known], places: Places) -> Looked:
        """The next page of open cases, those that differed, and every sum that does not fit."""
        at, one = self._clock(), asked.subscription_id
        handed = await self._witness.handed(one, at - self._margin, RUN_LIMIT)
        found = [d for d in map(differences.handed, handed) if d is not None]
        subjects = {known.subject for known in standing if known.kind == "placement_amount"}
        cases, reached = await self._cases(asked, standing, places)
        repaired: list[str] = []
        notes: list[str] = []
        away: list[str] = []
        for case in cases if self._account is not None else ():
            try:
                difference = await self._case(asked, case, at, repaired, notes)
            except ConnectionError as error:
                away.append(f"{case.agency}: {error}")
                break
            subjects.add(case.case_id)
            found += [difference] if difference is not None else []
        return Looked(
            len(cases) + len(handed),
            tuple(found),
            tuple(repaired),
            tuple(away),
            tuple(notes),
            frozenset(subjects),
            reached={} if away or one else {LIST: reached},
        )

    async def _cases(self, asked: Asked, standing: Sequence[Known], places: Places) -> tuple[Sequence[PlacedCase], str]:
        after = 0 if asked.subscription_id else int(await places.place(LIST) or 0)
        page = await self._witness.cases(after, asked.subscription_id, RUN_LIMIT)
        reached = str(page[-1][0]) if len(page) == RUN_LIMIT else ""
        known = await self._witness.cases_named([k.subject for k in standing if k.kind != "placement_amount"])
        return list({case.case_id: case for case in [*known, *(case for _, case in page)]}.values()), reached

    async def _case(
        self, asked: Asked, case: PlacedCase, at: datetime, repaired: list[str], notes: list[str]
    ) -> Difference | None:
        """Take in what it should have told, then compare what is left. What changed just now is judged next time."""
        if self._account is None:
            return None
        stands = await self._account.stands(case)
        if stands is not None:
            reports = await self._account.told(case)
            known = await self._witness.known_reports(case.agency, [report.id for report in reports])
            unheard = [r for r in reports if r.id not in known and (r.signal or r.task)]
            for report in unheard:
                line = f"{report.source} {report.id} of {report.subscription_id}"
                if asked.dry:
                    notes.append(f"would be taken in: {line}")
                elif await self._take_in([report]):
                    repaired.append(f"taken in, its webhook never came: {line}")
            if unheard:
                return None
        again = await self._witness.cases_named([case.case_id])
        return differences.case(again[0], stands, at) if again else None
