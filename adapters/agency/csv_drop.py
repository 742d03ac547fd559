"""Collections through files: one CSV for each placement and recall, in a folder that an agency's transfer empties.

Two folders: `out/`, where the agency (or what uploads for it) takes files from, and `kept/`, our own copy. A file
exists in `kept/` before it is offered, and what is offered is always that copy: the same key never goes out with other
content. Both hold personal data; who may read them is for the operator to set.
"""

from __future__ import annotations

import asyncio
import csv
import io
import os
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from adapters.agency.needs import AgencyCase, AgencyName, Cases, Tasks
from adapters.agency.placement import Line, left_to_place, placed_lines, reference_of, take_back_from_nobody
from domain.effects import Entry
from domain.gateways import DeliveryRefused
from domain.letters import Addressee
from domain.money import decimal_text
from domain.subscription import Invoice

AGENCY: AgencyName = "csv"

COLUMNS = (
    "reference",  # ours, of the placement; the agency names it in whatever it reports
    "kind",  # placement or recall
    "invoice",
    "amount",  # placed, or not to be collected any more; a decimal point, as many decimals as the currency has
    "currency",
    "issued_on",
    "due_on",
    "client_number",
    "name",
    "email",
    "phone",
    "street",
    "postal_code",
    "city",
    "country",  # ISO 3166-1 alpha-2
    "at",  # when it was decided, UTC
    "because",
)
"""The header of every file. A recall names no debtor: its reference says whose it is."""

FILE_MODE = 0o640  # debtors' data: for us, and for the group that the transfer to the agency runs in
_MONEY = ("reference", "kind", "invoice", "amount", "currency")  # what must agree where a file exists already
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for a formula (OWASP, "CSV Injection")


class CsvDrop:
    """Hands debts over and takes amounts back as files; the same key is the same file."""

    def __init__(self, folder: Path, *, cases: Cases, tasks: Tasks) -> None:
        """Makes `folder`/out and `folder`/kept where they are missing; both must be on one file system."""
        self._out, self._kept = folder / "out", folder / "kept"
        self._cases = cases
        self._tasks = tasks
        for made in (self._out, self._kept):
            made.mkdir(parents=True, exist_ok=True)

    async def close(self) -> None:
        """Nothing is held open."""

    async def place(
        self,
        key: str,
        *,
        subscription_id: str,
        debtor: Addressee,
        currency: str,
        invoices: Sequence[Invoice],
        history: Sequence[Entry],
        at: datetime,
    ) -> None:
        """Offer a placement's file: one row for each invoice. Raises OSError where the folder cannot be written."""
        if await self._cases.of_placement(key) is not None:
            return
        reference = reference_of(key)
        lines = await left_to_place(self._cases, subscription_id, placed_lines(invoices, history), at)
        if not lines:
            return
        if not debtor.address.get("street"):
            await self._tasks.ask_support(
                f"address/{key}",
                subscription_id,
                "the agency needs the debtor's address",
                f"Placement {key} was handed over without one. Ask the customer and tell the agency; file {reference}.",
            )
        rows = [_placement_row(reference, line, debtor, currency, at) for line in lines]
        await asyncio.to_thread(self._offer, f"{reference}.csv", rows)
        amounts = {line.invoice: line.placed_minor for line in lines}
        await self._cases.keep(AgencyCase(key, AGENCY, reference, subscription_id, currency, amounts))

    async def recall(
        self, key: str, *, subscription_id: str, invoice: str, minor: int, currency: str, because: str, at: datetime
    ) -> None:
        """Offer a recall's file, of one row. Raises OSError where the folder cannot be written."""
        case = await self._cases.holding(AGENCY, subscription_id, invoice)
        if case is None:
            await take_back_from_nobody(
                self._cases,
                self._tasks,
                key,
                subscription_id=subscription_id,
                invoice=invoice,
                minor=minor,
                currency=currency,
                at=at,
            )
            return
        row = {
            "reference": case.case_id,
            "kind": "recall",
            "invoice": invoice,
            "amount": decimal_text(minor, currency),
            "currency": currency,
            "at": _instant(at),
            "because": because,
        }
        await asyncio.to_thread(self._offer, f"recall-{reference_of(key)}.csv", [row])
        await self._cases.keep_recall(
            key, subscription_id=subscription_id, invoice=invoice, minor=minor, case=case, at=at
        )

    def _offer(self, name: str, rows: Sequence[Mapping[str, str]]) -> None:
        """Keep our copy, then offer it. A repetition offers the copy that is there, if it is about the same money."""
        kept = self._kept / name
        if kept.exists():
            with kept.open(encoding="utf-8", newline="") as file:
                was = [{column: row[column] for column in _MONEY} for row in csv.DictReader(file)]
            if was != [{column: _cell(row.get(column, "")) for column in _MONEY} for row in rows]:
                raise DeliveryRefused(
                    f"file {name} exists and is about other amounts; it was not written again and no money moved. See "
                    "what the agency has of it and mend it by hand"
                )
        else:
            _write_whole(kept, _as_csv(rows))
        offered = self._out / name
        if not offered.exists():
            _write_whole(offered, kept.read_bytes())


def _placement_row(reference: str, line: Line, debtor: Addressee, currency: str, at: datetime) -> dict[str, str]:
    return {
        "reference": reference,
        "kind": "placement",
        "invoice": line.invoice,
        "amount": decimal_text(line.placed_minor, currency),
        "currency": currency,
        "issued_on": line.issued_on.isoformat(),
        "due_on": line.due_on.isoformat(),
        "client_number": debtor.client_number,
        "name": debtor.name,
        "email": debtor.email,
        "phone": debtor.phone,
        **{name: debtor.address.get(name, "") for name in ("street", "postal_code", "city", "country")},
        "at": _instant(at),
    }


def _as_csv(rows: Sequence[Mapping[str, str]]) -> bytes:
    """RFC 4180, UTF-8, CRLF."""
    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS, restval="")
    table.writeheader()
    table.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return text.getvalue().encode()


def _cell(value: str) -> str:
    """A cell that no spreadsheet runs: what begins like a formula gets an apostrophe before it."""
    return f"'{value}" if value.startswith(_FORMULA) else value


def _instant(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _write_whole(file: Path, content: bytes) -> None:
    """Write a file so that nobody ever sees a part of it, and so that it survives a power cut once it is there."""
    descriptor, half = tempfile.mkstemp(dir=file.parent, prefix=".", suffix=".part")
    with open(descriptor, "wb") as writing:  # noqa: PTH123 mkstemp gives a descriptor
        os.fchmod(writing.fileno(), FILE_MODE)
        writing.write(content)
        writing.flush()
        os.fsync(writing.fileno())
    Path(half).replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
