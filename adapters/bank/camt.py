"""Bank statements in ISO 20022 XML: camt.053 (a day's statement) and camt.054 (notifications), of any version.

Versions differ in where they put a status, a party's name and an amount; elements are therefore found by their local
names, along each of the paths that versions .02 to .13 use. https://www.iso20022.org/iso-20022-message-definitions
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException  # type: ignore[import-untyped, unused-ignore]
from defusedxml.ElementTree import fromstring  # type: ignore[import-untyped, unused-ignore]

from adapters.bank.lines import BadStatement, Line, Statement, minor_units
from domain.matching import Kind, Stated
from domain.quoting import named, quoted

REPORTS = {"BkToCstmrStmt": ("camt.053", "Stmt"), "BkToCstmrDbtCdtNtfctn": ("camt.054", "Ntfctn")}
NOT_TAKEN = {
    "BkToCstmrAcctRpt": "a camt.052 intraday report, whose entries may still change; expected camt.053 or .054"
}
NO_REFERENCE = frozenset({"NOTPROVIDED", "NOTAVAILABLE", "NONREF"})


class _Booking(NamedTuple):
    """What all transfers of one `Ntry` share."""

    where: str
    account: str
    credit: bool
    reversal: bool
    minor: int
    currency: str
    booked_on: date
    value_on: date
    reference: str


def read(data: bytes) -> Statement:
    """The booked transfers of a camt.053 or camt.054. Raises BadStatement that names the place; nothing is skipped."""
    try:
        root = fromstring(data, forbid_dtd=True)
    except ParseError as error:
        raise BadStatement("the file", f"is not well-formed XML: {error}; expected a whole document") from None
    except DefusedXmlException:
        raise BadStatement("the file", "declares a document type or entities; expected XML without them") from None
    except (ValueError, LookupError):
        raise BadStatement("the file", "names an encoding that is not read; expected UTF-8") from None
    for body in root:
        name = _name(body)
        if name in NOT_TAKEN:
            raise BadStatement(name, f"is {NOT_TAKEN[name]}")
        if name in REPORTS:
            kind, report = REPORTS[name]
            return _statement(kind, [one for one in body if _name(one) == report])
    raise BadStatement(named(_name(root)), f"holds no {' or '.join(REPORTS)}; expected camt.053 or camt.054")


def _statement(kind: str, reports: list[Element]) -> Statement:
    lines: list[Line] = []
    pending = 0
    if not reports:
        raise BadStatement(kind, "holds no statement")
    for number, report in enumerate(reports, start=1):
        account = _text(report, "Acct/Id/IBAN") or _text(report, "Acct/Id/Othr/Id")
        if not account:
            raise BadStatement(f"statement {number}", "names no account; expected Acct/Id/IBAN or Acct/Id/Othr/Id")
        for entry_number, entry in enumerate(_all(report, "Ntry"), start=1):
            where = f"statement {number}, entry {entry_number}"
            status = _text(entry, "Sts/Cd") or _text(entry, "Sts")
            if status not in ("BOOK", "PDNG", "INFO", "FUTR"):
                raise BadStatement(where, f"has the status {quoted(status)}; expected BOOK, PDNG, INFO or FUTR")
            if status == "BOOK":
                lines.extend(_lines(entry, where, "".join(account.split()).upper()))
            else:
                pending += 1
    return Statement(kind, tuple(line for line in lines if line.minor), pending)


def _lines(entry: Element, where: str, account: str) -> list[Line]:
    """The transfers of one entry: itself, or each of those that it books in one sum."""
    minor, currency = _amount(entry, "Amt", where)
    booked = _date(entry, "BookgDt", where) or _date(entry, "ValDt", where)
    if booked is None:
        raise BadStatement(where, "has no date; expected BookgDt/Dt")
    booking = _Booking(
        where,
        account,
        _is_credit(entry, where),
        _text(entry, "RvslInd") in ("true", "1"),
        minor,
        currency,
        booked,
        _date(entry, "ValDt", where) or booked,
        _reference(_text(entry, "AcctSvcrRef")),
    )
    details = _all(entry, "NtryDtls/TxDtls")
    announced = _text(entry, "NtryDtls/Btch/NbOfTxs")
    if len(details) > 1:
        amounts = [_own_amount(detail, booking) for detail in details]
        if None in amounts or sum(a for a in amounts if a is not None) != minor:
            return [_lump(booking, f"{len(details)} transfers whose amounts are not given, or do not sum to it")]
        return [_line(d, booking, amount or 0, grouped=True) for d, amount in zip(details, amounts, strict=True)]
    if announced.isdigit() and int(announced) > 1:
        return [_lump(booking, f"{announced} transfers that it does not list")]
    if not details:
        details = [entry]
    return [_line(details[0], booking, minor, grouped=False, about=_text(entry, "AddtlNtryInf"))]


def _line(detail: Element, booking: _Booking, minor: int, *, grouped: bool, about: str = "") -> Line:
    party = "Dbtr" if booking.credit else "Cdtr"
    returned = booking.reversal or _find(detail, "RtrInf") is not None
    own = _reference(_text(detail, "Refs/AcctSvcrRef")) or (_reference(_text(detail, "Refs/TxId")) if grouped else "")
    text = " ".join(
        part for part in (_joined(detail, "RmtInf/Ustrd"), _joined(detail, "RmtInf/Strd/AddtlRmtInf")) if part
    )
    return Line(
        where=booking.where,
        account=booking.account,
        kind=_kind(booking.credit, returned),
        minor=minor,
        currency=booking.currency,
        booked_on=booking.booked_on,
        value_on=booking.value_on,
        bank_reference=own if grouped else booking.reference or own,
        group_reference=booking.reference if grouped else "",
        name=_text(detail, f"RltdPties/{party}/Pty/Nm") or _text(detail, f"RltdPties/{party}/Nm"),
        iban=_text(detail, f"RltdPties/{party}Acct/Id/IBAN"),
        text=text or about,
        stated=tuple(_stated(one, booking) for one in _all(detail, "RmtInf/Strd") if _names_something(one)),
        end_to_end_id=_reference(_text(detail, "Refs/EndToEndId")),
    )


def _lump(booking: _Booking, of: str) -> Line:
    return Line(
        where=booking.where,
        account=booking.account,
        kind="lump" if booking.credit else "debit",
        minor=booking.minor,
        currency=booking.currency,
        booked_on=booking.booked_on,
        value_on=booking.value_on,
        bank_reference=booking.reference,
        text=of,
    )


def _kind(credit: bool, returned: bool) -> Kind:
    if credit:
        return "return_of_debit" if returned else "credit"
    return "return_of_credit" if returned else "debit"


def _names_something(structured: Element) -> bool:
    return bool(_text(structured, "CdtrRefInf/Ref") or _text(structured, "RfrdDocInf/Nb"))


def _stated(structured: Element, booking: _Booking) -> Stated:
    reference = _text(structured, "CdtrRefInf/Ref") or _text(structured, "RfrdDocInf/Nb")
    for path in ("RfrdDocAmt/RmtdAmt", "RfrdDocAmt/DuePyblAmt"):
        found = _find(structured, path)
        if found is not None and found.get("Ccy") == booking.currency:
            return Stated(reference, _amount(structured, path, booking.where)[0])
    return Stated(reference)


def _own_amount(detail: Element, booking: _Booking) -> int | None:
    """A transfer's own amount in the account's currency; None where it has none."""
    for path in ("AmtDtls/TxAmt/Amt", "Amt"):
        found = _find(detail, path)
        if found is not None and found.get("Ccy") == booking.currency:
            return _amount(detail, path, booking.where)[0]
    return None


def _amount(node: Element, path: str, where: str) -> tuple[int, str]:
    found = _find(node, path)
    currency = found.get("Ccy") if found is not None else None
    if found is None or currency is None:
        raise BadStatement(where, f"has no amount with a currency; expected {path} with Ccy")
    return minor_units(where, (found.text or "").strip(), currency), currency


def _is_credit(entry: Element, where: str) -> bool:
    side = _text(entry, "CdtDbtInd")
    if side not in ("CRDT", "DBIT"):
        raise BadStatement(where, f"has CdtDbtInd {quoted(side)}; expected CRDT or DBIT")
    return side == "CRDT"


def _date(entry: Element, path: str, where: str) -> date | None:
    said = _text(entry, f"{path}/Dt") or _text(entry, f"{path}/DtTm")
    if not said:
        return None
    try:
        return date.fromisoformat(said[:10])  # a date may carry a time or a zone; the bank's own day counts
    except ValueError:
        raise BadStatement(where, f"has {path} {quoted(said)}; expected such as '2026-03-18'") from None


def _reference(said: str) -> str:
    """A reference; "" where the bank says that there is none."""
    return "" if said.upper().replace(" ", "") in NO_REFERENCE else said


def _joined(node: Element, path: str) -> str:
    return " ".join(text for one in _all(node, path) if (text := (one.text or "").strip()))


def _text(node: Element, path: str) -> str:
    found = _find(node, path)
    return (found.text or "").strip() if found is not None else ""


def _find(node: Element, path: str) -> Element | None:
    return next(iter(_all(node, path)), None)


def _all(node: Element, path: str) -> list[Element]:
    """Every element along a path of local names, whatever namespace the version of the message has."""
    level = [node]
    for name in path.split("/"):
        level = [child for parent in level for child in parent if _name(child) == name]
    return level


def _name(node: Element) -> str:
    return node.tag.rpartition("}")[2]
