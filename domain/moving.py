"""Move a running subscription to another policy or version: on purpose, by a person, written down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime

from domain.agenda import next_item
from domain.cards import REFUSED as CARD_REFUSED
from domain.cards import field_with_card_number
from domain.effects import Decision
from domain.messages import Refused, free_text
from domain.policy import Policy
from domain.quoting import described, quoted
from domain.subscription import PolicyName, Subscription
from domain.turn import Turn

VERSION_LIMIT = 10_000  # as in the policy language


@dataclass(frozen=True, slots=True)
class Move:
    """Which policy to move to. Rungs that have been passed under the old one count as passed where names agree."""

    name: str
    version: int
    by: str
    reason: str


FIELDS = tuple(field.name for field in fields(Move))


def read_move(payloads: Sequence[object]) -> Move:
    """The move that an update's payloads mean. Raises Refused with what, where and what was expected."""
    if len(payloads) != 1 or not isinstance(payloads[0], dict):
        shown = described(payloads[0]) if len(payloads) == 1 else f"{len(payloads)} payloads"
        raise Refused(f"{shown}: expected one JSON object with {', '.join(FIELDS)}")
    said = {str(name): value for name, value in payloads[0].items()}
    forbidden = field_with_card_number(said)
    if forbidden is not None:
        raise Refused(f"field {forbidden!r} {CARD_REFUSED}")
    wrong = sorted(set(said) ^ set(FIELDS))
    if wrong:
        known = "is missing" if wrong[0] in FIELDS else "is unknown"
        raise Refused(f"field {quoted(wrong[0])} {known}; expected {', '.join(FIELDS)}")
    version = said["version"]
    if not isinstance(version, int) or isinstance(version, bool) or not 1 <= version <= VERSION_LIMIT:
        raise Refused(f"version: {quoted(version)}: expected a whole number from 1 to {VERSION_LIMIT}")
    name, by, reason = (free_text(field, said[field]) for field in ("name", "by", "reason"))
    return Move(name, version, by, reason)


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
    if to.name != state.policy.name and (state.episode or state.ended):
        # Rungs count as passed by their names, which mean something else on another ladder: one might never come.
        what = "something is past due" if state.episode else "the plan has ended"
        return f"{what} under {state.policy.name}; until that is settled only another version of it can be moved to"
    stuck = [c.command for c in state.in_force if to.counterpart(c.command) is None]
    if stuck:
        return (
            f"{', '.join(stuck)} stands, and policy {to.name} has nothing that undoes it; move it once access is open"
        )
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
    after = turn.decided()
    upcoming = next_item(after, to)
    return Decision(after, tuple(turn.effects), None, upcoming.at if upcoming else None)
