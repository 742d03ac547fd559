"""Standing and access: one standing at a time, each command undone once, none left standing for nothing."""

from __future__ import annotations

from proof.auditor.situation import UNPAID, Situation
from proof.auditor.steps import Thing

PROMISE = "one standing at a time, each in its order"
COMMANDS = "access is taken once and given back once"

FOLLOWS = {
    "active": {"past_due", "cancelled"},
    "past_due": {"active", "locked", "account_locked", "cancelled"},
    "locked": {"active", "account_locked", "awaiting_review", "cancelled"},
    "account_locked": {"active", "awaiting_review", "cancelled"},
    "awaiting_review": {"active", "locked", "account_locked", "cancelled"},
    "cancelled": {"in_collections", "awaiting_review", "active", "ended"},
    "in_collections": {"cancelled", "awaiting_review"},
    "ended": set[str](),
}
"""From each standing those that may follow it; `cancelled` is passed through before `in_collections` or `ended`."""


class Access:
    """Watches standings and platform commands."""

    def __init__(self, life: Situation) -> None:
        self.life = life
        self.told: list[str] = []
        """Commands that the timeline has told of and that have not been seen going out."""

    def stands(self, before: str, to: str) -> None:
        """The timeline tells of another standing."""
        life = self.life
        life.object.unless(before == life.standing, PROMISE, f"standing {to} was {before}, and it is {life.standing}")
        life.object.unless(to in FOLLOWS[life.standing], PROMISE, f"{life.standing} became {to}")
        if to == "active" and life.standing not in ("past_due", "active"):
            for reasons in life.in_force.values():
                reasons.discard(UNPAID)
        if life.standing == "awaiting_review":
            life.review_since = None
        if to == "awaiting_review":
            life.review_since = life.object.at
        life.stand(to)

    def commanded(self, command: str) -> None:
        """The timeline tells of a command to the platform."""
        self.told.append(command)
        life, undo = self.life, self.life.rules.undo
        undone = {counterpart: done for done, counterpart in undo.items()}
        if command in undone:
            done = undone[command]
            life.object.unless(done in life.in_force, COMMANDS, f"{command}, and no {done} stands")
            life.in_force.pop(done, None)
        elif command in undo:
            life.object.unless(command not in life.in_force, COMMANDS, f"{command} was sent again while it stands")
            life.in_force[command] = set()
        if command == life.rules.ending.get("deletes_data"):
            life.data_deleted = True
            life.review_since = None

    def sent(self, command: str) -> None:
        """A command goes out."""
        self.life.object.unless(command in self.told, COMMANDS, f"{command} went out and is not in the timeline")
        if command in self.told:
            self.told.remove(command)

    def block(self, command: str, reason: str) -> None:
        """A command that can be undone stands for one more reason."""
        if command in self.life.rules.undo:
            self.life.in_force.setdefault(command, set()).add(reason)

    def over(self) -> None:
        """After a step: what stands agrees with what is owed."""
        life, found = self.life, self.life.object
        for command, reasons in list(life.in_force.items()):
            if not reasons:
                found(COMMANDS, f"{command} stands for no reason any more, and was not undone")
                del life.in_force[command]
        found.unless(not self.told, COMMANDS, f"{', '.join(self.told)} told and never sent")
        self.told.clear()
        missed = life.money.past_due
        if life.standing in ("active", "awaiting_review", "ended"):
            found.unless(not missed, PROMISE, f"{life.standing}, and {missed} is past due")
        if life.standing in ("past_due", "locked", "account_locked"):
            found.unless(missed, PROMISE, f"{life.standing}, and nothing is past due")
        if life.standing in ("locked", "account_locked"):
            found.unless(life.blocked_for_debt(), COMMANDS, f"{life.standing}, and no command for it stands")
        if life.standing in ("active", "past_due"):
            found.unless(not life.blocked_for_debt(), COMMANDS, f"{life.standing}, and {life.in_force} stands")
        placed = life.money.placed
        found.unless(
            (life.standing == "in_collections") == (placed > 0), PROMISE, f"{life.standing}, and {placed} placed"
        )
        over = life.standing in ("cancelled", "in_collections", "ended")
        found.unless((life.ended is not None) == over or life.review_since, PROMISE, f"{life.standing}: {life.ended}")

    def compare(self, stands: Thing) -> None:
        """What the life says of itself is what the auditor's books have."""
        life = self.life
        money = {
            "balance": life.money.balance,
            "credit": life.money.in_credit,
            "placed_with_collections": life.money.placed,
        }
        for name, minor in money.items():
            if life.minor(stands[name]) != minor:
                life.object("money is conserved", f"{name} is said to be {stands[name]}; it is {minor} minor units")
        life.object.unless(
            stands["standing"] == life.standing, PROMISE, f"said {stands['standing']}, told {life.standing}"
        )
        if stands["ended"]:
            owed = life.money.owed
            life.object.unless(not owed, "it ends when nothing is owed", f"ended, and {owed} is owed")
