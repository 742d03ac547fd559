"""PayPal's adapter over the wire to its stand-in, with the real books, and the ways to break the line between them."""

import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import date
from typing import get_args

from activities.payments import Gateway
from adapters.gateways.paypal import PayPalGateway
from adapters.gateways.paypal_amounts import minor_of
from adapters.gateways.paypal_webhooks import PayPalWebhooks
from adapters.postgres.books import Books
from adapters.postgres.pool import Pool
from domain.gateways import Vaulted
from domain.subscription import Role
from domain.world import GatewayRule, World
from standins.paypal import CLIENT_ID, CLIENT_SECRET, PayPalStandIn
from standins.wire import Shelf, served
from standins.world import ScriptedWorlds
from tests.contracts.gateway import SUBSCRIPTION, ZONE, Break, Where

PATIENT_SECONDS = 20.0  # of the adapter: a busy machine is no slow party
IMPATIENT_SECONDS = 0.5  # of the adapter that meets a slow party, which takes three times as long
WHERE: dict[Where, str] = {
    "money": r"POST /v2/checkout/orders/\w+/capture",
    "before_money": r"POST /v2/checkout/orders$",
    "look_up": r"GET /v2/checkout/orders/",
}


class PayPalBench:
    """One stand-in, one adapter, a wallet for each role of SUBSCRIPTION."""

    def __init__(self, paypal: PayPalStandIn, url: str, books: Books, pool: Pool, worlds: ScriptedWorlds) -> None:
        self.paypal = paypal
        self.url = url
        self.books = books
        self.wallets: dict[Role, str] = {}
        self._pool = pool
        self._worlds = worlds
        self._open = AsyncExitStack()
        self.gateway = self.adapter()

    def adapter(
        self, url: str | None = None, secret: str = CLIENT_SECRET, *, patience: float = PATIENT_SECONDS
    ) -> PayPalGateway:
        gateway = PayPalGateway(
            CLIENT_ID,
            secret,
            vault=self.books,
            references=self.books,
            api_url=url or self.url,
            timeout_seconds=patience,
        )
        self._open.push_async_callback(gateway.close)
        return gateway

    def webhooks(self, webhook_id: str, secret: str = CLIENT_SECRET) -> PayPalWebhooks:
        webhooks = PayPalWebhooks(
            CLIENT_ID,
            secret,
            webhook_id,
            vault=self.books,
            references=self.books,
            views=self.books,
            api_url=self.url,
            timeout_seconds=PATIENT_SECONDS,
        )
        self._open.push_async_callback(webhooks.close)
        return webhooks

    async def vault(self, subscription_id: str = SUBSCRIPTION) -> None:
        for role in get_args(Role):
            self.wallets[role] = self.paypal.vault_test_wallet()
            await self.books.keep_vaulted(subscription_id, role, Vaulted("paypal", "", self.wallets[role]))

    async def decline(self, reason: str) -> None:
        rule = GatewayRule("primary", date.min, None, "declined", reason)
        self._worlds.script(SUBSCRIPTION, World(gateway=(rule,)), ZONE)

    def script(self, world: World) -> None:
        self._worlds.script(SUBSCRIPTION, world, ZONE)

    async def break_(self, how: Break, where: Where = "money", *, times: int = 1) -> None:
        match how:
            case "throttled":
                self.paypal.wire.break_(WHERE[where], "status", times=times, status=429)
            case "server_error":
                self.paypal.wire.break_(WHERE[where], "status", times=times, status=503)
            case "slow":
                self.gateway = self.adapter(patience=IMPATIENT_SECONDS)
                self.paypal.wire.break_(WHERE[where], "slow", times=times, seconds=3 * IMPATIENT_SECONDS)
            case _:
                self.paypal.wire.break_(WHERE[where], how, times=times)

    def unreachable(self) -> Gateway:
        return self.adapter(nobody_listens())

    def refused(self) -> Gateway:
        return self.adapter(secret="rolled-secret")

    async def forget_methods(self) -> None:
        async with self._pool.acquire() as connection:
            await connection.execute("delete from payment_method")

    async def taken(self) -> Sequence[tuple[int, str]]:
        amounts = [c["amount"] for c in self.paypal.captures() if c["status"] not in ("DECLINED", "PENDING")]
        return [(minor_of(a["value"], a["currency_code"]), a["currency_code"]) for a in amounts]

    def secrets(self) -> Sequence[str]:
        bearers = [
            r.headers["authorization"].split()[1] for r in self.paypal.wire.requests if r.headers.get("authorization")
        ]
        return [CLIENT_SECRET, "rolled-secret", *self.wallets.values(), *bearers]

    async def close(self) -> None:
        await self._open.aclose()


@asynccontextmanager
async def opened(books: Books, pool: Pool) -> AsyncIterator[PayPalBench]:
    """A bench with a fresh stand-in, wallets vaulted."""
    worlds = ScriptedWorlds()
    paypal = PayPalStandIn(Shelf(), worlds=worlds)
    async with served(paypal.app()) as url:
        bench = PayPalBench(paypal, url, books, pool, worlds)
        try:
            await bench.vault()
            yield bench
        finally:
            await bench.close()


def nobody_listens() -> str:
    """A URL that refuses connections."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"
