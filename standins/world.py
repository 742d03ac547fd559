"""The world of scenarios, as gateways' stand-ins answer by it: a pure function of a charge's business time."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from domain.subscription import Role
from domain.world import World


@dataclass(frozen=True, slots=True)
class Scripted:
    """What a charge is to answer. `heard` False: the reply of the request that moves the money is lost, each time."""

    outcome: Literal["approved", "declined"]
    reason: str | None
    heard: bool


@dataclass(slots=True)
class ScriptedWorlds:
    """The worlds of subscriptions by id; a subscription that none was scripted for has every charge approved."""

    worlds: dict[str, tuple[World, str]] = field(default_factory=dict)

    def script(self, subscription_id: str, world: World, timezone: str) -> None:
        """Answer this subscription's charges as the world says, by their local dates in the zone."""
        self.worlds[subscription_id] = (world, timezone)

    def answer(self, subscription_id: str, role: Role, at: datetime) -> Scripted | None:
        """What a charge of a method dated `at` answers; None where nothing was scripted for the subscription."""
        known = self.worlds.get(subscription_id)
        if known is None:
            return None
        world, timezone = known
        found = world.look_up(role, at, timezone)
        heard = world.charge(role, at, timezone).outcome != "unknown"
        return Scripted("declined" if found.outcome == "declined" else "approved", found.reason, heard)
