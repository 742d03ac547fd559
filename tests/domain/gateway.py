"""A payment gateway for tests: idempotent by charge key, as the real ones are; its answers can be lost."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, repeat
from typing import Literal

from domain.effects import Charge, LookUpCharge
from domain.events import ChargeAnswered, ChargeLookedUp


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one charge: what the gateway says at once, and what is true of it.

    `silent` counts the look-ups that cannot tell yet. A charge that never arrived has the truth `not_found`.
    """

    truth: Literal["approved", "declined", "not_found"]
    lost: bool = False
    """True where no answer comes after sending: the outcome is unknown until it is looked up."""
    silent: int = 0
    reason: str | None = None


APPROVED = Fate("approved")
DECLINED = Fate("declined", reason="insufficient_funds")
STOLEN = Fate("declined", reason="stolen_card")
LOST_APPROVED = Fate("approved", lost=True)
LOST_DECLINED = Fate("declined", lost=True, reason="insufficient_funds")
NEVER_ARRIVED = Fate("not_found", lost=True)


def silent(times: int, fate: Fate) -> Fate:
    """A lost charge of which that many look-ups learn nothing."""
    return Fate(fate.truth, lost=True, silent=times, reason=fate.reason)


@dataclass
class Gateway:
    """Gives each new charge the next fate of its script; once the script has ended, `afterwards` for ever."""

    script: Iterator[Fate]
    fates: dict[str, Fate] = field(default_factory=dict)
    """By charge key: what became of every charge that arrived."""
    taken: dict[str, int] = field(default_factory=dict)
    """By charge key: the money taken. A key is in it once."""
    left_silent: dict[str, int] = field(default_factory=dict)
    asked: list[Charge] = field(default_factory=list)
    looked_up: list[LookUpCharge] = field(default_factory=list)

    @classmethod
    def of(cls, *script: Fate, afterwards: Fate = APPROVED) -> "Gateway":
        """A gateway that follows a script."""
        return cls(chain(script, repeat(afterwards)))

    def charge(self, asked: Charge, now: datetime) -> ChargeAnswered:
        """Answer a charge; one whose key is known is not done again."""
        self.asked.append(asked)
        fate = self.fates.get(asked.charge_key)
        if fate is None:
            fate = next(self.script)
            if fate.truth != "not_found":
                self.fates[asked.charge_key] = fate
            self.left_silent[asked.charge_key] = fate.silent
            if fate.truth == "approved":
                self.taken[asked.charge_key] = asked.minor
            if fate.lost:
                return ChargeAnswered("unknown", None, now)
        return ChargeAnswered("approved" if fate.truth == "approved" else "declined", fate.reason, now)

    def look_up(self, asked: LookUpCharge, now: datetime) -> ChargeLookedUp:
        """Tell what became of a charge."""
        self.looked_up.append(asked)
        if self.left_silent.get(asked.charge_key, 0) > 0:
            self.left_silent[asked.charge_key] -= 1
            return ChargeLookedUp("unknown", None, now)
        fate = self.fates.get(asked.charge_key)
        return ChargeLookedUp(fate.truth if fate else "not_found", fate.reason if fate else None, now)
