"""The webhooks of a PayPal stand-in: subscriptions, signed deliveries that are tried again, and the door that verifies.

The signature covers `<transmission id>|<time>|<webhook id>|<CRC-32 of the body>`, as PayPal's does. It is made with a
secret of the stand-in's own where PayPal uses RSA: nobody but the verifying door has to read it.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import zlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import aiohttp
from aiohttp import web

from standins.paypal_requests import Refusal, json_body, link, new_id
from standins.wire import Shelf

RETRY_SECONDS = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)  # PayPal: up to 25 times within three days
CERT_URL = "https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-1d93a270"


class PayPalHooks:
    """Tells every subscribed URL what happened. `delivered` waits until nothing is under way."""

    def __init__(self, shelf: Shelf, *, retry_seconds: Sequence[float] = RETRY_SECONDS) -> None:
        self._shelf = shelf
        self._retry_seconds = tuple(retry_seconds)
        self._secret = secrets.token_bytes(32)
        self._under_way: set[asyncio.Task[None]] = set()

    def subscribe(self, url: str) -> str:
        """Have every event sent to a URL; gives the webhook's id."""
        webhook_id = new_id()
        self._shelf.put("webhook", webhook_id, {"id": webhook_id, "url": url, "event_types": [{"name": "*"}]})
        return webhook_id

    async def tell(self, event_type: str, resource_type: str, resource: Mapping[str, Any]) -> str:
        """Send an event to everybody; gives its id. It is on its way, not there, when this returns."""
        event_id = f"WH-{new_id()}-{new_id()}"
        event = {
            "id": event_id,
            "event_version": "1.0",
            "create_time": _now(),
            "resource_type": resource_type,
            "resource_version": "2.0",
            "event_type": event_type,
            "summary": event_type.replace(".", " ").lower(),
            "resource": dict(resource),
            "links": [link(f"/v1/notifications/webhooks-events/{event_id}", "self")],
        }
        self._shelf.put("event", event_id, event)
        for hook in [*self._shelf.all("webhook")]:
            self._send(hook, event)
        return event_id

    def resend(self, event_id: str) -> None:
        """Send an event once more, under a new transmission id, as the dashboard's button does."""
        event = self._shelf.get("event", event_id)
        if event is None:
            raise LookupError(f"event {event_id} was never sent")
        for hook in [*self._shelf.all("webhook")]:
            self._send(hook, event)

    def events(self) -> list[dict[str, Any]]:
        """Everything that was ever told, oldest first."""
        return [*self._shelf.all("event")]

    async def delivered(self) -> None:
        """Wait until every delivery has been taken or given up."""
        while self._under_way:
            await asyncio.gather(*self._under_way)

    async def end(self) -> None:
        """Give up what is under way."""
        for task in [*self._under_way]:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def signed(self, webhook_id: str, body: bytes) -> dict[str, str]:
        """The headers under which a body goes out to a webhook."""
        transmission_id, at = str(uuid4()), _now()
        return {
            "Content-Type": "application/json",
            "PAYPAL-TRANSMISSION-ID": transmission_id,
            "PAYPAL-TRANSMISSION-TIME": at,
            "PAYPAL-TRANSMISSION-SIG": self._signature(transmission_id, at, webhook_id, body),
            "PAYPAL-CERT-URL": CERT_URL,
            "PAYPAL-AUTH-ALGO": "SHA256withRSA",
        }

    # Doors

    async def subscribe_here(self, request: web.Request) -> web.Response:
        """POST /v1/notifications/webhooks."""
        said = await json_body(request)
        if not said.get("url") or not said.get("event_types"):
            raise Refusal(400, "VALIDATION_ERROR", "MISSING_REQUIRED_PARAMETER")
        webhook_id = self.subscribe(str(said["url"]))
        return web.json_response(self._shelf.get("webhook", webhook_id), status=201)

    async def list_events(self, request: web.Request) -> web.Response:
        """GET /v1/notifications/webhooks-events: newest first, page by page, as the links lead."""
        asked = request.query
        size, page = int(asked.get("page_size", "10")), int(asked.get("page", "0"))
        start, end = asked.get("start_time", ""), asked.get("end_time", "9999")
        kind = asked.get("event_type")
        found = [
            event
            for event in reversed(self.events())
            if start <= event["create_time"] <= end and kind in (None, event["event_type"])
        ]
        shown = found[page * size : (page + 1) * size]
        links = [link(f"{request.path_qs}", "self")]
        if len(found) > (page + 1) * size:
            onward = "&".join(f"{name}={value}" for name, value in asked.items() if name != "page")
            links.append(link(f"{request.path}?{onward}&page={page + 1}", "next"))
        return web.json_response({"events": shown, "count": len(shown), "links": links})

    async def verify(self, request: web.Request) -> web.Response:
        """POST /v1/notifications/verify-webhook-signature: looks at the signature, its time, and the event's bytes.

        The event is written out again as it was sent; a member that moved or changed makes another CRC, as at PayPal.
        """
        said = await json_body(request)
        fields = ("auth_algo", "cert_url", "transmission_id", "transmission_sig", "transmission_time", "webhook_id")
        if any(not said.get(name) for name in fields) or not isinstance(said.get("webhook_event"), dict):
            raise Refusal(400, "VALIDATION_ERROR", "MISSING_REQUIRED_PARAMETER")
        body = _written(said["webhook_event"])
        expected = self._signature(said["transmission_id"], said["transmission_time"], said["webhook_id"], body)
        known = self._shelf.get("webhook", said["webhook_id"]) is not None
        genuine = known and hmac.compare_digest(expected, said["transmission_sig"])
        return web.json_response({"verification_status": "SUCCESS" if genuine else "FAILURE"})

    def _signature(self, transmission_id: str, at: str, webhook_id: str, body: bytes) -> str:
        text = f"{transmission_id}|{at}|{webhook_id}|{zlib.crc32(body)}"
        return base64.b64encode(hmac.new(self._secret, text.encode(), hashlib.sha256).digest()).decode()

    def _send(self, hook: Mapping[str, Any], event: Mapping[str, Any]) -> None:
        task = asyncio.create_task(self._deliver(hook["url"], hook["id"], _written(event)))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _deliver(self, url: str, webhook_id: str, body: bytes) -> None:
        headers = self.signed(webhook_id, body)
        async with aiohttp.ClientSession() as session:
            for delay in (0.0, *self._retry_seconds):
                await asyncio.sleep(delay)
                try:
                    async with session.post(url, data=body, headers=headers) as response:
                        if response.status < 300:
                            return
                except aiohttp.ClientError:
                    continue  # nobody there: tried again like any refusal


def _written(event: Mapping[str, Any]) -> bytes:
    return json.dumps(event, separators=(",", ":")).encode()


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
