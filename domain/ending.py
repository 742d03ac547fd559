"""How a plan ends: cancelled by the ladder, by the customer, by a refusal, or for delinquency."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from domain import access, debts
from domain.agenda import plan_ends_on
from domain.money import share
from domain.periods import DAY, billing_date, days_after, first_of_month, last_day_before, last_of_month
from domain.policy import Cancel, Condition, Terminate
from domain.subscription import Ended, Invoice
from domain.turn import Turn
from domain.values import replace


def cancel_by_ladder(turn: Turn, effect: Cancel, oldest: Invoice) -> None:
    """Cancel as of the month before the missed one, of the missed month, or of now (spec, section 4).

    Where the plan has been cancelled already, only the debt is judged: what begins after that day is voided.
    """
    if effect.as_of == "period_end":
        if turn.state.ended is None and turn.state.cancel_at_period_end is None:
            turn.change(cancel_at_period_end="ladder")
            turn.say("cancellation_scheduled")
        return
    effective_on = _last_day(turn, effect, oldest)
    if turn.state.ended is None:
        cancel(turn, effective_on, effect.as_of == "previous_month_end", "ladder")
    else:
        _void_after(turn, effective_on)


def _last_day(turn: Turn, effect: Cancel, oldest: Invoice) -> date:
    match effect.as_of:
        case "previous_month_end":
            return first_of_month(oldest.missed_on) - DAY
        case "month_end":
            return last_of_month(oldest.missed_on)
        case _:
            return last_day_before(turn.at, turn.state.timezone)


def terminate(turn: Turn, effect: Terminate, run: tuple[Invoice, ...]) -> None:
    """Delinquency: cancel as of the last month received, void what is open, owe a share of the remaining balance."""
    remaining = debts.remaining_balance(turn, run[0].period)
    effective_on = debts.last_received_on(turn.state)
    turn.say("cancelled", effective_on=effective_on.isoformat(), retroactive=True)
    turn.change(ended=Ended(turn.at, effective_on, True, "ladder"))
    for invoice in turn.state.invoices:
        debts.void(turn, invoice)
    charge = share(remaining, effect.percent, 100)
    if charge > 0:
        turn.say("termination_charge", amount=turn.amount(charge))
        first, last = run[0], run[-1]
        issued = debts.issue(turn, "termination", -1, first.period_start, last.period_end, charge, turn.at)
        if issued.open_minor:
            turn.keep(replace(issued, missed=True, unpaid_since=turn.at))
    debts.apply_credit(turn)
    _close_access(turn, "ladder", mail=True)


def cancel(
    turn: Turn,
    effective_on: date,
    retroactive: bool,
    by: Literal["ladder", "customer", "support_refusal"],
) -> None:
    """End the plan as of `effective_on`, its last day: void what begins after it, tell platform and customer."""
    turn.say("cancelled", effective_on=effective_on.isoformat(), retroactive=retroactive)
    turn.change(ended=Ended(turn.at, effective_on, retroactive, by), cancel_at_period_end=None, review=None)
    _judge_again(turn)
    _void_after(turn, effective_on)
    _close_access(turn, by, mail=by != "support_refusal")
    if turn.policy.ending.final_invoice:
        _final_invoice(turn, effective_on)


def cancel_by_customer(turn: Turn) -> None:
    """The customer's own cancellation takes effect at this instant."""
    cancel(turn, last_day_before(turn.at, turn.state.timezone), False, "customer")


def period_has_ended(turn: Turn) -> None:
    """The period end that a cancellation was set to has come."""
    by = turn.state.cancel_at_period_end or "customer"
    cancel(turn, plan_ends_on(turn.state, turn.policy) - DAY, False, by)


def cancel_by_refusal(turn: Turn) -> None:
    """Support refuses to give a locked product back: the plan ends now; the caller sends the mail that says so."""
    cancel(turn, last_day_before(turn.at, turn.state.timezone), False, "support_refusal")


def revoke(turn: Turn) -> None:
    """Undo a cancellation: billing goes on at the old anchor as if it had never been (spec, section 6)."""
    s = turn.state
    if s.ended is None:
        return
    turn.change(
        ended=None,
        warned_at=None,
        placed_once=False,
        bill_not_before=turn.at,
        next_period_from=s.ended.effective_on + DAY if s.ended.billed_minor else None,
        next_period_billed_minor=s.ended.billed_minor,
    )


def bill_period(turn: Turn) -> None:
    """Issue the next period's invoice: the period that begins (prepaid) or that has just ended (postpaid)."""
    s = turn.state
    start = s.next_period_from or billing_date(s.starts_on, s.next_period)
    end = billing_date(s.starts_on, s.next_period + 1)
    period = s.next_period
    minor = max(0, s.price_minor - s.next_period_billed_minor)
    now = turn.now
    now.next_period, now.next_period_from, now.next_period_billed_minor = period + 1, None, 0
    debts.issue(turn, "period", period, start, end, minor, _due_at(turn))
    _charge_after_issue(turn)


def _judge_again(turn: Turn) -> None:
    """Rungs for ended plans, passed while this one still ran, are ahead again: an open debt must be judged by them."""
    episode = turn.state.episode
    if episode is not None:
        ahead = {r.id for r in turn.policy.ladder if Condition("plan_running", False) in r.conditions}
        left = tuple(i for i in episode.applied if i not in ahead)
        if left != episode.applied:
            turn.change(episode=replace(episode, applied=left), released_at=turn.at)


def _close_access(turn: Turn, by: str, *, mail: bool) -> None:
    """Standing, commands and mail of an ending, in this order."""
    ending = turn.policy.ending
    if not ending.keeps_locks:
        access.supersede(turn)
    turn.stand("cancelled")
    commands = ending.commands + (ending.customer_commands if by == "customer" else ())
    for command in commands:
        access.block(turn, command, access.UNPAID)
        if command == ending.deletes_data:
            turn.change(data_deleted=True)
    ended = turn.state.ended
    if mail and ended is not None:
        turn.mail(
            ending.mail,
            by=ended.by,
            effective_on=ended.effective_on.isoformat(),
            retroactive="yes" if ended.retroactive else "no",
        )


def _void_after(turn: Turn, effective_on: date) -> None:
    """Void every open invoice whose period begins after the plan's last day; credit then pays what is left."""
    for invoice in turn.state.invoices:
        if invoice.period_start > effective_on and invoice.kind != "termination":
            debts.void(turn, invoice)
    debts.apply_credit(turn)


def _final_invoice(turn: Turn, effective_on: date) -> None:
    """Bill a postpaid product for the days it existed in the period that the ending cut short, half up."""
    s = turn.state
    while (start := turn.state.next_period_from or billing_date(s.starts_on, turn.state.next_period)) <= effective_on:
        period = turn.state.next_period
        anchor, period_end = billing_date(s.starts_on, period), billing_date(s.starts_on, period + 1)
        if period_end <= effective_on + DAY:
            bill_period(turn)
            continue
        end = effective_on + DAY
        before = turn.state.next_period_billed_minor
        minor = max(0, share(s.price_minor, (end - anchor).days, (period_end - anchor).days) - before)
        debts.issue(turn, "period", period, start, end, minor, _due_at(turn))
        if turn.state.ended:
            turn.change(ended=replace(turn.state.ended, billed_minor=minor + before))
        _charge_after_issue(turn)
        return


def _due_at(turn: Turn) -> datetime:
    return days_after(turn.at, debts.terms_days(turn), turn.state.timezone)


def _charge_after_issue(turn: Turn) -> None:
    """A postpaid invoice is charged at once where a method is on file; a prepaid one when it is due, which is now."""
    if turn.policy.billing.charge_on_issue:
        turn.now.round_at = turn.at
