"""What happens to money owed: issue, allocate, void, re-open, write off, place with the agency.

Every function works on a turn, writes the ledger entries and the timeline beside each other, and leaves standing and
access to `access.settle`, which its callers run once their cause is complete.
"""

from __future__ import annotations

from datetime import date, datetime
from operator import attrgetter

from domain import ledger
from domain.effects import PlaceWithAgency, RecallFromAgency, make_keep_payment
from domain.events import PaymentFacts
from domain.keys import invoice_number
from domain.money import share
from domain.periods import add_months, billing_date, days_after, last_of_month, local_date
from domain.subscription import (
    Channel,
    Commitment,
    Invoice,
    InvoiceKind,
    PaidPart,
    Subscription,
    WriteOff,
    make_commitment,
    make_invoice,
    make_paid_part,
)
from domain.turn import Turn
from domain.values import replace

_FIRST_PERIOD = attrgetter("first_period")
WRITE_OFFS_KEPT = 3  # how many write-offs can be undone, newest first; the state must stay small


def terms_days(turn: Turn) -> int:
    """Days from issue to due: the new customer's while no invoice has been paid in full by money."""
    billing = turn.policy.billing
    return billing.new_customer_terms_days if turn.state.new_customer else billing.terms_days


def issue(turn: Turn, kind: InvoiceKind, period: int, start: date, end: date, minor: int, due_at: datetime) -> Invoice:
    """Issue an invoice for the dates from `start` to `end` (exclusive); credit pays first."""
    s = turn.state
    ordinal = s.issued + 1
    number = f"{s.id}-termination" if kind == "termination" else invoice_number(s.id, ordinal)
    due_on = local_date(due_at, s.timezone)
    invoice = make_invoice(
        number=number,
        ordinal=ordinal,
        kind=kind,
        period=period,
        period_start=start,
        period_end=end,
        amount_minor=minor,
        open_minor=minor,
        issued_at=turn.at,
        due_at=due_at,
        missed_on=start if turn.policy.billing.in_advance and kind == "period" else due_on,
    )
    if kind != "termination":
        turn.now.issued = ordinal
        turn.say(
            "invoice_issued",
            invoice=number,
            amount=turn.amount(minor),
            due_on=due_on.isoformat(),
            period_start=start.isoformat(),
            period_end=end.isoformat(),
        )
    turn.post("invoice issued", *ledger.issued(number, minor))
    turn.keep(invoice)
    if minor == 0:
        _count_received(turn, invoice, 0, in_full=True)
    apply_credit(turn)
    if turn.policy.billing.invoice_mail and minor and kind != "termination":
        turn.mail(turn.policy.billing.invoice_mail, invoice=number, due_on=due_on.isoformat())
    return turn.state.invoice(number) or replace(invoice, open_minor=0)


def receive(turn: Turn, minor: int, channel: Channel, reference: str, invoice: str | None) -> None:
    """Take money in: the named invoice first, then the oldest open one by issue, the rest is credit."""
    turn.say("payment_received", amount=turn.amount(minor), channel=channel, reference=reference)
    turn.effects.append(make_keep_payment(reference, minor, channel, turn.at))
    turn.post("payment received", *ledger.received(channel, minor, reference))
    turn.now.credit = (*turn.state.credit, make_paid_part(reference, minor))
    placed_before = {i.number: i for i in turn.state.invoices if i.placed_minor}
    named = turn.state.invoice(invoice) if invoice else None
    if named is not None:
        _pay(turn, named, make_paid_part(reference, min(minor, named.open_minor)))
    for open_invoice in turn.state.invoices:
        _pay(
            turn,
            open_invoice,
            make_paid_part(reference, min(_credit_of(turn.state, reference), open_invoice.open_minor)),
        )
    _settle_placements(turn, placed_before, recall=channel != "agency", because=f"paid by {channel}")


def apply_credit(turn: Turn) -> None:
    """Let credit pay what is open, oldest invoice and oldest credit first."""
    if not turn.state.credit:
        return
    placed_before = {i.number: i for i in turn.state.invoices if i.placed_minor}
    for open_invoice in turn.state.invoices:
        used = 0
        for part in turn.state.credit:
            now = turn.state.invoice(open_invoice.number)
            if now is None:
                break
            taken = min(part.minor, now.open_minor)
            _pay(turn, now, make_paid_part(part.reference, taken))
            used += taken
        if used:
            turn.say("credit_applied", invoice=open_invoice.number, amount=turn.amount(used))
    _settle_placements(turn, placed_before, recall=True, because="paid from credit")


def void(turn: Turn, invoice: Invoice) -> None:
    """Void an open invoice as a whole; what had been paid of it becomes credit again."""
    turn.say("invoice_voided", invoice=invoice.number, amount=turn.amount(invoice.amount_minor))
    for part in invoice.paid_by:
        turn.post("allocation undone", *ledger.allocated(invoice.number, -part.minor, part.reference))
        turn.change(credit=_with_credit(turn.state.credit, part))
        _count_received(turn, invoice, -part.minor, in_full=False)
    turn.post("invoice voided", *ledger.voided(invoice.number, invoice.amount_minor - invoice.written_off_minor))
    turn.keep(replace(invoice, open_minor=0, paid_by=(), placed_minor=0, voided=True))
    _settle_placements(turn, {invoice.number: invoice}, recall=True, because="voided")


def reverse(turn: Turn, payment: PaymentFacts, minor: int, reason: str) -> int:
    """Take money back out, newest allocation first; gives what was re-opened (minor units).

    The caller has checked that `minor` is at most what is left of the payment.
    """
    turn.say("payment_reversed", amount=turn.amount(minor), reason=reason, reference=payment.reference)
    left = minor
    unspent = min(left, _credit_of(turn.state, payment.reference))
    turn.change(credit=_with_credit(turn.state.credit, make_paid_part(payment.reference, -unspent)))
    left -= unspent
    reopened = 0
    for allocation in payment.allocations:
        taken = min(left, allocation.minor)
        if taken <= 0:
            continue
        invoice = turn.state.invoice(allocation.invoice.number) or allocation.invoice
        turn.post("allocation undone", *ledger.allocated(invoice.number, -taken, payment.reference))
        reopen(turn, invoice, taken, paid_back=make_paid_part(payment.reference, taken))
        left -= taken
        reopened += taken
    turn.post(f"payment reversed: {reason}", *ledger.returned(payment.channel, minor, payment.reference))
    apply_credit(turn)
    return reopened


def reopen(turn: Turn, invoice: Invoice, minor: int, paid_back: PaidPart | None) -> None:
    """Owe `minor` of an invoice again. A closed one gets a fresh grace; one still open keeps the age of its debt."""
    s, policy = turn.state, turn.policy
    if invoice.open_minor == 0:
        due_again = days_after(turn.at, policy.grace_days, s.timezone)
        if invoice.written_off_minor == 0 and invoice.amount_minor > 0 and paid_back is not None:
            turn.change(paid_invoices=max(0, s.paid_invoices - 1))
        invoice = replace(
            invoice,
            unpaid_since=turn.at,
            missed=not policy.reversal.due_again,
            missed_on=local_date(turn.at, s.timezone),
            due_at=due_again if policy.reversal.due_again else invoice.due_at,
            notified=True,
            placed_minor=0,
            returned=False,
        )
    paid_by = invoice.paid_by
    if paid_back is not None:
        paid_by = _with_credit(paid_by, make_paid_part(paid_back.reference, -paid_back.minor))
    _count_received(turn, invoice, -minor, in_full=False)
    turn.keep(replace(invoice, open_minor=invoice.open_minor + minor, paid_by=paid_by, reopened_at=turn.at))


def write_off(turn: Turn) -> None:
    """Write everything open off. It can be undone. No payment, but an instalment written off counts as received."""
    before, gone = turn.state.invoices, []
    turn.say("written_off", amount=turn.amount(turn.state.open_minor))
    for invoice in before:
        turn.post("written off", *ledger.written_off(invoice.number, invoice.open_minor))
        _count_received(turn, invoice, invoice.open_minor, in_full=True)
        now = replace(invoice, written_off_minor=invoice.written_off_minor + invoice.open_minor, placed_minor=0)
        turn.keep(replace(now, open_minor=0))
        gone.append(now)
    turn.change(written_off=(*turn.state.written_off, WriteOff(turn.at, tuple(gone)))[-WRITE_OFFS_KEPT:])
    _settle_placements(turn, {i.number: i for i in before}, recall=True, because="written off")


def undo_write_off(turn: Turn) -> None:
    """Owe again what the latest write-off took away; the debt is unpaid since now."""
    *earlier, latest = turn.state.written_off
    turn.change(written_off=tuple(earlier))
    turn.say("write_off_undone", amount=turn.amount(sum(i.open_minor for i in latest.invoices)))
    for before in latest.invoices:
        turn.post("write-off undone", *ledger.written_off(before.number, -before.open_minor))
        now = turn.state.invoice(before.number) or replace(before, open_minor=0)
        left = now.written_off_minor - before.open_minor
        reopen(turn, replace(now, written_off_minor=left), before.open_minor, paid_back=None)
    apply_credit(turn)


def place(turn: Turn) -> None:
    """Hand everything open to the agency, due or not: the contract has ended (spec, section 3)."""
    placed: list[Invoice] = []
    for invoice in turn.state.invoices:
        added = invoice.open_minor - invoice.placed_minor
        if added <= 0 or invoice.returned:
            continue
        turn.post("placed with collections", *ledger.placement(invoice.number, added))
        since = invoice.unpaid_since or turn.at
        turn.keep(replace(invoice, placed_minor=invoice.open_minor, missed=True, unpaid_since=since))
        placed.append(replace(invoice, placed_minor=added))
    total = sum(i.placed_minor for i in placed)
    if not total:
        return
    turn.change(placed_once=True)
    turn.say("collections_placed", amount=turn.amount(total), invoices=[i.number for i in placed])
    turn.effects.append(PlaceWithAgency(turn.tiding_key("agency"), total, tuple(placed), turn.at))
    turn.stand("in_collections")


def take_back(turn: Turn) -> int:
    """The agency gives its cases back; the debt stays, with support. Gives the amount (minor units)."""
    total = 0
    for invoice in turn.state.invoices:
        if invoice.placed_minor:
            total += invoice.placed_minor
            turn.post("returned by the agency", *ledger.placement(invoice.number, -invoice.placed_minor))
            turn.keep(replace(invoice, placed_minor=0, returned=True))
    return total


def consecutive_missed(state: Subscription, wanted: int) -> tuple[Invoice, ...]:
    """The first run of `wanted` instalments whose months follow each other and that are all past due, or nothing."""
    run: list[Invoice] = []
    missed = sorted((i for i in state.invoices if i.missed and i.kind == "period"), key=lambda i: i.period)
    for invoice in missed:
        if run and invoice.period != run[-1].period + 1:
            run = []
        run.append(invoice)
        if len(run) == wanted:
            return tuple(run)
    return ()


def remaining_balance(turn: Turn, period: int) -> int:
    """All instalments of the commitment that holds `period`, less all money received for it (write-offs included)."""
    s = turn.state
    return s.instalments * s.price_minor - _commitment_of(s, period).received_minor


def last_received_on(state: Subscription) -> date:
    """The last day of the last month whose instalment was received; the day before `starts_on` where none was."""
    received = [period for commitment in state.commitments for period in commitment.received]
    if not received:
        return date.fromordinal(state.starts_on.toordinal() - 1)
    return last_of_month(billing_date(state.starts_on, max(received)))


def late_fee(turn: Turn, minor: int, percent: int) -> None:
    """Invoice a fee for being late, due at once."""
    fee = minor + share(turn.state.past_due_minor, percent, 100)
    on = local_date(turn.at, turn.state.timezone)
    if fee > 0:
        issue(turn, "fee", -1, on, add_months(on, 0), fee, turn.at)


def _pay(turn: Turn, invoice: Invoice, part: PaidPart) -> None:
    """Let credit of one payment pay part of an invoice. Nothing where the part is zero."""
    if part.minor <= 0:
        return
    s = turn.state
    turn.post("allocated", *ledger.allocated(invoice.number, part.minor, part.reference))
    turn.now.credit = _with_credit(s.credit, make_paid_part(part.reference, -part.minor))
    left = invoice.open_minor - part.minor
    _count_received(turn, invoice, part.minor, in_full=left == 0)
    if left == 0:
        by_money = invoice.written_off_minor == 0
        turn.now.paid_invoices = s.paid_invoices + by_money
        turn.now.late_payments = s.late_payments + invoice.missed
    placed = invoice.placed_minor if left else 0
    turn.keep(replace(invoice, open_minor=left, paid_by=_with_credit(invoice.paid_by, part), placed_minor=placed))


def _settle_placements(turn: Turn, before: dict[str, Invoice], *, recall: bool, because: str) -> None:
    """Bring the agency's share down by what was settled of it: recalled, or collected by the agency itself."""
    if not before:
        return
    total = 0
    for number, was in before.items():
        now = turn.state.invoice(number)
        settled = was.open_minor - (now.open_minor if now else 0)
        taken = min(was.placed_minor, settled)
        if taken <= 0:
            continue
        total += taken
        turn.post("taken back from collections" if recall else "collected", *ledger.placement(number, -taken))
        if now:
            turn.keep(replace(now, placed_minor=was.placed_minor - taken))
        if recall:
            turn.effects.append(RecallFromAgency(turn.tiding_key("agency"), taken, number, turn.at, because))
    if total and recall:
        turn.say("collections_recalled", amount=turn.amount(total))


def _credit_of(state: Subscription, reference: str) -> int:
    return sum(part.minor for part in state.credit if part.reference == reference)


def _with_credit(parts: tuple[PaidPart, ...], change: PaidPart) -> tuple[PaidPart, ...]:
    """The parts with one reference's share changed; shares of zero disappear."""
    if not parts:
        return (change,) if change.minor else ()
    for place, known in enumerate(parts):
        if known.reference == change.reference:
            minor = known.minor + change.minor
            changed = (make_paid_part(known.reference, minor),) if minor else ()
            return parts[:place] + changed + parts[place + 1 :]
    return (*parts, change) if change.minor else parts


def _commitment_of(state: Subscription, period: int) -> Commitment:
    first = period - period % state.instalments
    for commitment in state.commitments:
        if commitment.first_period == first:
            return commitment
    return make_commitment(first)


def _count_received(turn: Turn, invoice: Invoice, minor: int, *, in_full: bool) -> None:
    """Keep what the commitment has received: the money, and which instalments in full. Two commitments are kept."""
    s = turn.state
    if not s.instalments or invoice.kind != "period":
        return
    known = _commitment_of(s, invoice.period)
    received = known.received
    if invoice.period in received:
        received = tuple([p for p in received if p != invoice.period])
    if in_full:
        received = (*received, invoice.period)
    counted = make_commitment(known.first_period, received, known.received_minor + minor)
    both = [*[c for c in s.commitments if c.first_period != known.first_period], counted]
    turn.now.commitments = tuple(sorted(both, key=_FIRST_PERIOD)[-2:] if len(both) > 1 else both)
