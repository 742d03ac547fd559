"""PayPal's words for what went wrong, and what each means here.

Issues are the `details[].issue` of a refused request: nothing was taken. Processor codes stand on a capture that was
declined. Both become the reasons of `domain/declines.py`, which are Stripe's words.

Sources: the 422 answers of `orders.capture` in PayPal's OpenAPI document of Orders v2
(https://developer.paypal.com/docs/api/orders/v2/), and
https://developer.paypal.com/serversdk/php/models/enumerations/processor-response-code/
"""

from __future__ import annotations

DECLINES: dict[str, str] = {
    # The customer's own instrument: may work another day.
    "INSTRUMENT_DECLINED": "generic_decline",
    "PAYER_CANNOT_PAY": "generic_decline",
    "REDIRECT_PAYER_FOR_ALTERNATE_FUNDING": "generic_decline",
    "TRANSACTION_REFUSED": "do_not_honor",
    "DECLINED_DUE_TO_RELATED_TXN": "do_not_honor",
    "TRANSACTION_LIMIT_EXCEEDED": "withdrawal_count_limit_exceeded",
    "MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED": "card_velocity_exceeded",
    "DOMESTIC_TRANSACTION_REQUIRED": "transaction_not_allowed",
    "CARD_BRAND_NOT_SUPPORTED": "card_not_supported",
    # The seller's own filters turn this payer away.
    "PAYEE_BLOCKED_TRANSACTION": "merchant_blacklist",
    "TRANSACTION_BLOCKED_BY_PAYEE": "merchant_blacklist",
    # The customer has to do something at PayPal first.
    "PAYER_ACTION_REQUIRED": "authentication_required",
    # Never gets better by asking again.
    "PAYER_ACCOUNT_RESTRICTED": "restricted_card",
    "PAYER_ACCOUNT_LOCKED_OR_CLOSED": "account_closed",
    "COMPLIANCE_VIOLATION": "fraudulent",
    "CARD_EXPIRED": "expired_card",
    "REFERENCED_CARD_EXPIRED": "expired_card",
    "AGREEMENT_ALREADY_CANCELLED": "revocation_of_authorization",
    "BILLING_AGREEMENT_NOT_FOUND": "no_such_payment_method",
    "TOKEN_ID_NOT_FOUND": "no_such_payment_method",
    "CURRENCY_NOT_SUPPORTED": "currency_not_supported",
}
"""Refusals that answer the charge. Whatever stands in none of these tables is a fault of the seller's set-up or of
this adapter: it declines nobody, and is told to the operator by name."""

SETTLED = frozenset({"ORDER_ALREADY_CAPTURED"})
"""The order has had its one capture: its own page tells what became of it."""

PENDING = frozenset({"ORDER_COMPLETION_IN_PROGRESS", "PREVIOUS_REQUEST_IN_PROGRESS", "DUPLICATE_REQUEST_ID"})
"""The same order or request is being worked on elsewhere: money may be moving."""

TAKEN_ELSEWHERE = frozenset({"DUPLICATE_INVOICE_ID"})
"""PayPal has a payment under this charge's key already, of another order. Whoever sees this must look."""

GONE = frozenset({"INVALID_RESOURCE_ID", "RESOURCE_NOT_FOUND", "ORDER_EXPIRED", "ORDER_VOIDED"})
"""The order is no longer there, which happens to orders that nobody captured within hours."""

PROCESSOR: dict[str, str] = {
    "0390": "invalid_account",
    "0500": "do_not_honor",
    "0580": "transaction_not_allowed",
    "1330": "invalid_account",
    "1335": "invalid_account",
    "1352": "restricted_card",
    "5100": "generic_decline",
    "5120": "insufficient_funds",
    "5140": "account_closed",
    "5150": "pickup_card",
    "5180": "restricted_card",
    "5400": "expired_card",
    "5650": "authentication_required",
    "5700": "transaction_not_allowed",
    "5710": "card_velocity_exceeded",
    "5910": "issuer_not_available",
    "5920": "issuer_not_available",
    "8000": "processing_error",
    "8220": "processing_error",
    "9100": "try_again_later",
    "9500": "fraudulent",
    "9510": "fraudulent",
    "9520": "stolen_card",  # LOST_OR_STOLEN: PayPal does not say which
    "9540": "do_not_honor",
    "PP06": "account_closed",
    "PPAB": "restricted_card",
    "PPAX": "withdrawal_count_limit_exceeded",
    "PPEF": "expired_card",
    "PPEL": "card_velocity_exceeded",
    "PPFR": "restricted_card",
    "PPRN": "revocation_of_authorization",
    "PPUC": "currency_not_supported",
}
"""`processor_response.response_code` of a declined capture, given where a card stands behind the wallet."""


def reason_of_processor(code: object) -> str:
    """Why a capture was declined; `generic_decline` for a code that is missing or says nothing more."""
    return PROCESSOR.get(code, "generic_decline") if isinstance(code, str) else "generic_decline"
