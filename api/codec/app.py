"""Temporal's remote codec protocol: POST /decode and /encode, `{"payloads": [{"metadata": {...}, "data": "..."}]}`.

https://docs.temporal.io/codec-server. Whoever has the token can read everything that Temporal keeps of every
subscription, so every request needs it, nobody is remembered by a cookie, and pages of other origins get no answer.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from temporalio.api.common.v1 import Payload, Payloads

BODY_BYTES = 16_000_000  # a page of the UI's history; Temporal's own limit for one payload is 2 MB, for an answer 4 MB
PAYLOADS_LIMIT = 10_000
NAMESPACE_SHOWN = 64
PREFLIGHT_SECONDS = 600  # for how long a browser need not ask again whether it may
HEADERS = "authorization, content-type, x-namespace"

log = logging.getLogger("perennial.codec")


class Codec(Protocol):
    """What can be read by whom has the keys."""

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]: ...
    def readable(self, payload: Payload) -> Payload: ...


Translate = Callable[[Payloads], Awaitable[list[Payload]]]


def app(codec: Codec, *, token: str, origins: Sequence[str] = ()) -> Starlette:
    """The application. `token` is what every request carries as a bearer token; `origins` are the UI's."""
    expected = hashlib.sha256(f"Bearer {token}".encode()).digest()

    async def healthz(request: Request) -> Response:
        return JSONResponse({"serving": "codec"})

    async def decoded(payloads: Payloads) -> list[Payload]:
        return [codec.readable(each) for each in payloads.payloads]

    async def encoded(payloads: Payloads) -> list[Payload]:
        return await codec.encode(payloads.payloads)

    def door(translate: Translate) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            response = await _answered(request, translate)
            return _for_browsers(response, request, origins)

        return answer

    async def _answered(request: Request, translate: Translate) -> Response:
        origin = request.headers.get("origin")
        if origin is not None and origin not in origins:
            log.warning("refused: a page of another origin asked")
            return _no(403, "pages of this origin are not answered; setting codec_origins names those that are")
        if request.method == "OPTIONS":
            return Response(status_code=204)
        given = hashlib.sha256(request.headers.get("authorization", "").encode("latin-1")).digest()
        if not hmac.compare_digest(given, expected):
            log.warning("refused: no bearer token, or a wrong one")
            refusal = _no(401, "expected the bearer token of setting codec_token")
            refusal.headers["www-authenticate"] = "Bearer"
            return refusal
        body = await _body(request)
        if body is None:
            return _no(413, f"the body has more than {BODY_BYTES} bytes, or broke off")
        try:
            asked = _read(body)
        except (ParseError, ValueError, TypeError, AttributeError, RecursionError):  # their texts quote the body
            return _no(400, 'expected {"payloads": [{"metadata": {...}, "data": "..."}]}, all in Base64')
        if len(asked.payloads) > PAYLOADS_LIMIT:
            return _no(413, f"{len(asked.payloads)} payloads; expected at most {PAYLOADS_LIMIT} at once")
        given_back = await translate(asked)
        changed = sum(before is not after for before, after in zip(asked.payloads, given_back, strict=True))
        namespace = request.headers.get("x-namespace", "")[:NAMESPACE_SHOWN]
        log.info("%s: %d of %d payloads, namespace %r", request.url.path, changed, len(given_back), namespace)
        return JSONResponse(MessageToDict(Payloads(payloads=given_back)) or {"payloads": []})

    return Starlette(
        routes=[
            Route("/healthz", healthz, methods=["GET"]),
            Route("/decode", door(decoded), methods=["POST", "OPTIONS"]),
            Route("/encode", door(encoded), methods=["POST", "OPTIONS"]),
        ]
    )


def _read(body: bytes) -> Payloads:
    said = json.loads(body)
    if not isinstance(said, dict):
        raise TypeError("no object")
    return ParseDict(said, Payloads(), ignore_unknown_fields=True)


async def _body(request: Request) -> bytes | None:
    """The body; None where it is longer than the limit, or did not come to its end."""
    parts: list[bytes] = []
    length = 0
    try:
        async for part in request.stream():
            length += len(part)
            if length > BODY_BYTES:
                return None
            parts.append(part)
    except ClientDisconnect:
        return None
    return b"".join(parts)


def _for_browsers(response: Response, request: Request, origins: Sequence[str]) -> Response:
    """Let the UI's page read the answer; credentials of the browser's own (cookies) are never asked for."""
    response.headers["cache-control"] = "no-store"
    response.headers["vary"] = "origin"
    origin = request.headers.get("origin")
    if origin in origins:
        response.headers["access-control-allow-origin"] = str(origin)
        response.headers["access-control-allow-methods"] = "POST, OPTIONS"
        response.headers["access-control-allow-headers"] = HEADERS
        response.headers["access-control-max-age"] = str(PREFLIGHT_SECONDS)
    return response


def _no(status: int, why: str) -> Response:
    return JSONResponse({"error": f"{why}. Nothing was decrypted."}, status_code=status)
