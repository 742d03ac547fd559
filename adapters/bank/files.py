"""A bank's file, in whichever format, as booked transfers that each have a key of their own for ever.

The key is what keeps money from counting twice: the same transfer has the same key in a notification and in the day's
statement, in a statement that is delivered again, and in two statements that overlap.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import Literal

from adapters.bank import camt, mt940
from adapters.bank.lines import BadStatement, Line, Statement
from domain.matching import StatementEntry, squeezed
from domain.quoting import legible

BYTES_LIMIT = 20 * 1024 * 1024  # a statement of 10,000 transfers has about 15 MB of XML; what is larger comes in parts
LINES_LIMIT = 10_000  # of one file: it is read whole before anything is taken in
DIGEST_LENGTH = 24  # characters of base32: 120 bits. Letters, because long runs of digits are taken for card numbers

KeyedBy = Literal["reference", "content"]
"""What a key is made from: the bank's own reference of the transfer, or all that is said of it."""


@dataclass(frozen=True, slots=True)
class BankFile:
    """What one file says. `pending`: how many entries are not booked yet; they come again once they are."""

    name: str
    format: str
    entries: tuple[StatementEntry, ...]
    pending: int


def read_statement(file_name: str, data: bytes) -> BankFile:
    """The transfers of a camt.053, camt.054 or MT940 file, in its order. Raises BadStatement naming file and place.

    A file is taken as a whole or not at all. Its name is kept as far as it can be read aloud.
    """
    file_name = legible(file_name, 100) or "a file without a name"
    try:
        if len(data) > BYTES_LIMIT:
            raise BadStatement("the file", f"has {len(data)} bytes; expected at most {BYTES_LIMIT}")
        statement = _read(data)
        if len(statement.lines) > LINES_LIMIT:
            raise BadStatement("the file", f"has {len(statement.lines)} transfers; expected at most {LINES_LIMIT}")
    except BadStatement as error:
        raise BadStatement.of(file_name, error) from None
    return BankFile(file_name, statement.format, _keyed(statement), statement.pending)


def keyed_by(entry: StatementEntry) -> KeyedBy:
    """What an entry's key is made from."""
    return "reference" if entry.bank_reference or entry.group_reference else "content"


def payer(entry: StatementEntry) -> str:
    """A digest of who paid, by which a returned transfer is found again without keeping a name; "" for nobody."""
    return _digest(entry.iban or squeezed(entry.name)) if entry.iban or squeezed(entry.name) else ""


def _read(data: bytes) -> Statement:
    begins = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if begins.startswith(b"<") or data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return camt.read(data)
    if b":20:" in begins:
        return mt940.read(data)
    raise BadStatement("the file", "begins neither as XML nor as MT940; expected camt.053, camt.054 or MT940")


def _keyed(statement: Statement) -> tuple[StatementEntry, ...]:
    """The entries with their keys: lines that cannot be told apart are counted, so that two equal ones are two."""
    met: Counter[tuple[str, ...]] = Counter()
    entries = []
    for line in statement.lines:
        basis = _basis(line, statement.format)
        met[basis] += 1
        entries.append(
            StatementEntry(
                key=f"bank/{_digest(*basis, str(met[basis]))}",
                account=line.account,
                kind=line.kind,
                minor=line.minor,
                currency=line.currency,
                booked_on=line.booked_on,
                value_on=line.value_on,
                bank_reference=line.bank_reference,
                group_reference=line.group_reference,
                name=line.name,
                iban=line.iban,
                text=line.text,
                stated=line.stated,
                end_to_end_id=line.end_to_end_id,
                fingerprint=_digest(*_content(line)),
            )
        )
    return tuple(entries)


def _basis(line: Line, format_: str) -> tuple[str, ...]:
    """What the key is made from. The direction is part of it: a bank may reverse an entry under its own reference.

    The amount is, too, because some banks give all transfers of one booking the same reference; and in MT940 the day,
    because there the reference is short and comes again.
    """
    money = (line.account, line.kind, str(line.minor), line.currency)
    if line.bank_reference:
        return (*money, "by", line.bank_reference, *((line.booked_on.isoformat(),) if format_ == "mt940" else ()))
    if line.group_reference:
        return (*money, "in", line.group_reference)
    return (*money, "on", *_content(line))


def _content(line: Line) -> tuple[str, ...]:
    who = (line.end_to_end_id, line.iban, squeezed(line.name), squeezed(line.text))
    stated = tuple(squeezed(one.reference) for one in line.stated)
    return (line.account, str(line.minor), line.currency, line.booked_on.isoformat(), *who, *stated)


def _digest(*parts: str) -> str:
    spelled = "".join(f"{len(part)}:{part}" for part in parts)
    return base64.b32encode(hashlib.sha256(spelled.encode()).digest()).decode().lower()[:DIGEST_LENGTH]
