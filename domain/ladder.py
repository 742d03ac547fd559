"""The ladder: when a rung is due, judge its conditions and do what it says."""

from __future__ import annotations

from domain import access, debts, ending, rounds
from domain.agenda import next_noticed, oldest_of
from domain.declines import hardness
from domain.effects import ReadFacts
from domain.periods import days_after, first_of_month, first_of_next_month, local_date
from domain.policy import (
    AttemptRound,
    Cancel,
    Command,
    Condition,
    LateFee,
    Mail,
    PlaceAll,
    Rung,
    SetStanding,
    Terminate,
    VoidAll,
    WriteOffSmall,
)
from domain.subscription import Facts, Invoice
from domain.turn import Turn
from domain.values import replace

EVIDENCE_LOOK_DAYS = 1  # how often to look whether the unapplied money has been applied or returned


def climb(turn: Turn, rung: Rung) -> None:
    """Act on a rung that is due. It is passed once per episode, whether or not its conditions held."""
    asks_usage = any(c.kind == "used_that_month" for c in rung.conditions)
    facts = turn.state.facts
    if not all(holds(turn, c, facts) for c in rung.conditions if c.kind != "used_that_month"):
        return _mark(turn, rung)  # passed without asking anybody
    if (rung.harsh or asks_usage) and facts is None:
        return ask_facts(turn)
    if rung.harsh and waits_for_evidence(turn):
        return None
    overdue = turn.state.overdue()
    oldest = oldest_of(overdue) if overdue else None
    if rung.when.kind == "days_before_due":
        oldest = next_noticed(turn.state, rung)
    _mark(turn, rung)
    if all(holds(turn, condition, facts) for condition in rung.conditions):
        if rung.warns:
            turn.change(warned_at=turn.at)
        for effect in rung.then:
            _apply(turn, effect, oldest, rung)
    access.settle(turn)
    return None


def ask_facts(turn: Turn) -> None:
    """Ask once for all rungs of this instant: usage in the month of the oldest debt, and evidence of money."""
    overdue = turn.state.overdue()
    wanted = any(c.kind == "used_that_month" for rung in turn.policy.ladder for c in rung.conditions)
    if wanted and overdue:
        month = first_of_month(oldest_of(overdue).missed_on)
        turn.ask(ReadFacts(turn.at, month, first_of_next_month(month)), "facts")
    else:
        turn.ask(ReadFacts(turn.at, None, None), "facts")


def waits_for_evidence(turn: Turn) -> bool:
    """Unapplied money may be this customer's: harsher stages wait, support is asked, and we look again (spec 7)."""
    if turn.state.facts is None or not turn.state.facts.evidence:
        return False
    if turn.state.evidence_look_at is None:
        turn.say("evidence_hold")
        turn.remark("unapplied bank money may be this customer's: assign or return it")
    turn.change(evidence_look_at=days_after(turn.at, EVIDENCE_LOOK_DAYS, turn.state.timezone), facts=None)
    return True


def _mark(turn: Turn, rung: Rung) -> None:
    """Remember that the rung has been passed: per cancellation, per invoice or per episode."""
    s = turn.state
    if s.evidence_look_at is not None:
        turn.change(evidence_look_at=None, released_at=turn.at)
    if rung.when.kind == "days_after_cancellation" and s.ended:
        turn.change(ended=replace(s.ended, applied=(*s.ended.applied, rung.id)))
    elif rung.when.kind == "days_before_due":
        invoice = next_noticed(s, rung)
        if invoice is not None:
            turn.keep(replace(invoice, noticed=(*invoice.noticed, rung.id)))
    elif s.episode:
        turn.change(episode=replace(s.episode, applied=(*s.episode.applied, rung.id)))


def holds(turn: Turn, condition: Condition, facts: Facts | None) -> bool:
    """Whether a condition holds now."""
    s, wanted = turn.state, condition.wanted
    match condition.kind:
        case "used_that_month":
            return facts is not None and facts.used == wanted
        case "choice":
            keep = turn.policy.keep_trying
            chosen = s.episode.choice if s.episode else None
            return (chosen or (keep.default if keep else None)) == wanted
        case "new_customer":
            return s.new_customer == wanted
        case "warned":
            return (s.warned_at is not None) == wanted
        case "plan_running":
            return s.plan_running == wanted
        case "access_blocked":
            return any(access.UNPAID in c.reasons for c in s.in_force) == wanted
        case "customer_days":
            since = s.customer_since or s.starts_on
            return (local_date(turn.at, s.timezone) - since).days >= int(wanted)
        case "late_payments":
            return s.late_payments >= int(wanted)
        case "decline":
            return hardness(s.last_decline) == wanted
        case "tag":
            return wanted in s.tags
        case "balance_above":
            return s.past_due_minor > int(wanted)
        case "channel":
            return s.primary == wanted
        case "usable_method":
            return bool(rounds.usable_methods(s, turn.policy)) == wanted
        case "standing_below":
            return access.severity(s.standing) < access.severity(str(wanted))


def _apply(turn: Turn, effect: object, oldest: Invoice | None, rung: Rung) -> None:
    """Do one effect of a rung."""
    match effect:
        case SetStanding(to):
            if turn.state.plan_running:
                access.worsen(turn, to)
        case Mail(template):
            due_on = local_date(oldest.due_at, turn.state.timezone).isoformat() if oldest else ""
            turn.mail(template, **({"invoice": oldest.number, "due_on": due_on} if oldest else {}))
        case Command(command):
            access.block(turn, command, access.UNPAID)
            if command == turn.policy.ending.deletes_data:
                turn.change(data_deleted=True, review=None)
        case AttemptRound():
            turn.change(round_at=turn.at)
        case Cancel() if oldest is not None:
            ending.cancel_by_ladder(turn, effect, oldest)
        case Terminate():
            run = debts.consecutive_missed(turn.state, rung.when.number)
            if run and turn.state.plan_running:
                ending.terminate(turn, effect, run)
        case PlaceAll():
            if turn.state.open_minor:
                debts.place(turn)
        case VoidAll():
            for invoice in turn.state.invoices:
                debts.void(turn, invoice)
        case LateFee(minor, percent):
            debts.late_fee(turn, minor, percent)
        case WriteOffSmall(at_most):
            if 0 < turn.state.open_minor <= at_most:
                debts.write_off(turn)
        case _:
            raise AssertionError(f"rung {rung.id}: nothing is known of {effect!r}")
