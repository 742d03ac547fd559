"""The reference a customer writes on a transfer: an ISO 11649 creditor reference, `RF18...`, one for each invoice.

Banks carry it in a field of its own and check its two digits, so that a transfer that bears one finds its invoice
whatever else the payer wrote.
"""

from __future__ import annotations

import base64

from stdnum import iso11649

from domain.matching import number_digest


def creditor_reference(number: str) -> str:
    """The creditor reference of an invoice, unbroken: 20 characters, `RF`, two check digits, 16 of A-Z and 2-7.

    An invoice's number may be longer than the 21 characters that ISO 11649 leaves, and holds `.`, `_` and `-`, which
    it forbids; so the reference is derived from the number's SHA-256. The first 80 bits make 16 characters, which
    with `RF` and the check digits print as five groups of four; among a million invoices two share one with a
    probability of about 4 in 10^13.
    """
    body = base64.b32encode(number_digest(number)).decode()
    return f"RF{_check_digits(body)}{body}"


def printed(reference: str) -> str:
    """A creditor reference as it is printed and read aloud: in groups of four."""
    compact = iso11649.compact(reference)
    return " ".join(compact[i : i + 4] for i in range(0, len(compact), 4))


def _check_digits(body: str) -> str:
    """ISO 7064 mod 97-10 over the body with `RF00` behind it, as ISO 11649 says; 02 to 98."""
    number = int("".join(str(int(character, 36)) for character in f"{body}RF00"))
    return f"{98 - number % 97:02d}"
