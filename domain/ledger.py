"""The chart of accounts, and what can be read from entries alone.

Debit is positive, credit negative, and every entry sums to zero. Amounts are whole minor units of one currency.

| account | what a positive balance means |
|---|---|
| receivable:<invoice> | still owed of that invoice |
| cash:<channel> | money received over that channel, less what was taken back |
| credit | (negative) money received and not allocated |
| revenue | (negative) invoiced |
| bad_debt | written off |
| placed:<invoice>, agency | memorandum: with the collections agency, and its counter-account |
| unapplied | (negative) money that belongs to no open subscription |
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from domain.effects import LedgerEntry, Posting, make_posting


def receivable(invoice: str) -> str:
    """The account of what is owed of one invoice."""
    return f"receivable:{invoice}"


def placed(invoice: str) -> str:
    """The memorandum account of what the agency has of one invoice."""
    return f"placed:{invoice}"


def issued(invoice: str, minor: int) -> tuple[Posting, ...]:
    """An invoice is owed."""
    return make_posting(receivable(invoice), minor), make_posting("revenue", -minor)


def voided(invoice: str, minor: int) -> tuple[Posting, ...]:
    """What was invoiced is not owed after all."""
    return make_posting("revenue", minor), make_posting(receivable(invoice), -minor)


def received(channel: str, minor: int, payment: str) -> tuple[Posting, ...]:
    """Money came in; it is credit until it is allocated."""
    return make_posting(f"cash:{channel}", minor, payment), make_posting("credit", -minor, payment)


def returned(channel: str, minor: int, payment: str) -> tuple[Posting, ...]:
    """Money was taken back out of what had become credit again."""
    return make_posting("credit", minor, payment), make_posting(f"cash:{channel}", -minor, payment)


def allocated(invoice: str, minor: int, payment: str) -> tuple[Posting, ...]:
    """Credit pays an invoice; a negative amount undoes it."""
    return make_posting("credit", minor, payment), make_posting(receivable(invoice), -minor, payment)


def written_off(invoice: str, minor: int) -> tuple[Posting, ...]:
    """An invoice will not be collected; a negative amount undoes it."""
    return make_posting("bad_debt", minor), make_posting(receivable(invoice), -minor)


def placement(invoice: str, minor: int) -> tuple[Posting, ...]:
    """The agency has so much more of an invoice; a negative amount takes it back."""
    return make_posting(placed(invoice), minor), make_posting("agency", -minor)


def unapplied(channel: str, minor: int, payment: str) -> tuple[Posting, ...]:
    """Money came that belongs to no open subscription."""
    return make_posting(f"cash:{channel}", minor, payment), make_posting("unapplied", -minor, payment)


def balances(entries: Iterable[LedgerEntry]) -> dict[str, int]:
    """Every account's balance, recomputed from entries alone. Accounts that come to zero are left out."""
    sums: dict[str, int] = defaultdict(int)
    for entry in entries:
        for posting in entry.postings:
            sums[posting.account] += posting.minor
    return {account: minor for account, minor in sums.items() if minor}
