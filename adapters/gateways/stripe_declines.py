"""Why Stripe declined, in our own reasons, and what each reason means for the next attempt.

Our reasons are Stripe's decline codes (https://docs.stripe.com/declines/codes); what its advice codes say on top
(https://docs.stripe.com/declines/card#retrying-issuer-declines) is folded into the reason, because a reason is all that
the rest of the program sees.
"""

from __future__ import annotations

import re
from typing import Literal

Kind = Literal["hard", "soft", "customer", "later"]
"""hard: never ask this method again. soft: another day may do. customer: only the customer can help. later: a fault
on the way, the same charge may well pass soon."""

NO_METHOD = "no_such_payment_method"  # ours: nothing is vaulted, or Stripe no longer has it
UNSAID = "generic_decline"

_CODES: dict[Kind, str] = {
    "hard": """
        card_not_supported do_not_try_again expired_card fraudulent incorrect_number invalid_account invalid_number
        account_closed lost_card merchant_blacklist no_such_payment_method pickup_card restricted_card
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

KINDS: dict[str, Kind] = {code: kind for kind, codes in _CODES.items() for code in codes.split()}
"""Every reason that Stripe documents and those that advice is folded into, with what it means."""

_WORD = re.compile(r"[a-z][a-z_]{2,59}")


def kind_of(reason: str) -> Kind:
    """What a reason means; one that nobody has classed is `soft`."""
    return KINDS.get(reason, "soft")


def reason_of(code: str | None, decline_code: str | None = None, advice_code: str | None = None) -> str:
    """Our reason for what a card error, or a PaymentIntent's `last_payment_error`, says.

    The advice `do_not_try_again` always ends as a hard reason; `confirm_card_data` and `try_again_later` sharpen
    reasons that say nothing by themselves. A code that is new at Stripe is passed on as it is: support reads it.
    """
    said = _named(decline_code) or _documented(code) or UNSAID
    kind = kind_of(said)
    match advice_code:
        case "do_not_try_again" if kind != "hard":
            return "do_not_try_again"
        case "confirm_card_data" if kind == "soft":
            return "confirm_card_data"
        case "try_again_later" if said in (UNSAID, "do_not_honor", "no_action_taken"):
            return "try_again_later"
    return said


def _named(decline_code: str | None) -> str | None:
    """The decline code, where it is a word; anything else would put a stranger's text into the books."""
    return decline_code if decline_code is not None and _WORD.fullmatch(decline_code) else None


def _documented(code: str | None) -> str | None:
    """Error codes such as `expired_card` say what the decline code would; `card_declined` says nothing."""
    return code if code in KINDS else None
