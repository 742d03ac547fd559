"""Messages: in order, before what is due at their instant, once each; and what they change in the reckoning."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from proof.auditor.access import Access
from proof.auditor.calendar import ONE_DAY
from proof.auditor.situation import Situation
from proof.auditor.steps import Step

ORDER = "a message is taken in before what is due at its instant"
ONCE = "a repeated message has no second effect"
REFUSED = "what is refused has no effect"

RECORDS = {"refused", "repeated", "unapplied"}


class Hearing:
    """Watches messages. `expected` holds the instants at which messages come, in order, as far as they are known."""

    def __init__(self, life: Situation, access: Access) -> None:
        self.life = life
        self.access = access
        self.expected: list[datetime] = []
        self.heard = 0
        self.known: set[tuple[object, ...]] = set()

    def will_come(self, at: datetime) -> None:
        """The world will send a message at an instant."""
        self.expected.append(at)

    def in_order(self, step: Step) -> None:
        """Before a step: no message that had come by then has been passed over."""
        if step.cause.kind == "message":
            self.heard += 1
            return
        waiting = self.expected[self.heard : self.heard + 1]
        if waiting and waiting[0] <= step.cause.at and step.cause.kind == "deadline":
            self.life.object(
                ORDER,
                f"the deadline of {step.cause.due} was acted on before a message of {waiting[0]}",
            )

    def dated(self, step: Step) -> datetime:
        """A message is dated by its own `at` where it carries one, else by when it was taken in."""
        said = step.cause.payload.get("at")
        if not self._accepted(step):
            return next((t["at"] for t in step.happened if t["is"] == "entry"), step.cause.at)
        return self.life.calendar.said(said) if isinstance(said, str) else step.cause.at

    def _told(self, step: Step) -> set[str]:
        return {thing["what"] for thing in step.happened if thing["is"] == "entry"}

    def _accepted(self, step: Step) -> bool:
        return not self._told(step) & {"refused", "repeated"}

    def judge(self, step: Step) -> bool:
        """Whether a message was accepted; objects where a repetition was, or where a refusal had effects."""
        cause, told = step.cause, self._told(step)
        names = self._names(cause.signal, cause.payload)
        again = bool(names & self.known) or self._own_charge(cause.signal, cause.payload)
        if self._accepted(step):
            self.life.object.unless(not again, ONCE, f"{cause.signal} {self._shown(cause.payload)} was acted on again")
            self.known |= names
            return True
        rest = told - RECORDS
        self.life.object.unless(
            not rest, REFUSED, f"{cause.signal} was refused, and {', '.join(sorted(rest))} came of it"
        )
        others = {t["is"] for t in step.happened} - {"entry"} - ({"ledger"} if "unapplied" in told else set())
        self.life.object.unless(not others, REFUSED, f"{cause.signal} was refused, and {others} came of it")
        if "repeated" in told:
            self.life.object.unless(
                again, ONCE, f"{cause.signal} {self._shown(cause.payload)} is new, and counted as repeated"
            )
        elif self.life.standing == "ended" and names:
            self.known |= names
        elif cause.signal == "payment-received":
            self.life.object(
                "money is conserved", f"payment {self._shown(cause.payload)} was refused while the subscription lives"
            )
        return False

    def _own_charge(self, signal: str, payload: Any) -> bool:
        reference = str(payload.get("reference", ""))
        own = reference.startswith(f"{self.life.id}-") and reference.endswith(("/primary", "/secondary"))
        return signal == "payment-received" and own

    def _names(self, signal: str, payload: Any) -> set[tuple[object, ...]]:
        """What a repetition is known by: its id; its reference, of a reversal with amount and reason."""
        names: set[tuple[object, ...]] = set()
        if payload.get("id"):
            names.add((signal, "id", payload["id"]))
        reference = payload.get("reference")
        if reference and (signal == "payment-received" or not payload.get("id")):
            more = (str(payload.get("amount")), payload.get("reason")) if signal == "payment-reversed" else ()
            names.add((signal, reference, *more))
        return names

    def _shown(self, payload: Any) -> str:
        return str(payload.get("reference") or payload.get("id") or "")

    def act(self, step: Step, at: datetime) -> None:
        """What an accepted message changes beside money: holds, promises, methods, choices, blocks."""
        life, said = self.life, step.cause.payload
        match step.cause.signal:
            case "hold-dunning":
                life.hold = True
            case "release-dunning":
                life.hold, life.released_at = False, at
            case "promise-to-pay":
                life.promise_at = life.calendar.begins(date.fromisoformat(said["until"]))
            case "payment-announced":
                days = life.rules.said.get("announcement_days", 5)
                until = life.calendar.days_after(at, days)
                life.announced_until = max(life.announced_until or until, until)
            case "choose-at-month-end":
                if life.episode:
                    life.episode.choice = said["choice"]
            case "cancel" if said["when"] == "period_end":
                life.ends_with_period = "customer"
            case "payment-method-updated" if not said.get("state"):
                life.methods[said["role"]] = said["method"]
            case "reactivate":
                self.reactivated(at)
            case "block-access":
                life.blocks.add(said["reason"])
                for command in _listed(life.rules.said["access"]["block"]):
                    self._blocked(command, said["reason"], step)
            case "unblock-access":
                life.blocks.discard(said["reason"])
                for reasons in life.in_force.values():
                    reasons.discard(said["reason"])
            case "agency-update" if said["status"] in ("returned", "uncollectable"):
                life.money.give_back()
            case _:
                pass

    def _blocked(self, command: str, reason: str, step: Step) -> None:
        """A command stands for one more reason; one that was not in force is sent in this step."""
        if command in self.life.in_force:
            self.life.in_force[command].add(reason)
            return
        sent = any(t["is"] == "command" and t["command"] == command for t in step.happened)
        self.life.object.unless(
            sent, "access is taken once and given back once", f"blocked for {reason!r} without {command}"
        )

    def reactivated(self, at: datetime) -> None:
        """Access comes back, a cancellation is revoked, the channels reopen."""
        life = self.life
        life.bank_only, life.card_failures, life.review_since = False, 0, None
        if life.ended is not None:
            cut = life.ended
            life.ended, life.warned_at, life.placed_once, life.resumed_at = None, None, False, at
            life.resumes_on = cut.effective_on + ONE_DAY if cut.billed else None
            life.billed_before = cut.billed

    def block_after(self, command: str, step: Step) -> None:
        """A command that a block has just sent stands for the block's reason."""
        if step.cause.signal == "block-access" and command in self.life.in_force:
            self.access.block(command, step.cause.payload["reason"])


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]
