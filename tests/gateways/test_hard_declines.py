"""A method that was declined for good is left alone until it is replaced; the subscription hears the same decline."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

import pytest

from adapters.gateways.hard_declines import NeverAgain
from adapters.gateways.stripe import StripeGateway
from adapters.postgres.books import Books
from domain.effects import Charge
from domain.gateways import GatewayAnswer, Vaulted
from domain.world import GatewayRule, World
from standins.stripe import StripeStandIn
from standins.wire import Shelf, served
from standins.world import ScriptedWorlds

ASKED = Charge("s-1-0001/1/primary", "s-1-0001", "primary", "card", 4900, "USD", datetime(2026, 3, 15, tzinfo=UTC))


@dataclass(slots=True)
class Bench:
    stripe: StripeStandIn
    worlds: ScriptedWorlds
    books: Books
    gateway: NeverAgain

    def decline(self, reason: str) -> None:
        rule = GatewayRule("primary", date.min, None, "declined", reason)
        self.worlds.script("s-1", World(gateway=(rule,)), "UTC")

    async def vault(self) -> Vaulted:
        payer, method = self.stripe.vault_test_card()
        vaulted = Vaulted("stripe", payer, method)
        await self.books.keep_vaulted("s-1", "primary", vaulted)
        return vaulted

    async def charge(self, attempt: int) -> GatewayAnswer:
        charge = replace(ASKED, charge_key=f"s-1-0001/{attempt}/primary")
        return await self.gateway.charge(charge, subscription_id="s-1", timezone="UTC")


@pytest.fixture
async def bench(books: Books) -> AsyncIterator[Bench]:
    shelf = Shelf()
    worlds = ScriptedWorlds()
    stripe = StripeStandIn(shelf, worlds=worlds)
    async with served(stripe.app()) as url:
        real = StripeGateway(stripe.api_key, vault=books, references=books, api_url=url)
        yield Bench(stripe, worlds, books, NeverAgain(real, books))
        await real.close()
    shelf.close()


async def test_a_stolen_card_is_declined_again_without_asking_stripe(bench: Bench) -> None:
    await bench.vault()
    bench.decline("stolen_card")
    assert await bench.charge(1) == GatewayAnswer("declined", "stolen_card")
    asked = len(bench.stripe.wire.requests)
    assert await bench.charge(2) == GatewayAnswer("declined", "stolen_card")
    assert len(bench.stripe.wire.requests) == asked
    assert len(bench.stripe.charges()) == 1


async def test_a_card_with_too_little_on_it_is_asked_for_again(bench: Bench) -> None:
    await bench.vault()
    bench.decline("insufficient_funds")
    assert await bench.charge(1) == GatewayAnswer("declined", "insufficient_funds")
    assert await bench.charge(2) == GatewayAnswer("declined", "insufficient_funds")
    assert len(bench.stripe.charges()) == 2


async def test_another_card_is_asked_for(bench: Bench) -> None:
    await bench.vault()
    bench.decline("lost_card")
    assert await bench.charge(1) == GatewayAnswer("declined", "lost_card")
    await bench.vault()
    bench.worlds.script("s-1", World(), "UTC")
    assert await bench.charge(2) == GatewayAnswer("approved")


async def test_a_card_that_its_issuer_renewed_is_asked_for_again(bench: Bench) -> None:
    card = await bench.vault()
    bench.decline("expired_card")
    assert await bench.charge(1) == GatewayAnswer("declined", "expired_card")
    await bench.books.mark_vaulted("stripe", card.method, "usable")
    bench.worlds.script("s-1", World(), "UTC")
    assert await bench.charge(2) == GatewayAnswer("approved")
