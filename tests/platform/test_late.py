"""A lock that was held up on its way, and comes to the platform after its unlock: it must not lock."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
from aiohttp import web

from adapters.platform.webhooks import PlatformWebhooks
from adapters.postgres.pool import Pool
from standins.wire import served
from tests.activities.parts import Parts
from tests.platform.lines import Line, command
from tests.platform.secrets import SECRET


@dataclass
class _Holdup:
    """A way to the platform on which a request is held up until it is let go, whatever becomes of who sent it."""

    letting_go: asyncio.Event = field(default_factory=asyncio.Event)
    answered: list[int] = field(default_factory=list)
    through: asyncio.Event = field(default_factory=asyncio.Event)

    async def arrived(self) -> int:
        """Let the request go; gives the platform's answer to it, which nobody waits for any more."""
        self.letting_go.set()
        await self.through.wait()
        return self.answered[0]


@asynccontextmanager
async def _held_up(url: str) -> AsyncIterator[tuple[_Holdup, str]]:
    """The way to a platform at `url`, and its own URL."""
    holdup = _Holdup()

    async def hold(request: web.Request) -> web.Response:
        body, headers = await request.read(), {n: v for n, v in request.headers.items() if n.startswith("webhook-")}
        await holdup.letting_go.wait()
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.post(url, content=body, headers=headers)
        holdup.answered.append(answer.status_code)
        holdup.through.set()
        return web.Response(status=answer.status_code)

    app = web.Application()
    app.router.add_post("/", hold)
    async with served(app) as way:
        yield holdup, way


async def _try_by(way: str, pool: Pool) -> dict[str, str]:
    """One delivery by a worker that gives up soon."""
    async with PlatformWebhooks(way, SECRET, timeout_seconds=0.1) as webhooks:
        return await Parts(pool, platform=webhooks).deliveries.deliver("s-1", ("platform",))


async def test_a_lock_that_was_held_up_and_refused_meanwhile_does_not_lock_after_the_unlock(
    line: Line, pool: Pool
) -> None:
    async with _held_up(line.url) as (holdup, way):
        await line.decide(1, command(1, "block_uploads"))
        assert "no answer within" in (await _try_by(way, pool))["platform"]
        line.stand_in.wire.break_("POST", "status", status=422)
        assert await line.deliver() == {}
        await line.decide(2, command(2, "allow_uploads", because="payment received"))
        assert await line.deliver() == {}
        assert line.stand_in.obeyed("s-1") == ["allow_uploads"]

        assert await holdup.arrived() == 204, "it is acknowledged: sending it again would change nothing"
    assert line.stand_in.obeyed("s-1") == ["allow_uploads"]
    assert [(heard.what, heard.verdict) for heard in line.stand_in.told("s-1")] == [
        ("allow_uploads", "obeyed"),
        ("block_uploads", "late"),
    ]


async def test_a_lock_that_was_held_up_and_sent_again_locks_once(line: Line, pool: Pool) -> None:
    async with _held_up(line.url) as (holdup, way):
        await line.decide(1, command(1, "block_uploads"))
        await _try_by(way, pool)
        assert await line.deliver() == {}
        await line.decide(2, command(2, "allow_uploads", because="payment received"))
        assert await line.deliver() == {}
        assert await holdup.arrived() == 204
    assert line.stand_in.obeyed("s-1") == ["block_uploads", "allow_uploads"]
    assert [heard.times for heard in line.stand_in.told("s-1")] == [2, 1]


async def test_an_unlock_never_leaves_before_a_lock_that_was_not_acknowledged(line: Line) -> None:
    await line.decide(1, command(1, "block_uploads"))
    line.stand_in.wire.break_("POST", "lost_after")
    assert "not acknowledged" in (await line.deliver())["platform"]
    await line.decide(2, command(2, "allow_uploads", because="payment received"))
    line.stand_in.wire.break_("POST", "status", status=503)
    assert "503" in (await line.deliver())["platform"]
    assert line.stand_in.obeyed("s-1") == ["block_uploads"]
    assert await line.deliver() == {}
    assert line.stand_in.obeyed("s-1") == ["block_uploads", "allow_uploads"]
