"""Against mock-bank, a bank that this project did not write: what it books and reports is what is taken in."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.bank.creditor_reference import creditor_reference, printed
from embedded.bank import bank
from engine.bank import Imported
from engine.bank_folder import TAKEN_IN, watch_folder
from tests.bank.conftest import Bank

pytestmark = pytest.mark.slow

PATIENCE = 60
RF_1, RF_2 = creditor_reference("s-1-0001"), creditor_reference("s-2-0001")
ADA = {"name": "Ada Example", "iban": "DE02120300000000202051"}


@dataclass(slots=True)
class Counter:
    """The bank's counter: what a payer asks of it, and what it has written."""

    http: httpx.AsyncClient
    statements: Path

    async def pays(self, minor: int, note: str | list[str], **more: Any) -> None:
        """Somebody pays into our account."""
        said = {"account": "ACME", "amount": minor, "note": note, "debtor": ADA, **more}
        answer = await self.http.post("/_mock/credits", json=said)
        assert answer.status_code == 201, answer.text

    async def days_pass(self, days: int = 7) -> None:
        """Some days pass at the bank, with a business day among them."""
        answer = await self.http.post(f"/_mock/advance?days={days}")
        assert answer.status_code == 200, answer.text

    async def written(self, kind: str) -> list[bytes]:
        """Its messages of a kind for our account, oldest first."""
        answer = await self.http.get(f"/_mock/messages?type={kind}")
        return [one["body"].encode() for one in answer.json() if one["account"] == "ACME"]


@pytest.fixture
async def counter(tmp_path: Path) -> AsyncIterator[Counter]:
    """A bank of its own for a test."""
    async with bank(tmp_path / "bank", tmp_path / "in") as url, httpx.AsyncClient(base_url=url) as http:
        yield Counter(http, tmp_path / "in")


async def test_notifications_and_the_days_statements_after_them_count_each_transfer_once(
    till: Bank, counter: Counter
) -> None:
    await counter.pays(3100, "danke", reference=RF_1)
    await counter.pays(1000, ["Teilzahlung fuer den Maerz, Rechnung vom Anfang", printed(RF_2)], wrap=35)
    await counter.pays(6200, f"{printed(RF_1)} {RF_2}")
    await counter.pays(2500, "Abschlag K-100")
    await counter.pays(500, "Trinkgeld")
    await counter.pays(500, "Trinkgeld")
    await counter.days_pass()
    first = [await till.take_file(f"n{i}", data) for i, data in enumerate(await counter.written("camt.054"))]
    assert sum(one.counts.get("applied", 0) for one in first) == 3
    assert sorted(till.door.once.values()) == sorted(
        [
            ("s-1", "payment-received", "31.00", "s-1-0001"),
            ("s-2", "payment-received", "10.00", "s-2-0001"),
            ("s-1", "payment-received", "31.00", "s-1-0001"),
            ("s-2", "payment-received", "31.00", "s-2-0001"),
        ]
    )
    assert [m.minor for m in await till.books.unapplied_money()] == [2500, 500, 500]
    told = len(till.door.told)
    days = await counter.written("camt.053")
    assert days
    later = [await till.take_file(f"d{i}", data) for i, data in enumerate(days)]
    assert sum(one.counts.get("known", 0) for one in later) == 6
    assert sum(len(one.entries) for one in later) == 6
    assert len(till.door.told) == told
    assert await till.books.audit() == []


async def test_the_folder_that_the_bank_writes_into_is_emptied_and_each_transfer_counted_once(
    till: Bank, counter: Counter
) -> None:
    await counter.pays(3100, f"Rechnung s-1-00{' '}01 Kunde K-100", wrap=35)
    await counter.days_pass()
    written = len(await counter.written("camt."))
    stop, seen = asyncio.Event(), list[Imported]()

    async def import_(name: str, data: bytes) -> Imported:
        seen.append(await till.take_file(name, data))
        if len([one for one in seen if "-ACME-" in one.file]) == written:
            stop.set()
        return seen[-1]

    async with asyncio.timeout(PATIENCE):
        await watch_folder(counter.statements, import_, stop=stop, poll_seconds=0.05)
    assert list(till.door.once.values()) == [("s-1", "payment-received", "31.00", "s-1-0001")]
    assert len(list((counter.statements / TAKEN_IN).glob("*-ACME-*.xml"))) == written


async def test_money_that_the_payers_bank_takes_back_is_a_reversal(till: Bank, counter: Counter) -> None:
    answer = await counter.http.post("/payments", content=COLLECTION.encode())
    assert answer.status_code == 202, answer.text
    await counter.days_pass()
    answer = await counter.http.post("/_mock/collections/E-2-E-1/refuse", json={"reason": "MD01"})
    assert answer.status_code == 200, answer.text
    await counter.days_pass()
    imported = [await till.take_file(f"d{i}", data) for i, data in enumerate(await counter.written("camt.053"))]
    assert [entry.outcome for one in imported for entry in one.entries] == ["applied", "returned"]
    (_, _, received), (whose, signal, reversed_) = till.door.told
    assert (whose, signal) == ("s-1", "payment-reversed")
    assert reversed_ == {
        "id": reversed_["id"],
        "amount": "31.00",
        "reference": received["reference"],
        "reason": "bounced",
        "by": "bank",
    }


COLLECTION = """<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.008.001.08"><CstmrDrctDbtInitn>
<GrpHdr><MsgId>M-1</MsgId><CreDtTm>2026-03-18T09:00:00</CreDtTm><NbOfTxs>1</NbOfTxs><CtrlSum>31.00</CtrlSum>
<InitgPty><Nm>ACME Corporation</Nm></InitgPty></GrpHdr>
<PmtInf><PmtInfId>P-1</PmtInfId><PmtMtd>DD</PmtMtd>
<PmtTpInf><SvcLvl><Cd>SEPA</Cd></SvcLvl><LclInstrm><Cd>CORE</Cd></LclInstrm><SeqTp>RCUR</SeqTp></PmtTpInf>
<ReqdColltnDt>2026-01-02</ReqdColltnDt><Cdtr><Nm>ACME Corporation</Nm></Cdtr>
<CdtrAcct><Id><IBAN>NL41MOCK0000000001</IBAN></Id></CdtrAcct><CdtrAgt><FinInstnId><BICFI>MOCKNL2A</BICFI></FinInstnId></CdtrAgt>
<CdtrSchmeId><Id><PrvtId><Othr><Id>NL51ZZZ123456780000</Id><SchmeNm><Prtry>SEPA</Prtry></SchmeNm></Othr></PrvtId></Id>
</CdtrSchmeId>
<DrctDbtTxInf><PmtId><EndToEndId>E-2-E-1</EndToEndId></PmtId><InstdAmt Ccy="EUR">31.00</InstdAmt>
<DrctDbtTx><MndtRltdInf><MndtId>MANDATE-1</MndtId><DtOfSgntr>2026-01-01</DtOfSgntr></MndtRltdInf></DrctDbtTx>
<DbtrAgt><FinInstnId><BICFI>BYLADEM1001</BICFI></FinInstnId></DbtrAgt><Dbtr><Nm>Ada Example</Nm></Dbtr>
<DbtrAcct><Id><IBAN>DE02120300000000202051</IBAN></Id></DbtrAcct>
<RmtInf><Ustrd>invoice s-1-0001 client K-100</Ustrd></RmtInf></DrctDbtTxInf></PmtInf></CstmrDrctDbtInitn></Document>
"""
