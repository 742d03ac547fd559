"""What comes next for a customer who does not pay, in a mail's words: which consequence, and on which local date."""

from __future__ import annotations

from datetime import datetime

from domain import ladder
from domain.agenda import Item, agenda
from domain.periods import local_date
from domain.policy import Cancel, Command, LateFee, PlaceAll, Policy, Rung, SetStanding, Terminate
from domain.rounds import usable_methods
from domain.subscription import Subscription
from domain.turn import Turn


def outlook(state: Subscription, policy: Policy, at: datetime) -> dict[str, str]:
    """What a mail of this moment can say of the future; what cannot be said is left out.

    `next` is the next consequence (lock, lock_account, cancel, termination, collections, delete_data, late_fee) and
    `next_on` its local date: the first rung ahead whose conditions hold now, whatever usage will turn out to be.
    `retry_on` is the date of the next attempt round, where a method can still be charged. `bank_only` is `yes` where
    bank transfer is the only channel left.
    """
    said: dict[str, str] = {}
    if state.bank_only:
        said["bank_only"] = "yes"
    if not state.open_minor:
        return said
    ahead = agenda(state, policy)
    turn = Turn(state, policy, at, "", "")
    for item in ahead:
        consequence = _consequence(turn, item)
        if consequence:
            said |= {"next": consequence, "next_on": local_date(item.at, state.timezone).isoformat()}
            break
    retry = next((item for item in ahead if item.kind == "round"), None)
    if retry is not None and usable_methods(state, policy):
        said["retry_on"] = local_date(retry.at, state.timezone).isoformat()
    return said


def _consequence(turn: Turn, item: Item) -> str:
    """The harshest thing that an item of the agenda does to the customer; "" for nothing that a mail should tell."""
    if item.kind == "place_again":
        return "collections"
    if item.kind != "rung":
        return ""
    rung = next(r for r in turn.policy.ladder if r.id == item.what)
    known = (c for c in rung.conditions if c.kind != "used_that_month")
    return _harshest(rung, turn.policy) if all(ladder.holds(turn, c, None) for c in known) else ""


def _harshest(rung: Rung, policy: Policy) -> str:
    found = ""
    for effect in rung.then:
        match effect:
            case Terminate():
                return "termination"
            case Cancel():
                return "cancel"
            case Command(command) if command == policy.ending.deletes_data:
                return "delete_data"
            case PlaceAll():
                found = "collections"
            case SetStanding(to) if not found and to != "past_due":
                found = "lock_account" if to == "account_locked" else "lock"
            case LateFee() if not found:
                found = "late_fee"
            case _:
                pass
    return found
