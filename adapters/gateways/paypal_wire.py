"""One line to PayPal's REST API: its access token, and what can be said of a request that was not answered."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

LIVE_URL = "https://api-m.paypal.com"  # the sandbox is https://api-m.sandbox.paypal.com
TIMEOUT_SECONDS = 20.0  # a capture answers in some seconds; the activity that asks gives up after 30
CONNECT_SECONDS = 5.0
EARLY_SECONDS = 60.0  # a token is renewed this long before it expires, so that none expires on the way
SHORT_TOKEN_SHARE = 0.5  # of its life, for one that lives shorter than that


class NotSent(Exception):
    """The request never left, or was turned away unread: it has had no effect."""


class NotHeard(Exception):
    """The request left and no answer came that can be understood: it may have had its effect."""


@dataclass(frozen=True, slots=True)
class Said:
    """An answer: its status below 500, its JSON object (empty where there was none), PayPal's id for support."""

    status: int
    body: Mapping[str, Any]
    debug_id: str

    @property
    def ok(self) -> bool:
        return self.status < 300

    def issues(self) -> tuple[str, ...]:
        """Every `details[].issue`, and the `name` of the error last; empty for a success."""
        if self.ok:
            return ()
        details = self.body.get("details")
        found = [d.get("issue") for d in details if isinstance(d, dict)] if isinstance(details, list) else []
        return tuple(issue for issue in (*found, self.body.get("name")) if isinstance(issue, str))

    def __str__(self) -> str:
        """The answer for an error's text: no body, no token."""
        said = ", ".join(self.issues()[:3]) or "no issue named"
        return f"HTTP {self.status} ({said}; PayPal's debug id {self.debug_id or 'unknown'})"


class PayPalWire:
    """Asks with a bearer token that is fetched once for everybody, and once more where it is refused.

    Safe for concurrent use. `close` it at the end.
    """

    def __init__(self, client_id: str, client_secret: str, *, api_url: str, timeout_seconds: float) -> None:
        """`timeout_seconds` is how long one request may take; connecting takes at most 5 s of it."""
        self._auth = httpx.BasicAuth(client_id, client_secret)
        timeout = httpx.Timeout(timeout_seconds, connect=min(CONNECT_SECONDS, timeout_seconds))
        self._client = httpx.AsyncClient(base_url=api_url, timeout=timeout)
        self._lock = asyncio.Lock()
        self._token = ""
        self._fresh_until = 0.0

    async def close(self) -> None:
        await self._client.aclose()

    async def ask(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | bytes | None = None,
        request_id: str | None = None,
    ) -> Said:
        """PayPal's answer. The same `request_id` is the same request, for as long as PayPal keeps it (hours).

        `body` as bytes is sent as it stands. Raises NotSent where it surely had no effect, NotHeard where it may have.
        """
        headers = {"Content-Type": "application/json", "Prefer": "return=representation"}
        if request_id is not None:
            headers["PayPal-Request-Id"] = request_id
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        token = await self._bearer()
        response = await self._send(method, path, headers | {"Authorization": f"Bearer {token}"}, content)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            token = await self._bearer(refused=token)
            response = await self._send(method, path, headers | {"Authorization": f"Bearer {token}"}, content)
        return _read(method, path, response)

    async def _bearer(self, refused: str | None = None) -> str:
        """A token that is not about to expire, and is not the one that was refused."""
        async with self._lock:
            if self._token and self._token != refused and time.monotonic() < self._fresh_until:
                return self._token
            try:
                response = await self._client.post(
                    "/v1/oauth2/token", data={"grant_type": "client_credentials"}, auth=self._auth
                )
            except httpx.HTTPError as error:
                raise NotSent(f"no access token: {type(error).__name__}") from None
            if response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
                raise NotSent(
                    "PayPal refuses these credentials; put in the client id and secret of an app that is enabled"
                )
            said = _object(response)
            token, life = said.get("access_token"), said.get("expires_in")
            if not response.is_success or not isinstance(token, str) or not isinstance(life, int | float):
                raise NotSent(f"no access token: HTTP {response.status_code}")
            self._token = token
            self._fresh_until = time.monotonic() + max(life - EARLY_SECONDS, life * SHORT_TOKEN_SHARE)
            return token

    async def _send(self, method: str, path: str, headers: Mapping[str, str], content: bytes | None) -> httpx.Response:
        # The causes are not chained: texts of httpx and h11 may repeat a header, and with it the token.
        try:
            return await self._client.request(method, path, headers=headers, content=content)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol) as error:
            raise NotSent(f"PayPal cannot be reached: {type(error).__name__}") from None
        except httpx.HTTPError as error:
            raise NotHeard(f"no answer: {type(error).__name__}") from None


def _read(method: str, path: str, response: httpx.Response) -> Said:
    said = Said(response.status_code, _object(response), response.headers.get("PayPal-Debug-Id", ""))
    match response.status_code:
        case 401:
            raise NotSent(f"PayPal refuses the access token of these credentials, twice: {said}")
        case 429:  # RATE_LIMIT_REACHED: blocked before anything is looked at
            raise NotSent(f"too many requests: {said}")
        case status if status >= 500 or status == httpx.codes.REQUEST_TIMEOUT or 300 <= status < 400:
            raise NotHeard(f"no answer: {said}")
        case status if status < 300 and not said.body and status != httpx.codes.NO_CONTENT:
            raise NotHeard(f"no answer: HTTP {status} without a JSON object")
    return said


def _object(response: httpx.Response) -> Mapping[str, Any]:
    try:
        found = json.loads(response.content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
