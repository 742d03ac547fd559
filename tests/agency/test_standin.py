"""The stand-in holds itself to what Debitura documents, so that what is proven against it holds there, too."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.agency.bench import KEY, SENDER, DebituraBench

A_CASE: dict[str, Any] = {
    "currencyCode": "EUR",
    "amountToRecover": 49.1,
    "date": "2026-02-01",
    "creditorReference": "r-1",
    "isTest": True,
    "debtor": {"type": "Private", "name": "Ada", "address": "A 1", "city": "Berlin", "countryAlpha2": "DE"},
}


@pytest.fixture
async def client(bench: DebituraBench) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=bench.url, headers={"XApiKey": KEY}) as made:
        yield made


async def post(client: httpx.AsyncClient, key: str = "k", **changed: object) -> httpx.Response:
    return await client.post("/cases", json=A_CASE | changed, headers={"Idempotency-Key": key})


async def test_without_the_key_of_the_account_nothing_is_told(bench: DebituraBench) -> None:
    async with httpx.AsyncClient(base_url=bench.url) as stranger:
        assert (await stranger.get("/cases")).status_code == 401


async def test_the_same_key_and_body_replay_the_answer(client: httpx.AsyncClient, bench: DebituraBench) -> None:
    first, again = await post(client), await post(client)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert len(bench.party.partner.cases()) == 1


async def test_the_same_key_with_another_body_is_a_conflict(client: httpx.AsyncClient) -> None:
    await post(client)
    answer = await post(client, amountToRecover=50)
    assert (answer.status_code, answer.json()["businessErrors"][0]["type"]) == (422, "IdempotencyConflict")


async def test_a_business_refusal_is_stored_under_its_key_and_a_field_error_is_not(client: httpx.AsyncClient) -> None:
    in_greenland = A_CASE["debtor"] | {"countryAlpha2": "GL"}
    assert (await post(client, "a", debtor=in_greenland)).json()["businessErrors"][0]["type"] == "NoPartnerAvailable"
    assert (await post(client, "a")).json()["businessErrors"][0]["type"] == "IdempotencyConflict"
    assert (await post(client, "b", amountToRecover=0)).status_code == 400
    assert (await post(client, "b")).status_code == 201


async def test_a_reference_is_taken_once(client: httpx.AsyncClient) -> None:
    await post(client)
    answer = await post(client, "another")
    assert (answer.status_code, answer.json()["businessErrors"][0]["type"]) == (422, "DuplicateCreditorReference")


async def test_field_errors_name_the_fields(client: httpx.AsyncClient) -> None:
    answer = await post(client, creditorReference="r" * 51, debtor={"type": "Private"})
    assert answer.status_code == 400
    wrong = {"debtor.name", "debtor.address", "debtor.city", "debtor.countryAlpha2", "creditorReference"}
    assert set(answer.json()) == wrong


async def test_only_documents_of_the_allowed_kinds_are_taken(client: httpx.AsyncClient) -> None:
    case_id = (await post(client)).json()["id"]
    taken = await client.post(f"/cases/{case_id}/files", files={"File": ("a.txt", b"\x00\r\n--x", "text/plain")})
    assert (taken.status_code, taken.json()["documentType"]) == (200, "OriginalInvoice")
    refused = await client.post(f"/cases/{case_id}/files", files={"File": ("a.exe", b"x", "text/plain")})
    assert refused.status_code == 415
    assert [file["fileName"] for file in (await client.get(f"/cases/{case_id}/files")).json()] == ["a.txt"]


async def test_a_message_needs_a_sender_of_the_team(client: httpx.AsyncClient) -> None:
    case_id = (await post(client)).json()["id"]
    assert (await client.post(f"/cases/{case_id}/chats", json={"message": "hello"})).status_code == 400
    said = await client.post(f"/cases/{case_id}/chats", json={"message": "hello", "userEmail": SENDER})
    assert (said.status_code, said.json()["roleLabel"]) == (200, "Creditor")


async def test_a_test_case_is_advanced_to_paid_and_stays_there(client: httpx.AsyncClient) -> None:
    case_id = (await post(client)).json()["id"]
    at = f"/test/cases/{case_id}/advance"
    assert (await client.post(at, json={"to": "Closed:Paid"})).status_code == 400
    paid = {"to": "Closed:Paid", "amount": 49.1}
    assert (await client.post(at, json=paid)).json() == {"advanced": True, "state": "Closed:Paid"}
    assert (await client.post(at, json=paid)).json() == {"advanced": False, "state": "Closed:Paid"}
    assert (await client.post(at, json={"to": "Closed:NoPayment"})).status_code == 400
    case = (await client.get(f"/cases/{case_id}")).json()
    assert (case["lifecycle"], case["closeCode"], case["remainder"]) == ("Closed", "Paid", 0)
    assert [paid["grossAmount"] for paid in (await client.get(f"/cases/{case_id}/payments")).json()] == [49.1]


async def test_a_secret_is_shown_once(client: httpx.AsyncClient) -> None:
    wanted = {"url": "https://example.com/hook", "events": ["case.closed"]}
    made = (await client.post("/webhooks", json=wanted)).json()
    assert made["secret"]
    assert [hook["secret"] for hook in (await client.get("/webhooks")).json()] == [None]
    assert (await client.post("/webhooks", json=wanted | {"events": ["case.eaten"]})).status_code == 400
    renewed = (await client.patch(f"/webhooks/{made['id']}", json={"regenerateSecret": True})).json()
    assert renewed["secret"] != made["secret"]
    assert (await client.delete(f"/webhooks/{made['id']}")).status_code == 204
    assert (await client.get("/webhooks")).json() == []


async def test_a_live_subscription_hears_nothing_of_a_test_case(
    client: httpx.AsyncClient, bench: DebituraBench
) -> None:
    for test_mode in (True, False):
        wanted = {"url": "http://127.0.0.1:9/hook", "events": ["case.created"], "isTestMode": test_mode}
        await client.post("/webhooks", json=wanted)
    case_id = (await post(client)).json()["id"]
    await bench.party.hooks.settle()
    (event,) = (await client.get("/webhooks/events", params={"caseId": case_id})).json()
    assert (event["attemptCount"], event["deliveredAt"]) == (3, None)
    assert json.loads(event["payload"])["data"]["classification"] == "test"
    hooks = (await client.get("/webhooks")).json()
    assert [hook["isActive"] for hook in hooks if hook["isTestMode"]] == [False], "given up after its tries"


async def test_its_page_shows_cases_and_makes_the_agencys_moves(
    client: httpx.AsyncClient, bench: DebituraBench
) -> None:
    case_id = (await post(client, debtor=A_CASE["debtor"] | {"name": "<b>Ada</b>"})).json()["id"]
    page = (await client.get("/")).text
    assert "&lt;b&gt;Ada&lt;/b&gt;" in page
    moved = await client.post(f"/agency/{case_id}/pay", data={"amount": "20"})
    assert moved.status_code == 303
    assert "29.1 of 49.1" in (await client.get("/")).text
    await client.post(f"/agency/{case_id}/close", data={"code": "Debtor Untraceable"})
    assert bench.party.partner.case(case_id)["closeCode"] == "Debtor Untraceable"
