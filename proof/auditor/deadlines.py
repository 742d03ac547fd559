"""When each rung of a ladder is due, reckoned from the facts (spec sections 2 and 9)."""

from __future__ import annotations

from datetime import datetime

from proof.auditor.debts import Debt
from proof.auditor.rules import Stage, severity
from proof.auditor.situation import Situation

_HARD = """
    account_closed card_not_supported do_not_try_again expired_card fraudulent incorrect_number invalid_account
    invalid_number lost_card merchant_blacklist no_such_payment_method pickup_card restricted_card
    revocation_of_all_authorizations revocation_of_authorization stolen_card stop_payment_order testmode_decline
"""
HARD = frozenset(_HARD.split())
"""Decline reasons that no other day will change (https://docs.stripe.com/declines/codes)."""


def first_due(life: Situation) -> tuple[datetime, Stage] | None:
    """The rung that is due next, and when; at one instant the one that stands first in the ladder."""
    if life.hold or life.standing == "ended":
        return None
    ahead = [(at, stage) for stage in life.rules.stages if (at := due_at(life, stage)) is not None]
    return min(ahead, key=lambda item: (item[0], item[1].order), default=None)


def due_at(life: Situation, stage: Stage) -> datetime | None:
    """When a rung is due with all that keeps it back, or None where it is not ahead.

    What a hold, a promise, an announcement or evidence kept back is due when the last of them ends (decision 0025).
    """
    natural = by_trigger(life, stage)
    if natural is None:
        return None
    if stage.after_warning is not None:
        if life.warned_at is None:
            return None
        natural = max(natural, life.calendar.days_after(life.warned_at, stage.after_warning))
    floors = [life.promise_at, life.released_at, life.acted_at]
    if stage.harsh:
        floors += [life.announced_until, life.look_again_at]
    return max([natural, *(f for f in floors if f is not None)])


def by_trigger(life: Situation, stage: Stage) -> datetime | None:
    """When a rung is due by its trigger alone."""
    calendar, money = life.calendar, life.money
    if stage.trigger == "days_after_cancellation":
        if life.ended is None or stage.name in life.ended.passed or life.review_since or life.data_deleted:
            return None
        return calendar.days_after(life.ended.at, stage.number)
    if stage.trigger == "days_before_due":
        noticed = next_noticed(life, stage)
        return calendar.days_after(noticed.due_at, -stage.number) if noticed else None
    overdue = money.overdue()
    if not overdue or life.episode is None or stage.name in life.episode.passed:
        return None
    oldest, grace = overdue[0], life.rules.grace_days
    match stage.trigger:
        case "days_unpaid":
            return calendar.days_after(oldest.age[0], stage.number)
        case "days_after_due":
            return calendar.days_after(min(d.due_at for d in overdue), stage.number)
        case "end_of_month":
            return max(calendar.month_over(oldest.missed_on), calendar.days_after(oldest.age[0], grace))
        case "end_of_month_of_consecutive_missed":
            run = consecutive(life, stage.number)
            ends = [calendar.month_over(d.missed_on) for d in run]
            return max(ends + [calendar.days_after(d.age[0], grace) for d in run]) if run else None
        case "unpaid_invoices":
            ages = sorted(d.age[0] for d in overdue)
            return ages[stage.number - 1] if len(ages) >= stage.number else None
        case "balance_above":
            return _crossed(overdue, stage.number)
        case _:
            raise AssertionError(f"trigger {stage.trigger!r} is not known to the auditor")


def _crossed(overdue: list[Debt], minor: int) -> datetime | None:
    total = 0
    for debt in overdue:
        total += debt.owed
        if total > minor:
            return debt.age[0]
    return None


def consecutive(life: Situation, wanted: int) -> list[Debt]:
    """The first so many past-due instalments whose periods follow each other, or nothing."""
    missed = sorted((d for d in life.money.debts.values() if d.missed and d.kind == "period"), key=lambda d: d.period)
    for first in range(len(missed) - wanted + 1):
        run = missed[first : first + wanted]
        if run[-1].period - run[0].period == wanted - 1:
            return run
    return []


def next_noticed(life: Situation, stage: Stage) -> Debt | None:
    """The debt that a notice before its due date is about; one that came too late for it gets none."""
    waiting = [
        debt
        for debt in life.money.open()
        if not debt.missed
        and stage.name not in debt.noticed
        and life.calendar.days_after(debt.due_at, -stage.number) >= (debt.reopened_at or debt.issued_at)
    ]
    return min(waiting, key=lambda d: (d.due_at, d.ordinal), default=None)


def judged(life: Situation, stage: Stage, at: datetime, *, usage: bool) -> bool:
    """Whether a rung's conditions hold: with `usage` all of them, else those that ask nobody about usage."""
    return all(
        _holds(life, word, wanted, at)
        for word, wanted in stage.conditions.items()
        if wanted is not None and (usage or word != "used_that_month")
    )


def _holds(life: Situation, word: str, wanted: object, at: datetime) -> bool:
    money = life.money
    facts: dict[str, object]
    match word:
        case "used_that_month":
            overdue = money.overdue()
            return (bool(overdue) and life.used_in_month_of(overdue[0].missed_on)) == wanted
        case "at_month_end":
            chosen = life.episode.choice if life.episode else None
            return (chosen or life.rules.keep_trying.get("at_first_month_end")) == wanted
        case "customer_for_days":
            since = life.premises.terms["customer"].get("since") or life.premises.terms["starts_on"]
            return (life.calendar.date_of(at) - type(life.starts_on).fromisoformat(since)).days >= int(str(wanted))
        case "late_payments":
            return money.paid_late >= int(str(wanted))
        case "balance_above":
            return money.past_due > int(str(wanted))
        case "decline":
            return ("hard" if life.last_decline in HARD else "soft") == wanted
        case "tag":
            return wanted in (life.premises.terms.get("tags") or [])
        case "standing_below":
            return severity(life.standing) < severity(str(wanted))
        case _:
            facts = {
                "new_customer": money.new_customer,
                "warned": life.warned_at is not None,
                "plan_running": life.plan_running,
                "access_blocked": life.blocked_for_debt(),
                "channel": life.methods["primary"],
                "usable_method": bool(life.usable_roles()),
            }
            return facts[word] == wanted
