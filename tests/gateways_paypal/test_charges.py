"""What is PayPal's alone about a charge: two steps, expired orders, pending captures, its words for a decline."""

import asyncio
import json
from dataclasses import replace
from datetime import date

import pytest

from adapters.gateways.paypal_issues import DECLINES
from domain.effects import Charge
from domain.gateways import GatewayAnswer, GatewaySilent, GatewayUnavailable
from domain.world import GatewayRule, World
from tests.contracts.gateway import AT, KEY, SUBSCRIPTION, ZONE
from tests.gateways_paypal.bench import WHERE, PayPalBench

CHARGE = Charge(KEY, "s-1-0001", "primary", "paypal", 4900, "USD", AT)


async def charged(bench: PayPalBench, charge: Charge = CHARGE) -> GatewayAnswer:
    return await bench.gateway.charge(charge, subscription_id=SUBSCRIPTION, timezone=ZONE)


async def found(bench: PayPalBench) -> GatewayAnswer:
    return await bench.gateway.look_up(KEY, subscription_id=SUBSCRIPTION, method="paypal")


def sent(bench: PayPalBench, ending: str) -> list[dict[str, object]]:
    """The bodies of the requests whose path ends so."""
    return [json.loads(r.body) for r in bench.paypal.wire.requests if r.path.endswith(ending) and r.method == "POST"]


async def test_the_order_is_made_without_a_payer_and_the_wallet_is_named_only_at_the_capture(
    bench: PayPalBench,
) -> None:
    await charged(bench)
    (order,), (capture,) = sent(bench, "/orders"), sent(bench, "/capture")
    assert order == {
        "intent": "CAPTURE",
        "purchase_units": [
            {
                "amount": {"currency_code": "USD", "value": "49.00"},
                "invoice_id": KEY,
                "custom_id": "s-1|primary|2026-03-15T04:00:00Z",
            }
        ],
    }
    assert capture == {
        "payment_source": {
            "paypal": {
                "vault_id": bench.wallets["primary"],
                "stored_credential": {
                    "payment_initiator": "MERCHANT",
                    "usage": "SUBSEQUENT",
                    "usage_pattern": "SUBSCRIPTION_PREPAID",
                },
            }
        }
    }


async def test_the_order_is_known_here_before_the_money_is_asked_for(bench: PayPalBench) -> None:
    await bench.break_("lost_before")
    with pytest.raises(GatewaySilent):
        await charged(bench)
    known = await bench.books.remembered(KEY, "paypal")
    assert known is not None
    assert any(f"/orders/{known}/capture" in r.path for r in bench.paypal.wire.requests)


async def test_names_that_are_too_long_for_paypal_are_left_out_and_the_charge_is_made(bench: PayPalBench) -> None:
    key = f"{'a-very-long-name-' * 9}-0001/1/primary"
    assert await charged(bench, replace(CHARGE, charge_key=key)) == GatewayAnswer("approved")
    (order,) = sent(bench, "/orders")
    assert "invoice_id" not in order["purchase_units"][0]  # type: ignore[index]
    ids = [r.headers["paypal-request-id"] for r in bench.paypal.wire.requests if "paypal-request-id" in r.headers]
    assert len(ids) == len({*ids}) == 2
    assert all(len(name) <= 108 for name in ids)


async def test_a_key_beyond_ascii_is_charged_like_any_other(bench: PayPalBench) -> None:
    charge = replace(CHARGE, charge_key="kündin-1-0001/1/primary")
    assert await charged(bench, charge) == await charged(bench, charge) == GatewayAnswer("approved")
    assert await bench.taken() == [(4900, "USD")]


@pytest.mark.parametrize(
    ("minor", "currency", "reason"),
    [(4900, "KWD", "currency_not_supported"), (4950, "HUF", "invalid_amount")],
)
async def test_what_paypal_can_never_take_is_declined_without_asking(
    bench: PayPalBench, minor: int, currency: str, reason: str
) -> None:
    assert await charged(bench, replace(CHARGE, minor=minor, currency=currency)) == GatewayAnswer("declined", reason)
    assert not bench.paypal.wire.requests


@pytest.mark.parametrize(("minor", "currency"), [(5000, "JPY"), (490_000, "HUF")])
async def test_currencies_without_decimals_at_paypal_are_taken(bench: PayPalBench, minor: int, currency: str) -> None:
    assert await charged(bench, replace(CHARGE, minor=minor, currency=currency)) == GatewayAnswer("approved")
    assert await bench.taken() == [(minor, currency)]


@pytest.mark.parametrize(("issue", "reason"), sorted(DECLINES.items()))
async def test_each_refusal_that_is_the_customers_declines_with_a_reason_of_ours(
    bench: PayPalBench, issue: str, reason: str
) -> None:
    bench.paypal.decline(bench.wallets["primary"], issue)
    assert await charged(bench) == GatewayAnswer("declined", reason)
    assert await bench.taken() == []


@pytest.mark.parametrize("issue", ["PAYEE_NOT_ENABLED_FOR_CARD_PROCESSING", "ORDER_NOT_APPROVED", "NEVER_SEEN_BEFORE"])
async def test_a_refusal_that_is_not_the_customers_declines_nobody_and_is_named(bench: PayPalBench, issue: str) -> None:
    bench.paypal.decline(bench.wallets["primary"], issue)
    with pytest.raises(GatewayUnavailable, match=issue):
        await charged(bench)
    bench.paypal.decline(bench.wallets["primary"], None)
    assert await charged(bench) == GatewayAnswer("approved")


async def test_a_refusal_that_was_not_heard_left_no_trace_at_paypal_and_is_asked_for_again(bench: PayPalBench) -> None:
    bench.paypal.decline(bench.wallets["primary"], "INSTRUMENT_DECLINED")
    await bench.break_("lost_after")
    with pytest.raises(GatewaySilent):
        await charged(bench)
    assert await found(bench) == GatewayAnswer("not_found")
    assert await charged(bench) == GatewayAnswer("declined", "generic_decline")


async def test_a_payment_under_the_same_invoice_id_stops_the_charge_for_somebody_to_look(bench: PayPalBench) -> None:
    bench.paypal.decline(bench.wallets["primary"], "DUPLICATE_INVOICE_ID")
    with pytest.raises(GatewaySilent, match="another payment under this invoice_id"):
        await charged(bench)


@pytest.mark.parametrize("issue", ["ORDER_COMPLETION_IN_PROGRESS", "PREVIOUS_REQUEST_IN_PROGRESS"])
async def test_a_capture_that_is_under_way_already_is_looked_up_later(bench: PayPalBench, issue: str) -> None:
    bench.paypal.decline(bench.wallets["primary"], issue)
    with pytest.raises(GatewaySilent, match="still working"):
        await charged(bench)


@pytest.mark.parametrize(
    ("reason", "answer"),
    [(None, GatewayAnswer("approved")), ("stolen_card", GatewayAnswer("declined", "stolen_card"))],
    ids=["approved", "declined"],
)
async def test_without_any_help_of_request_ids_many_sides_at_once_make_one_capture_and_read_its_truth(
    bench: PayPalBench, reason: str | None, answer: GatewayAnswer
) -> None:
    bench.paypal.forget_requests()
    if reason is not None:
        await bench.decline(reason)
    bench.gateway = bench.adapter(patience=10)
    bench.paypal.wire.break_(WHERE["money"], "slow", times=6, seconds=0.3)  # all have seen the order open by then
    answers = await asyncio.gather(*(charged(bench) for _ in range(6)))
    assert {*answers} == {answer}
    assert len(bench.paypal.captures()) == 1
    assert len(sent(bench, "/capture")) > 1, "nobody was ever told that the order is captured already"


async def test_an_order_that_is_said_to_be_captured_and_does_not_show_it_is_looked_up_later(bench: PayPalBench) -> None:
    bench.paypal.decline(bench.wallets["primary"], "ORDER_ALREADY_CAPTURED")
    with pytest.raises(GatewaySilent, match="does not show it yet"):
        await charged(bench)


@pytest.mark.parametrize(
    ("settled", "answer"),
    [("COMPLETED", GatewayAnswer("approved")), ("DECLINED", GatewayAnswer("declined", "generic_decline"))],
)
async def test_a_pending_capture_is_unknown_until_paypal_has_decided(
    bench: PayPalBench, settled: str, answer: GatewayAnswer
) -> None:
    bench.paypal.hold(bench.wallets["primary"])
    with pytest.raises(GatewaySilent, match="pending"):
        await charged(bench)
    with pytest.raises(GatewaySilent, match="pending"):
        await found(bench)
    (capture,) = bench.paypal.captures()
    await bench.paypal.settle(capture["id"], settled)  # type: ignore[arg-type]
    assert await found(bench) == await charged(bench) == answer
    assert len(bench.paypal.captures()) == 1


async def test_an_order_that_expired_uncaptured_is_made_anew_under_the_same_charge(bench: PayPalBench) -> None:
    await bench.break_("lost_before")
    with pytest.raises(GatewaySilent):
        await charged(bench)
    bench.paypal.expire_orders()
    assert await found(bench) == GatewayAnswer("not_found")
    assert await charged(bench) == GatewayAnswer("approved")
    assert await found(bench) == await charged(bench) == GatewayAnswer("approved")
    assert await bench.taken() == [(4900, "USD")]


async def test_a_removed_wallet_is_declined_and_what_it_paid_before_stays_paid(bench: PayPalBench) -> None:
    await charged(bench)
    await bench.books.mark_vaulted("paypal", bench.wallets["primary"], "removed")
    assert await charged(bench) == GatewayAnswer("approved")
    another = replace(CHARGE, charge_key="s-1-0001/2/primary")
    assert await charged(bench, another) == GatewayAnswer("declined", "no_such_payment_method")
    assert await bench.taken() == [(4900, "USD")]


async def test_a_wallet_that_was_removed_at_paypal_before_we_heard_is_declined(bench: PayPalBench) -> None:
    await bench.paypal.remove_wallet(bench.wallets["primary"])
    assert await charged(bench) == GatewayAnswer("declined", "no_such_payment_method")


async def test_one_access_token_serves_many_charges(bench: PayPalBench) -> None:
    for ordinal in range(3):
        await charged(bench, replace(CHARGE, charge_key=f"s-1-000{ordinal}/1/primary"))
    assert [r.path for r in bench.paypal.wire.requests].count("/v1/oauth2/token") == 1


async def test_a_token_that_paypal_takes_no_longer_is_renewed_and_the_charge_goes_on(bench: PayPalBench) -> None:
    await charged(bench)
    bench.paypal.expire_tokens()
    assert await charged(bench, replace(CHARGE, charge_key="s-1-0002/1/primary")) == GatewayAnswer("approved")
    assert [r.path for r in bench.paypal.wire.requests].count("/v1/oauth2/token") == 2


async def test_a_token_is_renewed_before_it_expires(bench: PayPalBench) -> None:
    bench.paypal.token_seconds = 0
    await charged(bench)
    assert [r.path for r in bench.paypal.wire.requests].count("/v1/oauth2/token") == 2  # one for each of two requests


async def test_credentials_that_change_between_order_and_capture_moved_nothing(bench: PayPalBench) -> None:
    await bench.break_("lost_before")
    with pytest.raises(GatewaySilent):
        await charged(bench)
    bench.paypal.change_secret()
    with pytest.raises(GatewayUnavailable, match="credentials"):
        await charged(bench)
    assert await bench.taken() == []


@pytest.mark.parametrize("outcome", ["unknown_then_approved", "unknown_then_declined"])
async def test_a_scenarios_unheard_charge_is_never_heard_and_always_found(bench: PayPalBench, outcome: str) -> None:
    rule = GatewayRule("primary", date.min, None, outcome, "insufficient_funds")  # type: ignore[arg-type]
    bench.script(World(gateway=(rule,)))
    with pytest.raises(GatewaySilent):
        await charged(bench)
    assert (await found(bench)).outcome == outcome.removeprefix("unknown_then_")
    assert len(bench.paypal.captures()) == 1


async def test_a_refund_is_made_once_however_often_it_is_asked_for(bench: PayPalBench) -> None:
    await charged(bench)
    first = await bench.gateway.refund(KEY, refund_key="r-1", minor=1000, currency="USD")
    assert await bench.gateway.refund(KEY, refund_key="r-1", minor=1000, currency="USD") == first
    assert bench.paypal.captures()[0]["status"] == "PARTIALLY_REFUNDED"
    assert await found(bench) == GatewayAnswer("approved")


async def test_more_than_was_taken_is_not_given_back(bench: PayPalBench) -> None:
    with pytest.raises(ValueError, match="took nothing"):
        await bench.gateway.refund(KEY, refund_key="r-1", minor=4900, currency="USD")
    await charged(bench)
    with pytest.raises(ValueError, match="REFUND_AMOUNT_EXCEEDED"):
        await bench.gateway.refund(KEY, refund_key="r-2", minor=4901, currency="USD")


async def test_a_404_that_is_not_paypals_own_word_is_no_answer(bench: PayPalBench) -> None:
    await charged(bench)
    bench.paypal.wire.break_("GET /v2/checkout/orders/", "status", status=404, times=2)
    with pytest.raises(GatewaySilent, match=KEY):
        await found(bench)
    with pytest.raises(GatewaySilent, match=KEY):
        await charged(bench)
    assert await found(bench) == GatewayAnswer("approved")
    assert await bench.taken() == [(4900, "USD")]


async def test_a_wallet_that_goes_while_its_order_is_open_is_no_decline(bench: PayPalBench) -> None:
    """A decline would be final, and let the secondary be charged beside a capture that is still on its way."""
    await bench.break_("lost_before")
    with pytest.raises(GatewaySilent):
        await charged(bench)
    await bench.forget_methods()
    with pytest.raises(GatewaySilent, match="its wallet is gone, its order is open"):
        await charged(bench)
    assert await bench.taken() == []
    bench.paypal.expire_orders()
    assert await charged(bench) == GatewayAnswer("declined", "no_such_payment_method")
