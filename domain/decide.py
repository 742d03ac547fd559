"""The one function that decides: a state and an event in, a state and what to do out. Pure, and the same everywhere.

The workflow, the simulation, the forecast and the tests all run this function. It knows no policy by name, reads no
clock and no database; what it needs to know it asks for, and the answer is the next event.
"""

from __future__ import annotations

from datetime import datetime

from domain import access, debts, ending, ladder, ledger, messages, rounds, support
from domain.agenda import Item, next_item, oldest_of, round_at_once, weekly_round_after
from domain.effects import (
    Decision,
    Effect,
    KeepMessage,
    KeepUnapplied,
    LookUpMessage,
    LookUpPayment,
    SendMail,
    View,
    make_decision,
    make_ledger_entry,
)
from domain.events import (
    ChargeAnswered,
    ChargeLookedUp,
    DeadlinePassed,
    Event,
    FactsRead,
    MessageLookedUp,
    MessageReceived,
    PaymentLookedUp,
)
from domain.keys import is_own_charge, short_digest
from domain.mail_hours import may_go_out
from domain.messages import Message, Refused
from domain.outlook import outlook
from domain.periods import first_of_month
from domain.policy import Policy
from domain.subscription import Facts, PendingMessage, PolicyName, Subscription
from domain.turn import BY_POLICY, Turn
from domain.values import replace

SEEN_LIMIT = 64  # messages remembered in the state; older ones are looked up in the ledger, so none is done twice


class StatePolicyMismatch(Exception):
    """The state names another policy text than the one at hand; nothing was decided and no money moved."""


def decide(state: Subscription, event: Event, policy: Policy) -> Decision:
    """Decide what an event means for a subscription under its policy.

    Raises StatePolicyMismatch when the state was made under another text of the policy.
    """
    if state.policy.digest != policy.digest:
        raise StatePolicyMismatch(
            f"subscription {state.id}: its state was made under policy {state.policy.name} version "
            f"{state.policy.version} ({state.policy.digest[:12]}), but this worker has {policy.name} version "
            f"{policy.version} ({policy.digest[:12]}). Nothing was decided and no money moved. "
            "Deploy a worker that carries the version named first."
        )
    turn = _turn(state, event, policy)
    if turn.question is None and turn.state.asked_for is not None:
        turn.now.asked_for = None
    after = turn.decided()
    upcoming = None if turn.question else next_item(after, policy)
    return make_decision(after, _addressed(turn), turn.question, upcoming.at if upcoming else None)


def _addressed(turn: Turn) -> tuple[Effect, ...]:
    """The effects, each mail with what comes next as it stands at the end of this decision, and when it may go out."""
    if not turn.mailed:
        return tuple(turn.effects)
    ahead, hours, timezone = outlook(turn.state, turn.policy, turn.at), turn.policy.mail_hours, turn.state.timezone
    done: list[Effect] = []
    for effect in turn.effects:
        if isinstance(effect, SendMail):
            allowed = may_go_out(effect.at, effect.template, hours, timezone) if hours else effect.at
            effect = replace(effect, about=effect.about | ahead, not_before=allowed if allowed > effect.at else None)
        done.append(effect)
    return tuple(done)


def refused_after_the_end(view: View, entries: int, event: MessageReceived, policy: Policy) -> tuple[Effect, ...]:
    """What a message to a subscription that has ended leads to: its refusal, and unapplied money where it brought some.

    `view` is how the subscription ended, `entries` how many lines its timeline has. Whoever records this has to see
    first whether the message was recorded before: a `KeepMessage` among the effects carries its digest.
    """
    ended = Subscription(
        id=view.subscription_id,
        customer_id=view.customer_id,
        client_number=view.client_number,
        timezone=view.timezone,
        locale="",
        plan=view.plan,
        price_minor=0,
        currency=view.currency,
        instalments=0,
        starts_on=event.at.date(),
        primary="bank_transfer",
        secondary=None,
        policy=PolicyName(policy.name, policy.version, policy.digest),
        standing="ended",
        entries=entries,
    )
    return decide(ended, event, policy).effects


def _turn(state: Subscription, event: Event, policy: Policy) -> Turn:
    match event:
        case DeadlinePassed(at):
            return _deadline(state, policy, at)
        case MessageReceived():
            return _message(state, policy, event)
        case ChargeAnswered():
            turn = _of_round(state, policy)
            rounds.charge_answered(turn, event)
            return turn
        case ChargeLookedUp():
            turn = _of_round(state, policy)
            rounds.charge_looked_up(turn, event)
            return turn
        case FactsRead():
            return _facts(state, policy, event)
        case PaymentLookedUp() | MessageLookedUp():
            return _looked_up(state, policy, event)


def _deadline(state: Subscription, policy: Policy, now: datetime) -> Turn:
    item = next_item(state, policy)
    if item is None or item.at > now:
        return Turn(state, policy, now, BY_POLICY, "")
    turn = Turn(state, policy, item.at, BY_POLICY, item.why)
    known = state.facts
    turn.now.acted_at, turn.now.facts = item.at, known if known and known.at == item.at else None
    _act(turn, item, now)
    return turn


def _act(turn: Turn, item: Item, now: datetime) -> None:
    """Do the one thing that is due."""
    s, policy = turn.state, turn.policy
    match item.kind:
        case "rung":
            ladder.climb(turn, next(r for r in policy.ladder if r.id == item.what))
        case "invoice":
            ending.bill_period(turn)
            at_once = None if turn.mailed else round_at_once(turn.state, policy, item.at)
            if at_once is not None and rounds.usable_methods(turn.state, policy):
                turn.because = at_once.why  # a decision of its own would find nothing else to do
                rounds.start(turn, item.at)
        case "round":
            following = weekly_round_after(s, policy, item.at) if item.what.startswith("weekly") else None
            if following is not None and following <= now:
                turn.change(last_round_at=item.at)  # nobody was there; the latest of the rounds missed is enough
            else:
                rounds.start(turn, item.at)
        case "look_up":
            waiting = next(i for i in s.invoices if i.unresolved and i.unresolved.look_up_at == item.at)
            rounds.resume(turn, waiting, item.at)
        case "period_end":
            ending.period_has_ended(turn)
            access.settle(turn)
        case "place_again":
            if s.facts is None:
                ladder.ask_facts(turn)
            elif not ladder.waits_for_evidence(turn):
                access.close_review(turn)
                debts.place(turn)
                access.settle(turn)
        case "promise_lapses":
            turn.change(promise=None, released_at=item.at)
            if s.past_due_minor:
                turn.change(broken_promises=s.broken_promises + 1)
                turn.say("promise_broken", count=s.broken_promises)
                turn.remark("a promise to pay was broken")
        case "review_escalates":
            if s.review:
                turn.change(review=replace(s.review, escalated=True))
            turn.say("review_escalated")
            turn.remark("the review is overdue: decide now")
        case "review_defaults":
            support.review_defaults(turn)


def _of_round(state: Subscription, policy: Policy) -> Turn:
    round_ = state.round
    if round_ is None:
        raise AssertionError(f"subscription {state.id}: a charge was answered, but no round is under way")
    turn = Turn(state, policy, round_.at, round_.by, round_.because)
    turn.now.asked_for = None
    return turn


def _facts(state: Subscription, policy: Policy, event: FactsRead) -> Turn:
    item = next_item(state, policy)
    if item is None:
        raise AssertionError(f"subscription {state.id}: facts were read, but nothing is due")
    overdue = state.overdue()
    month = first_of_month(oldest_of(overdue).missed_on) if overdue else None
    known = Facts(item.at, month, event.used, event.evidence)
    turn = Turn(state, policy, item.at, BY_POLICY, item.why)
    turn.change(facts=known, asked_for=None)
    _act(turn, item, item.at)
    return turn


def _message(state: Subscription, policy: Policy, event: MessageReceived) -> Turn:
    """Understand a message, see whether it is new and makes sense, and act on it."""
    try:
        message = messages.parse(event.signal, event.payloads, state.currency, state.timezone, event.at)
    except Refused as refused:
        return _refuse(Turn(state, policy, event.at, "sender", event.signal), event.signal, str(refused), None)
    turn = Turn(state, policy, message.at, message.by, message.reason or message.signal)
    names = messages.digests(message)
    own = message.signal == "payment-received" and is_own_charge(message.text("reference"), state.id)
    if own or any(name in state.seen for name in names):
        return _repeated(turn, message)
    if state.forgotten and names and state.standing != "ended":
        turn.ask(LookUpMessage(names), "message", pending=_pending(message, event))
        return turn
    return _new_message(turn, message, event)


def _new_message(turn: Turn, message: Message, event: MessageReceived) -> Turn:
    refused = support.refusal(turn.state, turn.policy, message)
    if refused is not None:
        return _refuse(turn, message.signal, refused, message)
    if message.signal == "payment-reversed":
        turn.ask(LookUpPayment(message.text("reference")), "payment", pending=_pending(message, event))
        return turn
    _remember(turn, message)
    support.act(turn, message)
    return turn


def _looked_up(state: Subscription, policy: Policy, event: PaymentLookedUp | MessageLookedUp) -> Turn:
    pending = state.pending
    if pending is None:
        raise AssertionError(f"subscription {state.id}: the ledger answered, but no message waits for it")
    again = MessageReceived(pending.signal, (pending.payload,), pending.at)
    message = messages.parse(again.signal, again.payloads, state.currency, state.timezone, again.at)
    turn = Turn(state, policy, message.at, message.by, message.reason or message.signal)
    turn.change(pending=None, asked_for=None)
    if isinstance(event, MessageLookedUp):
        return _repeated(turn, message) if event.known else _new_message(turn, message, again)
    refused = support.reverse(turn, message, event.payment)
    if refused is not None:
        return _refuse(turn, message.signal, refused, message)
    _remember(turn, message)
    return turn


def _refuse(turn: Turn, signal: str, why: str, message: Message | None) -> Turn:
    """Record the refusal. Money that comes after the end is kept as unapplied money."""
    turn.say("refused", signal=signal[: messages.TEXT_LIMIT], why=why)
    if message is not None and turn.state.standing == "ended":
        if message.signal == "payment-received":
            turn.say("unapplied", amount=turn.amount(message.minor()), reference=message.text("reference"))
            money = KeepUnapplied(message.text("reference"), message.minor(), message.text("channel"), turn.at)
            turn.effects.append(money)
            key = f"{turn.state.id}/unapplied/{short_digest(money.reference)}"
            postings = ledger.unapplied(money.channel, money.minor, money.reference)
            turn.effects.append(make_ledger_entry(key, turn.at, "unapplied", postings, turn.by, turn.because))
        _remember(turn, message)
    else:
        turn.remark(f"refused {signal[: messages.TEXT_LIMIT]}: {why}"[: messages.TEXT_LIMIT])
    return turn


def _repeated(turn: Turn, message: Message) -> Turn:
    """A message said twice has no second effect; that it came again is written down."""
    turn.say("repeated", signal=message.signal)
    return turn


def _remember(turn: Turn, message: Message) -> None:
    names = messages.digests(message)
    for name in names:
        turn.effects.append(KeepMessage(name, message.signal, turn.at))
    seen = (*turn.state.seen, *names)
    dropped = max(0, len(seen) - SEEN_LIMIT)
    turn.change(seen=seen[dropped:], forgotten=turn.state.forgotten + dropped)


def _pending(message: Message, event: MessageReceived) -> PendingMessage:
    payload = event.payloads[0]
    if not isinstance(payload, dict):
        raise AssertionError(f"{message.signal}: `parse` let through a payload that is no object")
    return PendingMessage(event.signal, payload, event.at)
