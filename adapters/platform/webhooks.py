"""The platform's own systems, reached by signed webhooks: one POST for each command and each thing that happened.

Requests follow Standard Webhooks 1.0.0 (https://www.standardwebhooks.com): `webhook-id` stays the same however often a
thing is sent, `webhook-timestamp` is the time of this try, `webhook-signature` is made over both and the body. What a
receiver has to do is shown in examples/receiver.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType

import httpx
from standardwebhooks import Webhook

from domain.effects import FieldValue
from domain.gateways import DeliveryRefused
from domain.witnesses import Obeys

TIMEOUT_SECONDS = 15.0  # Standard Webhooks: 15 to 30; a delivery of its own may take 30 s for all that waits
CONNECTIONS = 20  # at once, for one worker; more would be a flood for a platform that has just come back
ANSWER_BYTES = 4096  # read of an answer, so that the connection can be used again; the rest is cut off
SECRET_BYTES = range(24, 65)  # Standard Webhooks: 192 to 512 bits
SECRET_PREFIX = "whsec_"  # noqa: S105 the mark by which such a secret is known, not one

REFUSED = frozenset({400, 410, 422})
"""Read and never to be taken: malformed, gone, not understood. 410 speaks of the subscription, not of the endpoint."""

_HINTS = {
    401: "the platform does not take our signature: compare the secret, and both clocks",
    403: "the platform, or a firewall before it, keeps us out: compare the secret and what addresses it lets in",
    404: "nothing answers at that address: the platform's URL may be wrong",
    405: "what answers there takes no POST: the platform's URL may be wrong",
    429: "the platform asks us to slow down",
}

TOLD_BY_DEFAULT = frozenset(
    {
        "standing",
        "cancellation_scheduled",
        "cancelled",
        "ended",
        "payment_reversed",
        "written_off",
        "write_off_undone",
        "collections_placed",
        "collections_recalled",
        "channels_restricted",
        "channels_reopened",
    }
)
"""What a platform has to act upon or to show, beside its commands. Of a month in which all goes well it is nothing."""


class NotAcknowledged(Exception):
    """The platform has not said that it has something. It may have it all the same; sending it again is safe."""


class PlatformWebhooks:
    """Sends commands and events to one URL. Safe for concurrent use; `close()` it, or use it as a context manager."""

    def __init__(
        self,
        url: str,
        secret: str,
        *,
        previous_secret: str | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        """`secret` is `whsec_` and 24 to 64 random bytes in base64. While it is changed, `previous_secret` is the old
        one: every request is signed by both, and the platform may know either. `timeout_seconds` is for one request.

        Raises ValueError, without repeating either, for a URL or a secret that cannot be meant.
        """
        self._url = _url(url)
        self._signers = [_signer("secret", secret)]
        if previous_secret is not None:
            self._signers.append(_signer("previous secret", previous_secret))
        self._seconds = timeout_seconds
        self._client = httpx.AsyncClient(
            timeout=timeout_seconds,
            limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
            follow_redirects=False,  # Standard Webhooks: a redirect is a failure
            trust_env=False,  # proxies and certificates are settings, and settings are given, not found
            headers={"user-agent": "perennial", "accept-encoding": "identity"},
        )

    async def command(
        self, key: str, command: str, *, subscription_id: str, place: int, at: datetime, because: str
    ) -> None:
        """Instruct the platform. Raises DeliveryRefused or NotAcknowledged."""
        data = {"subscription": subscription_id, "place": place, "key": key, "command": command, "because": because}
        await self._post(key, f"command.{command}", at, data)

    async def event(
        self,
        key: str,
        what: str,
        *,
        subscription_id: str,
        place: int,
        fields: Mapping[str, FieldValue],
        at: datetime,
        by: str,
        because: str,
    ) -> None:
        """Tell the platform what happened. Raises DeliveryRefused or NotAcknowledged."""
        data = {
            "subscription": subscription_id,
            "place": place,
            "key": key,
            "event": what,
            "fields": dict(fields),
            "by": by,
            "because": because,
        }
        await self._post(key, f"event.{what}", at, data)

    async def state(self, key: str, *, subscription_id: str, at: datetime) -> Obeys | None:
        """Ask what the platform has obeyed of a subscription, and what is in force there; None where it does not tell.

        It tells by `{"obeyed": <place>, "in_force": [...]}` in the body of its 2xx, of which `in_force` may be left
        out. Whoever does not know the question acknowledges or refuses it; neither is an error. Raises NotAcknowledged.
        """
        data = {"subscription": subscription_id, "place": 0, "key": key}
        try:
            said = await self._post(key, "subscription.state_requested", at, data)
        except DeliveryRefused:
            return None
        return _obeys(said)

    async def close(self) -> None:
        """End the connections; what is under way fails."""
        await self._client.aclose()

    async def __aenter__(self) -> PlatformWebhooks:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        await self.close()

    async def _post(self, key: str, type_: str, at: datetime, data: Mapping[str, object]) -> bytes:
        """Gives the beginning of the answer's body, which only a question looks at."""
        body = json.dumps({"type": type_, "timestamp": _iso(at), "data": data}, separators=(",", ":"))
        id_, now = webhook_id(key), datetime.now(UTC)
        headers = {
            "content-type": "application/json",
            "webhook-id": id_,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signer.sign(id_, now, body) for signer in self._signers),
        }
        try:
            async with (
                asyncio.timeout(self._seconds),  # httpx's own limits are for each read: a slow drip would pass them
                self._client.stream("POST", self._url, content=body.encode(), headers=headers) as response,
            ):
                status, start = response.status_code, await _start(response)
                page = response.headers.get("content-type", "").startswith("text/html") and start.startswith(b"<")
        except TimeoutError:
            raise _not_acknowledged(key, f"no answer within {self._seconds:g} s") from None
        except httpx.HTTPError as error:  # its text may quote what the other side sent
            raise _not_acknowledged(key, f"the line failed ({type(error).__name__})") from None
        if status in REFUSED:
            raise DeliveryRefused(
                f"{key}: the platform read {type_} and refused it with status {status}. No money moved. Its own logs, "
                f"under webhook-id {id_}, say why."
            )
        if not 200 <= status < 300:
            raise _not_acknowledged(key, f"status {status}: {_hint(status)}")
        if page:
            raise _not_acknowledged(
                key, f"status {status} with a page of HTML, which a proxy or the wrong address gives: compare the URL"
            )
        return start


def webhook_id(key: str) -> str:
    """The id of a tiding on the wire: `msg_` and 128 bits of its key's SHA-256 in hex.

    A signature is made over `<id>.<timestamp>.<body>`, so that an id may hold no full stop; keys may, in the id of a
    subscription, and they hold slashes. The key itself is in the body.
    """
    return "msg_" + hashlib.sha256(key.encode()).hexdigest()[:32]


def _url(text: str) -> httpx.URL:
    """Raises ValueError for what is no web address, without repeating it: it may hold a password or a token."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError("the platform's URL: expected one such as 'https://platform.example/hooks/billing'")
    return url


def _signer(name: str, secret: str) -> Webhook:
    """Raises ValueError for what is no secret, without repeating it."""
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) not in SECRET_BYTES:
        raise ValueError(
            f"the platform's {name}: expected {SECRET_PREFIX} and {SECRET_BYTES[0]} to {SECRET_BYTES[-1]} random bytes "
            "in base64"
        )
    return Webhook(key)


async def _start(response: httpx.Response) -> bytes:
    """The beginning of an answer. Some frameworks call every text HTML, so it decides what is a page for people."""
    start = bytearray()
    async for part in response.aiter_bytes():
        start += part
        if len(start) > ANSWER_BYTES:
            break
    return bytes(start.strip())


def _obeys(said: bytes) -> Obeys | None:
    try:
        told = json.loads(said)
    except ValueError:
        return None
    place = told.get("obeyed") if isinstance(told, dict) else None
    if not isinstance(place, int) or isinstance(place, bool) or place < 0:
        return None
    listed = told.get("in_force")
    names = isinstance(listed, list) and all(isinstance(name, str) for name in listed)
    return Obeys(place, frozenset(listed) if names else None)


def _hint(status: int) -> str:
    if 300 <= status < 400:
        return "a redirect is not followed: set the platform's URL to where it leads"
    return _HINTS.get(status, "the platform has a fault" if status >= 500 else "the platform did not take it")


def _not_acknowledged(key: str, why: str) -> NotAcknowledged:
    return NotAcknowledged(f"{key}: not acknowledged: {why}. No money moved; it is sent again under the same id.")


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
