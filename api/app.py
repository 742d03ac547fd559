"""The doors for outside parties over HTTP: webhooks, bank statements, returned mails. Small on purpose, for now.

Whatever is answered with 2xx is durable: noted in the books, and told to Temporal. Every other answer means "send it
again", or says plainly why that would be of no use.
"""

from __future__ import annotations

import hmac
import json
import logging
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from api.inbound import Outcome
from domain.quoting import legible, quoted
from domain.reports import Unverified

BODY_BYTES = 1_000_000  # a webhook has some 10 kB; Stripe's largest events some 100 kB
UPLOAD_BYTES = 50_000_000  # a year of a busy account's statements
AGAIN_SECONDS = "60"  # what Retry-After asks of parties that respect it

log = logging.getLogger("perennial.api")


class Doors(Protocol):
    """Who may report, and what takes it in."""

    @property
    def sources(self) -> tuple[str, ...]: ...
    async def take_in(self, source: str, headers: Any, body: bytes) -> Outcome: ...


class Refused(Exception):
    """An upload that cannot be taken in however often it is sent; the text says why. Nothing was done."""


Upload = Callable[[str, bytes], Awaitable[object]]
"""Takes in a file by its name; gives a dataclass that says what came of it. Raises Refused."""


def app(doors: Doors, *, uploads: dict[str, Upload], token: str) -> Starlette:
    """The application. `uploads` by path; they need `token` as a bearer token: where it is empty, all are refused."""

    async def healthz(request: Request) -> Response:
        return JSONResponse({"listening_for": list(doors.sources)})

    async def webhook(request: Request) -> Response:
        source = request.path_params["source"]
        if source not in doors.sources:
            return _no(
                404, f"nobody is known as {quoted(source)} here; expected one of {', '.join(doors.sources) or 'none'}"
            )
        body = await _body(request, BODY_BYTES)
        if body is None:
            return _no(413, f"the body has more than {BODY_BYTES} bytes, or broke off")
        try:
            outcome = await doors.take_in(source, request.headers, body)
        except Unverified as error:
            return _no(400, str(error))
        except Exception as error:
            log.error("a report of %s could not be taken in: %s", source, where(error))
            return _again("it could not be taken in now; nothing is lost, send it again")
        if outcome.too_early:
            return _again("it is about a payment that the books do not know yet; send it again")
        return JSONResponse(asdict(outcome))

    async def upload(request: Request) -> Response:
        take = uploads.get(request.path_params["kind"])
        if take is None:
            return _no(404, f"nothing of that kind is taken; expected one of {', '.join(sorted(uploads)) or 'none'}")
        given = request.headers.get("authorization", "").encode("latin-1")
        if not token or not hmac.compare_digest(given, f"Bearer {token}".encode()):
            return _no(401, "expected the bearer token of setting listen_token")
        body = await _body(request, UPLOAD_BYTES)
        if body is None:
            return _no(413, f"the body has more than {UPLOAD_BYTES} bytes, or broke off")
        try:
            done = await take(legible(request.query_params.get("name", "upload")), body)
        except Refused as error:
            return _no(422, str(error))
        except Exception as error:
            log.error("an upload could not be taken in: %s", where(error))
            return _again("it could not be taken in now; send it again, nothing counts twice")
        said = asdict(done) if is_dataclass(done) and not isinstance(done, type) else {"done": str(done)}
        return Response(json.dumps(said, default=str), media_type="application/json")  # dates in ISO

    async def nowhere(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 400
        ways = ", ".join([f"/webhooks/{source}" for source in doors.sources] + [f"/uploads/{kind}" for kind in uploads])
        return _no(
            status, f"{request.method} {quoted(request.url.path)} is nothing here; expected POST to one of {ways}"
        )

    served = Starlette(
        exception_handlers={HTTPException: nowhere},
        routes=[
            Route("/healthz", healthz, methods=["GET"]),
            Route("/webhooks/{source}", webhook, methods=["POST"]),
            Route("/uploads/{kind}", upload, methods=["POST"]),
        ],
    )
    served.router.redirect_slashes = False  # no party follows a redirect; to each it would be a webhook that failed
    return served


async def _body(request: Request, limit: int) -> bytes | None:
    """The body; None where it is longer than `limit` bytes, or did not come to its end."""
    parts: list[bytes] = []
    length = 0
    try:
        async for part in request.stream():
            length += len(part)
            if length > limit:
                return None
            parts.append(part)
    except ClientDisconnect:
        return None
    return b"".join(parts)


def where(error: BaseException) -> str:
    """What kind of fault, and in which line: without its text, which may quote a row or a body with personal data."""
    frames = traceback.extract_tb(error.__traceback__)
    at = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{at}"


def _no(status: int, why: str) -> Response:
    said = why if why.endswith(".") else f"{why}. Nothing was taken in and no money moved."
    return JSONResponse({"error": said}, status_code=status)


def _again(why: str) -> Response:
    return JSONResponse({"error": why}, status_code=503, headers={"Retry-After": AGAIN_SECONDS})
