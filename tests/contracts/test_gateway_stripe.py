"""Stripe's adapter keeps what activities need of a gateway: on the wire, against the stand-in, with the real books."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from datetime import date

import pytest

from activities.payments import Gateway
from adapters.gateways.stripe import StripeGateway
from adapters.gateways.stripe_amounts import from_stripe
from adapters.postgres.books import Books
from adapters.postgres.pool import Pool
from domain.gateways import GatewayAnswer, GatewaySilent, GatewayUnavailable, Vaulted
from domain.world import GatewayRule, World
from standins.stripe import StripeStandIn
from standins.wire import Shelf, served
from standins.world import ScriptedWorlds
from tests.contracts.gateway import KEY, SUBSCRIPTION, ZONE, Break, GatewayContract, Where

PATIENT_SECONDS = 20.0  # of the adapter: a busy machine is no slow gateway
IMPATIENT_SECONDS = 1.0  # of the adapter that meets a slow gateway, which takes half as long again
WHERE = {
    "money": r"POST /v1/payment_intents/\w+/confirm",
    "before_money": r"POST /v1/payment_intents$",
    "look_up": r"GET /v1/payment_intents/",
}


class StripeBench:
    """The adapter, the stand-in that it talks to, and what is needed to break the line between them."""

    def __init__(self, stripe: StripeStandIn, url: str, books: Books, pool: Pool, worlds: ScriptedWorlds) -> None:
        self.stripe = stripe
        self.books = books
        self._pool = pool
        self._url = url
        self.worlds = worlds
        self._open = AsyncExitStack()
        self._tokens: list[str] = []
        self.gateway = self.adapter(stripe.api_key, url)

    def adapter(self, api_key: str, url: str, timeout_seconds: float = PATIENT_SECONDS) -> StripeGateway:
        gateway = StripeGateway(
            api_key, vault=self.books, references=self.books, api_url=url, timeout_seconds=timeout_seconds
        )
        self._open.push_async_callback(gateway.close)
        return gateway

    async def vault(self, token: str = "pm_card_visa") -> None:
        for role in ("primary", "secondary"):
            payer, method = self.stripe.vault_test_card(token)
            await self.books.keep_vaulted(SUBSCRIPTION, role, Vaulted("stripe", payer, method))
            self._tokens += [payer, method]

    async def decline(self, reason: str) -> None:
        rule = GatewayRule("primary", date.min, None, "declined", reason)
        self.worlds.script(SUBSCRIPTION, World(gateway=(rule,)), ZONE)

    async def break_(self, how: Break, where: Where = "money", *, times: int = 1) -> None:
        match how:
            case "throttled":
                self.stripe.wire.break_(WHERE[where], "status", times=times, status=429)
            case "server_error":
                self.stripe.wire.break_(WHERE[where], "status", times=times, status=503)
            case "slow":
                self.gateway = self.adapter(self.stripe.api_key, self._url, IMPATIENT_SECONDS)
                self.stripe.wire.break_(WHERE[where], "slow", times=times, seconds=1.5 * IMPATIENT_SECONDS)
            case _:
                self.stripe.wire.break_(WHERE[where], how, times=times)

    def unreachable(self) -> Gateway:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        return self.adapter(self.stripe.api_key, f"http://127.0.0.1:{port}")

    def refused(self) -> Gateway:
        return self.adapter("sk_test_rolled", self._url)

    async def forget_methods(self) -> None:
        async with self._pool.acquire() as connection:
            await connection.execute("delete from payment_method")

    async def taken(self) -> Sequence[tuple[int, str]]:
        return [
            (from_stripe(charge.amount, charge.currency), charge.currency.upper())
            for charge in self.stripe.charges()
            if charge.approved
        ]

    def secrets(self) -> Sequence[str]:
        return [self.stripe.api_key, "sk_test_rolled", *self._tokens]

    async def left_at(self, status: str, contract: GatewayContract) -> str:
        """Have the charge's PaymentIntent stand at a status, after an ask whose answer nobody heard; gives its id."""
        await self.break_("lost_before")
        with pytest.raises(GatewaySilent):
            await contract.ask(self.gateway)
        reference = str(await self.books.remembered(KEY, "stripe"))
        intent = self.stripe.books.get("payment_intent", reference)
        self.stripe.books.shelf.put("payment_intent", reference, {**intent, "status": status})
        return reference

    async def close(self) -> None:
        await self._open.aclose()


@pytest.fixture
async def bench(books: Books, pool: Pool) -> AsyncIterator[StripeBench]:
    worlds = ScriptedWorlds()
    stripe = StripeStandIn(Shelf(), worlds=worlds)
    async with served(stripe.app()) as url:
        bench = StripeBench(stripe, url, books, pool, worlds)
        await bench.vault()
        yield bench
        await bench.close()


class TestStripeGateway(GatewayContract):
    """Every promise of the contract."""

    # What only Stripe has

    async def test_a_payment_intent_is_made_and_remembered_before_it_is_confirmed(self, bench: StripeBench) -> None:
        await bench.break_("lost_before")
        with pytest.raises(GatewaySilent):
            await self.ask(bench.gateway)
        reference = await bench.books.remembered(KEY, "stripe")
        made, confirmed = (seen for seen in bench.stripe.wire.requests if seen.method == "POST")
        assert b"confirm=" not in made.body
        assert confirmed.path == f"/v1/payment_intents/{reference}/confirm"
        intent = bench.stripe.books.get("payment_intent", str(reference))
        assert (intent["status"], intent["metadata"]["charge_key"]) == ("requires_confirmation", KEY)

    async def test_a_reply_lost_on_friday_is_no_second_charge_on_monday(self, bench: StripeBench) -> None:
        await bench.break_("lost_after")
        with pytest.raises(GatewaySilent):
            await self.ask(bench.gateway)
        bench.stripe.forget_keys()
        assert await self.ask(bench.gateway) == GatewayAnswer("approved")
        assert await bench.taken() == [(4900, "USD")]

    async def test_a_decline_stands_after_stripe_has_forgotten_its_key(self, bench: StripeBench) -> None:
        await bench.decline(self.SOFT)
        await self.ask(bench.gateway)
        bench.stripe.forget_keys()
        await bench.decline("stolen_card")
        assert await self.ask(bench.gateway) == GatewayAnswer("declined", self.SOFT)
        assert len(bench.stripe.charges()) == 1

    async def test_a_scripted_reply_that_nobody_hears_is_found_by_asking(self, bench: StripeBench) -> None:
        rule = GatewayRule("primary", date.min, None, "unknown_then_approved", None)
        bench.worlds.script(SUBSCRIPTION, World(gateway=(rule,)), ZONE)
        with pytest.raises(GatewaySilent):
            await self.ask(bench.gateway)
        assert await self.find(bench.gateway) == GatewayAnswer("approved")
        assert await bench.taken() == [(4900, "USD")]

    async def test_a_confirmation_that_another_one_overtakes_is_silent_and_found(self, bench: StripeBench) -> None:
        await bench.break_("lost_before")
        with pytest.raises(GatewaySilent):
            await self.ask(bench.gateway)
        bench.stripe.gate = asyncio.Event()
        first, second = (asyncio.create_task(self.ask(bench.gateway)) for _ in range(2))
        done, _ = await asyncio.wait((first, second), return_when=asyncio.FIRST_COMPLETED)
        assert [type(task.exception()) for task in done] == [GatewaySilent], "409: a request under this key is at it"
        bench.stripe.gate.set()
        await asyncio.wait((first, second))
        assert await self.find(bench.gateway) == GatewayAnswer("approved")
        assert await bench.taken() == [(4900, "USD")]

    async def test_a_payment_intent_that_another_request_holds_may_be_moving_money(self, bench: StripeBench) -> None:
        bench.stripe.locks = 1
        with pytest.raises(GatewaySilent, match="lock_timeout"):
            await self.ask(bench.gateway)
        assert await self.ask(bench.gateway) == GatewayAnswer("approved")
        assert await bench.taken() == [(4900, "USD")]

    async def test_a_fault_that_stripe_has_stored_is_not_repeated_for_a_day(self, bench: StripeBench) -> None:
        bench.stripe.stumbles = 1
        with pytest.raises(GatewaySilent):
            await self.ask(bench.gateway)
        assert await self.find(bench.gateway) == GatewayAnswer("not_found")
        assert await self.ask(bench.gateway) == GatewayAnswer("approved")
        assert await bench.taken() == [(4900, "USD")]

    async def test_a_card_that_wants_its_owner_is_declined_for_authentication(self, bench: StripeBench) -> None:
        await bench.vault("pm_card_authenticationRequired")
        assert await self.ask(bench.gateway) == GatewayAnswer("declined", "authentication_required")
        assert await self.find(bench.gateway) == GatewayAnswer("declined", "authentication_required")

    async def test_what_waits_for_the_customer_is_cancelled_before_it_is_called_declined(
        self, bench: StripeBench
    ) -> None:
        reference = await bench.left_at("requires_action", self)
        assert await self.find(bench.gateway) == GatewayAnswer("declined", "authentication_required")
        assert bench.stripe.books.get("payment_intent", reference)["status"] == "canceled"
        assert await self.find(bench.gateway) == GatewayAnswer("declined", "authentication_required")

    async def test_what_could_not_be_cancelled_is_not_called_declined(self, bench: StripeBench) -> None:
        await bench.left_at("requires_action", self)
        bench.stripe.wire.break_("POST .*/cancel", "lost_before")
        with pytest.raises(GatewaySilent, match="waits for the customer"):
            await self.find(bench.gateway)

    async def test_a_bank_that_takes_its_time_is_neither_approved_nor_declined(self, bench: StripeBench) -> None:
        await bench.left_at("processing", self)
        with pytest.raises(GatewaySilent, match="processing"):
            await self.find(bench.gateway)
        with pytest.raises(GatewaySilent, match="processing"):
            await self.ask(bench.gateway)

    @pytest.mark.parametrize(("why", "reason"), [("fraudulent", "fraudulent"), ("requested_by_customer", "canceled")])
    async def test_what_somebody_cancelled_at_stripe_is_declined(
        self, bench: StripeBench, why: str, reason: str
    ) -> None:
        reference = await bench.left_at("requires_confirmation", self)
        bench.stripe.books.cancel_intent(reference, {"cancellation_reason": why})
        assert await self.ask(bench.gateway) == GatewayAnswer("declined", reason)

    async def test_a_card_that_is_removed_before_it_could_be_charged_is_declined(self, bench: StripeBench) -> None:
        await bench.left_at("requires_confirmation", self)
        vaulted = await bench.books.vaulted(SUBSCRIPTION, "primary")
        assert vaulted is not None
        bench.stripe.books.detach(vaulted.method)
        for _ in range(2):
            assert await self.ask(bench.gateway) == GatewayAnswer("declined", "no_such_payment_method")

    async def test_a_customer_who_is_gone_from_stripe_is_declined(self, bench: StripeBench) -> None:
        vaulted = await bench.books.vaulted(SUBSCRIPTION, "primary")
        assert vaulted is not None
        bench.stripe.books.delete_customer(vaulted.payer)
        assert await self.ask(bench.gateway) == GatewayAnswer("declined", "no_such_payment_method")

    @pytest.mark.parametrize(
        "vaulted",
        [Vaulted("stripe", "cus_1", "pm_1", "removed"), Vaulted("paypal", "", "vault-1")],
        ids=["removed", "another gateway's"],
    )
    async def test_a_method_that_is_not_stripes_to_charge_is_declined_without_a_request(
        self, bench: StripeBench, vaulted: Vaulted
    ) -> None:
        await bench.books.keep_vaulted(SUBSCRIPTION, "primary", vaulted)
        assert await self.ask(bench.gateway) == GatewayAnswer("declined", "no_such_payment_method")
        assert list(bench.stripe.wire.requests) == []

    async def test_an_expired_card_is_still_asked_for_because_its_bank_may_pay(self, bench: StripeBench) -> None:
        vaulted = await bench.books.vaulted(SUBSCRIPTION, "primary")
        assert vaulted is not None
        await bench.books.mark_vaulted("stripe", vaulted.method, "expired")
        assert await self.ask(bench.gateway) == GatewayAnswer("approved")

    async def test_a_card_that_is_replaced_between_two_tries_is_no_conflict(self, bench: StripeBench) -> None:
        await bench.break_("lost_after", "before_money")
        with pytest.raises(GatewayUnavailable):
            await self.ask(bench.gateway)
        await bench.vault("pm_card_mastercard")
        assert await self.ask(bench.gateway) == GatewayAnswer("approved")
        assert await bench.taken() == [(4900, "USD")]

    @pytest.mark.parametrize(("minor", "currency"), [(5125, "KWD"), (1, "USD"), (10**9, "USD")])
    async def test_an_amount_that_stripe_cannot_take_is_declined_for_it(
        self, bench: StripeBench, minor: int, currency: str
    ) -> None:
        charge = self.a_charge(minor=minor, currency=currency)
        assert await self.ask(bench.gateway, charge) == GatewayAnswer("declined", "invalid_amount")
        assert bench.stripe.charges() == []

    async def test_a_currency_without_decimals_is_asked_for_in_stripes_units(self, bench: StripeBench) -> None:
        await self.ask(bench.gateway, self.a_charge(minor=4900, currency="ISK"))
        assert [(charge.amount, charge.currency) for charge in bench.stripe.charges()] == [(490_000, "isk")]

    async def test_a_payment_intent_of_another_account_is_never_called_not_found(self, bench: StripeBench) -> None:
        await bench.books.remember(KEY, "stripe", "pi_elsewhere", subscription_id=SUBSCRIPTION)
        with pytest.raises(GatewayUnavailable, match="another account or mode"):
            await self.find(bench.gateway)
        with pytest.raises(GatewaySilent, match="another account or mode"):
            await self.ask(bench.gateway)

    @pytest.mark.parametrize(
        ("token", "reason"),
        [
            ("pm_card_chargeCustomerFail", "generic_decline"),
            ("pm_card_authenticationRequiredSetupForOffSession", "authentication_required"),
            ("pm_card_authenticationRequiredChargeDeclinedInsufficientFunds", "insufficient_funds"),
        ],
    )
    async def test_stripes_test_cards_are_declined_as_stripe_documents(
        self, bench: StripeBench, token: str, reason: str
    ) -> None:
        await bench.vault(token)
        assert await self.ask(bench.gateway) == GatewayAnswer("declined", reason)

    @pytest.mark.parametrize("said", ["do_not_honor", "expired_card", "call_issuer", "unheard_of"])
    async def test_the_answer_and_the_look_up_give_the_same_reason(self, bench: StripeBench, said: str) -> None:
        await bench.decline(said)
        answer = await self.ask(bench.gateway)
        assert answer.outcome == "declined"
        assert await self.find(bench.gateway) == answer

    @pytest.mark.parametrize("key", ["ü-0001/1/primary", f"{'s' * 300}-0001/1/primary"], ids=["not ASCII", "long"])
    async def test_a_charge_key_of_any_kind_fits_stripes_header(self, bench: StripeBench, key: str) -> None:
        assert await self.ask(bench.gateway, self.a_charge(key)) == GatewayAnswer("approved")
        for seen in bench.stripe.wire.requests:
            assert len(seen.headers.get("idempotency-key", "")) <= 255
