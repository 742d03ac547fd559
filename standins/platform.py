"""A platform that keeps its own books: it checks signatures, obeys each command once and nothing that comes late.

It verifies by the text of Standard Webhooks 1.0.0, not by the library that our requests are signed with. `GET /` is a
page for people: what the platform was told, subscription by subscription, in the order in which it took it in.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from html import escape
from typing import Any, Literal

from aiohttp import web

from standins.wire import Shelf, Wire

PATH = "/hooks/billing"
TOLERANCE_SECONDS = 300  # what the Standard Webhooks libraries allow, either way
Verdict = Literal["obeyed", "late", "noted"]
STATE_REQUESTED = "subscription.state_requested"
UNDOES = {
    "allow_uploads": "block_uploads",
    "allow_archive": "block_archive",
    "activate_sites": "deactivate_sites",
    "unlock_server": "lock_server",
    "unlock_account": "lock_account",
    "revoke_cancellation": "cancel_server",
}
"""Which command of the published policies takes which one back."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What was taken in under one webhook-id. `times` counts how often it was sent; it had its effect once.

    `obeyed`: a command that was carried out. `late`: a command older than one obeyed before, acknowledged and not
    carried out. `noted`: an event.
    """

    id: str
    subscription_id: str
    place: int
    key: str
    type: str
    at: str
    why: str
    fields: dict[str, object]
    verdict: Verdict
    times: int

    @property
    def what(self) -> str:
        """The command or event without its kind: `block_uploads`."""
        return self.type.partition(".")[2]


class PlatformStandIn:
    """Serve `app()`; webhooks go to PATH. `wire` breaks requests; a scripted 422 is a platform that refuses."""

    def __init__(self, shelf: Shelf, secret: str, *, clock: Callable[[], float] = time.time) -> None:
        """`secret` is `whsec_...`; assign to `secret` to change it. `clock` gives seconds since 1970."""
        self.tells = True
        """Whether it answers what it has obeyed; a platform that was not taught the question only acknowledges it."""
        self.shelf = shelf
        self.wire = Wire()
        self.secret = secret
        self._clock = clock

    def app(self) -> web.Application:
        """The server; faults of `wire` come before anything else."""
        app = web.Application(middlewares=[self.wire.middleware])
        app.router.add_post(PATH, self._hear)
        app.router.add_get("/", self._page)
        return app

    def told(self, subscription_id: str | None = None) -> list[Heard]:
        """What was taken in of one subscription, or of all, in the order in which it came."""
        heard = [Heard(**body) for body in self.shelf.all("told")]
        return [one for one in heard if subscription_id in (None, one.subscription_id)]

    def obeyed(self, subscription_id: str) -> list[str]:
        """The commands that were carried out, in order, each as often as it was."""
        return [one.what for one in self.told(subscription_id) if one.verdict == "obeyed"]

    async def _hear(self, request: web.Request) -> web.Response:
        body = await request.read()
        if not self._signed(request.headers, body):
            return web.Response(status=401)
        try:
            said = json.loads(body)
            data = said["data"]
            if said["type"] == STATE_REQUESTED:
                return self._state(str(data["subscription"]))
            heard = Heard(
                id=request.headers["webhook-id"],
                subscription_id=str(data["subscription"]),
                place=int(data["place"]),
                key=str(data["key"]),
                type=str(said["type"]),
                at=str(said["timestamp"]),
                why=str(data["because"]),
                fields=dict(data.get("fields", {})),
                verdict="noted",
                times=1,
            )
        except (KeyError, TypeError, ValueError):
            return web.Response(status=400)
        self._take(heard)
        return web.Response(status=204)

    def forget(self, subscription_id: str, key: str) -> None:
        """Something goes wrong inside: a command that was acknowledged was never carried out."""
        for one in self.told(subscription_id):
            if one.key == key:
                self.shelf.put("told", one.id, asdict(one) | {"verdict": "noted"})
        places = [one.place for one in self.told(subscription_id) if one.verdict == "obeyed"]
        self.shelf.put("place", subscription_id, {"place": max(places, default=0)})

    def _state(self, subscription_id: str) -> web.Response:
        if not self.tells:
            return web.Response(status=204)
        standing: dict[str, Any] = {}
        for command in self.obeyed(subscription_id):
            standing.pop(UNDOES.get(command, ""), None)
            if command in UNDOES.values():
                standing[command] = True
        place = self.shelf.get("place", subscription_id) or {"place": 0}
        return web.json_response({"obeyed": place["place"], "in_force": list(standing)})

    def _take(self, heard: Heard) -> None:
        """Take in what is new; of what is known, count only that it came again."""
        known = self.shelf.get("told", heard.id)
        if known is not None:
            self.shelf.put("told", heard.id, known | {"times": known["times"] + 1})
            return
        verdict: Verdict = "noted"
        if heard.type.startswith("command."):
            before = self.shelf.get("place", heard.subscription_id) or {"place": 0}
            verdict = "obeyed" if heard.place > before["place"] else "late"
        if verdict == "obeyed":
            self.shelf.put("place", heard.subscription_id, {"place": heard.place})
        self.shelf.put("told", heard.id, asdict(heard) | {"verdict": verdict})

    def _signed(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Whether one of the signatures is ours over `<id>.<timestamp>.<body>`, made within five minutes of now."""
        id_, sent = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        if not id_ or "." in id_ or not (sent.isascii() and sent.isdigit()):
            return False
        if abs(self._clock() - int(sent)) > TOLERANCE_SECONDS:
            return False
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        made = hmac.new(key, f"{id_}.{sent}.".encode() + body, hashlib.sha256).digest()
        ours = f"v1,{base64.b64encode(made).decode()}".encode()
        signatures = headers.get("webhook-signature", "").encode("utf-8", "surrogateescape").split(b" ")
        return any(hmac.compare_digest(ours, one) for one in signatures)

    async def _page(self, request: web.Request) -> web.Response:
        by_subscription: dict[str, list[Heard]] = {}
        for one in self.told():
            by_subscription.setdefault(one.subscription_id, []).append(one)
        sections = "".join(_section(name, heard) for name, heard in sorted(by_subscription.items()))
        text = _PAGE.replace("{sections}", sections or "<p>Nothing yet.</p>")
        return web.Response(text=text, content_type="text/html")


def _section(subscription_id: str, heard: list[Heard]) -> str:
    rows = "".join(
        f"<tr class={one.verdict}>"
        + "".join(f"<td>{escape(text)}</td>" for text in (str(one.place), one.at, one.what, _said(one), _became(one)))
        + "</tr>"
        for one in heard
    )
    head = "".join(f"<th>{name}</th>" for name in ("place", "at", "what", "why", "became"))
    return f"<h2>{escape(subscription_id)}</h2><table><tr>{head}</tr>{rows}</table>"


def _said(heard: Heard) -> str:
    facts = ", ".join(f"{name} {value}" for name, value in heard.fields.items())
    return f"{facts}; {heard.why}" if facts and heard.why else facts or heard.why


def _became(heard: Heard) -> str:
    again = f", sent {heard.times} times" if heard.times > 1 else ""
    return {"obeyed": "obeyed", "late": "came late, not obeyed", "noted": "noted"}[heard.verdict] + again


_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><link rel="icon" href="data:,"><title>What the platform was told</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .3rem .8rem .3rem 0 }
th { color: #666; font-weight: normal; border-bottom: 1px solid #ccc } td { border-bottom: 1px solid #eee }
.noted td { color: #666 } .late td { color: #a33 } .obeyed td:nth-child(3) { font-weight: 600 }
</style>
<h1>What the platform was told</h1>
{sections}
</html>
"""
