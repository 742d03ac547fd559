"""The reconciliation: each pair of parties compared, and what came of it kept.

A pair that cannot be compared is reported as such, and the others are compared all the same. Everything may be
repeated: a run is known by its id, a difference by what it is about, and a repair is something that counts once.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from temporalio import activity

from domain import reconciliation
from domain.reconciliation import Asked, Counted, Known, Looked, Pair

MARGIN = timedelta(minutes=10)
"""What is younger may be in flight: a charge between its two commits, a webhook between two tries."""


LOG = logging.getLogger(__name__)


class Places(Protocol):
    """Where lists that are read in pages go on; "" at their beginning."""

    async def place(self, list_: str) -> str: ...


class RunBook(Places, Protocol):
    """Runs, and the differences that stand."""

    async def begin(self, asked: Asked) -> None: ...
    async def finish(self, asked: Asked) -> None: ...
    async def standing(self, pair: Pair, subscription_id: str | None) -> Sequence[Known]: ...
    async def record(self, asked: Asked, pair: Pair, looked: Looked) -> None: ...


class Comparison(Protocol):
    """Compares one pair. `standing` is what differed before: it is looked at again, wherever the pages are."""

    async def look(self, asked: Asked, standing: Sequence[Known], places: Places) -> Looked: ...


class ReconciliationActivities:
    """Fail only where our own database does, and may then be tried again."""

    def __init__(self, book: RunBook, comparisons: Mapping[Pair, Comparison]) -> None:
        self._book = book
        self._comparisons = dict(comparisons)

    @activity.defn(name=reconciliation.BEGIN)
    async def begin(self, asked: Asked) -> None:
        """Note that a run has begun."""
        await self._book.begin(asked)

    @activity.defn(name=reconciliation.COMPARE)
    async def compare(self, asked: Asked, pair: Pair) -> Counted:
        """Compare one pair, keep what came of it, and give it in numbers."""
        looked = await self.compared(asked, pair)
        return Counted(pair, looked.compared, len(looked.differences), len(looked.repaired), looked.away)

    async def compared(self, asked: Asked, pair: Pair) -> Looked:
        """Compare one pair and keep what came of it."""
        looked = await self.look(asked, pair)
        await self._book.record(asked, pair, looked)
        return looked

    @activity.defn(name=reconciliation.FINISH)
    async def finish(self, asked: Asked) -> None:
        """Note that a run is over."""
        await self._book.finish(asked)

    async def look(self, asked: Asked, pair: Pair) -> Looked:
        """Compare one pair and keep nothing of it: what a dry run does."""
        standing = await self._book.standing(pair, asked.subscription_id)
        try:
            return await self._comparisons[pair].look(asked, standing, self._book)
        except Exception as error:  # whatever one party does must not keep the others from being compared
            LOG.exception("%s could not be compared", pair)
            return Looked(0, away=(f"{pair} could not be compared: {type(error).__name__}: {str(error)[:300]}",))


def now() -> datetime:
    """Real time."""
    return datetime.now(UTC)
