"""What will happen when, if nothing else does: the one list behind timers, search attributes, pages and forecasts.

Everything is derived from facts (due, unpaid since, anchor, promise, hold); no deadline is stored twice. Ties at one
instant are settled here: the ladder's rungs in their order, then new invoices, then one attempt round (spec, 2).
Messages come before all of them; the shells see to that.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from operator import attrgetter
from typing import Literal, NamedTuple

from domain import debts
from domain.keys import short_digest
from domain.office import after_office_hours
from domain.periods import add_months, billing_date, days_after, instant, local, local_date, month_end
from domain.policy import Policy, Rung
from domain.subscription import Invoice, Subscription

ItemKind = Literal[
    "promise_lapses", "review_escalates", "review_defaults", "rung", "place_again", "period_end", "invoice", "look_up",
    "round",
]  # fmt: skip

RANK: dict[ItemKind, int] = {
    "promise_lapses": 0,
    "review_escalates": 1,
    "review_defaults": 2,
    "rung": 3,
    "place_again": 4,
    "period_end": 5,
    "invoice": 6,
    "look_up": 7,
    "round": 8,
}


class Item(NamedTuple):
    """One thing to come: when (UTC), in which order at one instant, what, and why (for operators)."""

    at: datetime
    rank: int
    order: int
    kind: ItemKind
    what: str
    why: str


def agenda(state: Subscription, policy: Policy) -> list[Item]:
    """Everything that is known to come, soonest first. Empty after the end."""
    if state.standing == "ended":
        return []
    return sorted(_items(state, policy), key=_order)


def next_item(state: Subscription, policy: Policy) -> Item | None:
    """The first thing to come, or None."""
    global _latest
    known = _latest
    if known.state is state and known.policy is policy:
        return known.item
    item = None if state.standing == "ended" else min(_items(state, policy), key=_order, default=None)
    if type(state) is Subscription:  # a value: what a turn is still changing must be asked anew
        _latest = _Latest(state, policy, item)
    return item


class _Latest(NamedTuple):
    """The last answer of `next_item`: whoever decides, and then waits, asks several times of one state."""

    state: Subscription | None
    policy: Policy | None
    item: Item | None


_latest = _Latest(None, None, None)


_order = attrgetter("at", "rank", "order")


def _items(state: Subscription, policy: Policy) -> list[Item]:
    """Everything to come before the end, in no order."""
    items = _billing(state, policy)
    if state.invoices or state.round_at is not None or state.episode is not None:  # else there is nothing to charge
        items += _rounds(state, policy)
    if state.invoices or state.ended is not None:  # else no debt is there, and none is left, that a rung could be about
        items += _rungs(state, policy) + _placements(state, policy)
    if state.promise is not None or state.review is not None:
        items += _promises(state) + _reviews(state, policy)
    return items


def round_at_once(state: Subscription, policy: Policy, at: datetime) -> Item | None:
    """The round at `at`, the first thing on the agenda, for the only invoice there is: it was issued at this instant.

    None also where anything else might come first, which is for the agenda to say.
    """
    plain = len(state.invoices) == 1 and state.episode is None and state.ended is None
    calm = state.promise is None and state.review is None and state.hold is None
    billed = state.bill_not_before is None and not state.cancel_at_period_end
    if not (plain and calm and billed) or policy.gives_notice:
        return None
    at_once = _first_round(state)
    return _item(at, "round", "attempt round", at_once[1]) if at_once is not None and at_once[0] == at else None


def weekly_round_after(state: Subscription, policy: Policy, after: datetime) -> datetime | None:
    """The first round of the keep-trying schedule later than `after`, or None where the schedule is over or off.

    The schedule is fixed from the first miss of the episode: at its local time of day, every `every_days` days, until
    (exclusive) two calendar months after it.
    """
    keep, episode = policy.keep_trying, state.episode
    if keep is None or episode is None or not state.plan_running or (episode.choice or keep.default) != "keep_trying":
        return None
    first = local(episode.first_missed_at, state.timezone)
    over = instant(add_months(first.date(), keep.months), _clock(first), state.timezone)
    passed = max(0, (after - episode.first_missed_at) // timedelta(days=keep.every_days))
    for week in range(max(1, passed), passed + 3):
        at = days_after(episode.first_missed_at, week * keep.every_days, state.timezone)
        if at > after:
            return at if at < over else None
    return None


def _promises(state: Subscription) -> list[Item]:
    if state.promise is None:
        return []
    return [_item(state.promise.at, "promise_lapses", f"the promise to pay until {state.promise.until} lapses")]


def _reviews(state: Subscription, policy: Policy) -> list[Item]:
    deadline = policy.settled.deadline
    if state.review is None or deadline is None:
        return []
    opened, items = state.review.opened_at, []
    if not state.review.escalated:
        at = after_office_hours(opened, deadline.escalate_after_hours, deadline.hours)
        items.append(_item(at, "review_escalates", "support has not decided: escalate"))
    at = after_office_hours(opened, deadline.default_after_hours, deadline.hours)
    items.append(_item(at, "review_defaults", f"support has not decided: {deadline.default}"))
    return items


def _rungs(state: Subscription, policy: Policy) -> list[Item]:
    """The rungs that are still ahead in this episode, and those that follow a cancellation."""
    if state.hold is not None:
        return []
    items, overdue = [], state.overdue()
    if not overdue and state.ended is None and not policy.gives_notice:
        return []  # most invoices are paid before any rung could be about them
    for order, rung in enumerate(policy.ladder):
        natural = _natural(state, policy, rung, overdue)
        if natural is None:
            continue
        if rung.days_after_warning is not None:
            if state.warned_at is None:
                continue
            natural = max(natural, days_after(state.warned_at, rung.days_after_warning, state.timezone))
        items.append(_item(_not_before(state, natural, rung), "rung", rung.id, rung.why, order))
    return items


def _natural(state: Subscription, policy: Policy, rung: Rung, overdue: tuple[Invoice, ...]) -> datetime | None:
    """When a rung is due by its trigger alone, or None where it is not ahead."""
    number, zone = rung.when.number, state.timezone
    if rung.when.kind == "days_after_cancellation":
        waits = state.ended is None or rung.id in state.ended.applied or state.review is not None
        passed = waits or state.data_deleted
        return None if passed or state.ended is None else days_after(state.ended.at, number, zone)
    if rung.when.kind == "days_before_due":
        return _before_due(state, number, rung)
    if not overdue or state.episode is None or rung.id in state.episode.applied:
        return None
    oldest = oldest_of(overdue)
    since = oldest.unpaid_since or oldest.due_at
    match rung.when.kind:
        case "days_unpaid":
            return days_after(since, number, zone)
        case "days_after_due":
            return days_after(min(i.due_at for i in overdue), number, zone)
        case "end_of_month":
            return max(month_end(oldest.missed_on, zone), days_after(since, policy.grace_days, zone))
        case "end_of_month_of_consecutive_missed":
            run = debts.consecutive_missed(state, number)
            ends = [month_end(i.missed_on, zone) for i in run]
            graces = [days_after(i.unpaid_since or i.due_at, policy.grace_days, zone) for i in run]
            return max(ends + graces) if run else None
        case "unpaid_invoices":
            since_when = sorted(i.unpaid_since or i.due_at for i in overdue)
            return since_when[number - 1] if len(since_when) >= number else None
        case "balance_above":
            return _crossed(overdue, number)


def oldest_of(overdue: tuple[Invoice, ...]) -> Invoice:
    """The oldest open debt, by unpaid since; at one instant the one issued first."""
    return min(overdue, key=lambda i: (i.unpaid_since or i.due_at, i.ordinal))


def _before_due(state: Subscription, days: int, rung: Rung) -> datetime | None:
    """When the next invoice that is not due yet gets its notice; each invoice has its own."""
    invoice = next_noticed(state, rung)
    return days_after(invoice.due_at, -days, state.timezone) if invoice else None


def next_noticed(state: Subscription, rung: Rung) -> Invoice | None:
    """The invoice that a notice before the due date is about. One that came, or was re-opened, later gets none."""

    def in_time(invoice: Invoice) -> bool:
        notice_at = days_after(invoice.due_at, -rung.when.number, state.timezone)
        return notice_at >= (invoice.reopened_at or invoice.issued_at)

    waiting = [i for i in state.invoices if not i.missed and i.open_minor and rung.id not in i.noticed and in_time(i)]
    return min(waiting, key=lambda i: (i.due_at, i.ordinal), default=None)


def _crossed(overdue: tuple[Invoice, ...], minor: int) -> datetime | None:
    """When the past-due balance rose above an amount."""
    total = 0
    for invoice in sorted(overdue, key=lambda i: i.unpaid_since or i.due_at):
        total += invoice.open_minor
        if total > minor:
            return invoice.unpaid_since or invoice.due_at
    return None


def _not_before(state: Subscription, natural: datetime, rung: Rung | None = None) -> datetime:
    """What a promise, a hold, and (harsh only) an announcement or evidence have kept back is due when the last ends."""
    floors = [natural, state.promise.at if state.promise else None, state.released_at, state.acted_at]
    if (state.announced_until or state.evidence_look_at) and (rung is None or rung.harsh):
        floors += [state.announced_until, state.evidence_look_at]
    return max(floor for floor in floors if floor is not None)


def _placements(state: Subscription, policy: Policy) -> list[Item]:
    """Debt re-opened after a placement is placed again after its grace."""
    if not state.placed_once or state.ended is None or state.hold is not None:
        return []
    again = [i for i in state.invoices if i.reopened_at and i.open_minor > i.placed_minor and not i.returned]
    if not again:
        return []
    natural = min(days_after(i.reopened_at, policy.grace_days, state.timezone) for i in again if i.reopened_at)
    return [_item(_not_before(state, natural), "place_again", "place the re-opened debt with collections")]


def _billing(state: Subscription, policy: Policy) -> list[Item]:
    """The next invoice, and the end of the plan where one is set."""
    if not state.plan_running:
        return []
    period = state.next_period + (0 if policy.billing.in_advance else 1)
    at = _billed_at(state, policy, billing_date(state.starts_on, period))
    if state.bill_not_before is not None and state.bill_not_before > at:
        at = state.bill_not_before
    items = [_item(at, "invoice", f"invoice {state.issued + 1}", "billing date")]
    if state.cancel_at_period_end:
        items.append(_item(_billed_at(state, policy, plan_ends_on(state, policy)), "period_end", "the plan ends"))
    return items


def _billed_at(state: Subscription, policy: Policy, on: date) -> datetime:
    """The instant at which this subscription is billed on a date."""
    at = instant(on, policy.billing.at, state.timezone)
    return at + timedelta(minutes=_spread(state, policy)) if policy.billing.spread_minutes else at


def plan_ends_on(state: Subscription, policy: Policy) -> date:
    """The first date that a plan cancelled at period end no longer covers: where its period, or its year, ends."""
    period = state.next_period + (0 if policy.billing.in_advance else 1)
    if policy.ending.at_period_end_means == "commitment" and state.instalments:
        period = state.next_period + -state.next_period % state.instalments
    return billing_date(state.starts_on, period)


def _spread(state: Subscription, policy: Policy) -> int:
    """Minutes by which this subscription is billed later than billing time, derived from its id."""
    return int(short_digest(state.id), 16) % policy.billing.spread_minutes


def _rounds(state: Subscription, policy: Policy) -> list[Item]:
    """The next attempt round: for a new invoice, a due date, or the weekly schedule; and charges to look up."""
    items = [
        _item(i.unresolved.look_up_at, "look_up", f"look up charge {i.unresolved.charge_key}")
        for i in state.invoices
        if i.unresolved is not None
    ]
    at, why = _first_round(state) or (None, "")
    weekly: datetime | None = None
    if state.hold is None and state.episode is not None:
        # Rounds inside a promise or a hold do not happen and are not made up for; one at its very end does.
        after = [state.last_round_at or _EPOCH]
        after += [at - _A_MOMENT for at in (state.promise and state.promise.at, state.released_at) if at]
        weekly = weekly_round_after(state, policy, max(after))
    if weekly is not None and (at is None or weekly < at):
        items.append(_item(weekly, "round", "weekly attempt round"))
    if at is not None:
        items.append(_item(at, "round", "attempt round", why))
    return items


def _first_round(state: Subscription) -> tuple[datetime, str] | None:
    """The next round that is not of the weekly schedule, and why: a new invoice, or a due date to be acted on."""
    first = (state.round_at, "a new invoice") if state.round_at is not None else None
    for invoice in state.invoices:
        if not invoice.missed and invoice.unresolved is None and invoice.open_minor > 0:
            due = (invoice.due_at, f"{invoice.number} is due")
            if first is None or due < first:
                first = due
    return first


def _item(at: datetime, kind: ItemKind, what: str, why: str = "", order: int = 0) -> Item:
    return Item(at, RANK[kind], order, kind, what, why or what)


def _clock(moment: datetime) -> time:
    return moment.time().replace(fold=0)


def step_text(item: Item) -> str:
    """`lock: unpaid for 3 days`: what will happen, and why."""
    return item.what if item.why == item.what else f"{item.what}: {item.why}"


def due_on_text(item: Item, state: Subscription) -> str:
    """`lock: 3 days unpaid, due 2026-03-18`: what an operator reads on a timer."""
    return f"{step_text(item)}, due {local_date(item.at, state.timezone).isoformat()}"


_A_MOMENT = timedelta(microseconds=1)
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
