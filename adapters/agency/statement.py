"""The documents that go with a placement: what is claimed, and what happened before. No name, address or free text."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from adapters.agency.placement import Line
from domain.effects import Entry
from domain.money import decimal_text

HISTORY_LIMIT = 5_000  # newest entries; some 400 kB, where an agency takes 25 MB

_TOLD = frozenset(
    {
        "invoice_issued",
        "charge",
        "payment_received",
        "payment_reversed",
        "credit_applied",
        "invoice_voided",
        "email",
        "standing",
        "cancelled",
        "termination_charge",
        "promise_to_pay",
        "promise_broken",
        "payment_announced",
        "collections_placed",
        "collections_recalled",
    }
)
"""What an agency is told of a life: money, demands and their consequences. Support's notes and reasons are not its."""

_FIELDS = ("invoice", "due_on", "outcome", "method", "channel", "template", "to", "until", "effective_on")
"""Fields of these entries that are our own words, numbers and dates, never a text that a person typed."""


@dataclass(frozen=True, slots=True)
class Document:
    """A file for the agency. The same name in one case is the same document."""

    name: str
    content: bytes
    media_type: str
    description: str


def statement(reference: str, client_number: str, lines: Sequence[Line], currency: str) -> Document:
    """What is claimed: each invoice with its dates, its amount, and what of it is placed."""
    written = [
        f"Statement of claim {reference}",
        f"Client number {client_number}",
        "",
        f"{'Invoice':<28}{'Issued':<12}{'Due':<12}{'Period':<26}{'Invoiced':>14}{'Claimed':>14}",
    ]
    for line in lines:
        period = f"{line.period_start} to {line.period_end}"
        invoiced, claimed = decimal_text(line.amount_minor, currency), decimal_text(line.placed_minor, currency)
        written.append(
            f"{line.invoice:<28}{line.issued_on!s:<12}{line.due_on!s:<12}{period:<26}{invoiced:>14}{claimed:>14}"
        )
    total = decimal_text(sum(line.placed_minor for line in lines), currency)
    written += ["", f"Claimed in all: {total} {currency}. A period ends before its second date.", ""]
    return Document(f"statement-{reference}.txt", "\r\n".join(written).encode(), "text/plain", "Statement of the claim")


def history(reference: str, entries: Sequence[Entry]) -> Document:
    """What happened before, one line for each entry that concerns the debt; instants in UTC."""
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(["at", "what", "amount", *_FIELDS])
    for entry in [e for e in entries if e.what in _TOLD][-HISTORY_LIMIT:]:
        said = [str(entry.fields.get(name, "")) for name in ("amount", *_FIELDS)]
        table.writerow([entry.at.strftime("%Y-%m-%dT%H:%M:%SZ"), entry.what, *said])
    return Document(f"history-{reference}.csv", text.getvalue().encode(), "text/csv", "What happened before")
