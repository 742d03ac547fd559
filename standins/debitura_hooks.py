"""The webhooks of the Debitura stand-in: subscriptions, signed deliveries that are tried again, and their log."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import uuid
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

import aiohttp
from aiohttp import web

from standins.wire import Shelf

EVENTS = ("case.created", "case.updated", "case.closed", "payment.created", "payment.deleted", "chat.created")
DELAYS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)  # eight tries, as documented; theirs take hours
ANSWER_SECONDS = 10.0

Handler = Callable[[web.Request], Awaitable[web.Response]]


def signed(secret: str, body: bytes, at: int) -> str:
    """The header `X-Debitura-Signature` of a body that is sent at an instant (Unix seconds)."""
    digest = hmac.new(base64.b64decode(secret), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


class Hooks:
    """Subscriptions on the shelf; deliveries in the background. `settle` waits for those under way."""

    def __init__(self, shelf: Shelf, clock: Callable[[], datetime]) -> None:
        self.delays: tuple[float, ...] = DELAYS
        self._shelf = shelf
        self._clock = clock
        self._sending: set[asyncio.Task[None]] = set()

    def routes(self) -> list[tuple[str, str, Handler]]:
        """Their part of the API."""
        return [
            ("POST", "/webhooks", self._post),
            ("GET", "/webhooks", self._list),
            ("GET", "/webhooks/events", self._events),
            ("POST", "/webhooks/events/{id}/replay", self._replay),
            ("GET", "/webhooks/{id}", self._get),
            ("PATCH", "/webhooks/{id}", self._patch),
            ("DELETE", "/webhooks/{id}", self._delete),
        ]

    async def emit(self, event: str, case: Mapping[str, Any], data: Mapping[str, Any]) -> None:
        """Tell every subscription that wants this event of this kind of case."""
        body = {
            "id": str(uuid.uuid4()),
            "specVersion": "1.0",
            "event": event,
            "timestamp": self._clock().strftime("%Y-%m-%dT%H:%M:%SZ"),
            "data": {
                "caseId": case["id"],
                "reference": case["reference"],
                "creditorReference": case["creditorReference"],
                "classification": "test" if case["isTestCase"] else "production",
                **data,
            },
            "links": {"self": f"https://customer-api.debitura.com/cases/{case['id']}"},
        }
        for hook in self._shelf.all("webhook"):
            if hook["isActive"] and event in hook["events"] and hook["isTestMode"] == case["isTestCase"]:
                record = {
                    "id": str(uuid.uuid4()),
                    "subscriptionId": hook["id"],
                    "caseId": case["id"],
                    "eventType": event,
                    "payload": json.dumps(body),
                    "createdAt": self._clock().isoformat(),
                    "deliveredAt": None,
                    "attemptCount": 0,
                    "lastResponseCode": None,
                    "lastError": None,
                }
                self._shelf.put("event", str(record["id"]), record)
                self._send(str(record["id"]))

    async def settle(self) -> None:
        """Wait until every delivery has arrived or been given up."""
        while self._sending:
            await asyncio.gather(*self._sending)

    async def enable_all(self) -> None:
        """Switch every subscription on again, as its owner would in the portal."""
        for hook in self._shelf.all("webhook"):
            self._shelf.put("webhook", hook["id"], hook | {"isActive": bool(hook["url"]), "disabledReason": None})

    async def stop(self, _: web.Application) -> None:
        """Give up what is under way: the process ends."""
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)

    def _send(self, record_id: str) -> None:
        task = asyncio.create_task(self._deliver(record_id))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _deliver(self, record_id: str) -> None:
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            for attempt, delay in enumerate(self.delays, start=1):
                await asyncio.sleep(delay)
                record = self._shelf.get("event", record_id) or {}
                hook = self._shelf.get("webhook", record.get("subscriptionId", ""))
                if hook is None or not hook["isActive"]:
                    return
                status, error = await self._try(session, hook, record["payload"].encode(), record["eventType"])
                record |= {"attemptCount": attempt, "lastResponseCode": status, "lastError": error}
                if status is not None and 200 <= status < 300:
                    record["deliveredAt"] = self._clock().isoformat()
                self._shelf.put("event", record_id, record)
                if record["deliveredAt"]:
                    return
        self._disable(record_id)

    def _disable(self, record_id: str) -> None:
        record = self._shelf.get("event", record_id) or {}
        hook = self._shelf.get("webhook", record.get("subscriptionId", ""))
        if hook is not None:
            told = {"isActive": False, "disabledReason": "too many failed deliveries"}
            self._shelf.put("webhook", hook["id"], hook | told)

    async def _try(
        self, session: aiohttp.ClientSession, hook: Mapping[str, Any], body: bytes, event: str
    ) -> tuple[int | None, str | None]:
        at = int(self._clock().timestamp())
        headers = {
            "Content-Type": "application/json",
            "X-Debitura-Signature": signed(hook["secret"], body, at),
            "X-Debitura-Timestamp": str(at),
            "X-Debitura-Event": event,
        }
        try:
            async with session.post(hook["url"], data=body, headers=headers) as answer:
                return answer.status, None if answer.ok else f"HTTP {answer.status}"
        except (aiohttp.ClientError, TimeoutError) as error:
            return None, type(error).__name__

    async def _post(self, request: web.Request) -> web.Response:
        said = await request.json()
        if not str(said.get("url", "")).startswith(("https://", "http://127.0.0.1", "http://localhost")):
            return web.json_response({"url": ["must be HTTPS"]}, status=400)
        if not said.get("events") or set(said["events"]) - set(EVENTS):
            return web.json_response({"events": ["must be valid event types"]}, status=400)
        hook = {
            "id": str(uuid.uuid4()),
            "url": said["url"],
            "events": said["events"],
            "isActive": True,
            "isTestMode": bool(said.get("isTestMode")),
            "createdUtc": self._clock().isoformat(),
            "updatedUtc": self._clock().isoformat(),
            "disabledReason": None,
            "secret": base64.b64encode(secrets.token_bytes(32)).decode(),
        }
        self._shelf.put("webhook", str(hook["id"]), hook)
        return web.json_response(hook, status=201)

    async def _list(self, _: web.Request) -> web.Response:
        return web.json_response([_shown(hook) for hook in self._shelf.all("webhook") if hook["url"]])

    async def _get(self, request: web.Request) -> web.Response:
        hook = self._shelf.get("webhook", request.match_info["id"])
        return web.json_response(_shown(hook)) if hook and hook["url"] else _none()

    async def _patch(self, request: web.Request) -> web.Response:
        hook, said = self._shelf.get("webhook", request.match_info["id"]), await request.json()
        if not hook or not hook["url"]:
            return _none()
        hook |= {name: said[name] for name in ("url", "events", "isActive", "isTestMode") if name in said}
        if said.get("regenerateSecret"):
            hook["secret"] = base64.b64encode(secrets.token_bytes(32)).decode()
        self._shelf.put("webhook", hook["id"], hook)
        return web.json_response(hook if said.get("regenerateSecret") else _shown(hook))

    async def _delete(self, request: web.Request) -> web.Response:
        hook = self._shelf.get("webhook", request.match_info["id"])
        if hook:
            self._shelf.put("webhook", hook["id"], hook | {"url": "", "isActive": False})
        return web.Response(status=204)

    async def _events(self, request: web.Request) -> web.Response:
        wanted = request.query.get("caseId")
        return web.json_response([e for e in self._shelf.all("event") if wanted in (None, e["caseId"])])

    async def _replay(self, request: web.Request) -> web.Response:
        record = self._shelf.get("event", request.match_info["id"])
        if record is None:
            return _none()
        self._shelf.put("event", record["id"], record | {"deliveredAt": None})
        self._send(record["id"])
        told = {"eventId": record["id"], "subscriptionId": record["subscriptionId"], "eventType": record["eventType"]}
        return web.json_response(told)


def _shown(hook: Mapping[str, Any]) -> dict[str, Any]:
    """A subscription without its secret, which is shown once."""
    return {**hook, "secret": None}


def _none() -> web.Response:
    return web.json_response({"error": "NotFound", "message": "no such thing"}, status=404)
