"""What each message does, and when it is refused. `refusal` is asked first, by `decide` and by update validators."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Literal

from domain import access, debts, ending, rounds
from domain.events import PaymentFacts
from domain.messages import Message
from domain.periods import days_after, first_instant, local_date
from domain.policy import Policy
from domain.subscription import Hold, Promise, Subscription
from domain.turn import Turn
from domain.values import replace

ENDED = "the subscription has ended"


def refusal(state: Subscription, policy: Policy, message: Message) -> str | None:
    """Why the message makes no sense now, or None where it does. A reversal is judged once its payment is known."""
    if state.standing == "ended":
        return ENDED
    judge = _REFUSALS.get(message.signal)
    return judge(state, policy, message) if judge else None


def act(turn: Turn, message: Message) -> None:
    """Do what a message that was not refused says. `payment-reversed` is done by `reverse`."""
    _ACTIONS[message.signal](turn, message)


def reverse(turn: Turn, message: Message, payment: PaymentFacts | None) -> str | None:
    """Reverse a payment, or say why not. What exceeds the payment is not reversed, and support is told."""
    reference = message.text("reference")
    if payment is None:
        return f"payment {reference!r} is unknown"
    left = payment.minor - payment.reversed_minor
    if left <= 0:
        return f"payment {reference!r} has been reversed in full already"
    wanted = message.minor()
    if wanted > left:
        turn.say("reversal_capped", asked=turn.amount(wanted), left=turn.amount(left), reference=reference)
        turn.remark(f"reversal of {turn.amount(wanted)}: only {turn.amount(left)} of {reference} was left to reverse")
    reopened = debts.reverse(turn, payment, min(wanted, left), message.reason)
    _reopened(turn, reopened > 0 and turn.state.open_minor > 0)  # credit may have paid it again at once
    return None


def review_defaults(turn: Turn) -> None:
    """Support left a review open past its deadline: do what the policy says."""
    deadline = turn.policy.settled.deadline
    if deadline is not None and deadline.default == "reactivate":
        _give_back(turn)
    else:
        _turn_down(turn)


def _reopened(turn: Turn, anything: bool) -> None:
    access.settle(turn)
    if anything:
        turn.mail(turn.policy.reversal.mail)


def _nothing_owed(state: Subscription, policy: Policy, message: Message) -> str | None:
    return None if state.open_minor else "nothing is owed"


def _retry(state: Subscription, policy: Policy, message: Message) -> str | None:
    if not state.open_minor:
        return "nothing is owed"
    pending = state.invoices[0].unresolved
    if pending is not None:
        return f"the outcome of charge {pending.charge_key} is not known yet; it is looked up by itself"
    if state.bank_only:
        return "only bank transfer is open"
    if not rounds.usable_methods(state, policy):
        return "no payment method on file can be charged"
    return None


def _reactivate(state: Subscription, policy: Policy, message: Message) -> str | None:
    if state.data_deleted:
        return "the data has been deleted; nothing can be restored"
    if state.balance_minor:
        return "something is past due; reactivate once it is paid"
    refused_before = state.standing == "cancelled" and state.ended is not None and state.ended.by != "customer"
    revocable = refused_before and policy.settled.unlock != "automatic"
    if state.standing == "awaiting_review" or revocable or (state.bank_only and state.plan_running):
        return None
    return "there is nothing to decide"


def _refuse_reactivation(state: Subscription, policy: Policy, message: Message) -> str | None:
    return None if state.standing == "awaiting_review" else "there is nothing to decide"


def _cancel(state: Subscription, policy: Policy, message: Message) -> str | None:
    if state.ended is not None:
        return "the plan is cancelled already"
    return "a cancellation at period end is set already" if state.cancel_at_period_end else None


def _promise(state: Subscription, policy: Policy, message: Message) -> str | None:
    if not state.open_minor:
        return "nothing is owed"
    if message.until() <= local_date(message.at, state.timezone):
        return f"until {message.until()}: a promise must reach beyond today"
    return None


def _announced(state: Subscription, policy: Policy, message: Message) -> str | None:
    number = message.text("client_number")
    return None if number == state.client_number else f"client number {number!r} is not this customer's"


def _hold(state: Subscription, policy: Policy, message: Message) -> str | None:
    return f"held already, by {state.hold.by}: {state.hold.reason}" if state.hold else None


def _release(state: Subscription, policy: Policy, message: Message) -> str | None:
    return None if state.hold else "there is no hold"


def _choose(state: Subscription, policy: Policy, message: Message) -> str | None:
    if policy.keep_trying is None:
        return "this policy leaves no choice at month end"
    if state.episode is None or not state.plan_running:
        return "no instalment has been missed"
    judged = {r.id for r in policy.ladder if any(c.kind == "choice" for c in r.conditions)}
    return "the month end has passed" if judged & set(state.episode.applied) else None


def _undo_write_off(state: Subscription, policy: Policy, message: Message) -> str | None:
    return None if state.written_off else "nothing has been written off"


def _block(state: Subscription, policy: Policy, message: Message) -> str | None:
    if message.reason == access.UNPAID:
        return f"the name {access.UNPAID!r} belongs to the ladder"
    return f"blocked for {message.reason!r} already" if message.reason in state.blocks else None


def _unblock(state: Subscription, policy: Policy, message: Message) -> str | None:
    return None if message.reason in state.blocks else f"not blocked for {message.reason!r}"


def _agency(state: Subscription, policy: Policy, message: Message) -> str | None:
    return None if state.placed_minor else "nothing is placed with an agency"


_REFUSALS: dict[str, Callable[[Subscription, Policy, Message], str | None]] = {
    "retry-payment": _retry,
    "reactivate": _reactivate,
    "refuse-reactivation": _refuse_reactivation,
    "cancel": _cancel,
    "promise-to-pay": _promise,
    "payment-announced": _announced,
    "hold-dunning": _hold,
    "release-dunning": _release,
    "choose-at-month-end": _choose,
    "write-off": _nothing_owed,
    "undo-write-off": _undo_write_off,
    "block-access": _block,
    "unblock-access": _unblock,
    "agency-update": _agency,
}


def _received(turn: Turn, message: Message) -> None:
    channel = message.text("channel")
    invoice = message.text("invoice") or None
    match channel:
        case "card" | "paypal" | "bank_transfer" | "agency":
            debts.receive(turn, message.minor(), channel, message.text("reference"), invoice)
        case _:
            raise AssertionError(f"channel {channel!r} was not refused by the reader of messages")
    access.settle(turn)


def _method_updated(turn: Turn, message: Message) -> None:
    method, stands = message.text("method"), message.text("state")
    if not stands:  # else it says how the method stands that the gateway knows, which may not be the one paid by now
        turn.change(**{message.text("role"): method})
    unusable = stands in ("expired", "removed")
    turn.say(
        "payment_method_updated", role=message.text("role"), method=method, **({"state": stands} if stands else {})
    )
    if unusable:
        turn.remark(f"the {message.text('role')} {method} has {'expired' if stands == 'expired' else 'been removed'}")


def _run_payment(turn: Turn, message: Message) -> None:
    rounds.start(turn, turn.at)


def _give_back(turn: Turn, message: Message | None = None) -> None:
    """Revoke the cancellation, give access back, reopen the channels."""
    state = turn.state
    if state.ended is not None:
        ending.revoke(turn)
    if state.bank_only:
        turn.say("channels_reopened")
    turn.change(bank_only=False, card_failures=0, review=None, attention=())
    access.give_access_back(turn)


def _turn_down(turn: Turn, message: Message | None = None) -> None:
    """Refuse: cancel a product that was only locked; one that was cancelled stays so."""
    turn.change(review=None)
    if turn.state.ended is None:
        ending.cancel_by_refusal(turn)
    else:
        turn.stand("cancelled")
        turn.change(ended=replace(turn.state.ended, by="support_refusal"), released_at=turn.at)
    if turn.policy.settled.refused_mail:
        turn.mail(turn.policy.settled.refused_mail)
    access.finish(turn)


def _end_plan(turn: Turn, message: Message) -> None:
    if message.text("when") == "now":
        ending.cancel_by_customer(turn)
        access.settle(turn)
    else:
        turn.change(cancel_at_period_end="customer")
        turn.say("cancellation_scheduled")


def _set_promise(turn: Turn, message: Message) -> None:
    until = message.until()
    turn.change(promise=Promise(until, first_instant(until, turn.state.timezone), message.by))
    turn.say("promise_to_pay", until=until.isoformat())


def _announce(turn: Turn, message: Message) -> None:
    until = days_after(turn.at, turn.policy.announcement_days, turn.state.timezone)
    turn.change(announced_until=_later(turn.state.announced_until, until))
    turn.say("payment_announced", amount=turn.amount(message.minor()))
    turn.remark("the customer announced a transfer")


def _reactivation_requested(turn: Turn, message: Message) -> None:
    turn.say("reactivation_requested", reason=message.reason)
    turn.remark(f"the customer asks to be reactivated: {message.reason}")


def _set_hold(turn: Turn, message: Message) -> None:
    turn.change(hold=Hold(turn.at, message.by, message.reason))
    turn.say("dunning_held")


def _end_hold(turn: Turn, message: Message) -> None:
    turn.change(hold=None, released_at=turn.at)
    turn.say("dunning_released")


def _set_choice(turn: Turn, message: Message) -> None:
    choice: Literal["cancel", "keep_trying"] = "cancel" if message.text("choice") == "cancel" else "keep_trying"
    if turn.state.episode is not None:
        turn.change(episode=replace(turn.state.episode, choice=choice))
        turn.say("choice_at_month_end", choice=choice)


def _write_off_all(turn: Turn, message: Message) -> None:
    debts.write_off(turn)
    access.settle(turn)


def _take_write_off_back(turn: Turn, message: Message) -> None:
    debts.undo_write_off(turn)
    _reopened(turn, turn.state.open_minor > 0)


def _block_access(turn: Turn, message: Message) -> None:
    turn.change(blocks=(*turn.state.blocks, message.reason))
    turn.say("access_blocked", reason=message.reason)
    for command in turn.policy.access.block:
        access.block(turn, command, message.reason)


def _unblock_access(turn: Turn, message: Message) -> None:
    turn.change(blocks=tuple(b for b in turn.state.blocks if b != message.reason))
    turn.say("access_unblocked", reason=message.reason)
    access.unblock(turn, message.reason)


def _agency_says(turn: Turn, message: Message) -> None:
    status = message.text("status")
    turn.say("agency_update", status=status, amount=turn.amount(turn.state.placed_minor))
    turn.remark(f"the agency says: {status}")
    if status == "disputed":
        return
    debts.take_back(turn)
    turn.stand("cancelled")
    if status == "uncollectable" and turn.policy.uncollectable == "write_off":
        debts.write_off(turn)
    access.settle(turn)


_ACTIONS: dict[str, Callable[[Turn, Message], None]] = {
    "payment-received": _received,
    "payment-method-updated": _method_updated,
    "retry-payment": _run_payment,
    "reactivate": _give_back,
    "refuse-reactivation": _turn_down,
    "cancel": _end_plan,
    "promise-to-pay": _set_promise,
    "payment-announced": _announce,
    "reactivation-requested": _reactivation_requested,
    "hold-dunning": _set_hold,
    "release-dunning": _end_hold,
    "choose-at-month-end": _set_choice,
    "write-off": _write_off_all,
    "undo-write-off": _take_write_off_back,
    "block-access": _block_access,
    "unblock-access": _unblock_access,
    "agency-update": _agency_says,
}


def _later(known: datetime | None, other: datetime) -> datetime:
    return other if known is None else max(known, other)
