"""Orders of ours at PayPal: the names they carry, what is asked for, and how one stands."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Literal

from adapters.gateways.paypal_amounts import minor_of, value_of
from adapters.gateways.paypal_issues import reason_of_processor
from domain.effects import Charge
from domain.money import InvalidAmount

ID_LENGTH = 127  # PayPal's limit of `invoice_id` and `custom_id`
REQUEST_ID_LENGTH = 108  # PayPal's limit of `PayPal-Request-Id`

Standing = Literal["open", "pending", "approved", "declined"]


class Unreadable(ValueError):
    """An order in a shape that PayPal does not document. The text tells no field's value."""


@dataclass(frozen=True, slots=True)
class Order:
    """An order of ours as PayPal shows it. `minor` (whole ISO minor units) and `currency` are what it asks for.

    `open`: not captured; `pending`: captured, and PayPal has not decided yet.
    """

    id: str
    minor: int
    currency: str
    standing: Standing
    reason: str | None = None
    capture_id: str | None = None


def order_key(charge_key: str, ordinal: int) -> str:
    """Under which the id of a charge's n-th order is kept; `charge_key_of` gives the charge again."""
    return charge_key if ordinal == 1 else f"{charge_key}/order-{ordinal}"


def charge_key_of(kept_key: str) -> str:
    """The charge whose order is kept under this key."""
    return re.sub(r"/order-\d+$", "", kept_key)


def request_id(key: str, step: str) -> str:
    """The idempotency key of one step of a charge: readable where PayPal's header can carry it, else a digest."""
    readable = f"{key}:{step}"
    if len(readable) <= REQUEST_ID_LENGTH and readable.isascii() and readable.isprintable():
        return readable
    return hashlib.sha256(readable.encode()).hexdigest()


def make_request(charge: Charge, subscription_id: str) -> dict[str, Any]:
    """The body that makes a charge's order, without a payment source. Raises NotPayable.

    `custom_id` says whose, which method's and of when, for PayPal's reports and for a stand-in that answers by business
    time. It and `invoice_id`, which the payer sees, are left out where they are too long: nothing here depends on them.
    """
    at = charge.at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    names = {"invoice_id": charge.charge_key, "custom_id": f"{subscription_id}|{charge.role}|{at}"}
    amount = {"currency_code": charge.currency, "value": value_of(charge.minor, charge.currency)}
    unit = {"amount": amount} | {name: text for name, text in names.items() if len(text) <= ID_LENGTH}
    return {"intent": "CAPTURE", "purchase_units": [unit]}


def read_order(body: Mapping[str, Any]) -> Order:
    """An order of ours, which has one purchase unit, as PayPal represents it. Raises Unreadable."""
    try:
        unit = body["purchase_units"][0]
        captures = unit.get("payments", {}).get("captures", [])
        amount = unit.get("amount") or captures[0]["amount"]
        currency = amount["currency_code"]
        standing, reason, capture_id = _standing(body.get("status"), captures)
        return Order(body["id"], minor_of(amount["value"], currency), currency, standing, reason, capture_id)
    except (KeyError, IndexError, TypeError, AttributeError, InvalidAmount) as error:
        raise Unreadable(f"PayPal's order cannot be read: {type(error).__name__}") from None


def _standing(status: object, captures: list[Mapping[str, Any]]) -> tuple[Standing, str | None, str | None]:
    """How an order stands by its captures, why it was declined, and the capture's id."""
    if not captures:
        if status == "PAYER_ACTION_REQUIRED":  # nobody will approve it: the customer is not there
            return "declined", "authentication_required", None
        return "open", None, None
    capture = captures[-1]
    match capture["status"]:
        case "COMPLETED" | "PARTIALLY_REFUNDED" | "REFUNDED":  # what was given back comes by webhook
            return "approved", None, capture["id"]
        case "DECLINED":
            code = (capture.get("processor_response") or {}).get("response_code")
            return "declined", reason_of_processor(code), capture["id"]
        case "FAILED":
            return "declined", "processing_error", capture["id"]
        case _:
            return "pending", None, capture["id"]
