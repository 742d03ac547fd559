"""Who may have payloads decrypted: driven by HTTP as the UI does, and by Temporal's own command line."""

from __future__ import annotations

import asyncio
import base64
import logging
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from google.protobuf.json_format import MessageToDict
from temporalio.api.common.v1 import Payload, Payloads

from api.codec.app import BODY_BYTES, PAYLOADS_LIMIT, app
from api.listening import kept, listening
from engine.encryption import Codec, keys_of
from tests.secrets.houses import NEW, OLD, House, keys
from tests.workflows.lives import begun

ROOT = Path(__file__).parents[2]
TOKEN = "a-long-random-token-of-ours"
UI = "https://temporal.example.com"
ALLOWED = {"authorization": f"Bearer {TOKEN}"}
SAID = Payload(metadata={"encoding": b"json/plain"}, data=b'"Zebulon Quandary"')
BOUND_SECONDS = 60


def asked(*payloads: Payload) -> dict[str, Any]:
    said: dict[str, Any] = MessageToDict(Payloads(payloads=payloads))
    return said


def shown(answer: httpx.Response) -> list[str]:
    return [base64.b64decode(each["data"]).decode("latin-1") for each in answer.json()["payloads"]]


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """A codec server with the keys new and old, for one UI."""
    served = app(Codec(keys_of(keys(NEW, OLD))), token=TOKEN, origins=[UI])
    async with listening(served, kept("127.0.0.1", 0)) as url, httpx.AsyncClient(base_url=url) as client:
        yield client


@pytest.fixture
async def sealed() -> Payload:
    return (await Codec(keys_of(keys(OLD))).encode([SAID]))[0]


async def test_with_the_token_a_payload_is_decrypted_under_whichever_key(http: httpx.AsyncClient) -> None:
    both = [(await Codec(keys_of(keys(key))).encode([SAID]))[0] for key in (OLD, NEW)]
    answer = await http.post("/decode", json=asked(*both), headers=ALLOWED)
    assert shown(answer) == ['"Zebulon Quandary"'] * 2
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": TOKEN},
        {"authorization": f"Bearer {TOKEN}x"},
        {"authorization": f"Basic {TOKEN}"},
        {"cookie": f"token={TOKEN}"},
        {"origin": "https://elsewhere.example.com", **ALLOWED},
        {"origin": "null", **ALLOWED},
    ],
)
@pytest.mark.parametrize("path", ["/decode", "/encode"])
async def test_without_it_nothing_is(
    http: httpx.AsyncClient, sealed: Payload, path: str, headers: Mapping[str, str]
) -> None:
    answer = await http.post(path, json=asked(sealed), headers=headers)
    assert answer.status_code in (401, 403)
    assert "Nothing was decrypted" in answer.text
    assert "Quandary" not in answer.text
    assert "access-control-allow-origin" not in answer.headers


async def test_what_cannot_be_decrypted_is_shown_as_it_is_beside_what_can(
    http: httpx.AsyncClient, sealed: Payload
) -> None:
    (lost,) = await Codec(keys_of(keys(NEW.replace("new:", "lost:")))).encode([SAID])
    broken = Payload(metadata=sealed.metadata, data=sealed.data[:-1])
    answer = await http.post("/decode", json=asked(lost, sealed, broken, SAID), headers=ALLOWED)
    assert answer.json() == asked(lost, SAID, broken, SAID)


async def test_what_is_typed_into_the_ui_is_encrypted_with_the_first_key(http: httpx.AsyncClient) -> None:
    answer = await http.post("/encode", json=asked(SAID), headers=ALLOWED)
    assert base64.b64decode(answer.json()["payloads"][0]["metadata"]["encryption-key-id"]) == b"new"
    assert shown(await http.post("/decode", json=answer.json(), headers=ALLOWED)) == ['"Zebulon Quandary"']


async def test_the_ui_may_ask_from_its_own_origin_and_no_other_page_may(http: httpx.AsyncClient) -> None:
    preflight = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,x-namespace"}
    may = await http.options("/decode", headers={"origin": UI, **preflight})
    assert (may.status_code, may.headers["access-control-allow-origin"]) == (204, UI)
    for header in ("authorization", "content-type", "x-namespace"):
        assert header in may.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in may.headers, "no cookie opens anything here"
    not_you = await http.options("/decode", headers={"origin": "https://elsewhere.example.com", **preflight})
    assert not_you.status_code == 403
    assert "access-control-allow-origin" not in not_you.headers
    answer = await http.post("/decode", json=asked(SAID), headers={"origin": UI, **ALLOWED})
    assert answer.headers["access-control-allow-origin"] == UI


@pytest.mark.parametrize("body", [b"", b"x", b"[]", b'{"payloads": 1}', b"\xff", b'{"payloads":[1]}'])
async def test_what_is_no_request_is_refused_and_not_repeated(http: httpx.AsyncClient, body: bytes) -> None:
    answer = await http.post("/decode", content=body, headers=ALLOWED)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith('expected {"payloads"')


async def test_nothing_asked_is_nothing_answered(http: httpx.AsyncClient) -> None:
    assert (await http.post("/decode", content=b"{}", headers=ALLOWED)).json() == {"payloads": []}


async def test_a_request_has_its_limits(http: httpx.AsyncClient) -> None:
    assert (await http.post("/decode", content=b" " * (BODY_BYTES + 1), headers=ALLOWED)).status_code == 413
    many = asked(*[Payload()] * (PAYLOADS_LIMIT + 1))
    assert (await http.post("/decode", json=many, headers=ALLOWED)).status_code == 413


async def test_the_log_says_how_many_and_nothing_of_what(
    http: httpx.AsyncClient, sealed: Payload, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="perennial.codec"):
        await http.post("/decode", json=asked(sealed, SAID), headers={**ALLOWED, "x-namespace": "default" + 99 * "x"})
        await http.post("/decode", json=asked(sealed))
    said = [record.getMessage() for record in caplog.records if record.name == "perennial.codec"]
    assert said == [
        f"/decode: 1 of 2 payloads, namespace 'default{57 * 'x'}'",
        "refused: no bearer token, or a wrong one",
    ]


@asynccontextmanager
async def program(**said: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """`python -m api.codec` with these settings and no others; and the first line that it says."""
    environment = {f"PERENNIAL_{name}": value for name, value in said.items()} | {"PATH": os.defpath}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "api.codec"),
        cwd=ROOT,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(BOUND_SECONDS):
            yield process, (await process.stdout.readline()).decode()
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"CODEC_TOKEN": TOKEN}, "no encryption key is set"),
        ({"ENCRYPTION_KEYS": NEW}, "codec_token has fewer than 16 characters"),
        ({"ENCRYPTION_KEYS": NEW, "CODEC_TOKEN": "guess-me"}, "codec_token has fewer than 16 characters"),
    ],
)
async def test_it_does_not_start_without_keys_and_a_token(said: dict[str, str], why: str) -> None:
    async with program(CODEC_PORT="0", **said) as (process, line):
        assert why in line
        assert "guess-me" not in line
        assert await process.wait() == 2


def temporal(house: House, *words: str) -> str:
    """Temporal's own command line."""
    binary = Path(sys.executable).with_name("temporal")
    done = subprocess.run(
        [binary, *words, "--address", house.address, "--disable-config-file", "--disable-config-env"],
        capture_output=True,
        text=True,
        timeout=BOUND_SECONDS,
    )
    return done.stdout + done.stderr


def told(text: str) -> str:
    """A text with what stands in it in Base64."""
    words = [word for word in re.findall(r"[A-Za-z0-9+/=]{8,}", text) if len(word) % 4 == 0]
    return text + "".join(base64.b64decode(word).decode("latin-1") for word in words if word.rstrip("=").isalnum())


@pytest.mark.slow
async def test_temporals_own_command_line_reads_a_history_with_the_token_and_not_without(house: House) -> None:
    async with house.at_work(keys(NEW)) as stage:
        life = await begun(stage, "hosting", f"shown-{uuid4().hex[:8]}")
        await life.until("2026-01-20T12:00")
    show = ("workflow", "show", "--workflow-id", life.handle.id, "--output", "json")
    secret = f"K-{life.id}"
    async with program(CODEC_PORT="0", CODEC_TOKEN=TOKEN, ENCRYPTION_KEYS=NEW) as (process, line):
        assert line.startswith("decrypting at http://127.0.0.1:")
        url = line.split()[2]
        without = await asyncio.to_thread(temporal, house, *show)
        refused = await asyncio.to_thread(temporal, house, *show, "--codec-endpoint", url, "--command-timeout", "3s")
        read = await asyncio.to_thread(
            temporal, house, *show, "--codec-endpoint", url, "--codec-auth", f"Bearer {TOKEN}"
        )
        process.terminate()
        assert process.stdout is not None
        log = (await process.stdout.read()).decode()
    assert secret in told(read)
    for other in (without, refused):
        assert secret not in told(other)
    assert "YmluYXJ5L2VuY3J5cHRlZA==" in without, "binary/encrypted"
    assert "Error" in refused
    assert "refused: no bearer token" in log
    assert secret not in log
    assert "payloads, namespace 'default'" in log
