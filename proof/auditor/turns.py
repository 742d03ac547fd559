"""One step after another: what a deadline is about by the auditor's reckoning, and what must hold after it."""

from __future__ import annotations

from datetime import datetime, timedelta

from proof.auditor.calendar import months_later
from proof.auditor.ladder import SKIPPED, Things
from proof.auditor.reading import Reading
from proof.auditor.situation import PROMPT
from proof.auditor.steps import Step

LATE = "what is due is done when it is due"
ROUNDS = "no retries but those of the policy"


class Turns:
    """Reads steps. `round_` tells whether an attempt round has taken place in the one that is read."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.life = reading.life
        self.round = False

    def see(self, step: Step) -> None:
        """Read one step."""
        life, reading, cause = self.life, self.reading, step.cause
        reading.begin(step)
        reading.ladder.allowed, reading.ladder.terminates, self.round = False, None, False
        things = Things(iter(step.happened), reading.take)
        reading.hearing.in_order(step)
        match cause.kind:
            case "message":
                self._message(step, things)
            case "deadline":
                self._deadline(step, things)
            case _:
                things.rest()
        life.money.use_credit()
        self._round_over(step)
        life.settle(life.object.at)
        if cause.kind == "deadline":
            life.acted_at = cause.due
        self._compare(step)

    def _message(self, step: Step, things: Things) -> None:
        life, reading = self.life, self.reading
        if not life.was_down(step.cause.at, step.cause.at):
            reading.ladder.overlooked(step.cause.at)
        life.object.at = reading.hearing.dated(step)
        before = life.standing
        if reading.hearing.judge(step):
            reading.hearing.act(step, life.object.at)
            self.round = step.cause.signal == "retry-payment"
        things.rest()
        if step.cause.signal == "refuse-reactivation" and before == "awaiting_review":
            self._turned_down(cancelled_before=life.ended is not None and life.ended.at != life.object.at)
        if reading.owed_again and life.money.owed:
            self._mailed_as_reopened(step)

    def _turned_down(self, *, cancelled_before: bool) -> None:
        self.life.review_since = None
        if cancelled_before and self.life.ended:
            self.life.ended.by, self.life.released_at = "refusal", self.life.object.at

    def _mailed_as_reopened(self, step: Step) -> None:
        template = self.life.rules.said["when_reversed"]["email"]
        if not any(t["is"] == "mail" and t["template"] == template for t in step.happened):
            self.reading.notices.reopened(self.life.object.at, template)

    def _deadline(self, step: Step, things: Things) -> None:
        life, reading, due = self.life, self.reading, step.cause.due
        punctual = step.cause.at == due or life.down_at(step.cause.at)
        life.object.unless(punctual, LATE, f"done at {step.cause.at.isoformat()}, and a worker was up")
        reading.billing.skipped(due)
        reviewed = any(t["is"] == "entry" and t["because"].startswith("support has not decided") for t in step.happened)
        if life.promise_at is not None and life.promise_at <= due:
            self._lapse(due, things)
        elif reviewed:
            self._undecided(step, due)
        elif (stage := reading.ladder.due(due)) is not None:
            reading.ladder.climb(stage, due, things)
        else:
            self._beside_the_ladder(step, due, things)
        things.rest()

    def _lapse(self, due: datetime, things: Things) -> None:
        life = self.life
        life.object.unless(
            life.promise_at == due, LATE, f"the promise lapsed at {due.isoformat()}, not at {life.promise_at}"
        )
        life.promise_at, life.released_at = None, due
        if life.money.past_due:
            life.object.unless(things.until("promise_broken"), SKIPPED, "a promise was broken, and nobody was told")

    def _undecided(self, step: Step, due: datetime) -> None:
        """Support let a review pass its deadline. Office hours are not recounted, only that so many hours passed."""
        life = self.life
        decide = life.rules.said["when_paid"].get("decide")
        if not decide or life.review_since is None:
            life.object("nothing before its time or after payment", "a review was decided, and none is open")
            return
        told = any(t["is"] == "entry" and t["what"] == "review_escalated" for t in step.happened)
        hours = decide["escalate_after_hours" if told else "default_after_hours"]
        self.reading.decided = not told
        early = due - life.review_since < timedelta(hours=hours)
        life.object.unless(
            not early, "nothing before its time or after payment", f"a review of {life.review_since} at {due}"
        )
        if not told:
            cancelled_before = life.ended is not None
            if decide["default"] == "reactivate":
                self.reading.hearing.reactivated(due)
            else:
                self._turned_down(cancelled_before=False)
                if cancelled_before and life.ended:
                    life.ended.by, life.released_at = "refusal", due

    def _beside_the_ladder(self, step: Step, due: datetime, things: Things) -> None:
        """Billing, the end of a period, a placement of re-opened debt, a look-up, or an attempt round."""
        told = {t["what"] for t in step.happened if t["is"] == "entry"}
        asks = [t["is"] for t in step.happened if t["is"] in ("asked", "look_up")]
        if asks:
            self.round = True
            if "invoice_issued" in told:
                things.until("invoice_issued")  # it is what the round is for
            if asks[0] == "asked":
                self._round_is_due(due, step.cause.at)
        elif not told & {"invoice_issued", "cancelled", "collections_placed", "evidence_hold"}:
            waiting = [d for d in self.life.money.open() if not d.missed and d.unresolved is None and d.due_at <= due]
            self.round = bool(waiting)
            first = self.life.money.open()[:1]
            if self.round and first and first[0].unresolved is None and self.life.usable_roles():
                self.life.object(SKIPPED, f"{waiting[0].number} fell due, and no method was tried")
        if "evidence_hold" in told or (
            told == set() and self.life.evidence_at(due) and self.life.placed_once and not self.round
        ):
            self.life.look_again_at = self.life.calendar.days_after(due, 1)

    def _round_is_due(self, due: datetime, now: datetime) -> None:
        """A round by itself only for a due date, a new invoice, a rung that says so, or the weekly schedule."""
        life, reading = self.life, self.reading
        falls_due = any(d.due_at == due for d in life.money.open() if not d.missed)
        issued = reading.billing.issued_at == due and life.rules.said["bill"].get("charge_when_issued")
        if not (falls_due or issued or reading.ladder.attempt_at == due or self._weekly(due)):
            life.object(ROUNDS, f"an attempt round at {due.isoformat()}, and nothing asks for one")

    def _weekly(self, due: datetime) -> bool:
        life, keep = self.life, self.life.rules.keep_trying
        if not keep or life.episode is None or not life.plan_running or life.hold:
            return False
        if (life.episode.choice or keep["at_first_month_end"]) != "keep_trying":
            return False
        calendar, first = life.calendar, life.episode.first_missed_at
        days = (calendar.date_of(due) - calendar.date_of(first)).days
        shown = calendar.clock(first)
        over = calendar.instant(months_later(shown.date(), keep["for_months"]), shown.time())
        on_schedule = days > 0 and days % keep["every_days"] == 0 and calendar.days_after(first, days) == due
        return on_schedule and due < over

    def _round_over(self, step: Step) -> None:
        """After an attempt round: what was due by it and stayed unpaid is past due, and has been mailed."""
        if not self.round:
            return
        life, charges = self.life, self.reading.charges
        at = life.object.at
        now = charges.answered_at or at
        failed_at = charges.failed_at or (at if now - at <= PROMPT else now)
        stuck = any(d.unresolved for d in life.money.debts.values())
        for debt in life.money.open():
            if debt.due_at <= at and not debt.missed and debt.unresolved is None:
                debt.missed, debt.since = True, debt.since or failed_at
        declined = charges.failed_at is not None
        self.reading.notices.after_round(declined=declined, attempted=charges.attempted, stuck=stuck)

    def _compare(self, step: Step) -> None:
        reading = self.reading
        reading.charges.over()
        reading.agency.over()
        reading.notices.over()
        reading.ledger.compare()
        reading.access.over()
        reading.access.compare(step.stands)
        self._awaited(step)

    def _awaited(self, step: Step) -> None:
        """Every ladder ends: while anything is still to come, something wakes it."""
        life = self.life
        if step.next_at is not None or life.standing == "ended":
            return
        waits = life.hold or life.review_since or all(d.placed == d.owed or d.returned for d in life.money.open())
        promise = "every ladder ends"
        life.object.unless(not life.plan_running, promise, "the plan runs, and nothing wakes it")
        life.object.unless(waits, promise, f"{life.money.owed} is owed, {life.standing}, and nothing is to come")

    def nothing_left_before(self, until: datetime) -> None:
        """At the end: nothing was due before it that has not been acted on."""
        if not self.life.was_down(until, until):
            self.reading.ladder.overlooked(until)
            self.reading.billing.skipped(until)
