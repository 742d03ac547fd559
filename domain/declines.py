"""What a declined charge means for the next attempt: hard reasons never get better by asking again."""

from __future__ import annotations

from typing import Literal

HARD = frozenset(
    {
        "stolen_card",
        "lost_card",
        "pickup_card",
        "restricted_card",
        "fraudulent",
        "invalid_account",
        "account_closed",
        "expired_card",
        "invalid_number",
        "card_not_supported",
        "revocation_of_authorization",
        "revocation_of_all_authorizations",
        "no_such_payment_method",
    }
)
"""Reasons after which the same method is not worth another attempt; the words are those of the card networks as
Stripe spells them, which the other gateways are translated to."""


def hardness(reason: str | None) -> Literal["hard", "soft"]:
    """`hard` for a reason that will not go away by itself; everything else, an unnamed one too, is `soft`."""
    return "hard" if reason in HARD else "soft"
