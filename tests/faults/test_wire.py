"""Faults that wait for their turn, requests that arrive twice, and a clock that is wrong."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random

import aiohttp
import pytest
from aiohttp import web

from embedded.child import usable_port
from proof.faults.log import FaultLog
from proof.faults.relay import Relay
from standins.wire import Fault, Wire, served

ROOT = Path(__file__).parents[2]


def party(wire: Wire, answer: Callable[[web.Request], Awaitable[web.Response]]) -> web.Application:
    app = web.Application(middlewares=[wire.middleware])
    app.router.add_post("/{rest:.*}", answer)
    return app


async def test_a_fault_waits_until_enough_requests_have_passed() -> None:
    wire, done, struck = Wire(), list[str](), list[str]()

    async def answer(request: web.Request) -> web.Response:
        done.append(request.path)
        return web.Response(text="done")

    wire.faults.append(Fault("^POST /a", "lost_after", skip=1, strikes=lambda request: struck.append(request.path)))
    async with served(party(wire, answer)) as url, aiohttp.ClientSession() as session:
        for path in ("/a1", "/b", "/a2", "/a3"):
            try:
                async with session.post(url + path) as said:
                    assert await said.text() == "done"
            except aiohttp.ClientError:
                struck.append("lost")
    assert struck == ["/a2", "lost"]
    assert done == ["/a1", "/b", "/a2", "/a3"]


async def test_a_doubled_request_does_its_work_twice_and_is_answered_once() -> None:
    wire, bodies = Wire(), list[str]()

    async def answer(request: web.Request) -> web.Response:
        bodies.append(await request.text())
        return web.Response(text=str(len(bodies)))

    wire.break_("^POST", "twice")
    async with (
        served(party(wire, answer)) as url,
        aiohttp.ClientSession() as session,
        session.post(url, data="money") as said,
    ):
        assert await said.text() == "2"
    assert bodies == ["money", "money"]


@pytest.mark.parametrize("refusals", [0, 2])
async def test_the_relay_keeps_a_webhook_until_it_is_acknowledged(refusals: int) -> None:
    heard: list[str] = []

    async def door(request: web.Request) -> web.Response:
        heard.append(request.headers["Stripe-Signature"] + (await request.text()))
        return web.Response(status=503 if len(heard) <= refusals else 200)

    log, port = FaultLog(lambda injected: None), usable_port(None)
    async with served(party(Wire(), door)) as url, aiohttp.ClientSession() as session:
        relay = Relay(url, Random(1), log, odds=0.0)
        async with relay.serving(port):
            to = f"http://127.0.0.1:{port}/webhooks/stripe"
            async with session.post(to, data="!", headers={"Stripe-Signature": "s"}) as said:
                assert said.status == 202
            async with asyncio.timeout(30):
                await relay.quiet()
    assert heard == ["s!"] * (refusals + 1)
    assert (relay.acknowledged, relay.lost) == (1, [])


async def test_a_webhook_whose_fate_is_drawn_arrives_at_least_once() -> None:
    heard: list[str] = []

    async def door(request: web.Request) -> web.Response:
        heard.append(await request.text())
        return web.Response()

    log, port = FaultLog(lambda injected: None), usable_port(None)
    async with served(party(Wire(), door)) as url, aiohttp.ClientSession() as session:
        relay = Relay(url, Random(3), log, odds=1.0)
        async with relay.serving(port):
            for number in range(12):
                async with session.post(f"http://127.0.0.1:{port}/webhooks/paypal", data=str(number)):
                    pass
            async with asyncio.timeout(30):
                await relay.quiet()
    assert {int(said) for said in heard} == set(range(12))
    assert len(heard) > 12
    assert {what for what, _ in log.counts()} == {"webhook sent twice", "webhook held up", "webhook its answer lost"}


def test_a_wrong_clock_is_wrong_for_our_code_and_leaves_values_as_they_are() -> None:
    program = """
import time
from datetime import UTC, datetime
real, clock = time.time, datetime
from proof.faults.skewed import skew_datetime, skew_time
skew_time(420.0)
import adapters.platform.webhooks as rooms
skew_datetime(420.0)
assert 419 < time.time() - real() < 421
assert 419 < (rooms.datetime.now(UTC) - clock.now(UTC)).total_seconds() < 421
assert isinstance(clock.now(UTC), rooms.datetime) and type(rooms.datetime.now(UTC)) is clock
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
