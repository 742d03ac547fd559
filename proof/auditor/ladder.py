"""The ladder: no lock, notice or cancellation before its time or after payment, and none skipped.

At each deadline the auditor knows which rung is due, if any, what its conditions say and what must follow, in order.
What a rung does that is not due, or a rung that is due and does nothing, is an objection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from fractions import Fraction
from typing import Any

from proof.auditor import deadlines
from proof.auditor.access import Access
from proof.auditor.billing import half_up
from proof.auditor.calendar import ONE_DAY, last_of
from proof.auditor.rules import Stage, severity
from proof.auditor.situation import UNPAID, Situation
from proof.auditor.steps import Thing

SKIPPED = "no required notice is skipped"
EARLY = "nothing before its time or after payment"

CONSEQUENCES = ("invoice_voided", "credit_applied", "collections_recalled", "standing", "platform", "invoice_issued")
"""What a cancellation leads to, beside its mail, before the next effect of a rung."""


class Things:
    """What happened in a step, taken in one by one."""

    def __init__(self, happened: Iterator[Thing], take: Callable[[Thing], None]) -> None:
        self._left = list(happened)
        self._take = take

    def next(self) -> Thing | None:
        """Take the next one in."""
        if not self._left:
            return None
        thing = self._left.pop(0)
        self._take(thing)
        return thing

    def until(self, what: str, **fields: Any) -> Thing | None:
        """Take in all up to the first entry like this, with it; None where there is none."""
        while (thing := self.next()) is not None:
            if thing["is"] == "entry" and thing["what"] == what and fields.items() <= dict(thing["fields"]).items():
                return thing
        return None

    def consequences(self, mail: str) -> None:
        """Take in what a cancellation leads to."""
        while self._left and (self._left[0]["is"] != "entry" or self._follows(self._left[0], mail)):
            self.next()

    def _follows(self, entry: Thing, mail: str) -> bool:
        return entry["what"] in CONSEQUENCES or (
            entry["what"] == "email" and entry["fields"]["template"] in (mail, "invoice")
        )

    def rest(self) -> None:
        """Take in what is left."""
        while self.next() is not None:
            pass


class Ladder:
    """Judges rungs as they fall due."""

    def __init__(self, life: Situation, access: Access) -> None:
        self.life = life
        self.access = access
        self.attempt_at: datetime | None = None
        """A rung asked for an attempt round at this instant."""
        self.fee: int | None = None
        """What a late fee that may come next should be."""
        self.terminates: tuple[int, list[Any]] | None = None
        self.allowed = False
        """While a rung that is due does what it says."""

    def due(self, at: datetime) -> Stage | None:
        """The rung that a deadline at `at` is about, or None where it is about something else."""
        first = deadlines.first_due(self.life)
        if first is None or first[0] > at:
            return None
        if first[0] < at:
            self.life.object(SKIPPED, f"rung {first[1].name!r} was due at {first[0].isoformat()} and was not acted on")
        return first[1]

    def overlooked(self, before: datetime) -> None:
        """No rung was due earlier than an instant at which something else happens."""
        first = deadlines.first_due(self.life)
        if first is not None and first[0] < before:
            self.life.object(SKIPPED, f"rung {first[1].name!r} was due at {first[0].isoformat()} and was not acted on")

    def climb(self, stage: Stage, at: datetime, things: Things) -> None:
        """Judge the rung that is due and hold what happened against it."""
        life = self.life
        if not deadlines.judged(life, stage, at, usage=False):
            return self._pass(stage, at)
        if stage.harsh and life.evidence_at(at):
            if life.look_again_at is None and things.until("evidence_hold") is None:
                life.object(SKIPPED, f"rung {stage.name!r} waits for evidence of money, and nobody was told")
            life.look_again_at = life.calendar.days_after(at, 1)
            return None
        holds = deadlines.judged(life, stage, at, usage=True)
        overdue = life.money.overdue()
        self._pass(stage, at)
        if not holds:
            return None
        self.allowed = True
        if stage.warns:
            life.warned_at = at
        for word, value in stage.then:
            self._effect(stage, word, value, at, things, overdue)
        return None

    def _pass(self, stage: Stage, at: datetime) -> None:
        life = self.life
        if life.look_again_at is not None:
            life.look_again_at, life.released_at = None, at
        if stage.trigger == "days_after_cancellation":
            if life.ended:
                life.ended.passed.add(stage.name)
        elif stage.trigger == "days_before_due":
            debt = deadlines.next_noticed(life, stage)
            if debt is not None:
                debt.noticed.add(stage.name)
        elif life.episode:
            life.episode.passed.add(stage.name)

    def _effect(self, stage: Stage, word: str, value: Any, at: datetime, things: Things, overdue: list[Any]) -> None:
        life = self.life
        match word:
            case "standing":
                if life.plan_running and severity(life.standing) < severity(value):
                    self._must(stage, things, "standing", to=value)
            case "email":
                self._must(stage, things, "email", template=value)
            case "platform":
                if value not in life.rules.undo or value not in life.in_force:
                    self._must(stage, things, "platform", command=value)
                self.access.block(value, UNPAID)
            case "charge":
                self.attempt_at = at
            case "cancel":
                self._cancel(stage, value, at, things, overdue)
            case "terminate":
                self._terminate(stage, value, things)
            case "collections":
                placeable = life.money.placeable()
                if placeable:
                    self._must(stage, things, "collections_placed")
            case "void":
                for debt in life.money.open():
                    self._must(stage, things, "invoice_voided", invoice=debt.number)
            case "late_fee":
                share = half_up(Fraction(life.money.past_due * (value.get("percent") or 0), 100))
                self.fee = (value.get("amount") or 0) + share
                if self.fee:
                    self._must(stage, things, "invoice_issued")
                self.fee = None
            case "write_off_up_to":
                if 0 < life.money.owed <= value:
                    self._must(stage, things, "written_off")
            case _:
                raise AssertionError(f"effect {word!r} is not known to the auditor")

    def _must(self, stage: Stage, things: Things, what: str, **fields: Any) -> Thing | None:
        found = things.until(what, **fields)
        if found is None:
            said = " ".join([what, *map(str, fields.values())])
            self.life.object(SKIPPED, f"rung {stage.name!r} was due and its {said} did not come")
        return found

    def _cancel(self, stage: Stage, as_of: str, at: datetime, things: Things, overdue: list[Any]) -> None:
        life = self.life
        if as_of == "period_end":
            if life.plan_running and life.ends_with_period is None:
                life.ends_with_period = "ladder"
                self._must(stage, things, "cancellation_scheduled")
            return
        if not overdue:
            return
        missed_on = overdue[0].missed_on
        last = {
            "previous_month_end": missed_on.replace(day=1) - ONE_DAY,
            "month_end": last_of(missed_on),
            "now": self.last_day(at),
        }[as_of]
        if life.ended is None:
            found = self._must(
                stage, things, "cancelled", effective_on=last.isoformat(), retroactive=as_of == "previous_month_end"
            )
            if found is not None:
                things.consequences(life.rules.ending["email"])
        else:
            for debt in life.money.open():
                if debt.start > last and debt.kind != "termination":
                    self._must(stage, things, "invoice_voided", invoice=debt.number)
            life.money.use_credit()

    def last_day(self, at: datetime) -> Any:
        """The last date of which any part lies before an instant (decision 0013)."""
        on = self.life.calendar.date_of(at)
        return on - ONE_DAY if at <= self.life.calendar.begins(on) else on

    def _terminate(self, stage: Stage, value: Any, things: Things) -> None:
        life = self.life
        run = deadlines.consecutive(life, stage.number)
        if not run or not life.plan_running or not life.instalments:
            return
        first = run[0].period - run[0].period % life.instalments
        remaining = life.instalments * life.price - life.money.received_of(first, life.instalments)
        charge = half_up(Fraction(remaining * value["percent_of_remaining_balance"], 100))
        received = [d.period for d in life.money.debts.values() if d.kind == "period" and not d.owed and not d.voided]
        last = last_of(life.begins_on(max(received))) if received else life.starts_on - ONE_DAY
        self.terminates = (charge, run)
        self._must(stage, things, "cancelled", effective_on=last.isoformat(), retroactive=True)
        if charge > 0:
            self._must(stage, things, "termination_charge")
        things.consequences(life.rules.ending["email"])
