"""What a declined charge means for the next attempt. The words are Stripe's; other gateways are translated to them."""

from __future__ import annotations

from typing import Literal

Kind = Literal["hard", "soft", "customer", "later"]
"""hard: never ask this method again. soft: another day may do. customer: only the customer can help. later: a fault
on the way, the same charge may well pass soon."""

_WORDS: dict[Kind, str] = {
    "hard": """
        account_closed card_not_supported do_not_try_again expired_card fraudulent incorrect_number invalid_account
        invalid_number lost_card merchant_blacklist no_such_payment_method pickup_card restricted_card
        revocation_of_all_authorizations revocation_of_authorization stolen_card stop_payment_order testmode_decline
    """,
    "soft": """
        card_velocity_exceeded do_not_honor duplicate_transaction generic_decline insufficient_funds invalid_amount
        no_action_taken withdrawal_count_limit_exceeded
    """,
    "customer": """
        authentication_not_handled authentication_required call_issuer confirm_card_data currency_not_supported
        incorrect_address incorrect_cvc incorrect_pin incorrect_zip invalid_cvc invalid_expiry_month invalid_expiry_year
        invalid_pin mobile_device_authentication_required new_account_information_available not_permitted
        offline_pin_required online_or_offline_pin_required pin_try_exceeded security_violation service_not_allowed
        transaction_not_allowed
    """,
    "later": "approve_with_id issuer_not_available processing_error reenter_transaction try_again_later",
}

KINDS: dict[str, Kind] = {word: kind for kind, words in _WORDS.items() for word in words.split()}
"""Every reason that is known (https://docs.stripe.com/declines/codes), with what it means."""

HARD = frozenset(reason for reason, kind in KINDS.items() if kind == "hard")
"""Reasons after which the same method is not worth another attempt."""


def kind_of(reason: str | None) -> Kind:
    """What a reason means for the next attempt; one that is unnamed, or that nobody has classed, is `soft`."""
    return KINDS.get(reason or "", "soft")


def hardness(reason: str | None) -> Literal["hard", "soft"]:
    """`hard` for a reason that will not go away by itself; everything else, an unnamed one too, is `soft`."""
    return "hard" if kind_of(reason) == "hard" else "soft"
