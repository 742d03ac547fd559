"""Statements for tests: the examples, and camt.053 written from a few words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

EXAMPLES = Path(__file__).parents[2] / "examples" / "bank"
ACCOUNT = "DE89370400440532013000"


def example(name: str) -> bytes:
    """The bytes of a file in `examples/bank`."""
    return (EXAMPLES / name).read_bytes()


@dataclass(frozen=True, slots=True)
class Transfer:
    """One entry of a statement to be written; `amount` is what stands in the XML."""

    amount: str
    text: str = ""
    reference: str = ""
    name: str = "Ada Example"
    end_to_end_id: str = "NOTPROVIDED"
    side: str = "CRDT"
    returned: bool = False
    booked_on: str = "2026-03-18"
    status: str = "<Cd>BOOK</Cd>"
    currency: str = "EUR"


def statement(*transfers: Transfer, body: str = "BkToCstmrStmt", version: str = "camt.053.001.08") -> bytes:
    """A camt statement of one account with those entries."""
    report = "Stmt" if body == "BkToCstmrStmt" else "Ntfctn"
    entries = "".join(map(_entry, transfers))
    return (
        f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:{version}"><{body}><{report}>'
        f"<Acct><Id><IBAN>{ACCOUNT}</IBAN></Id></Acct>{entries}</{report}></{body}></Document>"
    ).encode()


def _entry(one: Transfer) -> str:
    party = "Dbtr" if one.side == "CRDT" else "Cdtr"
    reference = f"<AcctSvcrRef>{one.reference}</AcctSvcrRef>" if one.reference else ""
    return (
        f'<Ntry><Amt Ccy="{one.currency}">{one.amount}</Amt><CdtDbtInd>{one.side}</CdtDbtInd><Sts>{one.status}</Sts>'
        f"<BookgDt><Dt>{one.booked_on}</Dt></BookgDt><ValDt><Dt>{one.booked_on}</Dt></ValDt>{reference}"
        f"<NtryDtls><TxDtls><Refs><EndToEndId>{one.end_to_end_id}</EndToEndId></Refs>"
        f"<RltdPties><{party}><Pty><Nm>{escape(one.name)}</Nm></Pty></{party}></RltdPties>"
        f"<RmtInf><Ustrd>{escape(one.text)}</Ustrd></RmtInf>"
        f"{'<RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf>' if one.returned else ''}</TxDtls></NtryDtls></Ntry>"
    )
