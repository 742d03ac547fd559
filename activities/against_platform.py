"""The platform and what it was told: whether it has obeyed what it acknowledged. It is asked, and need not tell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from activities.reconciliation import MARGIN, Places, now
from domain import differences
from domain.reconciliation import Asked, Difference, Known, Looked
from domain.witnesses import Commanded, Life, Obeys

RUN_LIMIT = 200  # questions of one run
LIST = "platform"


class PlatformAccount(Protocol):
    """Tells what it has obeyed, or None where it does not tell. Raises whatever keeps it from being asked."""

    async def state(self, key: str, *, subscription_id: str, at: datetime) -> Obeys | None: ...


class Lives(Protocol):
    """Which commands stand by a subscription's own state."""

    async def life(self, subscription_id: str) -> Life: ...


class Witness(Protocol):
    """What the platform has acknowledged."""

    async def commanded(
        self, after: str, subscription_id: str | None, before: datetime, limit: int
    ) -> Sequence[Commanded]: ...


class AgainstPlatform:
    """Compares a platform with the outbox and with workflows."""

    def __init__(
        self,
        platform: PlatformAccount,
        witness: Witness,
        lives: Lives,
        *,
        margin: timedelta = MARGIN,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._platform = platform
        self._witness = witness
        self._lives = lives
        self._margin = margin
        self._clock = clock

    async def look(self, asked: Asked, standing: Sequence[Known], places: Places) -> Looked:
        """Those that differed, and the next page of those that were ever commanded anything."""
        at, one = self._clock(), asked.subscription_id
        before = at - self._margin
        page = await self._witness.commanded("" if one else await places.place(LIST), one, before, RUN_LIMIT)
        reached = page[-1].subscription_id if len(page) == RUN_LIMIT else ""
        again = [c for known in standing for c in await self._witness.commanded("", known.subject, before, 1)]
        found: list[Difference] = []
        subjects, notes, away = set(), [], []
        for known in {c.subscription_id: c for c in [*again, *page]}.values():
            id_ = known.subscription_id
            try:
                obeys = await self._platform.state(f"{asked.run_id}/{id_}", subscription_id=id_, at=at)
            except Exception as error:  # each adapter has its own way of saying that it is away
                away.append(f"the platform: {str(error)[:300]}")
                break
            if obeys is None:
                notes.append("the platform does not tell what it has obeyed")
                break  # who was not taught the question is asked it once a run
            seen = await self._lives.life(id_)
            now_ = await self._witness.commanded("", id_, before, 1)  # told something else meanwhile: not compared
            if [known] == list(now_):
                subjects.add(id_)
                found += differences.obedience(known, obeys, seen)
        silent = bool(notes or away)
        return Looked(
            len(subjects),
            tuple(found),
            away=tuple(away),
            notes=tuple(notes),
            subjects=frozenset(subjects),
            reached={} if one or silent else {LIST: reached},
        )
