"""Standing and access: who is locked out, for which named reasons, and what a settled debt gives back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from domain.effects import TellSiblings, WithdrawMails
from domain.policy import Standing
from domain.subscription import Episode, InForce, Invoice, Review
from domain.turn import Turn
from domain.values import replace

UNPAID = "unpaid"
"""The named reason that a settled debt clears; all others stay until support clears them."""

SEVERITY: tuple[Standing, ...] = ("active", "past_due", "locked", "account_locked", "cancelled", "in_collections")

LOCKED_OUT: tuple[Standing, ...] = ("locked", "account_locked")
"""Those in which access is closed until the debt is settled."""

DECIDE = "paid after a lock: reactivate or refuse"
"""What support is asked while a review is open."""

DEMANDS = (
    "payment_declined",
    "payment_reminder",
    "payment_reversed",
    "product_locked",
    "account_locked",
    "bank_transfer_instructions",
    "collections_warning",
)
"""Mails that ask for money, or say that access is closed until it comes; unsent ones are withdrawn once it has come."""


def severity(standing: str) -> int:
    """How bad a standing is, from 0 (active); a review counts as good standing until its debt returns."""
    return SEVERITY.index(standing) if standing in SEVERITY else 0


def worsen(turn: Turn, to: Standing) -> None:
    """Change the standing for the worse; a rung never makes it better."""
    now = turn.state.standing
    if now == "ended" or severity(now) >= severity(to):
        return
    turn.stand(to)
    if to == "locked" and turn.policy.scope == "customer":
        _tell_siblings(turn, "block-access")


def block(turn: Turn, command: str, reason: str) -> None:
    """Send a command that takes something away, unless it stands already; remember the reason."""
    if turn.policy.counterpart(command) is None:
        turn.command(command)
        return
    standing = {c.command: c for c in turn.state.in_force}
    known = standing.get(command)
    if known is None:
        turn.command(command)
        standing[command] = InForce(command, (reason,))
    elif reason not in known.reasons:
        standing[command] = replace(known, reasons=(*known.reasons, reason))
    turn.change(in_force=tuple(standing.values()))


def supersede(turn: Turn) -> None:
    """Forget the locks for debt without undoing them: the ended plan's commands take their place. Others stay."""
    turn.change(in_force=tuple(c for c in _without(turn, UNPAID) if c.reasons))


def unblock(turn: Turn, reason: str) -> bool:
    """Clear one reason; send the counterpart of every command that stood for nothing else. True if any was sent."""
    left = _without(turn, reason)
    freed = {c.command for c in left if not c.reasons}
    turn.change(in_force=tuple(c for c in left if c.reasons))
    for command, counterpart in turn.policy.access.counterparts:
        if command in freed:
            turn.command(counterpart)
    return bool(freed)


def _without(turn: Turn, reason: str) -> list[InForce]:
    return [replace(c, reasons=tuple(r for r in c.reasons if r != reason)) for c in turn.state.in_force]


def settle(turn: Turn) -> None:
    """Bring standing and access in line with the debt, once a cause has done all it does to the ledger."""
    s = turn.state
    if s.standing == "ended":
        return
    if any(i.missed for i in s.invoices):
        _miss(turn)
    elif (s.episode or s.standing == "in_collections") and s.balance_minor == 0:
        _clear(turn)
    finish(turn)


def finish(turn: Turn) -> None:
    """End the subscription when the plan has ended and nothing is owed, placed or pending."""
    s = turn.state
    if s.ended is None or s.standing in ("ended", "awaiting_review") or s.invoices or s.round:
        return
    pending = [r for r in turn.policy.ladder if r.when.kind == "days_after_cancellation"]
    if not s.data_deleted and any(r.id not in s.ended.applied for r in pending):
        return
    turn.change(promise=None, hold=None, review=None, round_at=None, attention=())
    turn.stand("ended")
    turn.say("ended")


def close_review(turn: Turn) -> None:
    """Debt has come during a review: the standing returns to the lock in force (spec, section 6)."""
    review = turn.state.review
    if review is not None:
        turn.stand(review.came_from)
        kept = tuple(remark for remark in turn.state.attention if remark != DECIDE)
        turn.change(review=None, released_at=turn.at, attention=kept)


def missed_at(invoice: Invoice) -> datetime:
    """When a past-due invoice was missed: its due instant, or the reversal that re-opened it after that."""
    if invoice.reopened_at is None or invoice.unpaid_since is None:
        return invoice.due_at
    return max(invoice.due_at, invoice.unpaid_since)


def days_late(turn: Turn) -> int:
    """Whole days since the episode's first miss."""
    episode = turn.state.episode
    return (turn.at - episode.first_missed_at) // timedelta(days=1) if episode else 0


def give_access_back(turn: Turn) -> None:
    """Clear the unpaid reason and mail it, if that gave access back."""
    was_locked = turn.state.standing in LOCKED_OUT
    turn.stand("active")
    unblock(turn, UNPAID)
    mail = turn.policy.settled.unlocked_mail
    if mail and was_locked and not turn.state.blocks:
        turn.mail(mail)
    if was_locked and turn.policy.scope == "customer":
        _tell_siblings(turn, "unblock-access")


def _miss(turn: Turn) -> None:
    """Something is past due: open an episode, close a review, leave good standing."""
    s = turn.state
    if s.episode is None:
        turn.change(episode=Episode(first_missed_at=min(missed_at(i) for i in s.invoices if i.missed)))
    close_review(turn)
    if s.standing == "in_collections" and not s.placed_minor:
        turn.stand("cancelled")  # the agency has nothing left; what is owed beside it is ours to pursue
    worsen(turn, "past_due")


def _clear(turn: Turn) -> None:
    """Nothing is past due any more: the episode ends, and access comes back or support is asked."""
    s, settled = turn.state, turn.policy.settled
    late = days_late(turn)
    turn.effects.append(WithdrawMails(turn.at, DEMANDS))
    turn.change(episode=None, promise=None, announced_until=None, evidence_look_at=None, released_at=None, attention=())
    if s.standing in ("cancelled", "in_collections"):
        restorable = settled.unlock != "automatic" and not s.data_deleted and s.ended and s.ended.by == "ladder"
        if restorable:
            _ask_support(turn, late)
        elif s.standing == "in_collections":
            turn.stand("cancelled")
    elif s.standing == "past_due":
        turn.stand("active")
    elif s.standing in LOCKED_OUT:
        limits = settled.limits
        within = limits is not None and late <= limits.days_late and s.late_payments - 1 <= limits.late_payments
        if settled.unlock == "automatic" or (settled.unlock == "review_if" and within):
            give_access_back(turn)
        else:
            _ask_support(turn, late)


def _ask_support(turn: Turn, late: int) -> None:
    """Open a review with the facts that support decides by."""
    s = turn.state
    came_from: Standing = "cancelled" if s.ended else s.standing
    turn.change(review=Review(turn.at, came_from, late))
    turn.stand(
        "awaiting_review",
        days_late=late,
        late_payments=s.late_payments,
        failed_charges=s.failed_charges,
        broken_promises=s.broken_promises,
        data_exists=not s.data_deleted,
    )
    turn.remark(DECIDE)


def _tell_siblings(turn: Turn, signal: Literal["block-access", "unblock-access"]) -> None:
    reason = f"unpaid: {turn.state.id}"
    turn.effects.append(TellSiblings(turn.tiding_key("siblings"), signal, reason, turn.at))
