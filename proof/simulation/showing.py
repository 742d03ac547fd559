"""What the auditor is shown of decisions: plain data, one step for each event and all that its questions lead to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from domain.effects import (
    Charge,
    CommandPlatform,
    Decision,
    Effect,
    Entry,
    LedgerEntry,
    LookUpCharge,
    PlaceWithAgency,
    RecallFromAgency,
    SendMail,
    WithdrawMails,
)
from domain.events import ChargeAnswered, ChargeLookedUp, DeadlinePassed, Event, FactsRead, MessageReceived
from domain.timeline import final
from proof.auditor.steps import Cause, Step, Thing


def entry_as_thing(entry: Entry) -> Thing:
    """A line of the timeline."""
    return {
        "is": "entry",
        "at": entry.at,
        "what": entry.what,
        "fields": entry.fields,
        "by": entry.by,
        "because": entry.because,
    }


def _effect(effect: Effect) -> Thing | None:
    match effect:
        case Entry():
            return entry_as_thing(effect)
        case LedgerEntry():
            postings = [(p.account, p.minor, p.payment) for p in effect.postings]
            named = {"by": effect.by, "because": effect.because}
            return {"is": "ledger", "key": effect.key, "postings": postings, **named}
        case SendMail():
            return {"is": "mail", "key": effect.key, "template": effect.template, "about": effect.about}
        case WithdrawMails():
            return {"is": "withdraw", "templates": list(effect.templates)}
        case CommandPlatform():
            return {"is": "command", "key": effect.key, "command": effect.command}
        case PlaceWithAgency():
            invoices = [(i.number, i.placed_minor) for i in effect.invoices]
            return {"is": "place", "key": effect.key, "minor": effect.minor, "invoices": invoices}
        case RecallFromAgency():
            return {"is": "recall", "key": effect.key, "minor": effect.minor, "invoice": effect.invoice}
        case _:
            return None


class Showing:
    """Gathers decisions into steps and hands each over when it is complete."""

    def __init__(self, show: Callable[[Step], None]) -> None:
        self._show = show
        self._cause: Cause | None = None
        self._happened: list[Thing] = []
        self._asked: dict[str, Any] = {}
        self.wake_at: datetime | None = None

    def __call__(self, event: Event, decision: Decision) -> None:
        """One decision, as it is taken."""
        match event:
            case DeadlinePassed(at):
                self._cause = Cause("deadline", at, self.wake_at or at)
            case MessageReceived(signal, payloads, at):
                payload = payloads[0] if len(payloads) == 1 and isinstance(payloads[0], dict) else {}
                self._cause = Cause("message", at, at, signal, payload)
            case ChargeAnswered():
                self._happened.append(self._answer("answered", event))
            case ChargeLookedUp():
                self._happened.append(self._answer("looked_up", event))
            case FactsRead():
                self._happened.append({"is": "facts", "used": event.used, "evidence": event.evidence})
            case _:
                pass
        self._happened += [thing for effect in decision.effects if (thing := _effect(effect)) is not None]
        self._question(decision)
        if decision.question is None:
            self._over(decision)

    def moved(self, cause: Cause, decision: Decision) -> None:
        """A person has moved the subscription to another policy."""
        self._cause = cause
        self._happened += [thing for effect in decision.effects if (thing := _effect(effect)) is not None]
        self._over(decision)

    def _answer(self, kind: str, event: ChargeAnswered | ChargeLookedUp) -> Thing:
        key = self._asked.get("key")
        return {"is": kind, "key": key, "outcome": event.outcome, "reason": event.reason, "at": event.at}

    def _question(self, decision: Decision) -> None:
        match decision.question:
            case Charge() as asked:
                self._asked = {"is": "asked", "key": asked.charge_key, "invoice": asked.invoice, "role": asked.role}
                self._asked |= {"method": asked.method, "minor": asked.minor}
                self._happened.append(self._asked)
            case LookUpCharge() as asked:
                self._asked = {"is": "look_up", "key": asked.charge_key, "invoice": asked.invoice}
                self._happened.append(self._asked)
            case _:
                pass

    def _over(self, decision: Decision) -> None:
        cause, happened = self._cause, self._happened
        self._happened = []
        nothing_due = cause is not None and cause.kind == "deadline" and self.wake_at != cause.due
        self.wake_at = decision.wake_at
        if cause is not None and not (nothing_due and not happened) and cause.at.year > 1:
            self._show(Step(cause, happened, final(decision.subscription), decision.wake_at))
