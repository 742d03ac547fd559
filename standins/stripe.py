"""A stand-in for Stripe on the wire: its API as the official SDK speaks it, its idempotency, its signed webhooks.

Keeps its own books, apart from ours, so that a test can ask the party itself how often money was taken.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from standins.stripe_books import Confirmed, LostReply, Refused, StripeBooks, invalid
from standins.stripe_deliveries import Deliveries
from standins.stripe_objects import API_VERSION, Object, event, new_id
from standins.wire import Shelf, Wire
from standins.world import ScriptedWorlds

API_KEY = "sk_test_standin"
PLAIN_CARD = "pm_card_visa"
FREE = ("amount", "confirm", "currency", "customer", "description", "expand", "metadata", "off_session")
"""Parameters of most requests; those that a request does not know are refused, as Stripe does."""

_CREATE_INTENT = (*FREE, "automatic_payment_methods", "payment_method", "payment_method_types", "setup_future_usage")
_PARAMETERS: dict[str, tuple[str, ...]] = {
    "payment_intents": _CREATE_INTENT,
    "payment_intents/confirm": ("error_on_requires_action", "expand", "off_session", "payment_method"),
    "payment_intents/cancel": ("cancellation_reason", "expand"),
}

_PART = re.compile(r"[^\[\]]+")


@dataclass(frozen=True, slots=True)
class Taken:
    """A charge in Stripe's books: approved, declined, or (partly) given back; amounts in Stripe's own units."""

    id: str
    payment_intent: str
    amount: int
    currency: str
    approved: bool
    refunded: int
    decline_code: str | None
    metadata: dict[str, str]


class StripeStandIn:
    """Serve `app()`; break it by `wire`; look into its books by `charges()`; act as customer or bank by `books`."""

    def __init__(
        self,
        shelf: Shelf,
        *,
        worlds: ScriptedWorlds | None = None,
        api_key: str = API_KEY,
        retry_seconds: Sequence[float] = (0.05, 0.2, 0.5),
    ) -> None:
        """`worlds` decide charges of subscriptions they know. Webhooks are sent again after each of `retry_seconds`."""
        self.wire = Wire()
        self.api_key = api_key
        self.books = StripeBooks(shelf, worlds, self._emit)
        self.deliveries = Deliveries(shelf, retry_seconds)
        self.gate: asyncio.Event | None = None
        """Set it, and requests with an idempotency key wait for it after they have begun: they are in flight."""
        self.stumbles = 0
        """So many of the next confirmations fail inside, with a 500 that is stored under their idempotency key."""
        self.locks = 0
        """So many of the next confirmations find their PaymentIntent held by another request: 429, nothing is done."""
        self._shelf = shelf
        self._in_flight: set[str] = set()

    def app(self) -> web.Application:
        """The API, for `standins.wire.served`; deliveries stop with it."""
        app = web.Application(middlewares=[self.wire.middleware])
        app.router.add_route("*", "/v1/{rest:.+}", self._answer)

        async def stop(_: web.Application) -> None:
            await self.deliveries.close()

        app.on_cleanup.append(stop)
        return app

    def charges(self) -> list[Taken]:
        """Every charge ever tried, in order."""
        return [
            Taken(
                id=charge["id"],
                payment_intent=charge["payment_intent"],
                amount=charge["amount"],
                currency=charge["currency"],
                approved=charge["status"] == "succeeded",
                refunded=charge["amount_refunded"],
                decline_code=None if charge["status"] == "succeeded" else charge["outcome"]["reason"],
                metadata=charge["metadata"],
            )
            for charge in self._shelf.all("charge")
        ]

    def vault_test_card(self, token: str = PLAIN_CARD) -> tuple[str, str]:
        """A new customer with a test card that was set up for charges off session; their ids."""
        customer = self.books.create_customer({})
        method = self.books.attach(token, {"customer": customer["id"]})
        return customer["id"], method["id"]

    def endpoint(self, url: str, enabled_events: Sequence[str] = ("*",)) -> str:
        """Register a webhook endpoint; gives its signing secret."""
        secret: str = self.deliveries.register(url, enabled_events)["secret"]
        return secret

    def forget_keys(self) -> None:
        """A day goes by: Stripe forgets what it has answered under idempotency keys."""
        for kept in list(self._shelf.all("idempotency")):
            self._shelf.put("idempotency", kept["key"], {**kept, "forgotten": True})

    def _emit(self, kind: str, thing: Object, previous: Object | None) -> None:
        happened = event(kind, thing, previous)
        self._shelf.put("event", happened["id"], happened)
        self.deliveries.send(happened)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        headers = {"Request-Id": new_id("req"), "Stripe-Version": request.headers.get("Stripe-Version", API_VERSION)}
        if request.headers.get("Authorization") != f"Bearer {self.api_key}":
            refused = {"type": "invalid_request_error", "message": "Invalid API Key provided: sk_test_****"}
            return web.json_response({"error": refused}, status=401, headers=headers)
        key = request.headers.get("Idempotency-Key") if request.method == "POST" else None
        if key is None:
            status, body = await self._work(request, None)
            return web.json_response(body, status=status, headers=headers)
        return await self._answer_once(request, key, headers)

    async def _answer_once(self, request: web.Request, key: str, headers: dict[str, str]) -> web.StreamResponse:
        """By https://docs.stripe.com/api/idempotent_requests: what was begun is answered the same for a day."""
        asked = hashlib.sha256(request.path.encode() + b"\0" + await request.read()).hexdigest()
        headers["Idempotency-Key"] = key
        kept = self._shelf.get("idempotency", key)
        if kept is not None and not kept.get("forgotten"):
            if kept["asked"] != asked:
                error = {
                    "type": "idempotency_error",
                    "message": "Keys for idempotent requests can only be used with the same parameters.",
                }
                return web.json_response({"error": error}, status=400, headers=headers)
            if kept.get("unheard"):
                raise _hang_up(request)
            headers["Idempotent-Replayed"] = "true"
            return web.json_response(kept["body"], status=kept["status"], headers=headers)
        if key in self._in_flight:
            error = {
                "type": "invalid_request_error",
                "code": "idempotency_key_in_use",
                "message": "There is currently another in-progress request using this Idempotent Key.",
            }
            return web.json_response({"error": error}, status=409, headers=headers)
        self._in_flight.add(key)
        try:
            status, body = await self._work(request, key)
        except LostReply:
            self._shelf.put("idempotency", key, {"key": key, "asked": asked, "unheard": True})
            raise _hang_up(request) from None
        finally:
            self._in_flight.discard(key)
        if status not in (400, 404, 429):  # what did not pass validation may be sent again, mended, under its key
            self._shelf.put("idempotency", key, {"key": key, "asked": asked, "status": status, "body": body})
        return web.json_response(body, status=status, headers=headers)

    async def _work(self, request: web.Request, key: str | None) -> tuple[int, Object]:
        if self.gate is not None and key is not None:
            await self.gate.wait()
        path = request.path.removeprefix("/v1/").strip("/").split("/")
        if self.stumbles > 0 and path[-1] == "confirm":
            self.stumbles -= 1
            return 500, {"error": {"type": "api_error", "message": "An unknown error occurred."}}
        if self.locks > 0 and path[-1] == "confirm":
            self.locks -= 1
            said = "This object cannot be accessed right now because another API request is accessing it."
            return 429, {"error": {"type": "invalid_request_error", "code": "lock_timeout", "message": said}}
        sent = (await request.read()).decode() if request.method == "POST" else request.query_string
        try:
            return 200, self._do(request.method, path, nested(parse_qsl(sent, keep_blank_values=True)))
        except Refused as refused:
            return refused.status, {"error": refused.error}
        except KeyError as absent:
            missing = invalid(str(absent.args[0]), "parameter_missing", f"Missing required param: {absent.args[0]}.")
            return missing.status, {"error": missing.error}

    def _do(self, method: str, path: list[str], p: Object) -> Object:
        books = self.books
        _known_only("/".join(path[::2]), p if method == "POST" else {})
        match method, path:
            case "POST", ["customers"]:
                return books.create_customer(p)
            case "DELETE", ["customers", id_]:
                return books.delete_customer(id_)
            case "POST", ["payment_methods", id_, "attach"]:
                return books.attach(id_, p)
            case "POST", ["payment_methods", id_, "detach"]:
                return books.detach(id_)
            case "POST", ["setup_intents"]:
                return books.create_setup(p)
            case "POST", ["setup_intents", id_, "confirm"]:
                return books.confirm_setup(id_, p)
            case "POST", ["payment_intents"]:
                return _heard(books.create_intent(p))
            case "POST", ["payment_intents", id_, "confirm"]:
                return _heard(books.confirm_intent(id_, p))
            case "POST", ["payment_intents", id_, "cancel"]:
                return books.cancel_intent(id_, p)
            case "POST", ["refunds"]:
                return books.refund(p)
            case "POST", ["webhook_endpoints"]:
                return self.deliveries.register(p["url"], p["enabled_events"])
            case "GET", [("customers" | "setup_intents" | "payment_intents" | "payment_methods") as kind, id_]:
                return books.get(kind.removesuffix("s"), id_)
            case "GET", [("charges" | "refunds" | "disputes" | "events") as kind, id_]:
                return books.get(kind.removesuffix("s"), id_)
            case "GET", [("payment_intents" | "charges" | "refunds" | "disputes" | "events") as kind]:
                return _page(kind, books.listed(kind.removesuffix("s"), p), p)
            case _:
                message = f"Unrecognized request URL ({method}: /v1/{'/'.join(path)})."
                raise Refused(404, {"type": "invalid_request_error", "message": message})


def nested(pairs: Sequence[tuple[str, str]]) -> Object:
    """Stripe's form fields as they nest: `metadata[role]=primary`, `enabled_events[0]=*`, `expand[]=customer`."""
    out: Object = {}
    for name, value in pairs:
        first, *rest = _PART.findall(name)
        target: Any = out
        for part, following in zip([first, *rest], [*rest, None], strict=True):
            if following is None:
                target[part] = value
            else:
                target = target.setdefault(part, {})
        if name.endswith("[]"):
            out[first] = [*(out[first] if isinstance(out.get(first), list) else []), value]
    return {name: _listed(value) for name, value in out.items()}


def _listed(value: Any) -> Any:
    """Fields numbered from 0 are a list."""
    if isinstance(value, dict) and value and all(part.isdecimal() for part in value):
        return [value[part] for part in sorted(value, key=int)]
    return value


def _known_only(what: str, p: Object) -> None:
    unknown = set(p) - set(_PARAMETERS.get(what, p))
    if unknown:
        name = min(unknown)
        raise invalid(name, "parameter_unknown", f"Received unknown parameter: {name}")


def _heard(confirmed: Confirmed) -> Object:
    if not confirmed.heard:
        raise LostReply
    return confirmed.intent


def _page(kind: str, found: list[Object], p: Object) -> Object:
    """At most `limit` (10) of them, after the one whose id is `starting_after`."""
    if "starting_after" in p:
        ids = [o["id"] for o in found]
        found = found[ids.index(p["starting_after"]) + 1 :]
    limit = int(p.get("limit", 10))
    return {"object": "list", "url": f"/v1/{kind}", "has_more": len(found) > limit, "data": found[:limit]}


def _hang_up(request: web.Request) -> ConnectionResetError:
    """End the connection: what the client sees of a reply that was lost."""
    if request.transport is not None:
        request.transport.abort()
    return ConnectionResetError("scripted")
