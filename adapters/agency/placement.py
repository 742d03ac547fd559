"""A placement as every agency gets it: its reference, what is left of it, the dates as the customer has them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from adapters.agency.needs import Cases, Tasks
from domain.effects import Entry
from domain.money import decimal_text
from domain.subscription import Invoice

REFERENCE_LIMIT = 50  # characters of a creditor's reference at Debitura, the shortest that we know of
_SAFE = re.compile(r"[A-Za-z0-9._-]+")
_DIGEST_DIGITS = 20  # 80 bits: no two placements of a house share a reference


@dataclass(frozen=True, slots=True)
class Line:
    """What is placed of one invoice. Dates are the customer's local ones."""

    invoice: str
    issued_on: date
    due_on: date
    period_start: date
    period_end: date
    """Exclusive."""
    amount_minor: int
    placed_minor: int


def reference_of(key: str) -> str:
    """The name under which an agency knows a placement or recall: safe in a URL or file name, at most 50 characters.

    The key itself where it is that; else what can be read of it, and its digest.
    """
    if _SAFE.fullmatch(key) and len(key) <= REFERENCE_LIMIT:
        return key
    digest = hashlib.sha256(key.encode()).hexdigest()[:_DIGEST_DIGITS]
    readable = re.sub(r"[^A-Za-z0-9]+", "-", key).strip("-")[: REFERENCE_LIMIT - _DIGEST_DIGITS - 1]
    return f"{readable}-{digest}"


def placed_lines(invoices: Sequence[Invoice], history: Sequence[Entry]) -> tuple[Line, ...]:
    """A placement's lines, in the order of its invoices.

    An invoice's due date is the one that it was issued with, from the timeline: the customer's local date, which its
    instant in UTC does not tell. A charge that was never issued as an invoice is dated by the date it was missed on.
    """
    due_on = {
        str(entry.fields["invoice"]): date.fromisoformat(str(entry.fields["due_on"]))
        for entry in history
        if entry.what == "invoice_issued" and "due_on" in entry.fields
    }
    lines = []
    for invoice in invoices:
        due = due_on.get(invoice.number, invoice.missed_on)
        terms = timedelta(days=max(0, (invoice.due_at.date() - invoice.issued_at.date()).days))
        issued = due - terms if invoice.reopened_at is None else invoice.issued_at.date()
        lines.append(
            Line(
                invoice.number,
                min(issued, due),
                due,
                invoice.period_start,
                invoice.period_end,
                invoice.amount_minor,
                invoice.placed_minor,
            )
        )
    return tuple(lines)


async def left_to_place(
    cases: Cases, subscription_id: str, lines: Sequence[Line], placed_at: datetime
) -> tuple[Line, ...]:
    """What of a placement still has to be collected; lines with nothing left are left out.

    A placement that the agency refused may be sent again by hand, after money for it came: what was taken back in
    the meantime, from nobody, is not placed any more.
    """
    left = []
    for line in lines:
        gone = await cases.recalled_from_nobody(subscription_id, line.invoice, placed_at)
        if line.placed_minor > gone:
            left.append(replace(line, placed_minor=line.placed_minor - gone))
    return tuple(left)


async def take_back_from_nobody(
    cases: Cases, tasks: Tasks, key: str, *, subscription_id: str, invoice: str, minor: int, currency: str, at: datetime
) -> None:
    """Remember a recall for which no case is known, and ask support to make sure that nobody collects.

    It is no failure: a placement that was refused, or made by another system, has no case here.
    """
    await tasks.ask_support(
        f"recall/{key}",
        subscription_id,
        "recall without a case",
        f"{decimal_text(minor, currency)} {currency} of invoice {invoice} is not to be collected any more, and no case "
        "of an agency is known for it. If an agency was given this debt in another way, tell it. If its placement was "
        "refused and is sent again, this amount is left out of it by itself.",
    )
    # kept after it was asked: a recall that is kept is not looked at again
    await cases.keep_recall(key, subscription_id=subscription_id, invoice=invoice, minor=minor, case=None, at=at)
