"""Workflows and the projection: everyone who has not ended has a workflow that runs and says what the lists say.

A page of subscriptions in each run, and those whose deadline has passed first. A query writes nothing into a history
and wakes nobody; the worker that answers it may have to replay the run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from activities.reconciliation import MARGIN, Places, now
from domain import differences
from domain.reconciliation import Asked, Difference, Known, Looked
from domain.witnesses import Life, Projected

RUN_LIMIT = 500  # subscriptions of one run; about 10 s, and one more for each that has to be replayed from far back
OVERDUE = timedelta(hours=1)
AT_ONCE = 10
LIST = "workflows"


class Lives(Protocol):
    """What the server says of a subscription's workflow, and what the workflow answers."""

    async def life(self, subscription_id: str) -> Life: ...


class Witness(Protocol):
    """Subscriptions as lists read them."""

    async def subscriptions(self, ids: Sequence[str]) -> Mapping[str, Projected]: ...
    async def next_ids(self, after: str, before: datetime, limit: int) -> Sequence[str]: ...
    async def overdue_ids(self, before: datetime, limit: int) -> Sequence[str]: ...


class AgainstWorkflows:
    """Compares workflows with the projection."""

    def __init__(
        self,
        lives: Lives,
        witness: Witness,
        *,
        margin: timedelta = MARGIN,
        limit: int = RUN_LIMIT,
        clock: Callable[[], datetime] = now,
    ) -> None:
        """`limit`: subscriptions of one run."""
        self._lives = lives
        self._witness = witness
        self._margin = margin
        self._limit = limit
        self._clock = clock

    async def look(self, asked: Asked, standing: Sequence[Known], places: Places) -> Looked:
        """Those that differed, those that are late, and the next page."""
        before = self._clock() - self._margin
        ids, reached = await self._ids(asked, standing, places, before)
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(id_: str) -> tuple[list[Difference], bool]:
            async with gate:
                return await self._one(id_, before)

        found = await asyncio.gather(*(one(id_) for id_ in ids))
        silent = sum(not answered for _, answered in found)
        return Looked(
            len(ids),
            tuple(difference for listed, _ in found for difference in listed),
            away=(f"{silent} of {len(ids)} workflows did not answer: does a worker serve them?",) if silent else (),
            subjects=frozenset(id_ for id_, (_, answered) in zip(ids, found, strict=True) if answered),
            reached={} if asked.subscription_id else {LIST: reached},
        )

    async def _ids(
        self, asked: Asked, standing: Sequence[Known], places: Places, before: datetime
    ) -> tuple[list[str], str]:
        """Whom to look at, each once, and where the list goes on."""
        if asked.subscription_id is not None:
            return [asked.subscription_id], ""
        page = await self._witness.next_ids(await places.place(LIST), before, self._limit)
        reached = page[-1] if len(page) == self._limit else ""  # at its end it begins anew
        late = await self._witness.overdue_ids(self._clock() - max(self._margin, OVERDUE), self._limit)
        return list(dict.fromkeys([*(known.subject for known in standing), *late, *page])), reached

    async def _one(self, id_: str, before: datetime) -> tuple[list[Difference], bool]:
        """What differs, seen twice with the same projection before and after; and whether the workflow answered."""
        found: list[Difference] = []
        for _ in range(2):
            known = (await self._witness.subscriptions([id_])).get(id_)
            if known is None or known.registered_at >= before:
                return [], True
            seen = await self._lives.life(id_)
            again = (await self._witness.subscriptions([id_])).get(id_)
            found = differences.life(known, seen) if again == known else []
            if not found:
                silent = seen.found == "running" and not seen.answered
                return [], not silent
        return found, True
