"""Each gateway's own books keep the contract of the reconciliation: Stripe and PayPal on the wire, and simulated."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date

import pytest

from adapters.gateways.paypal import PayPalGateway
from adapters.gateways.paypal_account import PayPalAccount
from adapters.gateways.paypal_webhooks import PayPalWebhooks
from adapters.gateways.stripe import StripeGateway
from adapters.gateways.stripe_account import StripeAccount
from adapters.gateways.stripe_webhooks import StripeWebhooks
from adapters.postgres.books import Books
from adapters.postgres.pool import Pool
from adapters.postgres.witnesses import Witness
from adapters.simulated.gateway import SimulatedGateway
from domain.gateways import Vaulted
from domain.world import GatewayRule
from standins.paypal import CLIENT_ID, CLIENT_SECRET, PayPalStandIn
from standins.stripe import API_KEY, StripeStandIn
from standins.wire import Shelf, served
from tests.contracts.gateway_account import SUBSCRIPTION, GatewayAccountContract

PATIENT_SECONDS = 20.0


class _StripeBench:
    def __init__(self, party: StripeStandIn, url: str, books: Books) -> None:
        self.party = party
        self.books = books
        self.gateway = StripeGateway(
            API_KEY, vault=books, references=books, api_url=url, timeout_seconds=PATIENT_SECONDS
        )
        reader = StripeWebhooks("", vault=books, references=books, views=books)
        self.account = StripeAccount(
            API_KEY, references=books, reader=reader, api_url=url, timeout_seconds=PATIENT_SECONDS
        )

    async def decline(self) -> None:
        payer, method = self.party.vault_test_card("pm_card_chargeCustomerFail")
        await self.books.keep_vaulted(SUBSCRIPTION, "primary", Vaulted("stripe", payer, method))

    async def give_back(self, minor: int) -> str:
        (charge,) = self.party.charges()
        return f"refund/{self.party.books.refund({'charge': charge.id, 'amount': str(minor)})['id']}"

    def away(self) -> None:
        self.party.wire.break_("GET", "status", status=503, times=99)

    def secrets(self) -> tuple[str, ...]:
        return (API_KEY,)


class TestStripe(GatewayAccountContract):
    @pytest.fixture
    async def bench(self, books: Books) -> AsyncIterator[_StripeBench]:
        shelf = Shelf()
        party = StripeStandIn(shelf)
        async with served(party.app()) as url:
            bench = _StripeBench(party, url, books)
            payer, method = party.vault_test_card()
            await books.keep_vaulted(SUBSCRIPTION, "primary", Vaulted("stripe", payer, method))
            yield bench
            await bench.account.close()
            await bench.gateway.close()
        shelf.close()


class _PayPalBench:
    def __init__(self, party: PayPalStandIn, url: str, pool: Pool) -> None:
        self.party = party
        self.wallet = party.vault_test_wallet()
        self.books = books = Books(pool)
        self.gateway = PayPalGateway(
            CLIENT_ID, CLIENT_SECRET, vault=books, references=books, api_url=url, timeout_seconds=PATIENT_SECONDS
        )
        self.reader = PayPalWebhooks(
            CLIENT_ID,
            CLIENT_SECRET,
            "",
            vault=books,
            references=books,
            views=books,
            api_url=url,
            timeout_seconds=PATIENT_SECONDS,
        )
        self.account = PayPalAccount(
            CLIENT_ID,
            CLIENT_SECRET,
            references=books,
            named=Witness(pool),
            reader=self.reader,
            api_url=url,
            timeout_seconds=PATIENT_SECONDS,
        )

    async def decline(self) -> None:
        self.party.decline(self.wallet, "INSTRUMENT_DECLINED")

    async def give_back(self, minor: int) -> str:
        key = "s-1-0001/1/primary"
        return "refund/" + await self.gateway.refund(key, refund_key="r-1", minor=minor, currency="USD")

    def away(self) -> None:
        self.party.wire.break_("GET", "status", status=503, times=99)

    def secrets(self) -> tuple[str, ...]:
        return (CLIENT_SECRET, self.wallet)


class TestPayPal(GatewayAccountContract):
    METHOD = "paypal"

    @pytest.fixture
    async def bench(self, pool: Pool) -> AsyncIterator[_PayPalBench]:
        shelf = Shelf()
        party = PayPalStandIn(shelf)
        async with served(party.app()) as url:
            bench = _PayPalBench(party, url, pool)
            await bench.books.keep_vaulted(SUBSCRIPTION, "primary", Vaulted("paypal", "", bench.wallet))
            yield bench
            for each in (bench.account, bench.reader, bench.gateway):
                await each.close()
        shelf.close()

    async def test_more_events_than_one_page_holds_are_all_told(self, bench: _PayPalBench) -> None:
        for number in range(1, 104):
            await self.charged(bench, f"s-1-{number:04d}/1/primary")
        told = await bench.account.told(*self.span(), 1000)
        assert len({report.id for report in told.reports}) == 103
        assert (await bench.account.told(*self.span(), 50)).left_out


class _SimulatedBench:
    def __init__(self, pool: Pool) -> None:
        self.gateway = self.account = SimulatedGateway(pool)

    async def decline(self) -> None:
        rule = GatewayRule("primary", date.min, None, "declined", "insufficient_funds")
        await self.gateway.add_rule(SUBSCRIPTION, rule)

    async def give_back(self, minor: int) -> str:
        pytest.skip("it keeps no book of what was given back")

    def away(self) -> None:
        pytest.skip("it is in our own database")

    def secrets(self) -> tuple[str, ...]:
        return ()


class TestSimulated(GatewayAccountContract):
    @pytest.fixture
    def bench(self, pool: Pool) -> _SimulatedBench:
        return _SimulatedBench(pool)
