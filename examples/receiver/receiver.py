"""A platform in one file: takes Perennial's webhooks, obeys each command once and in order, remembers in SQLite.

    python examples/receiver/receiver.py --port 8099 --secret whsec_...

What to keep of it in your own platform is said in README.md beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import sqlite3
from pathlib import Path
from typing import Any

import uvicorn
from standardwebhooks import Webhook, WebhookVerificationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

BODY_BYTES = 64 * 1024  # Perennial sends a few hundred; Standard Webhooks advises less than 20 KB

TABLES = """
create table if not exists heard (   -- what was taken in, by webhook-id; kept longer than the sender goes on trying
  id           text primary key,
  subscription text not null,
  place        integer not null,
  type         text not null,
  at           text not null,
  verdict      text not null
);
create table if not exists obeyed (  -- how far each subscription has been obeyed
  subscription text primary key,
  place        integer not null
);
"""


class Told:
    """What this platform was told. One transaction remembers a command and carries it out, or does neither."""

    def __init__(self, file: str) -> None:
        self._database = sqlite3.connect(file, isolation_level=None)
        self._database.executescript(TABLES)

    def state(self, subscription: str) -> dict[str, Any]:
        """How far a subscription has been obeyed. A real platform also tells `in_force`, by its own tables."""
        row = self._database.execute("select place from obeyed where subscription = ?", (subscription,)).fetchone()
        return {"obeyed": row[0] if row else 0}

    def take(self, id_: str, said: dict[str, Any]) -> str:
        """Take one webhook in; gives `obeyed`, `noted` (an event), `late` or `known`. Raises KeyError, TypeError."""
        data, type_, at = said["data"], said["type"], said["timestamp"]
        subscription, place = data["subscription"], data["place"]
        with self._database as now:
            now.execute("begin immediate")
            if now.execute("select 1 from heard where id = ?", (id_,)).fetchone():
                return "known"
            if type_.startswith("command."):
                last = now.execute("select place from obeyed where subscription = ?", (subscription,)).fetchone()
                verdict = "late" if last and place <= last[0] else "obeyed"
            else:
                verdict = "noted"
            if verdict == "obeyed":
                now.execute("insert or replace into obeyed values (?, ?)", (subscription, place))
                self.obey(subscription, data["command"])
            row = (id_, subscription, place, type_, at, verdict)
            now.execute("insert into heard values (?, ?, ?, ?, ?, ?)", row)
        return verdict

    def obey(self, subscription: str, command: str) -> None:
        """Carry a command out: here it is printed. What is not in this database must bear being done twice."""
        print(f"{subscription}: {command}", flush=True)

    def lines(self) -> str:
        """Everything taken in, a line each, in order."""
        rows = self._database.execute("select subscription, place, at, type, verdict from heard order by rowid")
        return "".join(" ".join(map(str, row)) + "\n" for row in rows)

    def close(self) -> None:
        self._database.close()


def platform(told: Told, secret: str) -> Starlette:
    """The platform as a web application: POST / takes webhooks, GET / tells what was taken in."""

    async def hear(request: Request) -> Response:
        if int(request.headers.get("content-length", BODY_BYTES + 1)) > BODY_BYTES:
            return Response(status_code=413)  # before its signature is known to be good, nothing large is read
        body = await request.body()
        try:
            said = Webhook(secret).verify(body, dict(request.headers))  # refuses what is older than five minutes
        except (WebhookVerificationError, ValueError):  # ValueError: a header that is no Base64, a body that is no text
            return Response(status_code=401)  # tried again: our secret, or our clock, may be wrong
        try:
            if said["type"] == "subscription.state_requested":  # a question; answering it is up to you
                return JSONResponse(told.state(said["data"]["subscription"]))
            verdict = told.take(request.headers["webhook-id"], said)
        except (KeyError, TypeError, AttributeError):
            return Response(status_code=422)  # never tried again by itself: a person looks at it
        return PlainTextResponse(verdict)

    async def show(request: Request) -> Response:
        return PlainTextResponse(told.lines())

    return Starlette(routes=[Route("/", hear, methods=["POST"]), Route("/", show)])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--port", type=int, default=8099, help="on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--secret", required=True, help="whsec_..., as Perennial has it")
    parser.add_argument("--file", type=Path, default=":memory:", help="where to remember; by default nowhere")
    said = parser.parse_args()
    Webhook(said.secret)  # a secret that is none fails now, not at the first webhook
    listening = socket.create_server(("127.0.0.1", said.port))
    print(f"listening on http://127.0.0.1:{listening.getsockname()[1]}/", flush=True)
    app = platform(Told(str(said.file)), said.secret)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    asyncio.run(server.serve(sockets=[listening]))


if __name__ == "__main__":
    main()
