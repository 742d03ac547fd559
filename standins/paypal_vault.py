"""The vault of a PayPal stand-in: setup tokens that a customer approves, and the wallets made of them (Vault v3)."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from standins.paypal_requests import Refusal, Replays, json_body, link, new_id, unprocessable
from standins.paypal_webhooks import PayPalHooks
from standins.wire import Shelf


class WalletVault:
    """Wallets by vault id. One that was removed stays known, so that a charge of it is refused by name."""

    def __init__(self, shelf: Shelf, hooks: PayPalHooks) -> None:
        self._shelf = shelf
        self._hooks = hooks
        self._replays = Replays(shelf)

    def routes(self) -> list[web.RouteDef]:
        """The doors of Vault v3."""
        return [
            web.post("/v3/vault/setup-tokens", self._make_setup_token),
            web.get("/v3/vault/setup-tokens/{id}", self._show_setup_token),
            web.post("/v3/vault/payment-tokens", self._make_payment_token),
            web.get("/v3/vault/payment-tokens/{id}", self._show_payment_token),
            web.delete("/v3/vault/payment-tokens/{id}", self._delete_payment_token),
        ]

    def keep_wallet(self) -> str:
        """Vault a wallet; gives its vault id."""
        vault_id = new_id(8).lower()
        token = _token(vault_id, "payment-tokens") | {"customer": {"id": f"customer_{vault_id}"}}
        self._shelf.put("payment_token", vault_id, token)
        return vault_id

    def usable(self, vault_id: str) -> bool:
        """Whether a wallet is vaulted under this id."""
        token = self._shelf.get("payment_token", vault_id)
        return token is not None and not token.get("removed")

    def approve(self, setup_token: str) -> None:
        """The customer approves a setup token on PayPal's own pages."""
        token = self._shelf.get("setup_token", setup_token)
        if token is None:
            raise LookupError(f"setup token {setup_token} was never made")
        self._shelf.put("setup_token", setup_token, token | {"status": "APPROVED"})

    async def remove(self, vault_id: str) -> str:
        """The customer or the merchant takes a wallet out; gives the id of the event that goes out."""
        self._shelf.put("payment_token", vault_id, {"id": vault_id, "removed": True})
        return await self._hooks.tell("VAULT.PAYMENT-TOKEN.DELETED", "payment_token", {"id": vault_id})

    async def _make_setup_token(self, request: web.Request) -> web.Response:
        said = await json_body(request)
        known = self._replays.known(request, said, strictly=True)
        if known is not None:
            return web.json_response(self._shelf.get("setup_token", known))
        if "paypal" not in (said.get("payment_source") or {}):
            raise Refusal(400, "INVALID_REQUEST", "MISSING_REQUIRED_PARAMETER")
        token_id = new_id()
        token = _token(token_id, "setup-tokens") | {"status": "PAYER_ACTION_REQUIRED"}
        self._shelf.put("setup_token", token_id, token)
        self._replays.note(request, said, token_id)
        return web.json_response(token, status=201)

    async def _show_setup_token(self, request: web.Request) -> web.Response:
        token = self._shelf.get("setup_token", request.match_info["id"])
        if token is None:
            raise Refusal(404, "RESOURCE_NOT_FOUND", "TOKEN_NOT_FOUND")
        return web.json_response(token)

    async def _make_payment_token(self, request: web.Request) -> web.Response:
        said = await json_body(request)
        known = self._replays.known(request, said, strictly=True)
        if known is not None:
            return web.json_response(self._shelf.get("payment_token", known))
        source = (said.get("payment_source") or {}).get("token") or {}
        setup = self._shelf.get("setup_token", str(source.get("id")))
        if setup is None or source.get("type") != "SETUP_TOKEN":
            raise Refusal(404, "RESOURCE_NOT_FOUND", "TOKEN_NOT_FOUND")
        if setup["status"] != "APPROVED":
            raise unprocessable("TOKEN_NOT_APPROVED")
        vault_id = self.keep_wallet()
        self._replays.note(request, said, vault_id)
        return web.json_response(self._shelf.get("payment_token", vault_id), status=201)

    async def _show_payment_token(self, request: web.Request) -> web.Response:
        return web.json_response(self._wallet(request))

    async def _delete_payment_token(self, request: web.Request) -> web.Response:
        await self.remove(self._wallet(request)["id"])
        return web.Response(status=204)

    def _wallet(self, request: web.Request) -> dict[str, Any]:
        token = self._shelf.get("payment_token", request.match_info["id"])
        if token is None or token.get("removed"):
            raise Refusal(404, "RESOURCE_NOT_FOUND", "TOKEN_NOT_FOUND")
        return token


def _token(token_id: str, room: str) -> dict[str, Any]:
    links = [link(f"/v3/vault/{room}/{token_id}", "self")]
    if room == "setup-tokens":
        links.append(
            {"href": f"https://www.paypal.com/agreements/approve?approval_session_id={token_id}", "rel": "approve"}
        )
    wallet = {"description": "Photo editing", "usage_type": "MERCHANT", "permit_multiple_payment_tokens": False}
    return {"id": token_id, "payment_source": {"paypal": wallet}, "links": links}
