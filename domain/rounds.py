"""Attempt rounds: one try at everything open, oldest invoice first, each in full (spec, section 1).

A round asks the gateway one charge at a time. It ends when everything is paid, at the first invoice that no method
pays, or at a charge whose outcome nobody knows yet.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from domain import access, debts
from domain.effects import LookUpCharge, make_charge
from domain.events import ChargeAnswered, ChargeLookedUp
from domain.keys import charge_key
from domain.policy import Policy
from domain.subscription import CHARGEABLE, Invoice, MethodKind, Role, Round, Subscription, Unresolved, make_round
from domain.turn import Turn
from domain.values import replace

PROMPT = timedelta(minutes=15)
"""An answer within this of its deadline counts as given at the deadline; a later one moves `unpaid since` to itself,
because grace counts from the failed attempt and an outage must not shorten it (spec, section 2)."""

LOOK_UP_AGAIN = timedelta(minutes=15)
"""How long to wait before asking again for an outcome that the gateway cannot tell yet."""


def start(turn: Turn, at: datetime) -> None:
    """Begin a round dated `at`; what is due by then is past due if the round does not pay it."""
    last = max(at, turn.state.last_round_at or at)
    now = turn.now
    now.round, now.round_at, now.last_round_at = make_round(at, turn.by, turn.because), None, last
    _next_charge(turn, at)


def resume(turn: Turn, invoice: Invoice, at: datetime) -> None:
    """Ask again what became of an unresolved charge; the round goes on from there."""
    pending = invoice.unresolved
    if pending is not None:
        turn.change(round=make_round(at, turn.by, turn.because, invoice=invoice.number, role=pending.role))
        _look_up(turn, invoice, pending)


def usable_methods(state: Subscription, policy: Policy) -> tuple[Role, ...]:
    """The roles that can be charged now, in the policy's order: on file, chargeable, and the channel still open."""
    if state.bank_only:
        return ()
    return tuple([role for role in policy.billing.methods if state.method(role) in CHARGEABLE])


def charge_answered(turn: Turn, event: ChargeAnswered) -> None:
    """Act on the gateway's answer to the charge that the round asked for last."""
    this = _asked(turn)
    if this is None:
        return
    invoice, round_, role, method = this
    retried = invoice.unresolved
    if retried is None:
        said = {"reason": event.reason} if event.reason else {}
        turn.say(
            "charge",
            invoice=invoice.number,
            method=role,
            amount=turn.amount(invoice.open_minor),
            outcome=event.outcome,
            **said,
        )
    key = charge_key(invoice.number, invoice.rounds, role)
    match event.outcome:
        case "approved":
            _approved(turn, invoice, key, method, retried.minor if retried else invoice.open_minor)
            _next_charge(turn, event.at)
        case "declined":
            _declined(turn, invoice, round_, method, event.reason, event.at)
            _next_charge(turn, event.at)
        case "unknown":
            pending = retried or Unresolved(key, role, method, invoice.open_minor, round_.at, event.at, looked_up=0)
            turn.keep(replace(invoice, unresolved=pending))
            _look_up(turn, invoice, pending)


def charge_looked_up(turn: Turn, event: ChargeLookedUp) -> None:
    """Act on what the gateway knows of a charge whose outcome was unknown."""
    this = _asked(turn)
    if this is None or this[0].unresolved is None:
        return
    invoice, round_, role, method = this
    pending = this[0].unresolved
    turn.drop(_unknown(pending))
    match event.outcome:
        case "approved":
            _approved(turn, invoice, pending.charge_key, method, pending.minor)
            _next_charge(turn, event.at)
        case "declined":
            _declined(turn, invoice, round_, method, event.reason, event.at)
            _next_charge(turn, event.at)
        case "not_found" if pending.minor > invoice.open_minor and not _long_absent(pending, event.at):
            # A request may still be on its way, and under another key nothing would keep it from being paid beside.
            _look_again(turn, invoice, replace(pending, absent_since=pending.absent_since or event.at), event.at)
        case "not_found" if pending.minor > invoice.open_minor:
            # It never arrived, and money came meanwhile: what is left is another debt, under another key.
            turn.keep(replace(invoice, unresolved=None))
            turn.change(round=replace(round_, invoice=None, role=None))
            _next_charge(turn, event.at)
        case "not_found" if pending.looked_up == 0:
            # It never arrived: the same key may be asked once more, and can still not be charged twice.
            turn.keep(replace(invoice, unresolved=replace(pending, looked_up=1, absent_since=None)))
            _charge(turn, invoice, role, method, pending.charge_key, pending.minor, round_.at)
        case _:
            _look_again(turn, invoice, replace(pending, looked_up=0), event.at)


def _look_again(turn: Turn, invoice: Invoice, pending: Unresolved, now: datetime) -> None:
    """Nobody can tell yet: the round ends here, and the charge is looked up later."""
    turn.keep(replace(invoice, unresolved=replace(pending, look_up_at=now + LOOK_UP_AGAIN)))
    turn.remark(_unknown(pending))
    if turn.state.round is not None:
        turn.change(round=replace(turn.state.round, stuck=True))
    _finish(turn, now)


def _unknown(pending: Unresolved) -> str:
    """What support reads while nobody knows what became of a charge."""
    return f"the outcome of charge {pending.charge_key} is unknown; it is looked up again by itself"


def _long_absent(pending: Unresolved, now: datetime) -> bool:
    """Whether the gateway has known nothing of a charge for so long that no request for it can be on its way."""
    return pending.absent_since is not None and now - pending.absent_since >= LOOK_UP_AGAIN


def _asked(turn: Turn) -> tuple[Invoice, Round, Role, MethodKind] | None:
    round_ = turn.state.round
    if round_ is None or round_.invoice is None or round_.role is None:
        return None
    invoice, method = turn.state.invoice(round_.invoice), turn.state.method(round_.role)
    if invoice is None or method is None:
        return None
    if invoice.unresolved is not None:
        method = invoice.unresolved.method
    return invoice, round_, round_.role, method


def _next_charge(turn: Turn, now: datetime) -> None:
    """Ask for the next charge of the round, or end it."""
    s = turn.state
    round_ = s.round
    if round_ is None:
        return None
    invoice = s.invoices[0] if s.invoices else None
    if invoice is None or invoice.unresolved is not None:
        return _finish(turn, now)
    roles = usable_methods(s, turn.policy)
    tried_here = invoice.number == round_.invoice
    if tried_here and round_.role is not None:
        order = turn.policy.billing.methods
        roles = tuple([r for r in roles if order.index(r) > order.index(round_.role)])
    if not roles:
        return _finish(turn, now)
    role = roles[0]
    if not tried_here:
        invoice = replace(invoice, rounds=invoice.rounds + 1)
        turn.keep(invoice)
    turn.now.round = replace(round_, invoice=invoice.number, role=role)
    method = s.method(role)
    if method is not None:
        key = charge_key(invoice.number, invoice.rounds, role)
        _charge(turn, invoice, role, method, key, invoice.open_minor, round_.at)
    return None


def _charge(turn: Turn, invoice: Invoice, role: Role, method: MethodKind, key: str, minor: int, at: datetime) -> None:
    turn.ask(make_charge(key, invoice.number, role, method, minor, turn.state.currency, at), "charge")


def _look_up(turn: Turn, invoice: Invoice, pending: Unresolved) -> None:
    """Ask what became of a charge; the question is dated by when the charge was asked for first."""
    question = LookUpCharge(
        pending.charge_key, invoice.number, pending.role, pending.method, pending.minor, pending.asked_at
    )
    turn.ask(question, "look_up")


def _approved(turn: Turn, invoice: Invoice, key: str, method: MethodKind, taken: int) -> None:
    if invoice.unresolved is not None:
        invoice = replace(invoice, unresolved=None)
        turn.keep(invoice)
    if method == "card":
        turn.now.card_failures = 0
    debts.receive(turn, taken, "paypal" if method == "paypal" else "card", key, invoice.number)
    if turn.policy.billing.receipt_mail:
        turn.mail(turn.policy.billing.receipt_mail, invoice=invoice.number, amount=turn.amount(taken))


def _declined(
    turn: Turn, invoice: Invoice, round_: Round, method: MethodKind, reason: str | None, now: datetime
) -> None:
    s, channels = turn.state, turn.policy.channels
    failed_at = round_.at if now - round_.at <= PROMPT else now
    turn.keep(replace(invoice, unresolved=None, unpaid_since=invoice.unpaid_since or failed_at))
    failures = s.card_failures + (method == "card")
    turn.change(
        round=replace(round_, declined=True, failed_at=failed_at),
        failed_charges=s.failed_charges + 1,
        card_failures=failures,
        last_decline=reason,
    )
    if channels and not s.bank_only:
        too_often = channels.card_failures and failures >= channels.card_failures and method == "card"
        if too_often or (method == "paypal" and channels.paypal_failures):
            turn.change(bank_only=True)
            turn.say("channels_restricted", left="bank_transfer", failed=method)


def _finish(turn: Turn, now: datetime) -> None:
    """End the round: what was due and stayed unpaid is past due; the first failed round of an invoice is mailed."""
    round_ = turn.state.round
    if round_ is None:
        return
    turn.now.round = None
    failed_at = round_.failed_at or (round_.at if now - round_.at <= PROMPT else now)
    for invoice in turn.state.invoices:
        if invoice.due_at <= round_.at and not invoice.missed and invoice.unresolved is None:
            turn.keep(replace(invoice, missed=True, unpaid_since=invoice.unpaid_since or failed_at))
    access.settle(turn)
    if not turn.state.invoices:
        return  # most rounds end so, and there is nothing to write to anybody about
    mails = turn.policy.when_declined if round_.declined else ()
    if not round_.declined and not round_.stuck and not usable_methods(turn.state, turn.policy):
        mails = turn.policy.when_no_method
    if not mails or turn.state.standing == "ended":
        return
    for invoice in turn.state.invoices:
        if invoice.notified or invoice.unresolved is not None:
            continue
        turn.keep(replace(invoice, notified=True))
        for mail in mails:
            turn.mail(mail.template, invoice=invoice.number, amount=turn.amount(invoice.open_minor))
