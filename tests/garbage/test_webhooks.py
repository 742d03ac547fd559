"""The doors over HTTP: rightly signed garbage, garbage signatures, odd requests, and files that are none."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any
from uuid import uuid4

import httpx
import pytest
import stripe

from adapters.agency.placement import reference_of
from standins.debitura_hooks import signed as signed_by_debitura
from standins.mail import returned
from tests.bank.samples import Transfer, statement
from tests.garbage.clear import Tally, assert_clear
from tests.garbage.mutations import BENT_TEXTS, CARD, bent, mutant, nested, strange, torn
from tests.wire.lives_on_the_wire import Town, begun_in

pytestmark = pytest.mark.slow

EACH = 36
TIMES = pytest.mark.parametrize(
    "times", [EACH, pytest.param(1_500, marks=pytest.mark.exhaustive)], ids=["some", "many"]
)
KINDS = ("payment_intent.succeeded", "refund.created", "charge.dispute.created", "charge.dispute.closed",
         "payment_method.updated", "payment_method.detached", "customer.deleted", "setup_intent.succeeded")  # fmt: skip
BRAVE = "Ada Wanderlust"
"""A name in every body: it must be in no answer and in no log."""

Knock = Callable[[Town, bytes], Awaitable[httpx.Response]]


def _stripe_event(random: Random) -> dict[str, Any]:
    thing = {
        "id": f"pi_{random.getrandbits(64):x}", "object": "payment_intent", "amount": 3100, "amount_received": 3100,
        "currency": "eur", "status": random.choice(["succeeded", "won", "lost", "failed", "warning_needs_response"]),
        "payment_intent": f"pi_{random.getrandbits(32):x}", "customer": "cus_1", "payment_method": "pm_1",
        "metadata": {"subscription": "never-started", "role": "primary"},
        "card": {"exp_year": 2027, "exp_month": 12, "brand": "visa"}, "billing_details": {"name": BRAVE},
    }  # fmt: skip
    return {
        "id": f"evt_{random.getrandbits(64):x}", "object": "event", "type": random.choice(KINDS),
        "created": 1_790_000_000, "data": {"object": thing, "previous_attributes": {"card": {}}},
    }  # fmt: skip


def _paypal_event(random: Random) -> dict[str, Any]:
    kinds = ("PAYMENT.CAPTURE.COMPLETED", "PAYMENT.CAPTURE.REFUNDED", "PAYMENT.CAPTURE.REVERSED",
             "CUSTOMER.DISPUTE.CREATED", "CUSTOMER.DISPUTE.RESOLVED", "VAULT.PAYMENT-TOKEN.DELETED")  # fmt: skip
    capture = f"{random.getrandbits(64):X}"
    return {
        "id": f"WH-{random.getrandbits(64):X}", "event_type": random.choice(kinds), "summary": BRAVE,
        "resource": {
            "id": capture, "status": "COMPLETED", "amount": {"currency_code": "EUR", "value": "31.00"},
            "dispute_id": f"PP-{capture}", "reason": "MERCHANDISE", "dispute_outcome": {"outcome_code": "X"},
            "disputed_transactions": [{"seller_transaction_id": capture}], "custom_id": "never-started",
            "links": [{"rel": "up", "href": f"https://api.paypal.com/v2/payments/captures/{capture}"}],
        },
    }  # fmt: skip


def _debitura_event(random: Random) -> dict[str, Any]:
    kinds = ("payment.created", "payment.deleted", "case.closed", "case.updated", "chat.created")
    return {
        "id": uuid4().hex, "event": random.choice(kinds), "timestamp": "2026-03-18T10:00:00Z", "debtor": BRAVE,
        "data": {"caseId": uuid4().hex, "paymentId": uuid4().hex, "newLifecycle": "Active"},
    }  # fmt: skip


async def _by_stripe(town: Town, body: bytes) -> httpx.Response:
    at, secret = int(time.time()), town.settings.stripe.webhook_secret
    signature = stripe.WebhookSignature._compute_signature(f"{at}.{body.decode('utf-8', 'replace')}", secret)
    headers = {"Stripe-Signature": f"t={at},v1={signature}"}
    return await town.http.post("/webhooks/stripe", content=body, headers=headers)


async def _by_paypal(town: Town, body: bytes) -> httpx.Response:
    headers = town.paypal.hooks.signed(town.settings.paypal.webhook_id, body)
    return await town.http.post("/webhooks/paypal", content=body, headers=headers)


async def _by_debitura(town: Town, body: bytes) -> httpx.Response:
    signature = signed_by_debitura(town.settings.debitura.webhook_secret, body, int(time.time()))
    return await town.http.post("/webhooks/debitura", content=body, headers={"X-Debitura-Signature": signature})


PARTIES: dict[str, tuple[Knock, Callable[[Random], dict[str, Any]]]] = {
    "stripe": (_by_stripe, _stripe_event),
    "paypal": (_by_paypal, _paypal_event),
    "debitura": (_by_debitura, _debitura_event),
}
HAND_MADE: tuple[bytes, ...] = (
    b"", b"{", b"null", b"[]", b"7", b'"x"', b"\xff\xfe\x00", b"\0" * 100, b"[" * 100_000, b'{"id": ' + b"[" * 5_000,
    b'{"id": 1' + b"0" * 6_000 + b"}", b"NaN", json.dumps({"id": "x", "object": "event", "data": nested(150)}).encode(),
)  # fmt: skip


def _json(value: object) -> bytes:
    """As PayPal writes it, whose checksum is over just these bytes."""
    return json.dumps(value, separators=(",", ":")).encode()


def _body(random: Random, valid: dict[str, Any]) -> bytes:
    if random.random() < 0.2:
        return bytes(torn(_json(valid), random).value)
    return _json(mutant(valid, random, 2).value)


async def _half_written(town: Town) -> int:
    """Reports that were noted and had no effect: none but those that wait for a payment."""
    count: int = await town.stage.pool.fetchval("select count(*) from report where state <> 'taken_in'")
    return count


def _told(answer: httpx.Response, door: Tally, about: object) -> None:
    """4xx with a clear text, or 2xx: taken in, or deliberately nothing."""
    assert answer.headers["content-type"] == "application/json", answer.text[:200]
    assert answer.status_code in (200, 400, 401, 404, 405, 413, 422), (answer.status_code, answer.text[:300], about)
    assert BRAVE not in answer.text
    if answer.status_code == 200:
        door.accept()
    else:
        door.refuse(answer.json()["error"], about)


@TIMES
@pytest.mark.parametrize("party", list(PARTIES))
async def test_rightly_signed_garbage_is_refused_or_taken_in_whole(
    town: Town, party: str, times: int, caplog: pytest.LogCaptureFixture
) -> None:
    knock, event = PARTIES[party]
    door, random = Tally(f"webhooks of {party}"), Random(f"{party} {times}")
    with caplog.at_level(logging.INFO):
        for body in [*HAND_MADE, *(_body(random, event(random)) for _ in range(times))]:
            _told(await knock(town, body), door, body[:300])
            assert await _half_written(town) == 0
    assert [record.getMessage() for record in caplog.records if "could not be taken in" in record.getMessage()] == []
    assert BRAVE not in caplog.text
    for task in await town.stage.books.tasks(limit=1000):
        assert task.text.isprintable()
        assert len(task.text) < 1_000
        assert BRAVE not in task.text
    door.closed(refused=len(HAND_MADE), accepted=times // 4)


@pytest.mark.parametrize("party", list(PARTIES))
async def test_a_signature_that_is_garbage_is_refused(town: Town, party: str) -> None:
    door, random = Tally(f"signatures of {party}"), Random(f"{party} 2")
    names = {
        "stripe": ["Stripe-Signature"],
        "debitura": ["X-Debitura-Signature"],
        "paypal": [
            f"PayPal-{name}"
            for name in ("Auth-Algo", "Cert-Url", "Transmission-Id", "Transmission-Sig", "Transmission-Time")
        ],
    }[party]
    now = int(time.time())
    forms = ["", "t=,v1=", f"t={now}", f"t={now},v1=", f"t={now},v1=\xe9\xff", f"t={now},v1=00,v1=11", "t=9e99,v1=0",
             f"v1=0,t={now}", "t=-1,v1=0", f"t={'9' * 400},v1=0", "t=\xb2,v1=0", "," * 2_000, "x" * 8_000]  # fmt: skip
    for form in forms:
        headers = [(name.encode(), form.encode("latin-1")) for name in names]
        body = _body(random, PARTIES[party][1](random))
        _told(await town.http.post(f"/webhooks/{party}", content=body, headers=headers), door, form)
    assert await _half_written(town) == 0
    door.closed(refused=len(forms), accepted=0)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/webhooks/nobody", 404),
        ("POST", "/webhooks/" + "x" * 5_000, 404),
        ("POST", f"/webhooks/{CARD}", 404),
        ("POST", "/webhooks/%00", 404),
        ("POST", "/webhooks/%ff%fe", 404),
        ("POST", "/webhooks/../uploads/statements", 401),
        ("POST", "/webhooks/stripe/", 404),
        ("POST", "/uploads/nothing", 404),
        ("POST", "/uploads/statements", 401),
        ("POST", "/", 404),
        ("POST", "/%e2%80%ae", 404),
        ("GET", "/webhooks/stripe", 405),
        ("DELETE", "/uploads/statements", 405),
        ("BREW", "/webhooks/paypal", 405),
        ("PATCH", "/healthz", 405),
    ],
)
async def test_an_odd_request_is_answered_in_clear_words(town: Town, method: str, path: str, status: int) -> None:
    answer = await town.http.request(method, path, content=b"{}", headers={b"content-type": b"\xff/\xff"})
    assert answer.status_code == status, answer.text[:300]
    _told(answer, Tally(path), (method, path))


FILES: dict[str, Callable[[Random], bytes]] = {
    "statements": lambda random: statement(
        Transfer(f"{random.randint(1, 99)}.00", text=f"K-9 {BRAVE}", name=BRAVE, reference=uuid4().hex)
    ),
    "agency": lambda random: (
        "id,reference,kind,amount,currency\n"
        + "".join(
            f"{uuid4().hex},{reference_of('s-1/000001/agency')},{kind},31.00,EUR\n" for kind in ("payment", "returned")
        )
    ).encode(),
}


@pytest.mark.parametrize("kind", list(FILES))
async def test_an_upload_that_is_spoilt_is_refused_or_taken_in_whole(
    town: Town, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    door, random = Tally(f"uploads of {kind}"), Random(kind)
    headers = {"authorization": f"Bearer {town.settings.listen.token}"}
    spoil = bent if kind == "statements" else lambda data, random: torn(data, random, 1).value
    files = [spoil(FILES[kind](random), random) for _ in range(EACH)]
    if kind == "agency":
        rows = [f"a{text},b{text},payment,{text},EUR\n" for text in BENT_TEXTS]
        files += [f"id,reference,kind,amount,currency\n{row}".encode("utf-8", "surrogatepass") for row in rows]
    with caplog.at_level(logging.INFO):
        for data in files:
            name = random.choice(["day.xml", "a\0b", "x" * 3_000, CARD, "\u202ex"])
            answer = await town.http.post(f"/uploads/{kind}", content=data, headers=headers, params={"name": name})
            _told(answer, door, data[:200])
            assert await _half_written(town) == 0
    assert BRAVE not in caplog.text
    assert [record.getMessage() for record in caplog.records if "could not be taken in" in record.getMessage()] == []
    door.closed(refused=EACH // 10, accepted=EACH // 10)


async def test_a_returned_mail_that_is_spoilt_is_no_bounce_or_a_bounce(town: Town) -> None:
    life = await begun_in(town, "hosting", f"bounce-{uuid4().hex[:8]}", card="pm_card_chargeCustomerFail")
    await life.until("2026-02-16T12:00")
    await town.quiet()
    mail = next(m for m in town.mail.caught if life.id in m.part("plain"))
    door, random = Tally("returned mails"), Random(7)
    headers = {"authorization": f"Bearer {town.settings.listen.token}"}
    said = set()
    nests = (
        b"Content-Type: multipart/report; boundary=a\n\n"
        + b"--a\nContent-Type: multipart/report; boundary=a\n\n" * 9_000,
        b"Content-Type: multipart/report; boundary=x\n\n--x\n" + b"Content-Type: message/rfc822\n\n" * 3_000,
    )
    for data in [*nests, *(torn(returned(mail), random, 5).value for _ in range(EACH))]:
        answer = await town.http.post("/uploads/bounces", content=data, headers=headers)
        _told(answer, door, data[:200])
        said.add(answer.json()["done"])
    assert {"no_bounce", "known"} <= said <= {"no_bounce", "unknown", "known", "recorded"}
    assert len([task for task in await life.tasks() if "mail" in task.kind]) == 1
    door.closed(refused=0, accepted=EACH, kinds=0)


async def test_strange_json_is_told_apart_from_events(town: Town) -> None:
    """Every kind of JSON value, rightly signed, where an event should be."""
    random, door = Random(9), Tally("values for events")
    for knock, _ in PARTIES.values():
        for _ in range(EACH // 3):
            answer = await knock(town, json.dumps(strange(random)).encode())
            assert answer.status_code == 400
            assert_clear(answer.json()["error"])
            _told(answer, door, "")
    door.closed(refused=EACH, accepted=0)
