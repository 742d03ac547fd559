"""Names that must come out the same however often they are made: nothing here is drawn, everything is derived."""

from __future__ import annotations

import hashlib

IDENTIFIER_LIMIT = 100  # characters; ids become part of invoice numbers and keys


def invoice_number(subscription_id: str, ordinal: int) -> str:
    """`s-1-0001`, `s-1-0002`, ... in order of issue."""
    return f"{subscription_id}-{ordinal:04d}"


def charge_key(invoice_number: str, round_number: int, role: str) -> str:
    """The idempotency key of a charge, and the reference of the payment it makes: `<invoice>/<n>/<method>`.

    The invoice's number holds the subscription; n counts the rounds in which that invoice was tried, from 1. A declined
    charge is answered again for the same key by every gateway, so that a new attempt needs a new round.
    """
    return f"{invoice_number}/{round_number}/{role}"


def is_own_charge(reference: str, subscription_id: str) -> bool:
    """True for the reference of a charge that this subscription made itself: its money has been counted already."""
    invoice, slash, rest = reference.partition("/")
    return bool(slash) and invoice.startswith(f"{subscription_id}-") and rest.endswith(("/primary", "/secondary"))


def is_identifier(text: str) -> bool:
    """Whether a text can be the id of a subscription: 1 to 100 ASCII letters, digits, `-`, `_` or `.`."""
    return 0 < len(text) <= IDENTIFIER_LIMIT and text.isascii() and all(c.isalnum() or c in "-_." for c in text)


def workflow_id(subscription_id: str) -> str:
    """The id under which a subscription's workflow runs."""
    return f"subscription/{subscription_id}"


def short_digest(text: str) -> str:
    """60 bits of SHA-256 as 15 hex digits: enough to tell a subscription's few thousand messages apart."""
    return hashlib.sha256(text.encode()).hexdigest()[:15]
