"""A PayPal that keeps its own books: access tokens, vaulted wallets, orders, captures, refunds, webhooks.

It speaks the documented wire of Orders v2, Payments v2, Vault v3 and Webhooks v1 as far as a merchant who charges
vaulted wallets needs it; PayPal's own SDK is driven against it in `tests/standins/test_paypal.py`.
"""

from __future__ import annotations

import base64
import secrets
from typing import Any, Literal

from aiohttp import web

from standins.paypal_requests import Refusal
from standins.paypal_till import Till
from standins.paypal_vault import WalletVault
from standins.paypal_webhooks import PayPalHooks
from standins.wire import Handler, Shelf, Wire
from standins.world import ScriptedWorlds

CLIENT_ID = "standin-client"
CLIENT_SECRET = "standin-secret"  # noqa: S105  # it opens nothing but this stand-in
TOKEN_SECONDS = 32_400  # nine hours, as PayPal's
GRANT = "/v1/oauth2/token"


class PayPalStandIn:
    """Serve `app()`. `wire` breaks requests.

    What a capture answers is decided by `decline` or `hold` of its wallet, else by `worlds`; else it is approved.
    """

    def __init__(self, shelf: Shelf, *, worlds: ScriptedWorlds | None = None) -> None:
        self.wire = Wire()
        self.hooks = PayPalHooks(shelf)
        self.vault = WalletVault(shelf, self.hooks)
        self.till = Till(shelf, self.hooks, self.vault, worlds or ScriptedWorlds())
        self.token_seconds: float = TOKEN_SECONDS
        self._shelf = shelf
        self._tokens: set[str] = set()
        self._secret = CLIENT_SECRET

    def app(self) -> web.Application:
        """The server; faults of `wire` come before anything else."""
        app = web.Application(middlewares=[self.wire.middleware, self._speak])
        app.router.add_post(GRANT, self._grant)
        app.router.add_routes([*self.vault.routes(), *self.till.routes()])
        app.router.add_post("/v1/notifications/webhooks", self.hooks.subscribe_here)
        app.router.add_get("/v1/notifications/webhooks-events", self.hooks.list_events)
        app.router.add_post("/v1/notifications/verify-webhook-signature", self.hooks.verify)
        app.on_cleanup.append(self._end)
        return app

    def vault_test_wallet(self) -> str:
        """Vault a wallet as if a customer had approved it in a browser; gives its vault id."""
        return self.vault.keep_wallet()

    async def remove_wallet(self, vault_id: str) -> str:
        """The customer takes the permission back on PayPal's pages; gives the id of the event that goes out."""
        return await self.vault.remove(vault_id)

    def decline(self, vault_id: str, issue: str | None) -> None:
        """Refuse every capture from this wallet with 422 and this issue; None: take money again."""
        self.till.script(vault_id, issue=issue)

    def hold(self, vault_id: str) -> None:
        """Leave every capture from this wallet PENDING, as an eCheck; `settle` decides it."""
        self.till.script(vault_id, pending=True)

    async def settle(self, capture_id: str, status: Literal["COMPLETED", "DECLINED"]) -> None:
        """Decide a pending capture, and tell."""
        capture = self.till.capture_of(capture_id) | {"status": status}
        capture.pop("status_details", None)
        self.till.keep_capture(capture)
        told = "DENIED" if status == "DECLINED" else status
        await self.hooks.tell(f"PAYMENT.CAPTURE.{told}", "capture", capture)

    async def reverse(self, capture_id: str) -> str:
        """Take a capture back for the payer, as after a chargeback, and tell; gives the reversal's id."""
        reversal = self.till.give_back(self.till.capture_of(capture_id), None, note_to_payer="Payment reversed")
        await self.hooks.tell("PAYMENT.CAPTURE.REVERSED", "refund", reversal)
        return str(reversal["id"])

    async def dispute(self, capture_id: str, outcome: str | None = None) -> str:
        """Open a dispute about a capture or, with an outcome code, resolve it, and tell; gives its id."""
        amount = self.till.capture_of(capture_id)["amount"]
        dispute: dict[str, Any] = {
            "dispute_id": f"PP-D-{capture_id[:6]}",
            "disputed_transactions": [{"seller_transaction_id": capture_id, "gross_amount": amount}],
            "reason": "UNAUTHORISED",
            "status": "RESOLVED" if outcome else "OPEN",
            "dispute_amount": amount,
        }
        if outcome:
            dispute["dispute_outcome"] = {"outcome_code": outcome, "amount_refunded": amount}
        await self.hooks.tell(f"CUSTOMER.DISPUTE.{'RESOLVED' if outcome else 'CREATED'}", "dispute", dispute)
        return str(dispute["dispute_id"])

    async def pay_otherwise(self, custom_id: str, value: str, currency: str) -> str:
        """A payment that the merchant's own pages asked for and a customer approved; gives the capture's id."""
        amount = {"currency_code": currency, "value": value}
        capture = self.till.book(self.till.keep_order({"amount": amount, "custom_id": custom_id}), "COMPLETED")
        await self.hooks.tell("PAYMENT.CAPTURE.COMPLETED", "capture", capture)
        return str(capture["id"])

    def expire_orders(self) -> None:
        """Drop every order that nobody has captured, as PayPal does after hours."""
        self.till.expire()

    def forget_requests(self) -> None:
        """Take no `PayPal-Request-Id` of an order or a capture for one that was seen before, from now on."""
        self.till.replays.forget()

    def expire_tokens(self) -> None:
        """Take no access token that was given so far."""
        self._tokens.clear()

    def change_secret(self) -> None:
        """Take neither the client's secret nor any token from now on."""
        self._secret = secrets.token_urlsafe(16)
        self._tokens.clear()

    def captures(self) -> list[dict[str, Any]]:
        """Every capture, whatever became of it, oldest first."""
        return [*self._shelf.all("capture")]

    @web.middleware
    async def _speak(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let in who carries a token, and say refusals in PayPal's shape."""
        try:
            token = request.headers.get("Authorization", "").removeprefix("Bearer ")
            if request.path != GRANT and token not in self._tokens:
                raise Refusal(401, "AUTHENTICATION_FAILURE", "INVALID_TOKEN")
            return await handler(request)
        except Refusal as refusal:
            return refusal.response()

    async def _grant(self, request: web.Request) -> web.Response:
        basic = base64.b64encode(f"{CLIENT_ID}:{self._secret}".encode()).decode()
        if request.headers.get("Authorization") != f"Basic {basic}":
            error = {"error": "invalid_client", "error_description": "Client Authentication failed"}
            return web.json_response(error, status=401)
        token = f"A21AA{secrets.token_urlsafe(32)}"
        self._tokens.add(token)
        return web.json_response(
            {
                "scope": "https://uri.paypal.com/services/payments/payment",
                "access_token": token,
                "token_type": "Bearer",
                "app_id": "APP-80W284485P519543T",
                "expires_in": self.token_seconds,
                "nonce": secrets.token_urlsafe(8),
            }
        )

    async def _end(self, app: web.Application) -> None:
        await self.hooks.end()
