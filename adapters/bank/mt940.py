"""Bank statements in SWIFT MT940, as German (`?20...`) and Dutch (`/REMI/...`) banks and plain ones write them.

The library reads the tags; what stands in `:86:` is read here, because its fields must not run into each other.
"""

from __future__ import annotations

import io
import logging
import re
from decimal import Decimal
from typing import Any

import mt940
from stdnum import iban as iban_number

from adapters.bank.lines import BadStatement, Line, Statement, minor_units
from domain.matching import Kind
from domain.quoting import quoted

NO_REFERENCE = frozenset({"", "NONREF", "NOTPROVIDED", "EREF", "KREF", "NOREF"})
RETURNED_ITEM = "NRTI"  # a debit of this type takes back a credit (SWIFT, field 61, subfield 6)

_UNSEEN = dict.fromkeys((*range(32), *range(127, 160)))
"""Control characters: SWIFT frames its blocks with some, and PostgreSQL refuses a text with a zero byte."""

_IN_CLEAR = frozenset({"20", "28", "60F", "60M", "62F", "62M"})
"""Fields whose value may be repeated: they hold no name and no purpose."""

# The library tells every field that it cannot read, payers' names among them, to whoever listens: nobody does.
logging.getLogger("mt940").setLevel(logging.CRITICAL + 1)

_MARKS: dict[str, Kind] = {"C": "credit", "RC": "return_of_credit", "D": "debit", "RD": "return_of_debit"}


def read(data: bytes) -> Statement:
    """The transfers of an MT940 file of one or more statements. Raises BadStatement; nothing is skipped.

    What the lines sum to must agree with the balances, so that a line that was lost or misread refuses the file.
    """
    text = _decoded(data)
    blocks = [block for block in re.split(r"(?m)^(?=:20:)", text) if block.startswith(":20:")]
    if not blocks:
        raise BadStatement("the file", "holds no :20:; expected MT940")
    lines = [line for number, block in enumerate(blocks, start=1) for line in _statement(block, f"statement {number}")]
    return Statement("mt940", tuple(line for line in lines if line.minor))


def _decoded(data: bytes) -> str:
    """Text with plain line ends. MT940 names no encoding: UTF-8 where it is that, else Latin-1 as most banks write."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    kept = [line.translate(_UNSEEN).rstrip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    return "\n".join(line for line in kept if not line.startswith(("{", "-}")))


def _statement(block: str, where: str) -> list[Line]:
    try:
        # A handle, not the text: the library takes a text that happens to name a file for that file.
        parsed = mt940.parse(
            io.StringIO(_without_closing_remarks(block)),
            processors={"post_transaction_details": []},
            options=mt940.Options.all(),
        )
    except (RuntimeError, ValueError, ArithmeticError, LookupError, TypeError, AttributeError) as error:
        raise BadStatement(where, f"has {_unread(error)}; expected what MT940 writes there") from None
    account = _account(str(parsed.data.get("account_identification") or ""))
    if not account:
        raise BadStatement(where, "names no account; expected :25:")
    booked = [t.data for t in parsed if t.data.get("status")]
    asked = len(re.findall(r"(?m)^:61:", block))
    if len(booked) != asked:
        raise BadStatement(
            where, f"has a :61: that is not MT940; expected {asked} lines, and {len(booked)} can be read"
        )
    currency = parsed.currency
    if booked and currency is None:
        raise BadStatement(where, "has no balance, which names the currency; expected :60F: or :62F:")
    _agree(parsed.data, booked, where)
    return [_line(one, f"{where}, line {i}", account, currency or "") for i, one in enumerate(booked, start=1)]


def _unread(error: Exception) -> str:
    """Which field the library could not read, and its value where that is nobody's business."""
    tag = str(getattr(error.args[1], "id", "")) if len(error.args) > 2 else ""
    if not tag:
        return "a date or an amount that is none"
    return f"the field :{tag}: {quoted(error.args[2])}" if tag in _IN_CLEAR else f"a field :{tag}: that cannot be read"


def _agree(data: dict[str, Any], booked: list[dict[str, Any]], where: str) -> None:
    opening = data.get("final_opening_balance") or data.get("intermediate_opening_balance")
    closing = data.get("final_closing_balance") or data.get("intermediate_closing_balance")
    if opening is None or closing is None:
        raise BadStatement(where, "has no opening or closing balance; expected :60F: and :62F: (or :60M:, :62M:)")
    moved = sum((one["amount"].amount for one in booked), Decimal(0))
    if opening.amount.amount + moved != closing.amount.amount:
        raise BadStatement(where, f"does not add up: its lines come to {moved}; expected what its balances differ by")


def _line(data: dict[str, Any], where: str, account: str, currency: str) -> Line:
    kind = _MARKS[str(data["status"]).upper()]
    if kind == "debit" and data.get("id") == RETURNED_ITEM:
        kind = "return_of_credit"
    reference = str(data.get("bank_reference") or "").strip()
    customer = str(data.get("customer_reference") or "").strip()
    said = details(str(data.get("transaction_details") or ""))
    extra = str(data.get("extra_details") or "").strip()
    booked = data.get("entry_date") or data["date"]
    return Line(
        where=where,
        account=account,
        kind=kind,
        minor=minor_units(where, f"{abs(data['amount'].amount):f}", currency),
        currency=currency,
        booked_on=booked,
        value_on=data["date"],
        bank_reference="" if reference.upper() in NO_REFERENCE else reference,
        name=said.get("name", ""),
        iban=said.get("iban", ""),
        text=" ".join(part for part in (said.get("text", ""), extra) if part),
        end_to_end_id=_given(said.get("end_to_end_id", "")) or _given(customer),
    )


def _given(reference: str) -> str:
    return "" if reference.upper() in NO_REFERENCE else reference


def _without_closing_remarks(block: str) -> str:
    """A statement without the `:86:` that banks put behind its closing balance: it belongs to no transfer."""
    kept, closed, dropping = [], False, False
    for line in block.split("\n"):
        tag = re.match(r":(\d\d[A-Z]?|NS):", line)
        if tag:
            closed = closed or tag[1].startswith("62")
            dropping = closed and tag[1] == "86"
        if not dropping:
            kept.append(line)
    return "\n".join(kept)


def _account(said: str) -> str:
    """The account of :25:, an IBAN without its spaces and without a currency behind it where it is one."""
    compact = "".join(said.split()).upper()
    for candidate in (compact, compact[:-3]):
        if iban_number.is_valid(candidate):
            return candidate
    return compact


_SEPA = ("EREF", "KREF", "MREF", "CRED", "DEBT", "SVWZ", "ABWA", "ABWE", "IBAN", "BIC", "COAM", "OAMT", "PURP")
_SLASHED = (
    "EREF",
    "REMI",
    "NAME",
    "IBAN",
    "BIC",
    "TRTP",
    "ORDP",
    "BENM",
    "CNTP",
    "CSID",
    "MARF",
    "PREF",
    "RTRN",
    "PURP",
)


def details(written: str) -> dict[str, str]:
    """`name`, `iban`, `text` and `end_to_end_id` of what stands in `:86:`; what is not there is left out."""
    joined = written.replace("\n", "")
    if re.match(r"\d{3}\?\d\d", joined):
        return _numbered(joined)
    if re.match(rf"/?(?:{'|'.join(_SLASHED)})/", joined):
        return _slashed(joined)
    return {"text": " ".join(written.split())}


def _numbered(written: str) -> dict[str, str]:
    """German style: `?20` to `?29` and `?60` to `?63` hold short lines, `?31` the account, `?32` and `?33` the name."""
    fields = [(f[1], f[2]) for f in re.finditer(r"\?(\d\d)([^?]*)", written)]
    lines = [text.strip() for number, text in fields if "20" <= number <= "29" or "60" <= number <= "63"]
    found: dict[str, list[str]] = {}
    keyword = "SVWZ"
    for line in lines:
        begins = re.match(rf"({'|'.join(_SEPA)})\+", line)
        if begins:
            keyword, line = begins[1], line[begins.end() :]
        found.setdefault(keyword, []).append(line.strip())
    said = {
        "name": "".join(text for number, text in fields if number in ("32", "33")).strip(),
        "iban": next((text.strip() for number, text in fields if number == "31"), "") or "".join(found.get("IBAN", [])),
        "text": " ".join(found.get("SVWZ", [])),
        "end_to_end_id": "".join(found.get("EREF", [])),
    }
    return {name: text for name, text in said.items() if text}


def _slashed(written: str) -> dict[str, str]:
    """Dutch style: `/NAME/A. Example/REMI/USTD//invoice .../EREF/...`; a name may hold a slash, a keyword may not."""
    parts = re.split(rf"(?:^|/)({'|'.join(_SLASHED)})/", written)
    fields = {key: text.strip().strip("/") for key, text in zip(parts[1::2], parts[2::2], strict=True)}
    remittance = re.sub(r"^(USTD|STRD/CUR)/+", "", fields.get("REMI", ""))
    party = fields.get("CNTP", "").split("/")
    said = {
        "name": fields.get("NAME", "") or (party[2] if len(party) > 2 else ""),
        "iban": fields.get("IBAN", "") or party[0],
        "text": remittance,
        "end_to_end_id": _given(fields.get("EREF", "")),
    }
    return {name: text for name, text in said.items() if text}
