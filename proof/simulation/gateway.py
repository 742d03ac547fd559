"""A gateway with books of its own: idempotent by charge key, sometimes silent, answering by a scenario's rules."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from domain.effects import Charge, LookUpCharge
from domain.events import ChargeAnswered, ChargeLookedUp
from domain.world import World

Silence = tuple[datetime, datetime, Literal["lost", "dropped"]]
"""From, until (exclusive): answers do not arrive (`lost`), or requests do not (`dropped`); nobody can be asked."""


@dataclass(frozen=True, slots=True)
class Done:
    """What the gateway has done under a key, for ever."""

    minor: int
    approved: bool
    reason: str | None


@dataclass
class Gateway:
    """What it has taken is in `taken`, by charge key, in whole minor units."""

    world: World
    timezone: str
    silences: tuple[Silence, ...] = ()
    books: dict[str, Done] = field(default_factory=dict)

    @property
    def taken(self) -> dict[str, int]:
        return {key: done.minor for key, done in self.books.items() if done.approved}

    def charge(self, asked: Charge, now: datetime) -> ChargeAnswered:
        """Take the money, or not; a key that is known is answered as before."""
        silence = self._silence(now)
        if silence == "dropped":
            return ChargeAnswered("unknown", None, now)
        known, done = asked.charge_key in self.books, self._done(asked)
        said = self.world.charge(asked.role, asked.at, self.timezone).outcome
        if silence or (said == "unknown" and not known):
            return ChargeAnswered("unknown", None, now)
        return ChargeAnswered("approved" if done.approved else "declined", done.reason, now)

    def _done(self, asked: Charge) -> Done:
        done = self.books.get(asked.charge_key)
        if done is None:
            truth = self.world.look_up(asked.role, asked.at, self.timezone)
            done = Done(asked.minor, truth.outcome == "approved", truth.reason)
            self.books[asked.charge_key] = done
        return done

    def look_up(self, asked: LookUpCharge, now: datetime) -> ChargeLookedUp:
        """Tell what became of a charge."""
        if self._silence(now):
            return ChargeLookedUp("unknown", None, now)
        done = self.books.get(asked.charge_key)
        if done is None:
            return ChargeLookedUp("not_found", None, now)
        return ChargeLookedUp("approved" if done.approved else "declined", done.reason, now)

    def _silence(self, now: datetime) -> str | None:
        return next((kind for begin, end, kind in self.silences if begin <= now < end), None)
