"""What an agency sends back as a CSV file, as reports: payments, and cases that it gives up.

The header names the columns `id`, `reference`, `kind`, `amount`, `currency`, in any order; others are ignored. `id` is
the agency's own, unique for ever; `reference` is the one we placed under; `kind` is payment, returned, uncollectable or
disputed; `amount` a decimal such as 49.00, only of payments. UTF-8, with or without a byte order mark.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass

from adapters.agency.closing import outcome_of
from adapters.agency.csv_drop import AGENCY
from adapters.agency.needs import AgencyCase, Cases
from domain.money import InvalidAmount, Money, decimal_text
from domain.reports import Report

NEEDED = ("id", "reference", "kind", "amount", "currency")
ROWS_LIMIT = 100_000  # of one file; an agency's whole portfolio, and some 10 MB
FIELD_LIMIT = 120  # characters; ids become part of ours, and PostgreSQL refuses a zero byte
SOURCE = "agency-csv"


@dataclass(frozen=True, slots=True)
class _Line:
    """Where a row stands: in which file, by its digest, and in which line, counting the header as 1."""

    file: str
    number: int


class UnreadableFile(ValueError):
    """A file that is none of an agency's. Nothing of it was taken in and no money moved."""


async def read_agency_file(data: bytes, *, cases: Cases) -> tuple[Report, ...]:
    """One report or more for each row; a row that cannot be booked asks support. Raises UnreadableFile.

    Taking the same file in twice is no harm: the reports have the same ids.
    """
    file = hashlib.sha256(data).hexdigest()[:12]
    reports: list[Report] = []
    for number, row in enumerate(_rows(data), start=2):
        reports += await _read(_Line(file, number), row, cases)
    return tuple(reports)


def _rows(data: bytes) -> list[dict[str, str]]:
    try:
        table = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        missing = [name for name in NEEDED if name not in (table.fieldnames or ())]
        rows = [{name: (row[name] or "").strip() for name in NEEDED} for row in table] if not missing else []
    except UnicodeDecodeError as error:
        raise UnreadableFile(f"byte {error.start} is no UTF-8; expected CSV in UTF-8; nothing was taken in") from None
    except csv.Error as error:
        raise UnreadableFile(f"it is no CSV ({error}); expected {', '.join(NEEDED)}; nothing was taken in") from None
    if missing:
        raise UnreadableFile(f"column {missing[0]!r} is missing; expected {', '.join(NEEDED)}; nothing was taken in")
    if len(rows) > ROWS_LIMIT:
        raise UnreadableFile(f"{len(rows)} rows; expected at most {ROWS_LIMIT}; nothing was taken in")
    return rows


async def _read(at: _Line, row: Mapping[str, str], cases: Cases) -> list[Report]:
    if any(len(text) > FIELD_LIMIT or not text.isprintable() for text in row.values()):
        return [_ask(at, None, f"a field of it is none of at most {FIELD_LIMIT} printable characters")]
    case = await cases.find(AGENCY, row["reference"])
    if case is None or not row["id"]:
        why = "its reference is none of ours" if row["id"] else "it has no id"
        return [_ask(at, None, why)]
    match row["kind"].lower():
        case "payment":
            return [await _payment(at, row, case, cases)]
        case "disputed":
            return [_update(row, case, "disputed")]
        case "returned" | "uncollectable" as code:
            return await _closed(row, case, code, cases)
        case _:
            return [_ask(at, case, "its kind is unknown")]


async def _payment(at: _Line, row: Mapping[str, str], case: AgencyCase, cases: Cases) -> Report:
    try:
        minor = Money.parse(row["amount"], case.currency).minor
    except InvalidAmount:
        minor = 0
    if minor <= 0 or row["currency"].upper() != case.currency:
        return _ask(at, case, f"its amount is none in {case.currency}")
    kept = await cases.keep_payment(case, row["id"], minor, paid_to="agency")
    if kept.minor != minor:
        return _ask(at, case, f"payment {row['id']} was reported before with another amount")
    over = decimal_text(kept.minor - kept.counted_minor, case.currency)
    task = (
        ""
        if kept.minor == kept.counted_minor
        else f"Of payment {row['id']}, {over} {case.currency} is more than was placed; it is not counted."
    )
    if not kept.counted_minor:
        return Report(
            SOURCE, f"payment/{row['id']}", "payment", case.subscription_id, note="nothing counted", task=task
        )
    payload: dict[str, object] = {
        "id": f"{SOURCE}/payment/{row['id']}",
        "amount": decimal_text(kept.counted_minor, case.currency),
        "channel": "agency",
        "reference": f"{SOURCE}/{row['id']}",
    }
    if len(case.lines) == 1:
        payload["invoice"] = next(iter(case.lines))
    return Report(
        SOURCE, f"payment/{row['id']}", "payment", case.subscription_id, "payment-received", payload, task=task
    )


async def _closed(row: Mapping[str, str], case: AgencyCase, code: str, cases: Cases) -> list[Report]:
    await cases.close(case, code)
    left = case.minor - await cases.paid(case) - await cases.recalled(case)
    outcome = outcome_of(code, left_minor=left, open_beside=await cases.open_beside(case))
    reports = [_update(row, case, status) for status in outcome.statuses]
    if outcome.ask or not reports:
        reports.append(
            Report(SOURCE, f"closed/{row['id']}", code, case.subscription_id, note="case closed", task=outcome.ask)
        )
    return reports


def _update(row: Mapping[str, str], case: AgencyCase, status: str) -> Report:
    id_ = f"{status}/{row['id']}"
    payload: dict[str, object] = {"id": f"{SOURCE}/{id_}", "status": status}
    return Report(SOURCE, id_, status, case.subscription_id, "agency-update", payload)


def _ask(at: _Line, case: AgencyCase | None, why: str) -> Report:
    """A row that a person has to read: in the file, since its texts are not repeated here."""
    return Report(
        SOURCE,
        f"row/{at.file}/{at.number}",
        "row",
        case.subscription_id if case else None,
        note=why,
        task=f"Line {at.number} of an agency's file was not taken in: {why}. Book it by hand.",
    )
