"""The till of a PayPal stand-in: orders, the one capture of each, and refunds (Orders v2, Payments v2)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from aiohttp import web

from domain.subscription import Role
from standins.paypal_amounts import amount_of, check_amount, minor_units
from standins.paypal_requests import Refusal, Replays, json_body, link, new_id, unprocessable
from standins.paypal_vault import WalletVault
from standins.paypal_webhooks import PayPalHooks
from standins.wire import Shelf
from standins.world import Scripted, ScriptedWorlds

Status = Literal["COMPLETED", "DECLINED", "PENDING"]

ID_LENGTH = 127  # of `invoice_id` and `custom_id`
ISSUES = {
    "generic_decline": "INSTRUMENT_DECLINED",
    "do_not_honor": "TRANSACTION_REFUSED",
    "authentication_required": "PAYER_ACTION_REQUIRED",
    "restricted_card": "PAYER_ACCOUNT_RESTRICTED",
    "account_closed": "PAYER_ACCOUNT_LOCKED_OR_CLOSED",
    "revocation_of_authorization": "AGREEMENT_ALREADY_CANCELLED",
    "no_such_payment_method": "TOKEN_ID_NOT_FOUND",
}
"""The reasons of scenarios that PayPal says as an issue: the order takes nothing and stays open."""

CODES = {
    "insufficient_funds": "5120",
    "expired_card": "5400",
    "lost_card": "9520",
    "stolen_card": "9520",
    "pickup_card": "5150",
    "fraudulent": "9500",
    "invalid_account": "1330",
    "issuer_not_available": "5920",
    "try_again_later": "9100",
    "processing_error": "8000",
}
"""The reasons that it says as a processor's code on a capture that was declined."""
OTHER_CODE = "5100"  # GENERIC_DECLINE, for every other reason


class Till:
    """Takes the money of orders, once each."""

    def __init__(self, shelf: Shelf, hooks: PayPalHooks, vault: WalletVault, worlds: ScriptedWorlds) -> None:
        self._shelf = shelf
        self._hooks = hooks
        self._vault = vault
        self._worlds = worlds
        self.replays = Replays(shelf)

    def routes(self) -> list[web.RouteDef]:
        """The doors of Orders v2 and Payments v2."""
        return [
            web.post("/v2/checkout/orders", self._make_order),
            web.get("/v2/checkout/orders/{id}", self._show_order),
            web.post("/v2/checkout/orders/{id}/capture", self._capture),
            web.get("/v2/payments/captures/{id}", self._show_capture),
            web.post("/v2/payments/captures/{id}/refund", self._refund),
            web.get("/v2/payments/refunds/{id}", self._show_refund),
        ]

    def script(self, vault_id: str, *, issue: str | None = None, pending: bool = False) -> None:
        """What every capture from a wallet meets from now on: a refusal, or PENDING, or (neither) nothing."""
        self._shelf.put("script", vault_id, {"issue": issue, "pending": pending})

    def keep_order(self, unit: Mapping[str, Any], intent: str = "CAPTURE") -> dict[str, Any]:
        """Keep a new order with one purchase unit; gives it."""
        order_id = new_id()
        order = {
            "id": order_id,
            "intent": intent,
            "status": "CREATED",
            "purchase_units": [{"reference_id": "default", **unit}],
            "create_time": _now(),
            "links": [
                link(f"/v2/checkout/orders/{order_id}", "self"),
                {"href": f"https://www.paypal.com/checkoutnow?token={order_id}", "rel": "approve", "method": "GET"},
                link(f"/v2/checkout/orders/{order_id}/capture", "capture", "POST"),
            ],
        }
        self._shelf.put("order", order_id, order)
        return order

    def charge_of(self, order_id: str) -> str:
        """The merchant's own name (`invoice_id`) of an order; empty where there is none."""
        order = self._shelf.get("order", order_id) or {"purchase_units": [{}]}
        return str(order["purchase_units"][0].get("invoice_id", ""))

    def expire(self) -> None:
        """Drop every order that nobody has captured."""
        for order in self._shelf.all("order"):
            if "payments" not in order["purchase_units"][0]:
                self._shelf.put("order", order["id"], order | {"expired": True})

    def book(self, order: Mapping[str, Any], status: Status, **more: Any) -> dict[str, Any]:
        """Write the one capture of an order into the books; gives it."""
        unit, capture_id = order["purchase_units"][0], new_id()
        names = {name: unit[name] for name in ("invoice_id", "custom_id") if name in unit}
        capture = {
            "id": capture_id,
            "status": status,
            "amount": unit["amount"],
            "final_capture": True,
            "seller_protection": {"status": "ELIGIBLE", "dispute_categories": ["UNAUTHORIZED_TRANSACTION"]},
            "supplementary_data": {"related_ids": {"order_id": order["id"]}},
            "create_time": _now(),
            "update_time": _now(),
            "links": [
                link(f"/v2/payments/captures/{capture_id}", "self"),
                link(f"/v2/payments/captures/{capture_id}/refund", "refund", "POST"),
                link(f"/v2/checkout/orders/{order['id']}", "up"),
            ],
            **names,
            **more,
        }
        self.keep_capture(capture)
        return capture

    def keep_capture(self, capture: Mapping[str, Any]) -> None:
        """Keep a capture as it is now, on its own page and on its order's."""
        self._shelf.put("capture", capture["id"], capture)
        order = self._shelf.get("order", capture["supplementary_data"]["related_ids"]["order_id"])
        if order is None:
            raise LookupError(f"capture {capture['id']} is of no order that was ever made")
        refunds = [
            {name: value for name, value in refund.items() if name != "capture_id"}
            for refund in self._shelf.all("refund")
            if refund["capture_id"] == capture["id"]
        ]
        order["purchase_units"][0]["payments"] = {
            "captures": [dict(capture)],
            **({"refunds": refunds} if refunds else {}),
        }
        self._shelf.put("order", order["id"], order | {"status": "COMPLETED"})

    def capture_of(self, capture_id: str) -> dict[str, Any]:
        """A capture. Raises Refusal for one that does not exist."""
        capture = self._shelf.get("capture", capture_id)
        if capture is None:
            raise Refusal(404, "RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID")
        return capture

    def give_back(self, capture: dict[str, Any], amount: Mapping[str, str] | None, **more: Any) -> dict[str, Any]:
        """Book a refund of a capture, whole (None) or in part; gives it. Raises Refusal where too little is left."""
        currency, taken = capture["amount"]["currency_code"], minor_units(capture["amount"])
        before = [r for r in self._shelf.all("refund") if r["capture_id"] == capture["id"]]
        left = taken - sum(minor_units(refund["amount"]) for refund in before)
        if capture["status"] not in ("COMPLETED", "PARTIALLY_REFUNDED") or left <= 0:
            raise unprocessable("CAPTURE_FULLY_REFUNDED" if left <= 0 else "CAPTURE_STATUS_INVALID")
        back = left if amount is None else minor_units(amount)
        if back > left:
            raise unprocessable("REFUND_AMOUNT_EXCEEDED")
        refund_id = new_id()
        named: dict[str, Any] = {name: capture[name] for name in ("invoice_id", "custom_id") if name in capture}
        refund: dict[str, Any] = {
            "id": refund_id,
            "status": "COMPLETED",
            "amount": amount_of(back, currency),
            "create_time": _now(),
            "update_time": _now(),
            "links": [
                link(f"/v2/payments/refunds/{refund_id}", "self"),
                link(f"/v2/payments/captures/{capture['id']}", "up"),
            ],
            **named,
            **more,
        }
        self._shelf.put("refund", refund_id, refund | {"capture_id": capture["id"]})
        self.keep_capture(capture | {"status": "REFUNDED" if back == left else "PARTIALLY_REFUNDED"})
        return refund

    # Doors

    async def _make_order(self, request: web.Request) -> web.Response:
        said = await json_body(request)
        known = self.replays.known(request, said)
        if known is not None:
            return web.json_response(self._order(known))
        units = said.get("purchase_units")
        if said.get("intent") not in ("CAPTURE", "AUTHORIZE") or not isinstance(units, list) or len(units) != 1:
            raise Refusal(400, "INVALID_REQUEST", "INVALID_PARAMETER_VALUE")
        check_amount(units[0].get("amount"))
        if any(not 0 < len(units[0].get(name, "x")) <= ID_LENGTH for name in ("invoice_id", "custom_id")):
            raise Refusal(400, "INVALID_REQUEST", "INVALID_STRING_LENGTH")
        order = self.keep_order(units[0], said["intent"])
        self.replays.note(request, said, order["id"])
        if said.get("payment_source"):  # the single step: made and captured at once
            self._take(order, said)
            return web.json_response(self._order(order["id"]), status=201)
        return web.json_response(_as_preferred(request, order), status=201)

    async def _show_order(self, request: web.Request) -> web.Response:
        return web.json_response(self._order(request.match_info["id"]))

    async def _capture(self, request: web.Request) -> web.Response:
        said = await json_body(request)
        order = self._order(request.match_info["id"])
        if "payments" in order["purchase_units"][0]:
            if self.replays.known(request, said) is None:
                raise unprocessable("ORDER_ALREADY_CAPTURED")
            return self._heard(request, order, 200)
        capture = self._take(order, said)
        self.replays.note(request, said, order["id"])
        told = capture["status"] if capture["status"] != "DECLINED" else "DENIED"
        await self._hooks.tell(f"PAYMENT.CAPTURE.{told}", "capture", capture)
        return self._heard(request, self._order(order["id"]), 201)

    async def _show_capture(self, request: web.Request) -> web.Response:
        return web.json_response(self.capture_of(request.match_info["id"]))

    async def _refund(self, request: web.Request) -> web.Response:
        capture, said = self.capture_of(request.match_info["id"]), await json_body(request)
        known = self.replays.known(request, said)
        if known is not None:
            return web.json_response(self._refund_of(known))
        amount = said.get("amount")
        if amount is not None:
            check_amount(amount)
            if amount["currency_code"] != capture["amount"]["currency_code"]:
                raise unprocessable("CURRENCY_MISMATCH")
        named = {name: said[name] for name in ("invoice_id", "note_to_payer") if name in said}
        refund = self.give_back(capture, amount, **named)
        self.replays.note(request, said, refund["id"])
        await self._hooks.tell("PAYMENT.CAPTURE.REFUNDED", "refund", refund)
        return web.json_response(refund, status=201)

    async def _show_refund(self, request: web.Request) -> web.Response:
        return web.json_response(self._refund_of(request.match_info["id"]))

    # What becomes of a capture

    def _take(self, order: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
        """Take an order's money from the payment source of a request; gives the capture. Raises Refusal."""
        wallet = (said.get("payment_source") or {}).get("paypal") or {}
        vault_id = str(wallet.get("vault_id") or "")
        if not vault_id:
            raise unprocessable("ORDER_NOT_APPROVED")
        if (wallet.get("stored_credential") or {}).get("payment_initiator") not in ("MERCHANT", "CUSTOMER"):
            raise Refusal(400, "INVALID_REQUEST", "MISSING_REQUIRED_PARAMETER")
        if not self._vault.usable(vault_id):
            raise unprocessable("TOKEN_ID_NOT_FOUND")
        script = self._shelf.get("script", vault_id) or {}
        if script.get("issue"):
            raise unprocessable(script["issue"])
        if script.get("pending"):
            return self.book(order, "PENDING", status_details={"reason": "ECHECK"})
        scripted = self._scripted(order)
        if scripted is None or scripted.outcome == "approved":
            return self.book(order, "COMPLETED")
        reason = scripted.reason or "generic_decline"
        if scripted.heard and reason in ISSUES:
            raise unprocessable(ISSUES[reason])
        # Where nobody hears it, the decline has to stand in the books: an open order would say that nothing was asked.
        return self.book(order, "DECLINED", processor_response={"response_code": CODES.get(reason, OTHER_CODE)})

    def _heard(self, request: web.Request, order: Mapping[str, Any], status: int) -> web.Response:
        """The answer to a capture; the connection's end instead, where the scenario wants it never heard."""
        scripted = self._scripted(order)
        if scripted is not None and not scripted.heard and request.transport is not None:
            request.transport.abort()
            raise ConnectionResetError("scripted")
        return web.json_response(order, status=status)

    def _scripted(self, order: Mapping[str, Any]) -> Scripted | None:
        """What the world says of whom, which method and when `custom_id` names: `s-1|primary|2026-03-15T04:00:00Z`."""
        parts = str(order["purchase_units"][0].get("custom_id", "")).rsplit("|", 2)
        if len(parts) != 3 or parts[1] not in ("primary", "secondary"):
            return None
        role: Role = "primary" if parts[1] == "primary" else "secondary"
        return self._worlds.answer(parts[0], role, datetime.fromisoformat(parts[2]))

    def _order(self, order_id: str) -> dict[str, Any]:
        order = self._shelf.get("order", order_id)
        if order is None or order.get("expired"):
            raise Refusal(404, "RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID")
        return order

    def _refund_of(self, refund_id: str) -> dict[str, Any]:
        refund = self._shelf.get("refund", refund_id)
        if refund is None:
            raise Refusal(404, "RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID")
        return {name: value for name, value in refund.items() if name != "capture_id"}


def _as_preferred(request: web.Request, order: Mapping[str, Any]) -> Mapping[str, Any]:
    """The whole order where the caller prefers it, else its id, status and links."""
    if "return=representation" in request.headers.get("Prefer", ""):
        return order
    return {name: order[name] for name in ("id", "status", "links")}


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
