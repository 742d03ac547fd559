"""What may be said to a subscription: the messages of spec section 8, read from plain JSON.

A payload is believed only after `parse`: it gives a `Message`, or raises `Refused` with what, where, which value and
what was expected. Bounds keep a payload from filling the state or a page.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar

from domain.cards import REFUSED as CARD_REFUSED
from domain.cards import field_with_card_number
from domain.keys import short_digest
from domain.money import InvalidAmount, Money
from domain.periods import local_date, parse_date, parse_local
from domain.quoting import described, quoted

TEXT_LIMIT = 200  # characters; a reason is a line, not an essay
LIST_LIMIT = 20  # invoice numbers in one announcement
YEARS = range(1950, 2201)  # as in scenarios; calendars are reckoned with beyond both ends
FUTURE_DAYS = 1  # a message may be dated this far ahead of when it is taken in: clocks differ


T = TypeVar("T")


class Refused(ValueError):
    """A message that cannot be meant, or makes no sense now. The text is shown to support."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message that has been understood. `at` is its own instant where it carried one, else when it was taken in."""

    signal: str
    at: datetime
    by: str
    reason: str
    fields: dict[str, object]
    id: str | None = None

    def text(self, name: str) -> str:
        """A text field; "" where it was left out."""
        value = self.fields.get(name, "")
        return value if isinstance(value, str) else ""

    def minor(self) -> int:
        """The amount, in whole minor units of the subscription's currency; positive."""
        return self._field("amount", int)

    def until(self) -> date:
        """A promise's date, in the customer's zone."""
        return self._field("until", date)

    def _field(self, name: str, kind: type[T]) -> T:
        value = self.fields[name]
        if not isinstance(value, kind):
            raise AssertionError(f"{self.signal}: `parse` made {value!r} of field {name}, expected {kind.__name__}")
        return value


Reader = Callable[[str, object, str], object]


def _amount(name: str, value: object, currency: str) -> int:
    try:
        money = Money.parse(value, currency)
    except InvalidAmount as error:
        raise Refused(f"{name}: {error}") from None
    if money.minor <= 0:
        raise Refused(f"{name}: {quoted(value)} is not above zero")
    return money.minor


def _text(name: str, value: object, currency: str) -> str:
    return free_text(name, value)


def free_text(name: str, value: object) -> str:
    """What a person or a program may write: who, why, a reference. Raises Refused, which repeats none of it."""
    if not isinstance(value, str) or not value.strip() or len(value) > TEXT_LIMIT or not value.isprintable():
        raise Refused(f"{name}: {described(value)}: expected a text of 1 to {TEXT_LIMIT} printable characters")
    return value


def _texts(name: str, value: object, currency: str) -> list[str]:
    if not isinstance(value, list) or len(value) > LIST_LIMIT:
        raise Refused(f"{name}: {described(value)}: expected a list of at most {LIST_LIMIT} invoice numbers")
    return [_text(f"{name}[{i}]", item, currency) for i, item in enumerate(value)]


def _date(name: str, value: object, currency: str) -> date:
    try:
        on = parse_date(value)
    except ValueError:
        raise Refused(f"{name}: {quoted(value)}: expected a date such as '2026-03-18'") from None
    if on.year not in YEARS:
        raise Refused(f"{name}: {quoted(value)}: expected a year from {YEARS[0]} to {YEARS[-1]}")
    return on


def _one_of(*allowed: str) -> Reader:
    def read(name: str, value: object, currency: str) -> str:
        if value not in allowed or not isinstance(value, str):
            raise Refused(f"{name}: {quoted(value)}: expected one of {', '.join(allowed)}")
        return value

    return read


_WHO_AND_WHY: dict[str, Reader] = {"by": _text, "reason": _text}

REQUIRED: dict[str, dict[str, Reader]] = {
    "payment-received": {
        "amount": _amount,
        "channel": _one_of("card", "paypal", "bank_transfer", "agency"),
        "reference": _text,
    },
    "payment-reversed": {
        "amount": _amount,
        "reference": _text,
        "reason": _one_of("chargeback", "refund", "bounced"),
    },
    "payment-method-updated": {
        "role": _one_of("primary", "secondary"),
        "method": _one_of("card", "paypal", "bank_transfer"),
    },
    "retry-payment": {"by": _text},
    "reactivate": _WHO_AND_WHY,
    "refuse-reactivation": _WHO_AND_WHY,
    "hold-dunning": _WHO_AND_WHY,
    "release-dunning": _WHO_AND_WHY,
    "write-off": _WHO_AND_WHY,
    "undo-write-off": _WHO_AND_WHY,
    "cancel": {**_WHO_AND_WHY, "when": _one_of("now", "period_end")},
    "payment-announced": {"amount": _amount, "invoices": _texts, "client_number": _text},
    "reactivation-requested": {"reason": _text},
    "block-access": _WHO_AND_WHY,
    "unblock-access": _WHO_AND_WHY,
    "agency-update": {"status": _one_of("returned", "uncollectable", "disputed")},
    "promise-to-pay": {"by": _text, "until": _date},
    "choose-at-month-end": {"by": _text, "choice": _one_of("cancel", "keep_trying")},
}
"""Every signal of spec section 8 with the fields it must carry, as the scenario contract lists them."""

SIGNALS: tuple[str, ...] = tuple(REQUIRED)

DESCRIPTIONS: dict[str, str] = {
    "payment-received": "Money came in. {amount, channel, reference, invoice?}",
    "payment-reversed": "A payment was taken back: chargeback, refund or bounced. {amount, reference, reason}",
    "payment-method-updated": "The customer changed a payment method, or it expired. {role, method, state?}",
    "retry-payment": "Run the payment for everything open, now. {by}",
    "reactivate": "Give access back, revoke a cancellation, reopen the channels. {by, reason}",
    "refuse-reactivation": "Do not give access back. {by, reason}",
    "cancel": "End the plan, now or at period end. {by, reason, when}",
    "promise-to-pay": "No stage is applied before a date. {by, until}",
    "payment-announced": "The customer says a transfer is on its way. {amount, invoices, client_number}",
    "reactivation-requested": "The customer asks to be reactivated. {reason}",
    "hold-dunning": "Stop the ladder until it is released. {by, reason}",
    "release-dunning": "Let the ladder go on. {by, reason}",
    "choose-at-month-end": "Cancel, or keep trying, at this episode's first month end. {by, choice}",
    "write-off": "Write off everything open. {by, reason}",
    "undo-write-off": "Owe again what the latest write-off took away. {by, reason}",
    "block-access": "Block access for a named reason of your own. {by, reason}",
    "unblock-access": "Clear one named reason. {by, reason}",
    "agency-update": "The agency says: returned, uncollectable or disputed. {status}",
}
"""What each message does and carries, as the Temporal UI and the command line show it."""

_OPTIONAL: dict[str, Reader] = {"id": _text, "by": _text, "reason": _text, "note": _text}


_OPTIONAL_OF: dict[str, dict[str, Reader]] = {
    "payment-received": {"invoice": _text},
    "payment-method-updated": {"state": _one_of("usable", "expired", "removed")},
}


def parse(signal: str, payloads: tuple[object, ...], currency: str, timezone: str, taken_in: datetime) -> Message:
    """The message that a signal's payloads mean. Raises Refused; changes nothing.

    `taken_in` dates a message that carries no `at`. An `at` without an offset is the customer's local time.
    """
    if signal not in REQUIRED:
        raise Refused(f"signal {quoted(signal)}: unknown; expected one of {', '.join(SIGNALS)}")
    if len(payloads) != 1:
        raise Refused(f"{signal}: {len(payloads)} payloads: expected one JSON object")
    payload = payloads[0]
    if not isinstance(payload, dict):
        shown = quoted(payload) if isinstance(payload, str) else described(payload)  # a text is the door's own by now
        raise Refused(f"{signal}: {shown}: expected one JSON object")
    forbidden = field_with_card_number({str(name): value for name, value in payload.items()})
    if forbidden is not None:
        raise Refused(f"{signal}: field {forbidden!r} {CARD_REFUSED}")
    required = REQUIRED[signal]
    optional = _OPTIONAL | _OPTIONAL_OF.get(signal, {})
    unknown = sorted(str(name) for name in payload if name not in {*required, *optional, "at"})
    if unknown:
        raise Refused(f"{signal}: field {quoted(unknown[0])}: unknown; expected {', '.join([*required, *optional])}")
    fields: dict[str, object] = {}
    for name, reader in (optional | required).items():
        if payload.get(name) is not None:
            fields[name] = reader(name, payload[name], currency)
        elif name in required:
            raise Refused(f"{signal}: field {name!r} is missing")
    at = _instant(payload.get("at"), timezone, taken_in)
    by, reason = fields.get("by", _DEFAULT_BY.get(signal, "platform")), fields.get("reason", "")
    identity = fields.get("id")
    return Message(signal, at, str(by), str(reason), fields, str(identity) if identity is not None else None)


def digests(message: Message) -> tuple[str, ...]:
    """What a repetition of the message is known by: its id, and its reference where it has one.

    The reference counts beside an id, because money under one reference must not be counted twice.
    """
    found = [f"{message.signal} id {message.id}"] if message.id is not None else []
    reference = message.text("reference")
    if reference and (message.signal == "payment-received" or message.id is None):
        more = f" {message.fields['amount']} {message.reason}" if message.signal == "payment-reversed" else ""
        found.append(f"{message.signal} reference {reference}{more}")
    return tuple(short_digest(text) for text in found)


_DEFAULT_BY = {
    "payment-announced": "customer",
    "reactivation-requested": "customer",
    "payment-method-updated": "customer",
    "agency-update": "agency",
}


def _instant(value: object, timezone: str, taken_in: datetime) -> datetime:
    if value is None:
        return taken_in
    try:
        at = parse_local(value, timezone)
    except ValueError:
        raise Refused(f"at: {quoted(value)}: expected local time such as '2026-03-18T10:00'") from None
    if at.year not in YEARS:
        raise Refused(f"at: {quoted(value)}: expected a year from {YEARS[0]} to {YEARS[-1]}")
    if (local_date(at, timezone) - local_date(taken_in, timezone)).days > FUTURE_DAYS:
        raise Refused(f"at: {quoted(value)}: lies in the future; it was taken in at {taken_in.isoformat()}")
    return at
