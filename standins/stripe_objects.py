"""Stripe's objects as its API writes them, freshly made; the fields that a subscription engine could look at.

A test holds every field against the models of the official SDK.
"""

from __future__ import annotations

import secrets
import time
from typing import Any

from standins.stripe_cards import ADVICE, CODES_OF_THEIR_OWN, TestCard

API_VERSION = "2026-10-28.endive"

Object = dict[str, Any]


def new_id(prefix: str) -> str:
    """Drawn, as Stripe's are: a stand-in that starts anew must not name its objects like the one before."""
    return f"{prefix}_{secrets.token_hex(12)}"


def now() -> int:
    return int(time.time())


def made(prefix: str, kind: str, **fields: Any) -> Object:
    """What all objects have in common."""
    return {"id": new_id(prefix), "object": kind, "created": now(), "livemode": False, **fields}


def customer(email: str | None, name: str | None, metadata: dict[str, str]) -> Object:
    return made("cus", "customer", email=email, name=name, metadata=metadata, delinquent=False, description=None)


def payment_method(token: str, card: TestCard) -> Object:
    return made(
        "pm",
        "payment_method",
        type="card",
        customer=None,
        allow_redisplay="unspecified",
        metadata={},
        billing_details={"address": None, "email": None, "name": None, "phone": None, "tax_id": None},
        card={
            "brand": card.brand,
            "last4": card.last4,
            "exp_month": 12,
            "exp_year": 2034,
            "country": "US",
            "funding": "credit",
            "fingerprint": f"fingerprint{card.last4}",
        },
    )


def setup_intent(customer_id: str | None, usage: str, metadata: dict[str, str]) -> Object:
    fresh = made(
        "seti",
        "setup_intent",
        customer=customer_id,
        usage=usage,
        metadata=metadata,
        status="requires_payment_method",
        payment_method=None,
        payment_method_types=["card"],
        next_action=None,
        last_setup_error=None,
        cancellation_reason=None,
    )
    return {**fresh, "client_secret": f"{fresh['id']}_secret_{secrets.token_hex(8)}"}


def payment_intent(amount: int, currency: str, customer_id: str | None, metadata: dict[str, str]) -> Object:
    fresh = made(
        "pi",
        "payment_intent",
        amount=amount,
        amount_capturable=0,
        amount_received=0,
        currency=currency,
        customer=customer_id,
        metadata=metadata,
        status="requires_payment_method",
        capture_method="automatic_async",
        confirmation_method="automatic",
        automatic_payment_methods=None,
        payment_method=None,
        payment_method_types=["card"],
        latest_charge=None,
        last_payment_error=None,
        next_action=None,
        canceled_at=None,
        cancellation_reason=None,
        description=None,
        setup_future_usage=None,
    )
    return {**fresh, "client_secret": f"{fresh['id']}_secret_{secrets.token_hex(8)}"}


def charge(intent: Object, method_id: str) -> Object:
    return made(
        "ch",
        "charge",
        amount=intent["amount"],
        amount_captured=intent["amount"],
        amount_refunded=0,
        currency=intent["currency"],
        customer=intent["customer"],
        metadata=intent["metadata"],
        payment_intent=intent["id"],
        payment_method=method_id,
        status="succeeded",
        paid=True,
        captured=True,
        refunded=False,
        disputed=False,
        failure_code=None,
        failure_message=None,
        balance_transaction=new_id("txn"),
        outcome={"type": "authorized", "network_status": "approved_by_network", "risk_level": "normal"},
    )


def refund(paid: Object, amount: int, reason: str | None, metadata: dict[str, str], status: str) -> Object:
    fresh = made(
        "re",
        "refund",
        amount=amount,
        currency=paid["currency"],
        charge=paid["id"],
        payment_intent=paid["payment_intent"],
        reason=reason,
        metadata=metadata,
        status=status,
        balance_transaction=new_id("txn"),
    )
    del fresh["livemode"]  # refunds have none
    return fresh


def dispute(paid: Object, amount: int, status: str) -> Object:
    return made(
        "du",
        "dispute",
        amount=amount,
        currency=paid["currency"],
        charge=paid["id"],
        payment_intent=paid["payment_intent"],
        reason="fraudulent",
        status=status,
        metadata={},
        balance_transactions=[],
        evidence={},
        evidence_details={
            "due_by": now() + 7 * 86_400,
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        is_charge_refundable=status.startswith("warning_"),
    )


def event(kind: str, thing: Object, previous: Object | None) -> Object:
    data: Object = {"object": thing} if previous is None else {"object": thing, "previous_attributes": previous}
    return made(
        "evt",
        "event",
        api_version=API_VERSION,
        type=kind,
        data=data,
        pending_webhooks=0,
        request={"id": None, "idempotency_key": None},
    )


def card_error(decline_code: str, charge_id: str | None, method: Object) -> Object:
    """The `error` of a 402, which a PaymentIntent keeps as its `last_payment_error`."""
    code = decline_code if decline_code in CODES_OF_THEIR_OWN else "card_declined"
    return {
        "type": "card_error",
        "code": code,
        "decline_code": decline_code,
        "advice_code": ADVICE.get(decline_code),
        "message": "Your card was declined.",
        "doc_url": f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}",
        "charge": charge_id,
        "payment_method": method,
    }
