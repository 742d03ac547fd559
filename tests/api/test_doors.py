"""The doors over HTTP: who is let in, what is answered, and that an answer never shows what went wrong inside."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import stripe

from api.app import BODY_BYTES, UPLOAD_BYTES
from standins.debitura_hooks import signed as signed_by_debitura
from standins.mail import returned
from tests.bank.samples import Transfer, statement
from tests.wire.lives_on_the_wire import Town, WiredLife, begun_in

EXAMPLES = Path(__file__).parents[2] / "examples"
TELLTALE = ("Traceback", 'File "', "asyncpg", "select ", "insert ", "/site-packages/", ".py:")
"""What would show how it is made inside."""
SOURCES = ("stripe", "paypal", "debitura")


def _plain(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The JSON of an answer with this status that tells nothing of the inside."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert [word for word in TELLTALE if word in answer.text] == []
    said: dict[str, Any] = answer.json()
    return said


def _event(kind: str = "customer.created", thing: dict[str, Any] | None = None, *, at: int | None = None) -> bytes:
    """An event as Stripe writes it."""
    body = {
        "id": f"evt_{uuid4().hex}",
        "object": "event",
        "type": kind,
        "created": at or int(time.time()),
        "data": {"object": thing or {"id": "cus_1", "object": "customer"}},
    }
    return json.dumps(body).encode()


async def _from_stripe(town: Town, body: bytes, secret: str = "", signed_at: int | None = None) -> httpx.Response:
    secret = secret or town.settings.stripe.webhook_secret
    at = signed_at or int(time.time())
    payload = f"{at}.{body.decode()}"
    signature = stripe.WebhookSignature._compute_signature(payload, secret)
    headers = {"Stripe-Signature": f"t={at},v1={signature}"}
    return await town.http.post("/webhooks/stripe", content=body, headers=headers)


async def _upload(town: Town, kind: str, body: bytes, token: str | None = None, name: str = "") -> httpx.Response:
    given = town.settings.listen.token if token is None else token
    headers = {"authorization": f"Bearer {given}"} if given else {}
    return await town.http.post(f"/uploads/{kind}", content=body, headers=headers, params={"name": name or uuid4().hex})


async def _taken_in(town: Town) -> int:
    count: int = await town.stage.pool.fetchval("select count(*) from report")
    return count


async def _life(town: Town, card: str = "pm_card_chargeCustomerFail") -> WiredLife:
    life = await begun_in(town, "hosting", f"door-{uuid4().hex[:12]}", card=card)
    await life.until("2026-02-16T12:00")
    await town.quiet()
    return life


# Who is let in


async def test_it_says_for_whom_it_listens(town: Town) -> None:
    assert _plain(await town.http.get("/healthz"), 200) == {"listening_for": ["debitura", "paypal", "stripe"]}


@pytest.mark.parametrize("path", ["/webhooks/nobody", "/uploads/nothing"])
async def test_what_nobody_knows_is_not_found(town: Town, path: str) -> None:
    headers = {"authorization": f"Bearer {town.settings.listen.token}"}
    said = _plain(await town.http.post(path, content=b"{}", headers=headers), 404)
    assert "no money moved" in said["error"]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"\xff\xfe", b"null", b'{"id": ' + b"[" * 5000, b"<html>"])
async def test_what_is_not_signed_is_refused_whatever_it_says(town: Town, source: str, body: bytes) -> None:
    before = await _taken_in(town)
    _plain(await town.http.post(f"/webhooks/{source}", content=body), 400)
    assert await _taken_in(town) == before


async def test_what_is_signed_by_another_secret_or_long_ago_is_refused(town: Town) -> None:
    before = await _taken_in(town)
    body = _event()
    _plain(await _from_stripe(town, body, "whsec_another"), 400)
    _plain(await _from_stripe(town, body, signed_at=int(time.time()) - 3600), 400)
    wrong = base64.b64encode(b"x" * 32).decode()
    now = int(time.time())
    for secret, at in ((wrong, now), (town.settings.debitura.webhook_secret, now - 3600)):
        headers = {"X-Debitura-Signature": signed_by_debitura(secret, body, at)}
        _plain(await town.http.post("/webhooks/debitura", content=body, headers=headers), 400)
    headers = town.paypal.hooks.signed("another-webhook", body)
    _plain(await town.http.post("/webhooks/paypal", content=body, headers=headers), 400)
    assert await _taken_in(town) == before


async def test_a_body_that_was_changed_on_its_way_is_refused(town: Town) -> None:
    body = _event()
    at = int(time.time())
    signature = stripe.WebhookSignature._compute_signature(f"{at}.{body.decode()}", town.settings.stripe.webhook_secret)
    headers = {"Stripe-Signature": f"t={at},v1={signature}"}
    _plain(await town.http.post("/webhooks/stripe", content=body + b" ", headers=headers), 400)


@pytest.mark.parametrize("body", [b"[]", b"{}", b"7", b'"event"', b'{"object": "event"}', b"no JSON"])
async def test_what_is_signed_and_no_event_is_refused(town: Town, body: bytes) -> None:
    _plain(await _from_stripe(town, body), 400)


@pytest.mark.parametrize("source", SOURCES)
async def test_a_body_without_end_is_cut_off(town: Town, source: str) -> None:
    _plain(await town.http.post(f"/webhooks/{source}", content=b"x" * (BODY_BYTES + 1)), 413)


async def test_an_upload_without_end_is_cut_off(town: Town) -> None:
    _plain(await _upload(town, "statements", b"x" * (UPLOAD_BYTES + 1)), 413)


@pytest.mark.parametrize("kind", ["statements", "bounces", "agency"])
@pytest.mark.parametrize("token", ["", "wrong", "wröng"])
async def test_uploads_need_the_token(town: Town, kind: str, token: str) -> None:
    headers = {b"authorization": f"Bearer {token}".encode()} if token else {}
    answer = await town.http.post(f"/uploads/{kind}", content=statement(Transfer("31.00")), headers=headers)
    _plain(answer, 401)


@pytest.mark.parametrize("source", SOURCES)
async def test_a_webhook_is_only_ever_posted(town: Town, source: str) -> None:
    answer = await town.http.get(f"/webhooks/{source}")
    assert answer.status_code == 405


# What is taken in


async def test_an_event_that_asks_for_nothing_is_acknowledged_once_and_known_then(town: Town) -> None:
    body = _event()
    assert _plain(await _from_stripe(town, body), 200) == {"taken_in": 1, "known": 0, "too_early": 0}
    assert _plain(await _from_stripe(town, body), 200) == {"taken_in": 0, "known": 1, "too_early": 0}


async def test_an_event_without_what_it_should_say_is_acknowledged_and_a_task(town: Town) -> None:
    body = _event("charge.dispute.created", {"object": "dispute"})
    _plain(await _from_stripe(town, body), 200)
    tasks = [task for task in await town.stage.books.tasks(limit=1000) if json.loads(body)["id"] in task.text]
    assert [task.kind for task in tasks] == ["stripe"]


async def test_one_event_that_comes_ten_times_at_once_has_one_effect(town: Town) -> None:
    life = await _life(town)
    intent = {
        "id": f"pi_{uuid4().hex}",
        "object": "payment_intent",
        "amount_received": 3100,
        "currency": "eur",
        "metadata": {"subscription": life.id},
    }
    body = _event("payment_intent.succeeded", intent)
    answers = await asyncio.gather(*(_from_stripe(town, body) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {200}
    await life.until_entry("payment_received")
    assert await life.booked() == ["31.00"]
    assert await town.stage.books.audit(life.id) == []


async def test_a_payment_for_a_subscription_that_does_not_exist_is_acknowledged_and_a_task(town: Town) -> None:
    intent = {
        "id": f"pi_{uuid4().hex}",
        "object": "payment_intent",
        "amount_received": 3100,
        "currency": "eur",
        "metadata": {"subscription": "never-started"},
    }
    body = _event("payment_intent.succeeded", intent)
    assert _plain(await _from_stripe(town, body), 200)["taken_in"] == 1
    tasks = [task for task in await town.stage.books.tasks(limit=1000) if intent["id"] in task.text]
    assert [task.kind for task in tasks] == ["stripe"]


@pytest.mark.parametrize(
    "subscription",
    [
        "x" * 5000,
        "../../etc",
        "sub'; drop table report; --",
        "",
        " ",
        "a\0b",
    ],
)
async def test_a_payment_for_a_strange_name_does_not_come_again_for_ever(town: Town, subscription: str) -> None:
    intent = {
        "id": f"pi_{uuid4().hex}",
        "object": "payment_intent",
        "amount_received": 3100,
        "currency": "eur",
        "metadata": {"subscription": subscription},
    }
    _plain(await _from_stripe(town, _event("payment_intent.succeeded", intent)), 200)


async def test_a_refund_that_overtakes_its_payment_is_sent_again_and_taken_in_then(town: Town) -> None:
    town.stripe.wire.break_("/confirm$", "lost_after")
    town.stripe.wire.break_("^GET /v1/payment_intents/", "status", status=500, times=1_000_000)
    life = await begun_in(town, "photo-monthly", f"door-{uuid4().hex[:12]}")
    await life.until("2026-01-15T00:10")
    charge = next(c for c in town.stripe.charges() if c.metadata.get("subscription") == life.id)
    refund = {
        "id": f"re_{uuid4().hex}",
        "object": "refund",
        "amount": 4900,
        "currency": "usd",
        "status": "succeeded",
        "payment_intent": charge.payment_intent,
    }
    body = _event("refund.created", refund)
    early = await _from_stripe(town, body)
    _plain(early, 503)
    assert int(early.headers["retry-after"]) > 0
    assert await life.entries("payment_reversed", "refused") == []
    town.mended()
    await life.until("2026-01-15T12:00")
    assert _plain(await _from_stripe(town, body), 200)["taken_in"] == 1
    await life.until_entry("payment_reversed")
    assert [e.fields["amount"] for e in await life.entries("payment_reversed")] == ["49.00"]
    assert await town.stage.books.audit(life.id) == []


async def test_while_the_database_is_away_a_report_is_not_acknowledged(town: Town) -> None:
    life = await _life(town)
    intent = {
        "id": f"pi_{uuid4().hex}",
        "object": "payment_intent",
        "amount_received": 3100,
        "currency": "eur",
        "metadata": {"subscription": life.id},
    }
    body = _event("payment_intent.succeeded", intent)
    town.to_database.close()
    for _ in range(3):
        away = await _from_stripe(town, body)
        _plain(away, 503)
        assert "retry-after" in away.headers
    _plain(await _upload(town, "statements", statement(Transfer("31.00", text=f"{life.id}-0001"))), 503)
    town.mended()
    assert _plain(await _from_stripe(town, body), 200)["taken_in"] == 1
    await life.until_entry("payment_received")
    assert await life.booked() == ["31.00"]


async def test_while_paypal_cannot_say_whether_it_sent_something_it_is_to_send_it_again(town: Town) -> None:
    body = json.dumps(
        {"id": f"WH-{uuid4().hex}", "event_type": "CATALOG.PRODUCT.CREATED", "resource": {}}, separators=(",", ":")
    ).encode()
    headers = town.paypal.hooks.signed(town.settings.paypal.webhook_id, body)
    town.paypal.wire.break_("verify-webhook-signature$", "status", status=500)
    _plain(await town.http.post("/webhooks/paypal", content=body, headers=headers), 503)
    assert _plain(await town.http.post("/webhooks/paypal", content=body, headers=headers), 200)["taken_in"] == 1


@pytest.mark.parametrize(("amount", "currency"), [(3100, "usd"), (3100, "jpy"), (3100, "kwd")])
async def test_money_by_link_in_another_currency_is_no_money_of_the_subscription(
    town: Town, amount: int, currency: str
) -> None:
    life = await _life(town)
    intent = town.stripe.books.pay_by_link(life.id, amount, currency)
    await town.quiet()
    state = await life.state()
    assert (state.open_minor, state.credit_minor) == (3100, 0)
    assert [intent["id"] in task.text for task in await life.tasks()] == [True]


# Uploads


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"<html></html>",
        b"<Document>",
        b'<!DOCTYPE x [<!ENTITY a "b">]><Document>&a;</Document>',
        b"\xff\xfe\x00",
        b":20:A\r\n:25:B\r\n",
        statement(Transfer("31.00")).replace(b"31.00", b"abc"),
    ],
)
async def test_what_is_no_statement_is_refused_as_a_whole_and_says_why(town: Town, body: bytes) -> None:
    said = _plain(await _upload(town, "statements", body), 422)
    assert len(said["error"]) < 1000


async def test_a_statement_pays_an_invoice_once_however_often_it_is_sent(town: Town) -> None:
    life = await _life(town)
    file = statement(
        Transfer("31.00", text=f"{life.id}-0001 K-{life.id}", reference=uuid4().hex, name=f"Ada {life.id}")
    )
    first = _plain(await _upload(town, "statements", file), 200)
    assert [entry["outcome"] for entry in first["entries"]] == ["applied"]
    await life.until_entry("payment_received")
    for _ in range(2):
        _plain(await _upload(town, "statements", file), 200)
    await life.settled()
    assert await life.booked() == ["31.00"]
    assert await town.stage.books.audit(life.id) == []


async def test_a_mail_that_came_back_is_a_task_once(town: Town) -> None:
    life = await _life(town)
    mail = next(m for m in town.mail.caught if life.id in m.part("plain"))
    for _ in range(2):
        _plain(await _upload(town, "bounces", returned(mail)), 200)
    assert len([task for task in await life.tasks() if "mail" in task.kind]) == 1
    assert _plain(await _upload(town, "bounces", b"Subject: hello\r\n\r\nhello"), 200)


@pytest.mark.parametrize("body", [b"", b"a,b\n1,2\n", b"\xff\xfe", b"id,reference,kind,amount,currency\n1,2,payment\n"])
async def test_what_is_no_file_of_an_agency_is_refused_or_a_task(town: Town, body: bytes) -> None:
    answer = await _upload(town, "agency", body)
    assert answer.status_code in (200, 422)
    _plain(answer, answer.status_code)
