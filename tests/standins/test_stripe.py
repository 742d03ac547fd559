"""The stand-in for Stripe speaks its protocol: driven by the official SDK, and held against the SDK's own models."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import stripe
from aiohttp import web

from adapters.gateways.stripe_line import Line
from adapters.gateways.stripe_webhooks import StripeWebhooks
from adapters.postgres.books import Books
from domain.gateways import Vaulted
from standins.stripe import API_KEY, StripeStandIn
from standins.wire import Shelf, served

ON = {"enabled": True, "allow_redirects": "never"}


@dataclass(slots=True)
class Bench:
    """The stand-in, where it is served, and the SDK's services on it."""

    party: StripeStandIn
    url: str
    sdk: Any

    async def pay(self, token: str = "pm_card_visa", amount: int = 4900, key: str | None = None) -> Any:
        """Charge a test card off session, by way of a new customer."""
        customer, method = self.party.vault_test_card(token)
        params = {"amount": amount, "currency": "usd", "customer": customer, "payment_method": method}
        options = {"idempotency_key": key} if key else {}
        return await self.sdk.payment_intents.create_async({**params, "off_session": True, "confirm": True}, options)


def sdk_for(url: str, line: Line, api_key: str = API_KEY) -> Any:
    client = stripe.StripeClient(api_key, http_client=line, max_network_retries=0, base_addresses={"api": url})
    return client.v1


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    line = Line(5.0)
    yield line
    await line.close_async()


@pytest.fixture
async def bench(line: Line) -> AsyncIterator[Bench]:
    party = StripeStandIn(Shelf(), retry_seconds=(0.01, 0.01))
    async with served(party.app()) as url:
        yield Bench(party, url, sdk_for(url, line))


async def declined(asked: Any) -> stripe.CardError:
    with pytest.raises(stripe.CardError) as error:
        await asked
    return error.value


# Faithful to the SDK's models


async def test_no_object_has_a_field_that_the_sdks_models_do_not_know(bench: Bench) -> None:
    party, sdk = bench.party, bench.sdk
    paid = await bench.pay()
    await sdk.refunds.create_async({"payment_intent": paid.id, "amount": 100})
    party.books.dispute(paid.id)
    await declined(bench.pay("pm_card_chargeCustomerFail"))
    await sdk.setup_intents.create_async({"payment_method": "pm_card_visa", "confirm": True})
    party.endpoint("http://127.0.0.1:9/", ["none"])
    models: dict[str, Any] = {
        "customer": stripe.Customer,
        "payment_method": stripe.PaymentMethod,
        "setup_intent": stripe.SetupIntent,
        "payment_intent": stripe.PaymentIntent,
        "charge": stripe.Charge,
        "refund": stripe.Refund,
        "dispute": stripe.Dispute,
        "event": stripe.Event,
        "webhook_endpoint": stripe.WebhookEndpoint,
    }
    parts: dict[tuple[str, str], Any] = {
        ("payment_intent", "last_payment_error"): stripe.PaymentIntent.LastPaymentError,
        ("payment_intent", "automatic_payment_methods"): stripe.PaymentIntent.AutomaticPaymentMethods,
        ("payment_method", "card"): stripe.PaymentMethod.Card,
        ("charge", "outcome"): stripe.Charge.Outcome,
        ("dispute", "evidence_details"): stripe.Dispute.EvidenceDetails,
    }
    for kind, model in models.items():
        kept = list(party.books.shelf.all(kind))
        assert kept, kind
        for thing in kept:
            assert set(thing) - set(model.__annotations__) == set(), kind
            for (of, field), part in parts.items():
                if of == kind and thing.get(field):
                    assert set(thing[field]) - set(part.__annotations__) == set(), (kind, field)


# Idempotency


async def test_a_key_that_is_sent_again_is_answered_again_and_does_nothing(bench: Bench) -> None:
    first = await bench.sdk.customers.create_async({"email": "a@example.com"}, {"idempotency_key": "k"})
    again = await bench.sdk.customers.create_async({"email": "a@example.com"}, {"idempotency_key": "k"})
    assert first.id == again.id
    assert again.last_response.headers["idempotent-replayed"] == "true"
    assert bench.party.books.shelf.count("customer") == 1


async def test_a_key_with_other_parameters_is_an_idempotency_error(bench: Bench) -> None:
    await bench.sdk.customers.create_async({"email": "a@example.com"}, {"idempotency_key": "k"})
    with pytest.raises(stripe.IdempotencyError):
        await bench.sdk.customers.create_async({"email": "b@example.com"}, {"idempotency_key": "k"})


async def test_a_key_that_is_in_flight_is_a_conflict(bench: Bench) -> None:
    bench.party.gate = asyncio.Event()
    asked = [asyncio.create_task(bench.sdk.customers.create_async({}, {"idempotency_key": "k"})) for _ in range(2)]
    done, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
    (conflict,) = (task.exception() for task in done)
    assert isinstance(conflict, stripe.APIError)
    assert conflict.error is not None
    assert (conflict.http_status, conflict.error.code) == (409, "idempotency_key_in_use")
    bench.party.gate.set()
    await asyncio.wait(asked)
    assert bench.party.books.shelf.count("customer") == 1


async def test_a_decline_is_stored_under_its_key_until_the_key_is_forgotten(bench: Bench) -> None:
    customer, method = bench.party.vault_test_card("pm_card_chargeCustomerFail")
    params = {"amount": 100, "currency": "usd", "customer": customer, "payment_method": method, "confirm": True}
    for expected in (1, 1):
        await declined(bench.sdk.payment_intents.create_async(params, {"idempotency_key": "k"}))
        assert len(bench.party.charges()) == expected
    bench.party.forget_keys()
    await declined(bench.sdk.payment_intents.create_async(params, {"idempotency_key": "k"}))
    assert len(bench.party.charges()) == 2


async def test_a_fault_inside_is_stored_too_and_what_fails_validation_is_not(bench: Bench) -> None:
    customer, method = bench.party.vault_test_card()
    intent = await bench.sdk.payment_intents.create_async(
        {"amount": 100, "currency": "usd", "customer": customer, "payment_method": method}
    )
    bench.party.stumbles = 1
    for _ in range(2):
        with pytest.raises(stripe.APIError):
            await bench.sdk.payment_intents.confirm_async(intent.id, {}, {"idempotency_key": "c"})
    assert (
        await bench.sdk.payment_intents.confirm_async(intent.id, {}, {"idempotency_key": "d"})
    ).status == "succeeded"
    with pytest.raises(stripe.InvalidRequestError, match="amount"):
        await bench.sdk.payment_intents.create_async({"currency": "usd"}, {"idempotency_key": "e"})
    await bench.sdk.payment_intents.create_async({"amount": 100, "currency": "usd"}, {"idempotency_key": "e"})


# Who asks, and for what


async def test_a_wrong_key_is_turned_away(bench: Bench, line: Line) -> None:
    with pytest.raises(stripe.AuthenticationError):
        await sdk_for(bench.url, line, "sk_test_other").customers.create_async({})


async def test_what_stripe_does_not_know_is_refused_by_name(bench: Bench) -> None:
    with pytest.raises(stripe.InvalidRequestError) as unknown:
        await bench.sdk.payment_intents.create_async({"amount": 100, "currency": "usd", "colour": "red"})
    assert (unknown.value.code, unknown.value.param) == ("parameter_unknown", "colour")
    with pytest.raises(stripe.InvalidRequestError) as missing:
        await bench.sdk.payment_intents.retrieve_async("pi_nothing")
    assert (missing.value.code, missing.value.http_status) == ("resource_missing", 404)
    with pytest.raises(stripe.InvalidRequestError, match="Unrecognized request URL"):
        await bench.sdk.prices.list_async()


async def test_a_payment_intent_is_confirmed_once(bench: Bench) -> None:
    paid = await bench.pay()
    with pytest.raises(stripe.InvalidRequestError) as again:
        await bench.sdk.payment_intents.confirm_async(paid.id)
    assert again.value.code == "payment_intent_unexpected_state"
    with pytest.raises(stripe.InvalidRequestError):
        await bench.sdk.payment_intents.cancel_async(paid.id)
    assert len(bench.party.charges()) == 1


async def test_a_declined_payment_intent_has_no_method_any_more_and_cannot_be_confirmed_again(bench: Bench) -> None:
    error = (await declined(bench.pay("pm_card_chargeCustomerFail"))).error
    assert error is not None
    assert (error.code, error.decline_code) == ("card_declined", "generic_decline")
    intent = await bench.sdk.payment_intents.retrieve_async(error.payment_intent.id)  # type: ignore[union-attr]
    assert (intent.status, intent.payment_method) == ("requires_payment_method", None)
    assert intent.last_payment_error.decline_code == "generic_decline"
    with pytest.raises(stripe.InvalidRequestError) as again:
        await bench.sdk.payment_intents.confirm_async(intent.id)
    assert again.value.code == "payment_intent_unexpected_state"


async def test_lists_are_newest_first_page_by_page(bench: Bench) -> None:
    made = [(await bench.pay()).id for _ in range(3)]
    page = await bench.sdk.payment_intents.list_async({"limit": 2})
    assert ([intent.id for intent in page.data], page.has_more) == ([made[2], made[1]], True)
    rest = await bench.sdk.payment_intents.list_async({"limit": 2, "starting_after": made[1]})
    assert ([intent.id for intent in rest.data], rest.has_more) == ([made[0]], False)


# Cards


async def test_a_card_that_declines_cannot_be_attached_either(bench: Bench) -> None:
    customer = await bench.sdk.customers.create_async({})
    error = await declined(
        bench.sdk.payment_methods.attach_async("pm_card_visa_chargeDeclined", {"customer": customer.id})
    )
    assert error.code == "card_declined"


async def test_a_card_passes_off_session_once_its_owner_has_authenticated_a_set_up(bench: Bench) -> None:
    token = "pm_card_authenticationRequiredSetupForOffSession"
    assert (await declined(bench.pay(token))).code == "authentication_required"
    customer = await bench.sdk.customers.create_async({})
    setup = await bench.sdk.setup_intents.create_async(
        {"customer": customer.id, "payment_method": token, "confirm": True, "automatic_payment_methods": ON}
    )
    assert setup.status == "requires_action"
    assert bench.party.books.authenticate(setup.id)["status"] == "succeeded"
    params = {"customer": customer.id, "payment_method": setup.payment_method, "off_session": True, "confirm": True}
    paid = await bench.sdk.payment_intents.create_async({"amount": 100, "currency": "usd", **params})
    assert paid.status == "succeeded"


async def test_on_session_a_card_that_wants_its_owner_waits_for_them(bench: Bench) -> None:
    customer, method = bench.party.vault_test_card("pm_card_authenticationRequired")
    params = {"amount": 100, "currency": "usd", "customer": customer, "payment_method": method, "confirm": True}
    waiting = await bench.sdk.payment_intents.create_async(params)
    assert (waiting.status, bench.party.charges()) == ("requires_action", [])
    assert bench.party.books.authenticate(waiting.id)["status"] == "succeeded"
    assert [charge.approved for charge in bench.party.charges()] == [True]


async def test_a_method_that_was_detached_is_spent(bench: Bench) -> None:
    customer, method = bench.party.vault_test_card()
    await bench.sdk.payment_methods.detach_async(method)
    with pytest.raises(stripe.InvalidRequestError):
        await bench.sdk.payment_methods.attach_async(method, {"customer": customer})


# Money back


async def test_refunds_never_exceed_their_charge(bench: Bench) -> None:
    paid = await bench.pay(amount=1000)
    await bench.sdk.refunds.create_async({"payment_intent": paid.id, "amount": 300})
    with pytest.raises(stripe.InvalidRequestError):
        await bench.sdk.refunds.create_async({"payment_intent": paid.id, "amount": 701})
    await bench.sdk.refunds.create_async({"payment_intent": paid.id})
    assert [charge.refunded for charge in bench.party.charges()] == [1000]
    with pytest.raises(stripe.InvalidRequestError) as over:
        await bench.sdk.refunds.create_async({"payment_intent": paid.id})
    assert over.value.code == "charge_already_refunded"


async def test_the_card_for_disputes_is_disputed(bench: Bench) -> None:
    await bench.pay("pm_card_createDispute")
    (dispute,) = (await bench.sdk.disputes.list_async()).data
    assert (dispute.amount, dispute.status) == (4900, "needs_response")


# The wire and the shelf


async def test_a_reply_that_is_lost_after_the_work_leaves_the_money_taken(bench: Bench) -> None:
    bench.party.wire.break_("POST /v1/payment_intents", "lost_after")
    with pytest.raises(stripe.APIConnectionError):
        await bench.pay()
    assert [charge.approved for charge in bench.party.charges()] == [True]


async def test_its_books_outlive_it(tmp_path: Path, line: Line) -> None:
    for expected in (1, 2):
        shelf = Shelf(tmp_path / "stripe.sqlite")
        party = StripeStandIn(shelf)
        async with served(party.app()) as url:
            await Bench(party, url, sdk_for(url, line)).pay()
            assert len(party.charges()) == expected
        shelf.close()


# Webhooks


class Endpoint:
    """A door that takes webhooks in, and refuses the first few deliveries."""

    def __init__(self, refusals: int = 0) -> None:
        self.refusals = refusals
        self.deliveries: list[tuple[dict[str, str], bytes]] = []
        self.app = web.Application()
        self.app.router.add_post("/hooks", self._take)

    async def _take(self, request: web.Request) -> web.Response:
        self.deliveries.append((dict(request.headers), await request.read()))
        self.refusals -= 1
        return web.Response(status=503 if self.refusals >= 0 else 200)


async def test_webhooks_are_signed_and_say_what_the_books_say(bench: Bench, books: Books) -> None:
    door = Endpoint()
    async with served(door.app) as url:
        secret = bench.party.endpoint(f"{url}/hooks", ["refund.created", "charge.dispute.created"])
        paid = await bench.pay()
        await books.remember("s-1-0001/1/primary", "stripe", paid.id, subscription_id="s-1")
        await bench.sdk.refunds.create_async({"payment_intent": paid.id, "amount": 1000})
        bench.party.books.dispute(paid.id, amount=3900)
        await bench.party.deliveries.quiet()
    webhooks = StripeWebhooks(secret, vault=books, references=books, views=books)
    reports = [report for delivery in door.deliveries for report in await webhooks.read(*delivery)]
    assert sorted((report.what, report.payload["amount"]) for report in reports) == [
        ("charge.dispute.created", "39.00"),
        ("refund.created", "10.00"),
    ]


async def test_a_webhook_that_is_refused_comes_again_and_is_given_up_at_last(bench: Bench) -> None:
    door = Endpoint(refusals=2)
    async with served(door.app) as url:
        bench.party.endpoint(f"{url}/hooks")
        bench.party.books.create_customer({})
        await bench.party.deliveries.quiet()
        assert len({body for _, body in door.deliveries}) == 1
        assert len(door.deliveries) == 3
        door.refusals = 99
        bench.party.books.create_customer({})
        await bench.party.deliveries.quiet()
        assert len(door.deliveries) == 6


async def test_an_event_can_be_sent_once_more(bench: Bench) -> None:
    door = Endpoint()
    async with served(door.app) as url:
        bench.party.endpoint(f"{url}/hooks")
        bench.party.books.create_customer({})
        (event,) = (await bench.sdk.events.list_async({"type": "customer.created"})).data
        bench.party.deliveries.resend(event.id)
        await bench.party.deliveries.quiet()
    assert len(door.deliveries) == 2


async def test_deliveries_end_with_the_stand_in(line: Line) -> None:
    party = StripeStandIn(Shelf(), retry_seconds=(3600.0,))
    async with served(party.app()):
        party.endpoint("http://127.0.0.1:9/hooks")
        party.books.create_customer({})
    await party.deliveries.quiet()


async def test_a_whole_life_of_a_card_arrives_in_our_vault(bench: Bench, books: Books) -> None:
    door = Endpoint()
    async with served(door.app) as url:
        secret = bench.party.endpoint(f"{url}/hooks")
        customer = await bench.sdk.customers.create_async({})
        setup = await bench.sdk.setup_intents.create_async(
            {
                "customer": customer.id,
                "payment_method": "pm_card_visa",
                "confirm": True,
                "metadata": {"subscription": "s-1", "role": "primary"},
            }
        )
        await bench.party.deliveries.quiet()
        webhooks = StripeWebhooks(secret, vault=books, references=books, views=books)

        async def read_all() -> None:
            for delivery in door.deliveries:
                await webhooks.read(*delivery)

        await read_all()
        assert await books.vaulted("s-1", "primary") == Vaulted("stripe", customer.id, setup.payment_method)
        bench.party.books.update_card(setup.payment_method, 1, 2020, by_the_network=False)
        await bench.party.deliveries.quiet()
        await read_all()
        assert (await books.vaulted("s-1", "primary")) == Vaulted(
            "stripe", customer.id, setup.payment_method, "expired"
        )
        await bench.sdk.payment_methods.detach_async(setup.payment_method)
        await bench.party.deliveries.quiet()
        await read_all()
        assert (await books.vaulted("s-1", "primary")) == Vaulted(
            "stripe", customer.id, setup.payment_method, "removed"
        )
