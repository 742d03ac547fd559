"""Card numbers never enter: what looks like one is refused at every door, and is never repeated in an answer."""

from __future__ import annotations

import re
from collections.abc import Mapping

_DIGITS = re.compile(r"(?<![0-9A-Za-z])\d(?:[ -]?\d){12,18}(?![0-9A-Za-z])")
"""13 to 19 digits, as people write them: in one piece, or parted by single spaces or hyphens (ISO/IEC 7812)."""

_ISSUED = re.compile(
    r"4(\d{12}|\d{15}|\d{18})"  # Visa
    r"|(5[1-5]\d{2}|222[1-9]|22[3-9]\d|2[3-6]\d{2}|27[01]\d|2720)\d{12}"  # Mastercard
    r"|3[47]\d{13}"  # American Express
    r"|(6011|65\d{2}|64[4-9]\d)\d{12}"  # Discover
    r"|35(2[89]|[3-8]\d)\d{12}"  # JCB
    r"|3(0[0-59]|[689]\d)\d{11,16}"  # Diners Club
)
"""The ranges and lengths in which the large networks issue numbers: a bank's own reference is rarely one of them."""

IDENTIFIERS = frozenset({"id", "reference", "invoice", "invoices", "client_number", "amount", "at", "until"})
"""Fields of messages that name things by long digits, and of which no person types a card number into one."""

REFUSED = "looks like a card number, which is never taken in; expected a gateway's token, or the last four digits"


def holds_card_number(text: str) -> bool:
    """Whether a text holds digits that could be a payment card's: issued in that range, and passing the Luhn check."""
    for found in _DIGITS.finditer(text):
        digits = re.sub(r"\D", "", found.group())
        if _ISSUED.fullmatch(digits) and _luhn(digits):
            return True
    return False


def field_with_card_number(payload: Mapping[str, object]) -> str | None:
    """The first field of a message whose text holds a card number, shortened to a line; None where none does."""
    for name, value in payload.items():
        if holds_card_number(name):
            return "(its name)"
        if name not in IDENTIFIERS and holds_card_number(str(value)):
            return name[:60]
    return None


def _luhn(text: str) -> bool:
    digits = [int(c) for c in reversed(text)]
    return (sum(digits[::2]) + sum(d * 2 - 9 * (d > 4) for d in digits[1::2])) % 10 == 0
