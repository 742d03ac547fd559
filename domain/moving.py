"""Move a running subscription to another policy or version: on purpose, by a person, written down."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from domain.agenda import next_item
from domain.effects import Decision
from domain.policy import Policy
from domain.subscription import PolicyName, Subscription
from domain.turn import Turn


@dataclass(frozen=True, slots=True)
class Move:
    """Which policy to move to. Rungs that have been passed under the old one count as passed where names agree."""

    name: str
    version: int
    by: str
    reason: str


class CannotMove(ValueError):
    """The subscription cannot live under that policy. Nothing was changed and no money moved."""


def refusal(state: Subscription, to: Policy) -> str | None:
    """Why a subscription cannot be moved to a policy now, or None where it can."""
    if state.standing == "ended":
        return "the subscription has ended"
    if state.policy.digest == to.digest:
        return f"it lives under {to.name} version {to.version} already"
    if to.committed and not state.instalments:
        return f"policy {to.name} is a commitment, and this plan has no instalments"
    return None


def move(state: Subscription, to: Policy, said: Move, at: datetime) -> Decision:
    """From `at` on the subscription lives under `to`: what is due is read from the new ladder. Raises CannotMove."""
    why = refusal(state, to)
    if why is not None:
        raise CannotMove(f"subscription {state.id}: {why}. Nothing was changed and no money moved.")
    turn = Turn(state, to, at, said.by, said.reason)
    before = f"{state.policy.name} {state.policy.version}"
    turn.change(policy=PolicyName(to.name, to.version, to.digest))
    turn.say("policy_moved", to=f"{to.name} {to.version}", **{"from": before})
    upcoming = next_item(turn.state, to)
    return Decision(turn.state, tuple(turn.effects), None, upcoming.at if upcoming else None)
