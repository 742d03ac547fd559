"""What Debitura reports, from the agency's move over the wire and the signature to the message it becomes."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
import pytest
from aiohttp import web

from adapters.agency.debitura_webhooks import EVENTS, DebituraWebhooks
from adapters.agency.needs import AgencyAway
from domain.messages import parse
from domain.reports import Report, Unverified
from standins.debitura_hooks import signed
from standins.wire import served
from tests.agency.bench import KEY, DebituraBench
from tests.agency.test_debitura import place, recall
from tests.contracts.agency import SUBSCRIPTION, an_invoice

SECRET = base64.b64encode(b"a secret of thirty-two bytes, or").decode()
NOW = 1_790_000_000


@dataclass
class Inbox:
    """A receiver as our own API is one: it reads what is sent, keeps the reports, and answers 503 where it cannot."""

    reader: DebituraWebhooks | None = None
    reports: list[Report] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        assert self.reader is not None
        try:
            self.reports += await self.reader.read(request.headers, await request.read())
            status = 200
        except Unverified:
            status = 400
        except AgencyAway:
            status = 503
        self.statuses.append(status)
        return web.Response(status=status)

    def said(self) -> list[tuple[str, str]]:
        """Signals with their status or amount, each report once, in order; those without a signal are left out."""
        once = {report.id: report for report in self.reports if report.signal}
        return [(r.signal, str(r.payload.get("status") or r.payload["amount"])) for r in once.values()]

    def asked(self) -> list[str]:
        """What support is asked, each report once."""
        return list({report.id: report.task for report in self.reports if report.task}.values())


@asynccontextmanager
async def receiver(bench: DebituraBench) -> AsyncIterator[Inbox]:
    """An inbox that is subscribed to the stand-in's webhooks, over HTTP both ways."""
    inbox, app = Inbox(), web.Application()
    app.router.add_post("/webhooks/debitura", inbox.take)
    async with served(app) as url, httpx.AsyncClient(base_url=bench.url, headers={"XApiKey": KEY}) as client:
        wanted = {"url": f"{url}/webhooks/debitura", "events": list(EVENTS), "isTestMode": True}
        made = (await client.post("/webhooks", json=wanted)).json()
        inbox.reader = DebituraWebhooks(made["secret"], api=bench.api, cases=bench.cases)
        yield inbox


@pytest.fixture
async def inbox(bench: DebituraBench) -> AsyncIterator[Inbox]:
    async with receiver(bench) as made:
        yield made


async def a_case(bench: DebituraBench, minor: int = 4910) -> str:
    """A case of one invoice; gives its id."""
    await place(bench, an_invoice(placed_minor=minor))
    return str(bench.party.partner.cases()[-1]["id"])


# Money


async def test_a_payment_to_the_agency_is_money_through_the_agency(bench: DebituraBench, inbox: Inbox) -> None:
    case_id = await a_case(bench)
    payment_id = await bench.party.partner.pay(case_id, 20.5)
    await bench.party.hooks.settle()
    (report,) = [r for r in inbox.reports if r.signal]
    assert (report.source, report.id, report.subscription_id) == ("debitura", f"payment/{payment_id}", SUBSCRIPTION)
    assert report.payload == {
        "id": f"debitura/payment/{payment_id}",
        "amount": "20.50",
        "channel": "agency",
        "reference": f"debitura/{payment_id}",
        "invoice": "s-1-0001",
    }


async def test_every_message_that_comes_of_a_report_is_one_that_a_subscription_understands(
    bench: DebituraBench, inbox: Inbox
) -> None:
    case_id = await a_case(bench)
    deleted = await bench.party.partner.pay(case_id, 1)
    await bench.party.hooks.settle()
    await bench.party.partner.take_back_payment(case_id, deleted)
    await bench.party.partner.dispute(case_id)
    await bench.party.partner.close(case_id, "Disputed – Legal Action Declined by Client")
    await bench.party.hooks.settle()
    sent = {report.id: report for report in inbox.reports if report.signal}
    for report in sent.values():
        parse(report.signal, (report.payload,), "EUR", "Europe/Berlin", datetime.now(UTC))
    assert {report.signal for report in sent.values()} == {"payment-received", "payment-reversed", "agency-update"}


async def test_a_payment_that_is_told_again_and_again_is_one_report(bench: DebituraBench, inbox: Inbox) -> None:
    case_id = await a_case(bench)
    await bench.party.partner.pay(case_id, 20.5)
    await bench.party.partner.pay(case_id, 28.6)
    await bench.party.partner.close(case_id, "Paid")
    await bench.party.hooks.settle()
    assert inbox.said() == [("payment-received", "20.50"), ("payment-received", "28.60")]
    assert inbox.asked() == []


async def test_a_payment_made_to_us_directly_is_not_counted_twice(bench: DebituraBench, inbox: Inbox) -> None:
    case_id = await a_case(bench)
    await bench.party.partner.pay(case_id, 49.1, "Creditor")
    await bench.party.hooks.settle()
    assert inbox.said() == []
    (asked,) = inbox.asked()
    assert "paid to us directly" in asked


async def test_a_payment_through_debitura_itself_is_the_agencys(bench: DebituraBench, inbox: Inbox) -> None:
    await bench.party.partner.pay(await a_case(bench), 49.1, "Platform")
    await bench.party.hooks.settle()
    assert inbox.said() == [("payment-received", "49.10")]


async def test_whose_money_a_payment_is_must_be_clear_before_it_is_counted(bench: DebituraBench, inbox: Inbox) -> None:
    await bench.party.partner.pay(await a_case(bench), 49.1, "Bailiff")
    await bench.party.hooks.settle()
    assert inbox.said() == []
    assert "cannot be booked by itself" in inbox.asked()[0]


async def test_what_exceeds_the_placement_is_the_agencys_own_and_support_compares(
    bench: DebituraBench, inbox: Inbox
) -> None:
    case_id = await a_case(bench)
    await bench.party.partner.pay(case_id, 40)
    await bench.party.partner.pay(case_id, 20)
    await bench.party.hooks.settle()
    assert sorted(inbox.said()) == [("payment-received", "40.00"), ("payment-received", "9.10")]
    assert "10.90 EUR is more than was placed" in inbox.asked()[0]


async def test_a_deleted_payment_is_reversed_once_its_payment_is_in_the_books(
    bench: DebituraBench, inbox: Inbox
) -> None:
    case_id = await a_case(bench)
    payment_id = await bench.party.partner.pay(case_id, 20.5)
    await bench.party.hooks.settle()
    await bench.party.partner.take_back_payment(case_id, payment_id)
    await bench.party.hooks.settle()
    report = inbox.reports[-1]
    assert (report.signal, report.needs_payment) == ("payment-reversed", f"debitura/{payment_id}")
    assert report.payload["amount"] == "20.50"
    assert report.payload["reference"] == f"debitura/{payment_id}"


async def test_a_payment_that_the_agency_changes_later_is_put_before_support(
    bench: DebituraBench, inbox: Inbox
) -> None:
    case_id = await a_case(bench)
    payment_id = await bench.party.partner.pay(case_id, 20.5)
    await bench.party.hooks.settle()
    bench.party.partner.change_payment(payment_id, 25.0)
    await bench.party.partner.close(case_id, "Partially paid")
    await bench.party.hooks.settle()
    assert [amount for signal, amount in inbox.said() if signal == "payment-received"] == ["20.50"]
    assert "was taken in as 20.50" in inbox.asked()[0]


async def test_a_payment_whose_webhook_never_came_is_told_by_the_next_one(bench: DebituraBench, inbox: Inbox) -> None:
    case_id = await a_case(bench)
    bench.party.hooks.delays = ()
    await bench.party.partner.pay(case_id, 20.5)
    await bench.party.hooks.settle()
    bench.party.hooks.delays = (0.0,)
    await bench.party.hooks.enable_all()
    await bench.party.partner.pay(case_id, 28.6)
    await bench.party.hooks.settle()
    assert inbox.said() == [("payment-received", "20.50"), ("payment-received", "28.60")]


async def test_a_sweep_finds_what_no_webhook_ever_said(bench: DebituraBench, inbox: Inbox) -> None:
    case_id = await a_case(bench)
    bench.party.hooks.delays = ()
    await bench.party.partner.pay(case_id, 20.5)
    await bench.party.partner.close(case_id, "Debtor Untraceable")
    await bench.party.hooks.settle()
    assert inbox.statuses == []
    case = await bench.cases.find("debitura", case_id)
    assert case is not None
    assert inbox.reader is not None
    inbox.reports += await inbox.reader.sweep(case)
    assert inbox.said() == [("payment-received", "20.50"), ("agency-update", "uncollectable")]


# Closures and disputes


@pytest.mark.parametrize(
    ("code", "statuses"),
    [
        ("Debtor Insolvent/Bankrupt", ["uncollectable"]),
        ("Debtor Untraceable", ["uncollectable"]),
        ("Pre-Legal Exhausted – No Payment", ["uncollectable"]),
        ("PreLegalExhaustedNoPayment", ["uncollectable"]),
        ("Statute of Limitations Expired", ["uncollectable"]),
        ("Uneconomical to Pursue", ["uncollectable"]),
        ("Withdrawn by Client", ["returned"]),
        ("Partially paid", ["returned"]),
        ("Case never started", ["returned"]),
        ("Invalid Case Data", ["returned"]),
        ("Other", ["returned"]),
        ("Disputed – Legal Action Declined by Client", ["disputed", "returned"]),
    ],
)
async def test_a_case_that_is_closed_unpaid_comes_back(
    bench: DebituraBench, inbox: Inbox, code: str, statuses: list[str]
) -> None:
    await bench.party.partner.close(await a_case(bench), code)
    await bench.party.hooks.settle()
    assert inbox.said() == [("agency-update", status) for status in statuses]
    assert inbox.asked() == []


async def test_a_close_code_that_nobody_knows_returns_the_debt_and_asks(bench: DebituraBench, inbox: Inbox) -> None:
    await bench.party.partner.close(await a_case(bench), "Debtor Became Famous")
    await bench.party.hooks.settle()
    assert inbox.said() == [("agency-update", "returned")]
    assert "this word is not known" in inbox.asked()[0]


async def test_a_case_called_paid_with_less_money_than_was_placed_asks_support(
    bench: DebituraBench, inbox: Inbox
) -> None:
    case_id = await a_case(bench)
    await bench.party.partner.pay(case_id, 20)
    await bench.party.partner.close(case_id, "Paid")
    await bench.party.hooks.settle()
    assert inbox.said() == [("payment-received", "20.00")]
    assert "29.10 EUR of it is not settled" in inbox.asked()[0]


async def test_a_case_that_was_recalled_in_full_gives_nothing_back(bench: DebituraBench, inbox: Inbox) -> None:
    case_id = await a_case(bench)
    await recall(bench, 4910)
    await bench.party.partner.close(case_id, "Withdrawn by Client")
    await bench.party.hooks.settle()
    assert (inbox.said(), inbox.asked()) == ([], [])


async def test_one_of_two_cases_that_is_closed_does_not_take_the_other_back(bench: DebituraBench, inbox: Inbox) -> None:
    first = await a_case(bench)
    await place(bench, an_invoice("s-1-0002", 700), key="s-1/000020/agency")
    second = str(bench.party.partner.cases()[-1]["id"])
    await bench.party.partner.close(first, "Debtor Untraceable")
    await bench.party.hooks.settle()
    assert inbox.said() == []
    assert "1 other cases of this subscription are still open" in inbox.asked()[0]
    await bench.party.partner.close(second, "Debtor Untraceable")
    await bench.party.hooks.settle()
    assert inbox.said() == [("agency-update", "uncollectable")]


async def test_a_dispute_is_told_once_however_often_the_case_changes_after_it(
    bench: DebituraBench, inbox: Inbox
) -> None:
    case_id = await a_case(bench)
    await bench.party.partner.dispute(case_id)
    await bench.party.partner.move(case_id, "Paused")
    await bench.party.hooks.settle()
    assert inbox.said() == [("agency-update", "disputed")]
    assert len([r for r in inbox.reports if r.signal]) > 1, "it is reported again, under the same id"


# What waits for us


@pytest.mark.parametrize(
    "lifecycle", ["More Info Required", "Pending contract signing", "Pending Quote Selection", "Merged"]
)
async def test_a_case_that_waits_for_us_asks_support(bench: DebituraBench, inbox: Inbox, lifecycle: str) -> None:
    await bench.party.partner.move(await a_case(bench), lifecycle)
    await bench.party.hooks.settle()
    assert len(inbox.asked()) == 1


async def test_a_case_that_goes_its_way_asks_nobody(bench: DebituraBench, inbox: Inbox) -> None:
    await bench.party.partner.move(await a_case(bench), "Active")
    await bench.party.hooks.settle()
    assert (inbox.said(), inbox.asked(), inbox.statuses) == ([], [], [200])


async def test_a_message_from_the_agency_asks_support_without_its_text(bench: DebituraBench, inbox: Inbox) -> None:
    await bench.party.partner.write(await a_case(bench), "Ada Example is in hospital")
    await bench.party.hooks.settle()
    assert len(inbox.asked()) == 1
    assert "hospital" not in repr(inbox.reports)


async def test_our_own_message_asks_nobody(bench: DebituraBench, inbox: Inbox) -> None:
    await a_case(bench)
    await recall(bench, 100)
    await bench.party.hooks.settle()
    assert (inbox.asked(), inbox.statuses) == ([], [200])


async def test_a_case_that_was_not_placed_from_here_is_put_before_support_where_it_is_about_money(
    bench: DebituraBench, inbox: Inbox
) -> None:
    case_id = await a_case(bench)
    async with bench.pool.acquire() as connection:
        await connection.execute("delete from agency_case_line")
        await connection.execute("delete from agency_case")
    await bench.party.partner.move(case_id, "Active")
    await bench.party.hooks.settle()
    assert inbox.asked() == []
    await bench.party.partner.pay(case_id, 1)
    await bench.party.hooks.settle()
    assert inbox.said() == []
    assert "not placed from here" in inbox.asked()[0]


# The line


async def test_a_webhook_about_which_debitura_cannot_be_asked_is_sent_again(bench: DebituraBench, inbox: Inbox) -> None:
    case_id = await a_case(bench)
    bench.party.wire.break_(r"GET /cases/[^/]+/payments", "status", status=503, times=2)
    await bench.party.partner.pay(case_id, 49.1)
    await bench.party.hooks.settle()
    assert inbox.statuses == [503, 503, 200]
    assert inbox.said() == [("payment-received", "49.10")]


def _event() -> bytes:
    return json.dumps({"id": "e-1", "event": "case.updated", "data": {"caseId": "c-1"}}).encode()


@pytest.fixture
def reader(bench: DebituraBench) -> DebituraWebhooks:
    return DebituraWebhooks(SECRET, api=bench.api, cases=bench.cases, clock=lambda: float(NOW))


@pytest.mark.parametrize("at", [NOW - 300, NOW, NOW + 300])
async def test_a_signature_within_five_minutes_is_believed(reader: DebituraWebhooks, at: int) -> None:
    (report,) = await reader.read({"X-Debitura-Signature": signed(SECRET, _event(), at)}, _event())
    assert (report.id, report.subscription_id) == ("event/e-1", None)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t=1",
        f"v1={'0' * 64}",
        f"t={NOW},v1=",
        f"t=now,v1={'0' * 64}",
        f"t={NOW},v1={'0' * 64}",
        f"t={NOW},v1=\u00e9",
        f"t={NOW},t={NOW},v1={'0' * 64}",
        signed(SECRET, _event(), NOW - 301),
        signed(SECRET, _event(), NOW + 301),
        signed(SECRET, _event() + b" ", NOW),
        signed(base64.b64encode(b"another secret").decode(), _event(), NOW),
        signed(SECRET, _event(), NOW).replace(f"t={NOW}", f"t={NOW + 1}"),
    ],
)
async def test_a_signature_that_is_not_debituras_own_and_fresh_is_not_believed(
    reader: DebituraWebhooks, header: str
) -> None:
    with pytest.raises(Unverified):
        await reader.read({"x-debitura-signature": header}, _event())


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff", b'{"id": "e", "event": "case.closed", "data": {}}'])
async def test_a_signed_body_that_is_no_event_is_not_believed(reader: DebituraWebhooks, body: bytes) -> None:
    with pytest.raises(Unverified):
        await reader.read({"x-debitura-signature": signed(SECRET, body, NOW)}, body)


@pytest.mark.parametrize("secret", ["", "not base64!", "x"])
async def test_a_secret_that_is_none_is_told_at_once(bench: DebituraBench, secret: str) -> None:
    with pytest.raises(ValueError, match="webhook secret"):
        DebituraWebhooks(secret, api=bench.api, cases=bench.cases)
