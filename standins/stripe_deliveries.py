"""Webhooks as Stripe delivers them: signed for each endpoint, in no particular order, again until they are accepted."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Sequence

import aiohttp
import stripe

from standins.stripe_objects import Object, made
from standins.wire import Shelf

TIMEOUT = aiohttp.ClientTimeout(total=10)  # Stripe waits some ten seconds for an endpoint


class Deliveries:
    """Sends every event to the endpoints that want it, and again after each of `retry_seconds` while it is refused."""

    def __init__(self, shelf: Shelf, retry_seconds: Sequence[float]) -> None:
        self._shelf = shelf
        self._retry_seconds = tuple(retry_seconds)
        self._under_way: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None

    def register(self, url: str, enabled_events: Sequence[str]) -> Object:
        """A new endpoint; only this answer tells its signing secret."""
        endpoint = made(
            "we",
            "webhook_endpoint",
            url=url,
            enabled_events=list(enabled_events),
            status="enabled",
            metadata={},
            api_version=None,
            description=None,
            secret=f"whsec_{secrets.token_urlsafe(24)}",
        )
        self._shelf.put("webhook_endpoint", endpoint["id"], endpoint)
        return endpoint

    def send(self, event: Object) -> None:
        """Deliver an event, from now on, to all who want it."""
        for endpoint in self._shelf.all("webhook_endpoint"):
            if "*" in endpoint["enabled_events"] or event["type"] in endpoint["enabled_events"]:
                task = asyncio.get_running_loop().create_task(self._deliver(endpoint, event))
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)

    def resend(self, event_id: str) -> None:
        """What `stripe events resend` does: the same event once more."""
        event = self._shelf.get("event", event_id)
        if event is None:
            raise LookupError(f"event {event_id}: never happened here")
        self.send(event)

    async def quiet(self) -> None:
        """Wait until nothing is under way any more: all was accepted, or given up."""
        while self._under_way:
            await asyncio.wait(list(self._under_way))

    async def close(self) -> None:
        """Stop what is under way."""
        under_way = list(self._under_way)
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def _deliver(self, endpoint: Object, event: Object) -> None:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=TIMEOUT)
        body = json.dumps(event)
        for pause in (0.0, *self._retry_seconds):
            await asyncio.sleep(pause)
            signed = stripe.WebhookSignature.generate_signature_header(body, endpoint["secret"])
            headers = {"Stripe-Signature": signed, "Content-Type": "application/json; charset=utf-8"}
            try:
                async with self._session.post(endpoint["url"], data=body.encode(), headers=headers) as response:
                    if 200 <= response.status < 300:
                        return
            except (aiohttp.ClientError, TimeoutError):
                continue
