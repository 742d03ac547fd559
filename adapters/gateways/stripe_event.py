"""One event as Stripe's webhook brings it, verified; reads its fields one by one and says which one is missing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import stripe

from adapters.gateways.stripe_amounts import InexpressibleAmount, from_stripe
from domain.keys import is_identifier
from domain.money import InvalidAmount, Money, decimal_text
from domain.reports import Unverified

TEXT_LIMIT = 255  # characters of an id, a type, a status; Stripe's ids may grow to 255 by its documentation


class Unclear(Exception):
    """A field of an event that is genuine is not there, or not as documented; the text names the field alone."""


@dataclass(frozen=True, slots=True)
class Fields:
    """An object of Stripe's, read field by field. Raises Unclear."""

    of: Mapping[str, object]

    def text(self, name: str) -> str:
        value = self.of.get(name)
        if not isinstance(value, str) or not value or len(value) > TEXT_LIMIT or not value.isprintable():
            raise Unclear(f"no text of 1 to {TEXT_LIMIT} printable characters in {name}")
        return value

    def text_or_none(self, name: str) -> str | None:
        return self.text(name) if self.of.get(name) else None

    def whole(self, name: str) -> int:
        value = self.of.get(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise Unclear(f"no whole number in {name}")
        return value

    def inner(self, name: str) -> Fields:
        """The object in a field; an empty one where there is none."""
        value = self.of.get(name)
        return Fields(value if isinstance(value, dict) else {})

    def named(self, name: str) -> str | None:
        """The id in a field that holds an id or, expanded, the object itself; None where it holds nothing."""
        return self.inner(name).text("id") if isinstance(self.of.get(name), dict) else self.text_or_none(name)

    def amount(self, name: str = "amount") -> str:
        """An amount of the object's `currency` as our messages have it: "49.00"."""
        currency = self.text("currency").upper()
        try:
            return decimal_text(Money(from_stripe(self.whole(name), currency), currency).minor, currency)
        except (InexpressibleAmount, InvalidAmount):
            raise Unclear("an amount or a currency that we have no units for") from None


@dataclass(frozen=True, slots=True)
class StripeEvent:
    """`thing` is the object that it is about, as it stood then; `before` what of it was different before."""

    id: str
    type: str
    at: datetime
    thing: Fields
    before: Fields

    @property
    def subscription_id(self) -> str | None:
        """The subscription that our own metadata names."""
        named = self.thing.inner("metadata").of.get("subscription")
        return named if isinstance(named, str) and is_identifier(named) else None

    @property
    def charge_key(self) -> str | None:
        """The charge that our own metadata names."""
        return self.thing.inner("metadata").text_or_none("charge_key")


def read_event(headers: Mapping[str, str], body: bytes, secret: str, tolerance_seconds: int) -> StripeEvent:
    """The event in a webhook, once its signature holds. Raises Unverified; no text of it quotes what was sent."""
    signature = next((value for name, value in headers.items() if name.lower() == "stripe-signature"), None)
    try:
        stripe.WebhookSignature.verify_header(body, signature, secret, tolerance_seconds)
        told = json.loads(body)
    except (stripe.SignatureVerificationError, TypeError):  # TypeError: a signature with letters beyond ASCII
        raise Unverified("a webhook in Stripe's name: its signature or its time does not hold; not taken in") from None
    except (ValueError, RecursionError):
        raise Unverified("a webhook in Stripe's name: its body is no JSON; not taken in") from None
    try:
        return event_of(told)
    except Unclear:
        raise Unverified("a webhook in Stripe's name: signed, but no event; not taken in") from None


def event_of(told: object) -> StripeEvent:
    """The event in an object of Stripe's, as a webhook brings it and as its list of events shows it. Raises Unclear."""
    event = Fields(told if isinstance(told, dict) else {})
    if event.text("object") != "event":
        raise Unclear("object")
    data = event.inner("data")
    try:
        at = datetime.fromtimestamp(event.whole("created"), UTC)
    except (OverflowError, OSError, ValueError):
        raise Unclear("created") from None
    return StripeEvent(
        event.text("id"), event.text("type"), at, data.inner("object"), data.inner("previous_attributes")
    )
