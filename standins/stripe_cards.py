"""Stripe's test cards by their documented tokens (https://docs.stripe.com/testing), and what charging each does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Behaviour = Literal[
    "approve", "decline", "decline_once_attached", "authenticate", "authenticate_unless_set_up", "dispute", "inquiry"
]


@dataclass(frozen=True, slots=True)
class TestCard:
    """`decline` cards cannot be attached to a customer either; `decline_once_attached` ones can."""

    __test__ = False  # no class of tests

    behaviour: Behaviour
    decline_code: str | None = None
    brand: str = "visa"
    last4: str = "4242"
    refund: Literal["succeeded", "pending", "failed"] = "succeeded"


CARDS: dict[str, TestCard] = {
    "pm_card_visa": TestCard("approve"),
    "pm_card_visa_debit": TestCard("approve", last4="5556"),
    "pm_card_mastercard": TestCard("approve", brand="mastercard", last4="4444"),
    "pm_card_amex": TestCard("approve", brand="amex", last4="8431"),
    "pm_card_chargeCustomerFail": TestCard("decline_once_attached", "generic_decline", last4="0341"),
    "pm_card_visa_chargeDeclined": TestCard("decline", "generic_decline", last4="0002"),
    "pm_card_visa_chargeDeclinedInsufficientFunds": TestCard("decline", "insufficient_funds", last4="9995"),
    "pm_card_visa_chargeDeclinedLostCard": TestCard("decline", "lost_card", last4="9987"),
    "pm_card_visa_chargeDeclinedStolenCard": TestCard("decline", "stolen_card", last4="9979"),
    "pm_card_chargeDeclinedExpiredCard": TestCard("decline", "expired_card", last4="0069"),
    "pm_card_chargeDeclinedIncorrectCvc": TestCard("decline", "incorrect_cvc", last4="0127"),
    "pm_card_chargeDeclinedProcessingError": TestCard("decline", "processing_error", last4="0119"),
    "pm_card_visa_chargeDeclinedVelocityLimitExceeded": TestCard("decline", "card_velocity_exceeded", last4="6975"),
    "pm_card_authenticationRequired": TestCard("authenticate", last4="3184"),
    "pm_card_authenticationRequiredSetupForOffSession": TestCard("authenticate_unless_set_up", last4="3155"),
    "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds": TestCard(
        "decline_once_attached", "insufficient_funds", last4="3178"
    ),
    "pm_card_createDispute": TestCard("dispute", last4="0259"),
    "pm_card_createDisputeInquiry": TestCard("inquiry", last4="1976"),
    "pm_card_pendingRefund": TestCard("approve", last4="7726", refund="pending"),
    "pm_card_refundFail": TestCard("approve", last4="5126", refund="failed"),
}

DECLINE_CODES = frozenset(
    """
    approve_with_id authentication_not_handled authentication_required call_issuer card_not_supported
    card_velocity_exceeded currency_not_supported do_not_honor do_not_try_again duplicate_transaction expired_card
    fraudulent generic_decline incorrect_address incorrect_cvc incorrect_number incorrect_pin incorrect_zip
    insufficient_funds invalid_account invalid_amount invalid_cvc invalid_expiry_month invalid_expiry_year
    invalid_number invalid_pin issuer_not_available lost_card merchant_blacklist
    mobile_device_authentication_required new_account_information_available no_action_taken not_permitted
    offline_pin_required online_or_offline_pin_required pickup_card pin_try_exceeded processing_error
    reenter_transaction restricted_card revocation_of_all_authorizations revocation_of_authorization security_violation
    service_not_allowed stolen_card stop_payment_order testmode_decline transaction_not_allowed try_again_later
    withdrawal_count_limit_exceeded
    """.split()  # noqa: SIM905 - a list of fifty words reads better so
)
"""https://docs.stripe.com/declines/codes"""

CODES_OF_THEIR_OWN = frozenset(
    {
        "authentication_required",
        "expired_card",
        "incorrect_cvc",
        "incorrect_number",
        "incorrect_zip",
        "processing_error",
    }
)
"""Declines whose error says more than `card_declined` in `code` already."""

ADVICE = {
    "do_not_honor": "try_again_later",
    "expired_card": "confirm_card_data",
    "incorrect_cvc": "confirm_card_data",
    "incorrect_number": "confirm_card_data",
    "insufficient_funds": "try_again_later",
    "invalid_account": "do_not_try_again",
    "lost_card": "do_not_try_again",
    "pickup_card": "do_not_try_again",
    "processing_error": "try_again_later",
    "stolen_card": "do_not_try_again",
}
"""The advice that issuers give most often with a decline; the others come without."""
