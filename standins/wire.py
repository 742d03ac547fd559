"""What every stand-in for an HTTP party is made of: a server on a free port, books that survive it, faults on the wire.

A lost reply is a connection that ends without one (`transport.abort()`), before or after the party has done its work:
only so does a client see what it would see of a real party that breaks.
"""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
FaultKind = Literal["lost_before", "lost_after", "slow", "garbage", "status", "twice"]
Strikes = Callable[[web.Request], None]

REQUESTS_KEPT = 10_000  # the newest; a test looks at a few
BODY_BYTES = 30 * 2**20  # the largest document an agency takes is 25 MB
BIND = "127.0.0.1"


@dataclass(slots=True)
class Fault:
    """What breaks at requests whose `METHOD /path` matches `at` (a regular expression, searched): `skip` of them pass
    unharmed, the next `times` do not.

    lost_before: the connection ends before the party has looked at the request. lost_after: after it has done its
    work. slow: answers after `seconds`. garbage: answers 200 with what is no JSON, its work undone. status: answers
    `status`, its work undone. twice: the request arrives twice, one after the other; the second answer is heard.

    `strikes` is called as the fault strikes: of lost_after, when the work is done and nobody has heard of it.
    """

    at: str
    kind: FaultKind
    times: int = 1
    status: int = 500
    seconds: float = 0.0
    skip: int = 0
    strikes: Strikes | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as it arrived, whatever became of it. Headers have lower-case names."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Shelf:
    """Objects of a stand-in by kind and id, as JSON in SQLite: in memory, or in a file that survives the process."""

    def __init__(self, file: Path | None = None) -> None:
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(file or ":memory:", isolation_level=None)
        self._database.execute("pragma journal_mode = wal")
        self._database.execute("pragma synchronous = normal")  # a killed process loses nothing, a power cut the last
        self._database.execute(
            "create table if not exists object (seq integer primary key autoincrement, kind text not null,"
            " id text not null, body text not null, unique (kind, id))"
        )

    def put(self, kind: str, id_: str, body: Mapping[str, Any]) -> None:
        """Keep an object as it is now; one that is replaced keeps its place."""
        self._database.execute(
            "insert into object (kind, id, body) values (?, ?, ?)"
            " on conflict (kind, id) do update set body = excluded.body",
            (kind, id_, json.dumps(body)),
        )

    def get(self, kind: str, id_: str) -> dict[str, Any] | None:
        """A copy of an object; None where there is none."""
        row = self._database.execute("select body from object where kind = ? and id = ?", (kind, id_)).fetchone()
        return json.loads(row[0]) if row else None

    def all(self, kind: str) -> Iterator[dict[str, Any]]:
        """Copies of all objects of a kind, in the order in which they were first put."""
        for row in self._database.execute("select body from object where kind = ? order by seq", (kind,)).fetchall():
            yield json.loads(row[0])

    def count(self, kind: str) -> int:
        """How many objects of a kind there are; for numbering the next."""
        found: int = self._database.execute("select count(*) from object where kind = ?", (kind,)).fetchone()[0]
        return found

    def close(self) -> None:
        self._database.close()


@dataclass(slots=True)
class Wire:
    """The faults to come and the requests seen of one stand-in; `break_` scripts the former."""

    faults: list[Fault] = field(default_factory=list)
    requests: deque[Seen] = field(default_factory=lambda: deque(maxlen=REQUESTS_KEPT))

    def break_(self, at: str, kind: FaultKind, *, times: int = 1, status: int = 500, seconds: float = 0.0) -> None:
        """Break the next `times` requests that match `at`; faults scripted first are used up first."""
        self.faults.append(Fault(at, kind, times, status, seconds))

    def next_fault(self, method: str, path: str) -> Fault | None:
        """The fault that a request meets, used up by it."""
        for fault in self.faults:
            if fault.times > 0 and re.search(fault.at, f"{method} {path}"):
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                return fault
        return None

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Note the request and break it where the script wants it so."""
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append(Seen(request.method, request.path_qs, headers, body))
        fault = self.next_fault(request.method, request.path_qs)
        strikes = (fault.strikes if fault else None) or _unseen
        if fault is not None and fault.kind != "lost_after":
            strikes(request)
        match fault:
            case Fault(kind="lost_before"):
                raise _hang_up(request)
            case Fault(kind="lost_after"):
                await handler(request)
                strikes(request)
                raise _hang_up(request)
            case Fault(kind="twice"):
                await handler(request)
            case Fault(kind="garbage"):
                return web.Response(text="<html>upstream connect error", content_type="text/html")
            case Fault(kind="status", status=status):
                said = {"error": {"type": "api_error", "message": f"scripted {status}"}}
                return web.json_response(said, status=status)
            case Fault(seconds=seconds):
                await asyncio.sleep(seconds)
            case None:
                pass
        return await handler(request)


def _unseen(request: web.Request) -> None:
    """Nobody wants to know."""


def _hang_up(request: web.Request) -> ConnectionResetError:
    """End the connection without a reply; what is raised only tells aiohttp that nothing more can be said."""
    if request.transport is not None:
        request.transport.abort()
    return ConnectionResetError("scripted")


@asynccontextmanager
async def served(app: web.Application, port: int = 0) -> AsyncIterator[str]:
    """Serve on 127.0.0.1 while the block runs; gives the base URL without a slash at its end. Port 0: a free one."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, BIND, port)
        await site.start()
        chosen = runner.addresses[0][1]
        yield f"http://{BIND}:{chosen}"
    finally:
        await runner.cleanup()
