"""What waits: tidings that nobody delivers, and what a person was to see to and nobody does.

A tiding that is pending and has no courier is delivered here: it is still wanted, keeps its key, so that its receiver
knows a repetition, and its place in its line. That is what `cli.py deliver` does by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from activities.delivery import ORDER, PATIENT_SECONDS, Party
from activities.reconciliation import Places, now
from domain import differences
from domain.reconciliation import Asked, Difference, Known, Looked
from domain.witnesses import Life, Waiting

RUN_LIMIT = 500  # lines of one run; the oldest first, so that the next has others


class Lives(Protocol):
    """Which parties a subscription's workflow is still telling."""

    async def life(self, subscription_id: str) -> Life: ...


class Witness(Protocol):
    """What waits in the books."""

    async def lines(self, subscription_id: str | None, before: datetime, limit: int) -> Sequence[Waiting]: ...
    async def forgotten(self, subscription_id: str | None, now: datetime) -> Sequence[Difference]: ...


class Delivers(Protocol):
    """Delivers what is pending of a subscription; gives the parties that have anything left, with the reason."""

    async def deliver(
        self,
        subscription_id: str,
        parties: Sequence[Party] = ORDER,
        *,
        seconds: float = PATIENT_SECONDS,
        now: datetime | None = None,
    ) -> dict[str, str]: ...


class AgainstOutbox:
    """Compares what is to be told with who tells it."""

    def __init__(
        self,
        witness: Witness,
        lives: Lives,
        deliveries: Delivers,
        *,
        abandoned_after: timedelta = differences.ABANDONED_AFTER,
        clock: Callable[[], datetime] = now,
    ) -> None:
        """`abandoned_after`: how long a line waits before it is asked who tells it."""
        self._witness = witness
        self._lives = lives
        self._deliveries = deliveries
        self._abandoned_after = abandoned_after
        self._clock = clock

    async def look(self, asked: Asked, standing: Sequence[Known], places: Places) -> Looked:
        """The lines that wait, oldest first, and what was forgotten."""
        at, one = self._clock(), asked.subscription_id
        lines = await self._witness.lines(one, at - self._abandoned_after, RUN_LIMIT)
        found, repaired, notes = [], [], []
        for line in lines:
            seen = await self._lives.life(line.subscription_id)
            courier = _courier(line, seen)
            about = f"{line.what} and what is behind it, for {line.party} of {line.subscription_id}"
            if courier is False and not asked.dry and await self._deliver(line, at, seen):
                repaired.append(f"delivered, nobody was telling it: {about}")
                continue
            if courier is False and asked.dry:
                notes.append(f"would be delivered: {about}")
            difference = differences.line(line, at, courier)
            if difference is not None:
                found.append(difference)
        forgotten = await self._witness.forgotten(one, at)
        complete = len(lines) < RUN_LIMIT
        return Looked(
            len(lines) + len(forgotten), (*found, *forgotten), tuple(repaired), notes=tuple(notes), complete=complete
        )

    async def _deliver(self, line: Waiting, at: datetime, seen: Life) -> bool:
        """Tell one party what is pending; whether nothing of that is left."""
        party = next(party for party in ORDER if party == line.party)
        business = at + timedelta(seconds=seen.offset_seconds)
        left = await self._deliveries.deliver(line.subscription_id, (party,), seconds=PATIENT_SECONDS, now=business)
        return party not in left


def _courier(line: Waiting, seen: Life) -> bool | None:
    """Whether somebody is telling it; None where the workflow could not say."""
    if seen.found != "running":
        return False
    return line.party in seen.couriers if seen.answered else None
