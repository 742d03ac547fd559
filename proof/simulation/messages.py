"""What may be said to a life, and when: most often at the very instant of a deadline, or a second beside it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Any

from domain.money import decimal_text
from domain.periods import local, local_date, parse_local
from domain.subscription import Subscription
from proof.simulation.lives import Life

OWED = {
    "payment-received": 40, "payment-reversed": 8, "payment-method-updated": 6, "retry-payment": 8, "promise-to-pay": 5,
    "payment-announced": 5, "hold-dunning": 5, "release-dunning": 2, "choose-at-month-end": 3, "write-off": 2,
    "undo-write-off": 2, "cancel": 3, "block-access": 2, "unblock-access": 2, "agency-update": 1, "reactivate": 1,
    "refuse-reactivation": 1, "reactivation-requested": 1, "no-such-signal": 1,
}  # fmt: skip
"""Weights while something is owed."""

CLEAR = {
    "payment-reversed": 16, "payment-received": 6, "undo-write-off": 8, "cancel": 3, "payment-method-updated": 6,
    "reactivate": 3, "refuse-reactivation": 2, "block-access": 3, "unblock-access": 3, "hold-dunning": 2,
    "release-dunning": 4, "retry-payment": 1, "payment-announced": 2, "promise-to-pay": 1,
}  # fmt: skip
"""Weights while nothing is."""

SECOND = timedelta(seconds=1)


def moment(random: Random, life: Life) -> datetime:
    """When the next message comes: not before now, and often exactly when something is due."""
    now, wake, state = life.now, life.wake_at, life.state
    if not state.open_minor and state.standing == "active" and random.random() < 0.6:
        return now + timedelta(days=random.choice((3, 20, 31, 60, 120)), seconds=random.randrange(86_400))
    near = wake is not None and wake - now < timedelta(days=45)
    if wake is not None and near and random.random() < 0.75:
        beside = random.choice((timedelta(0),) * 6 + (-SECOND, SECOND, -timedelta(minutes=1), timedelta(hours=3)))
        return max(now, wake + beside)
    hours = random.choice((0, 1, 5, 24, 24 * 2, 24 * 3, 24 * 7, 24 * 14, 24 * 30))
    return now + timedelta(hours=hours, seconds=random.choice((0, 0, 7)))


def message(random: Random, life: Life, at: datetime, said: list[dict[str, Any]]) -> dict[str, Any]:
    """One message at an instant, made from what there is to pay, to reverse and to decide."""
    state = life.state
    if said and random.random() < 0.05:
        return {**random.choice(said), "at": local_text(at, life.timezone)}
    weights: dict[str, float] = dict(OWED if state.open_minor else CLEAR)
    senseless = {  # still said now and then: it must be refused, and without effect
        "undo-write-off": not state.written_off,
        "unblock-access": not state.blocks,
        "release-dunning": state.hold is None,
        "hold-dunning": state.hold is not None,
        "reactivate": state.review is None and not state.bank_only,
        "refuse-reactivation": state.review is None,
        "choose-at-month-end": state.episode is None,
        "payment-reversed": not life.book.payments,
        "cancel": state.ended is not None,
    }
    weights |= {signal: 0.2 for signal, none in senseless.items() if none and signal in weights}
    if state.review is not None:
        weights |= {"reactivate": 40, "refuse-reactivation": 15}
    if state.placed_minor:
        weights |= {"agency-update": 6, "payment-reversed": 30, "undo-write-off": 4}
    if _never_pays(life):
        weights |= {"payment-received": 10, "write-off": 0.3, "retry-payment": 2}
    if state.hold is not None:
        weights |= {"release-dunning": 20}
    signal = random.choices(list(weights), list(weights.values()))[0]
    made: dict[str, Any] = {"at": local_text(at, life.timezone), "signal": signal}
    made |= _FIELDS.get(signal, _who_and_why)(random, life, at)
    if random.random() < (0.6 if signal == "payment-reversed" else 0.1):
        made["id"] = f"m-{random.randrange(4 + len(said)) if random.random() < 0.1 else len(said) + 4}"
    return made


def _never_pays(life: Life) -> bool:
    """Whether no charge will ever be approved again, by the rules of the gateway: such a life reaches the agency."""
    return any(r.until is None and r.outcome == "declined" and r.role == "primary" for r in life.world.gateway)


def local_text(at: datetime, timezone: str) -> str:
    """The local time of an instant as a scenario writes it; with its offset where the clock shows it twice."""
    text = local(at, timezone).replace(tzinfo=None).isoformat()
    return text if parse_local(text, timezone) == at else local(at, timezone).isoformat()


def _who_and_why(random: Random, life: Life, at: datetime) -> dict[str, Any]:
    return {"by": "support", "reason": random.choice(("dispute", "abuse", "unpaid"))}


def amount(random: Random, state: Subscription) -> str:
    """The price, everything open, the oldest invoice, a part, a minor unit less or more, too much."""
    owed, price = state.open_minor, state.price_minor
    oldest = state.invoices[0].open_minor if state.invoices else price
    minor = random.choice(
        (owed, owed, owed, oldest, oldest, price, price // 2, owed // 3, owed - 1, owed + 1, 1, 2 * price)
    )
    return decimal_text(min(max(minor, 1), 10**15 - 1), state.currency)


def _payment(random: Random, life: Life, at: datetime) -> dict[str, Any]:
    state = life.state
    channels = ("card", "paypal", "bank_transfer", "bank_transfer") + ("agency",) * (3 if state.placed_minor else 0)
    made = {"amount": amount(random, state), "channel": random.choice(channels)}
    known = len(life.book.payments)
    made["reference"] = f"r-{known if random.random() < 0.95 else random.randrange(known + 1)}"
    opened = [i.number for i in state.invoices]
    if len(opened) > 1 and random.random() < 0.5:
        made["invoice"] = random.choice(opened[1:])  # not the one that it would go to unnamed
    elif random.random() < 0.2:
        made["invoice"] = random.choice([*opened, *opened, *life.book.invoices, "no-such-invoice"])
    return made


def _reversal(random: Random, life: Life, at: datetime) -> dict[str, Any]:
    references = list(life.book.payments)
    reference = random.choice([*references, *references[-3:]] or ["no-such-payment"])
    kept = life.book.payments.get(reference)
    whole = decimal_text(max(1, kept.minor), life.state.currency) if kept else amount(random, life.state)
    reversed_ = random.choice((whole, whole, amount(random, life.state)))
    return {"amount": reversed_, "reference": reference, "reason": random.choice(("chargeback", "refund", "bounced"))}


def _promise(random: Random, life: Life, at: datetime) -> dict[str, Any]:
    until = local_date(at, life.timezone) + timedelta(days=random.choice((0, 1, 2, 5, 12, 33, 60)))
    return {"by": "support", "until": until.isoformat()}


def _announcement(random: Random, life: Life, at: datetime) -> dict[str, Any]:
    number = random.choice(("K100", "K100", "K100", "K101"))
    return {"amount": amount(random, life.state), "invoices": [], "client_number": number}


_FIELDS: dict[str, Callable[[Random, Life, datetime], dict[str, Any]]] = {
    "payment-received": _payment,
    "payment-reversed": _reversal,
    "promise-to-pay": _promise,
    "payment-announced": _announcement,
    "payment-method-updated": lambda random, life, at: {
        "role": random.choice(("primary", "secondary")),
        "method": random.choice(("card", "paypal", "bank_transfer")),
    },
    "retry-payment": lambda random, life, at: {"by": random.choice(("customer", "sales"))},
    "cancel": lambda random, life, at: _who_and_why(random, life, at) | {"when": random.choice(("now", "period_end"))},
    "reactivation-requested": lambda random, life, at: {"reason": "please"},
    "choose-at-month-end": lambda random, life, at: {
        "by": "support",
        "choice": random.choice(("cancel", "keep_trying")),
    },
    "agency-update": lambda random, life, at: {"status": random.choice(("returned", "uncollectable", "disputed"))},
}
