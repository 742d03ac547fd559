"""What a PayPal stand-in does with every request: its JSON, its `PayPal-Request-Id`, its refusal in PayPal's shape."""

from __future__ import annotations

import hashlib
import json
import secrets
import string
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from standins.wire import Shelf

API_URL = "https://api-m.paypal.com"  # as in the links of PayPal's answers, wherever the stand-in listens

_MESSAGES = {
    400: "Request is not well-formed, syntactically incorrect, or violates schema.",
    401: "Authentication failed due to invalid authentication credentials or a missing Authorization header.",
    404: "The specified resource does not exist.",
    422: "The requested action could not be performed, semantically incorrect, or failed business validation.",
}


class Refusal(Exception):
    """A request that is turned away, with the error's name and the issue of its one detail."""

    def __init__(self, status: int, name: str, issue: str) -> None:
        super().__init__(issue)
        self.status = status
        self.name = name
        self.issue = issue

    def response(self) -> web.Response:
        """The refusal as PayPal writes it."""
        debug_id = secrets.token_hex(7)[:13]
        body = {
            "name": self.name,
            "message": _MESSAGES.get(self.status, "The request was refused."),
            "debug_id": debug_id,
            "details": [{"issue": self.issue, "description": self.issue.replace("_", " ").capitalize() + "."}],
            "links": [{"href": f"https://developer.paypal.com/api/orders/v2/#error-{self.issue}", "rel": "help"}],
        }
        return web.json_response(body, status=self.status, headers={"PayPal-Debug-Id": debug_id})


def unprocessable(issue: str) -> Refusal:
    """422 with an issue: the request was understood and is not done."""
    return Refusal(422, "UNPROCESSABLE_ENTITY", issue)


async def json_body(request: web.Request) -> dict[str, Any]:
    """The JSON object of a request; empty for no body. Raises Refusal for anything else."""
    raw = await request.read()
    try:
        said = json.loads(raw) if raw.strip() else {}
    except ValueError:
        raise Refusal(400, "INVALID_REQUEST", "MALFORMED_REQUEST_JSON") from None
    if not isinstance(said, dict):
        raise Refusal(400, "INVALID_REQUEST", "MALFORMED_REQUEST_JSON")
    return said


def new_id(length: int = 17) -> str:
    """An id as PayPal draws them: capitals and digits."""
    return "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(length))


def link(path: str, rel: str, method: str = "GET") -> dict[str, str]:
    """One of an answer's links to what belongs to it."""
    return {"href": f"{API_URL}{path}", "rel": rel, "method": method}


class Replays:
    """What was made under which `PayPal-Request-Id`: the same id at the same door gives the same thing again."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._forgetful = False

    def forget(self) -> None:
        """Know no request again, as PayPal does not after hours."""
        self._forgetful = True

    def known(self, request: web.Request, said: Mapping[str, Any], *, strictly: bool = False) -> str | None:
        """The id of what this request made before; None where it is new.

        `strictly` refuses the same id with another body, as the vault does; orders and refunds answer with what the id
        made at first, whatever the body ("the latest status of the previous request").
        """
        kept = self._shelf.get("request", self._name(request))
        if kept is None or self._forgetful or "PayPal-Request-Id" not in request.headers:
            return None
        if strictly and kept["body"] != _digest(said):
            raise unprocessable("PAYPAL_REQUEST_ID_PREVIOUSLY_USED")
        return str(kept["made"])

    def note(self, request: web.Request, said: Mapping[str, Any], made: str) -> None:
        """Remember what a request made."""
        if "PayPal-Request-Id" in request.headers:
            self._shelf.put("request", self._name(request), {"made": made, "body": _digest(said)})

    def _name(self, request: web.Request) -> str:
        return f"{request.path}#{request.headers.get('PayPal-Request-Id', '')}"


def _digest(said: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
