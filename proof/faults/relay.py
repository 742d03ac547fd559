"""The way of webhooks from the stand-ins to our doors: twice, late, in another order, and with answers that are lost.

It keeps what it was given until our doors have acknowledged it, as the gateways do for days.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random

import aiohttp
from aiohttp import web

from proof.faults.log import FaultLog
from standins.wire import served

AGAIN_SECONDS = 1.0
ANSWER_SECONDS = 10.0
LATE_SECONDS = 3.0  # at most; far under the five minutes for which a signature counts
TRIES = 200  # each a second apart: longer than any outage here lasts
KEPT = ("content-type", "stripe-signature")
PREFIXES = ("paypal-", "x-debitura-")


@dataclass(slots=True)
class Relay:
    """Passes webhooks on to the doors. `odds`: how often each thing befalls one."""

    to: str
    random: Random
    log: FaultLog
    odds: float
    passed: int = 0
    acknowledged: int = 0
    lost: list[str] = field(default_factory=list)
    """What was given up: nothing, in a run that is well."""
    _under_way: set[asyncio.Task[None]] = field(default_factory=set)
    _session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def serving(self, port: int) -> AsyncIterator[None]:
        """Take webhooks in while the block runs."""
        app = web.Application()
        app.router.add_post("/webhooks/{source}", self._take)
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS)) as self._session:
            async with served(app, port):
                yield
            for task in list(self._under_way):
                task.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)

    async def quiet(self) -> None:
        """Wait until everything that was given has been acknowledged, or given up."""
        while self._under_way:
            await asyncio.wait(list(self._under_way))

    async def _take(self, request: web.Request) -> web.Response:
        source, body = request.match_info["source"], await request.read()
        headers = {n: v for n, v in request.headers.items() if n.lower() in KEPT or n.lower().startswith(PREFIXES)}
        copies, late, unheard = 1, 0.0, False
        if self.random.random() < self.odds:
            fate = self.random.choice(("sent twice", "held up", "its answer lost"))
            copies, unheard = (2 if fate == "sent twice" else 1), fate == "its answer lost"
            late = self.random.uniform(0.3, LATE_SECONDS) if fate == "held up" else 0.0
            self.log.note(f"webhook {fate}", source)
        for _ in range(copies):
            self.passed += 1
            task = asyncio.create_task(self._pass(source, headers, body, late, unheard=unheard))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        return web.Response(status=202)

    async def _pass(self, source: str, headers: dict[str, str], body: bytes, late: float, *, unheard: bool) -> None:
        await asyncio.sleep(late)
        for _ in range(TRIES):
            if await self._told(source, headers, body):
                if not unheard:
                    self.acknowledged += 1
                    return
                unheard = False  # what was acknowledged and not heard is sent again
            await asyncio.sleep(AGAIN_SECONDS)
        self.lost.append(f"{source}: {body[:200].decode('utf-8', 'replace')}")

    async def _told(self, source: str, headers: dict[str, str], body: bytes) -> bool:
        if self._session is None:
            return False
        try:
            async with self._session.post(f"{self.to}/webhooks/{source}", data=body, headers=headers) as answer:
                return answer.status < 300
        except (aiohttp.ClientError, TimeoutError):
            return False
