"""What PayPal posts, received over the wire, becomes messages that a subscription understands."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from aiohttp import web

from adapters.gateways.paypal_webhooks import PayPalWebhooks
from domain.effects import Batch, Charge, View
from domain.gateways import GatewayUnavailable
from domain.messages import parse
from domain.reports import Report, Unverified
from standins.wire import served
from tests.contracts.gateway import AT, KEY, SUBSCRIPTION, ZONE
from tests.gateways_paypal.bench import PayPalBench

CHARGE = Charge(KEY, "s-1-0001", "primary", "paypal", 4900, "USD", AT)


@dataclass
class Door:
    """Takes PayPal's posts as the HTTP door would: 2xx only once they were read."""

    webhooks: PayPalWebhooks | None = None
    read: list[Report] = field(default_factory=list)
    posts: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    refuse: int = 0

    async def take(self, request: web.Request) -> web.Response:
        headers, body = dict(request.headers), await request.read()
        self.posts.append((headers, body))
        if self.refuse > 0:
            self.refuse -= 1
            return web.Response(status=503)
        assert self.webhooks is not None
        self.read += await self.webhooks.read(headers, body)
        return web.Response()


@asynccontextmanager
async def listening(bench: PayPalBench) -> AsyncIterator[Door]:
    door, app = Door(), web.Application()
    app.router.add_post("/paypal", door.take)
    async with served(app) as url:
        door.webhooks = bench.webhooks(bench.paypal.hooks.subscribe(f"{url}/paypal"))
        yield door


@pytest.fixture
async def door(bench: PayPalBench) -> AsyncIterator[Door]:
    async with listening(bench) as door:
        yield door


@pytest.fixture
async def capture(bench: PayPalBench, door: Door) -> str:
    """The id of the capture of CHARGE, whose own webhook has been read."""
    await bench.gateway.charge(CHARGE, subscription_id=SUBSCRIPTION, timezone=ZONE)
    await bench.paypal.hooks.delivered()
    return str(bench.paypal.captures()[0]["id"])


async def told(bench: PayPalBench, door: Door) -> Report:
    """The one report that came last; its message, where it is one, is understood."""
    await bench.paypal.hooks.delivered()
    report = door.read[-1]
    assert report.source == "paypal"
    if report.signal:
        parse(report.signal, (report.payload,), "USD", ZONE, datetime(2026, 3, 20, tzinfo=UTC))
    return report


async def keep_view(bench: PayPalBench) -> None:
    """The books know SUBSCRIPTION, which pays in USD."""
    view = View(
        SUBSCRIPTION,
        "c-1",
        "10001",
        "photo-monthly",
        1,
        "monthly",
        "USD",
        ZONE,
        "active",
        0,
        0,
        0,
        0,
        None,
        "",
        (),
        False,
    )
    assert await bench.books.write(Batch(f"{SUBSCRIPTION}/1", view, ()))


async def test_a_payment_of_a_charge_of_ours_is_not_counted_again(bench: PayPalBench, door: Door, capture: str) -> None:
    report = await told(bench, door)
    assert (report.id, report.subscription_id, report.signal) == (f"capture/{capture}", SUBSCRIPTION, "")
    assert not report.task


async def test_a_refund_reverses_its_part_of_the_charge(bench: PayPalBench, door: Door, capture: str) -> None:
    refund_id = await bench.gateway.refund(KEY, refund_key="r-1", minor=1950, currency="USD")
    report = await told(bench, door)
    assert report.signal == "payment-reversed"
    assert report.payload == {
        "id": f"paypal/refund/{refund_id}",
        "amount": "19.50",
        "reference": KEY,
        "reason": "refund",
    }
    assert (report.id, report.subscription_id, report.needs_payment) == (f"refund/{refund_id}", SUBSCRIPTION, KEY)


async def test_a_reversal_by_paypal_is_a_chargeback_of_the_charge(bench: PayPalBench, door: Door, capture: str) -> None:
    reversal_id = await bench.paypal.reverse(capture)
    report = await told(bench, door)
    assert report.signal == "payment-reversed"
    assert report.payload["reason"] == "chargeback"
    assert (report.payload["amount"], report.payload["reference"]) == ("49.00", KEY)
    assert (report.id, report.needs_payment) == (f"reversal/{reversal_id}", KEY)


async def test_a_charge_whose_first_order_expired_is_reversed_under_its_own_key(bench: PayPalBench, door: Door) -> None:
    await bench.break_("throttled")
    with pytest.raises(GatewayUnavailable):
        await bench.gateway.charge(CHARGE, subscription_id=SUBSCRIPTION, timezone=ZONE)
    bench.paypal.expire_orders()
    await bench.gateway.charge(CHARGE, subscription_id=SUBSCRIPTION, timezone=ZONE)
    await bench.paypal.reverse(bench.paypal.captures()[0]["id"])
    report = await told(bench, door)
    assert (report.payload["reference"], report.subscription_id) == (KEY, SUBSCRIPTION)


async def test_a_dispute_asks_support_and_moves_no_money(bench: PayPalBench, door: Door, capture: str) -> None:
    dispute_id = await bench.paypal.dispute(capture)
    report = await told(bench, door)
    assert (report.id, report.subscription_id, report.signal) == (f"dispute/{dispute_id}", SUBSCRIPTION, "")
    assert KEY in report.task
    assert "UNAUTHORISED" in report.task


@pytest.mark.parametrize(
    ("outcome", "after"),
    [("RESOLVED_BUYER_FAVOUR", "goes back"), ("ACCEPTED", "goes back"), ("RESOLVED_SELLER_FAVOUR", "money stays")],
)
async def test_a_dispute_that_is_resolved_says_what_follows(
    bench: PayPalBench, door: Door, capture: str, outcome: str, after: str
) -> None:
    dispute_id = await bench.paypal.dispute(capture, outcome)
    report = await told(bench, door)
    assert (report.id, report.signal) == (f"dispute/{dispute_id}/resolved", "")
    assert outcome in report.note
    assert after in report.task


async def test_a_removed_wallet_is_told_to_everybody_who_pays_by_it_and_named_nowhere(
    bench: PayPalBench, door: Door
) -> None:
    wallet = bench.wallets["primary"]
    event_id = await bench.paypal.remove_wallet(wallet)
    report = await told(bench, door)
    assert report.signal == "payment-method-updated"
    assert report.payload == {
        "id": f"paypal/event/{event_id}/{SUBSCRIPTION}/primary",
        "role": "primary",
        "method": "paypal",
        "state": "removed",
    }
    assert wallet not in repr(report)
    vaulted = await bench.books.vaulted(SUBSCRIPTION, "primary")
    assert vaulted is not None
    assert vaulted.state == "removed"


async def test_a_removed_wallet_of_nobody_is_noted(bench: PayPalBench, door: Door) -> None:
    await bench.paypal.remove_wallet(bench.paypal.vault_test_wallet())
    report = await told(bench, door)
    assert (report.signal, report.subscription_id, report.task) == ("", None, "")


async def test_a_pending_capture_is_noted_and_looked_up_by_itself(bench: PayPalBench, door: Door) -> None:
    bench.paypal.hold(bench.wallets["primary"])
    with pytest.raises(Exception, match="pending"):
        await bench.gateway.charge(CHARGE, subscription_id=SUBSCRIPTION, timezone=ZONE)
    report = await told(bench, door)
    assert (report.what, report.signal) == ("PAYMENT.CAPTURE.PENDING", "")


async def test_a_payment_that_names_no_subscription_is_for_support(bench: PayPalBench, door: Door) -> None:
    capture_id = await bench.paypal.pay_otherwise("cart-17", "49.00", "USD")
    report = await told(bench, door)
    assert (report.signal, report.subscription_id) == ("", None)
    assert capture_id in report.task


async def test_a_payment_made_elsewhere_that_names_a_subscription_has_come_in(bench: PayPalBench, door: Door) -> None:
    await keep_view(bench)
    capture_id = await bench.paypal.pay_otherwise(SUBSCRIPTION, "49.00", "USD")
    report = await told(bench, door)
    assert (report.signal, report.subscription_id) == ("payment-received", SUBSCRIPTION)
    assert report.payload == {
        "id": f"paypal/capture/{capture_id}",
        "amount": "49.00",
        "channel": "paypal",
        "reference": capture_id,
    }
    await bench.paypal.reverse(capture_id)
    reversed_ = await told(bench, door)
    assert (reversed_.payload["reference"], reversed_.needs_payment) == (capture_id, capture_id)


async def test_a_payment_made_elsewhere_in_another_currency_is_for_support(bench: PayPalBench, door: Door) -> None:
    await keep_view(bench)
    await bench.paypal.pay_otherwise(SUBSCRIPTION, "49.00", "EUR")
    report = await told(bench, door)
    assert (report.signal, report.subscription_id) == ("", SUBSCRIPTION)
    assert "paid in EUR" in report.task


async def test_a_charge_of_ours_that_these_books_do_not_know_is_for_support(bench: PayPalBench, door: Door) -> None:
    await bench.paypal.pay_otherwise("s-9|primary|2026-03-15T04:00:00Z", "49.00", "USD")
    report = await told(bench, door)
    assert report.signal == ""
    assert "these books do not know" in report.task


async def test_an_event_of_another_kind_is_noted(bench: PayPalBench, door: Door) -> None:
    event_id = await bench.paypal.hooks.tell("CHECKOUT.ORDER.APPROVED", "checkout-order", {"id": "5O190127TN364715T"})
    report = await told(bench, door)
    assert (report.id, report.signal, report.task) == (f"event/{event_id}", "", "")


async def test_an_event_that_cannot_be_read_is_for_support(bench: PayPalBench, door: Door) -> None:
    event_id = await bench.paypal.hooks.tell("PAYMENT.CAPTURE.REFUNDED", "refund", {"amount": {}})
    report = await told(bench, door)
    assert report.signal == ""
    assert event_id in report.task


async def test_the_same_event_sent_again_gives_the_same_report(bench: PayPalBench, door: Door, capture: str) -> None:
    await bench.paypal.reverse(capture)
    first = await told(bench, door)
    bench.paypal.hooks.resend(bench.paypal.hooks.events()[-1]["id"])
    assert await told(bench, door) == first
    assert len(door.read) == 3


async def test_a_door_that_is_closed_for_a_while_hears_everything_later(bench: PayPalBench, door: Door) -> None:
    door.refuse = 2
    await bench.gateway.charge(CHARGE, subscription_id=SUBSCRIPTION, timezone=ZONE)
    await bench.paypal.hooks.delivered()
    assert len(door.posts) == 3
    assert len(door.read) == 1


# Whom to believe


@pytest.fixture
async def post(bench: PayPalBench, door: Door, capture: str) -> tuple[PayPalWebhooks, dict[str, str], bytes]:
    """A genuine post, and who reads it."""
    headers, body = door.posts[-1]
    assert door.webhooks is not None
    return door.webhooks, headers, body


Post = tuple[PayPalWebhooks, dict[str, str], bytes]


async def test_a_body_that_was_changed_is_not_believed(post: Post) -> None:
    webhooks, headers, body = post
    with pytest.raises(Unverified):
        await webhooks.read(headers, body.replace(b"49.00", b"99.00"))


@pytest.mark.parametrize("name", ["Transmission-Id", "Transmission-Time", "Transmission-Sig"])
async def test_a_header_that_was_changed_or_is_missing_is_not_believed(post: Post, name: str) -> None:
    webhooks, headers, body = post
    found = next(header for header in headers if header.lower() == f"paypal-{name.lower()}")
    with pytest.raises(Unverified):
        await webhooks.read(headers | {found: "x" + headers[found]}, body)
    with pytest.raises(Unverified, match=name.lower().replace("-", "_")):
        await webhooks.read({header: value for header, value in headers.items() if header != found}, body)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{}},"webhook_id":"x","webhook_event":{'])
async def test_what_is_no_json_object_is_not_believed_and_not_passed_on(
    bench: PayPalBench, post: Post, body: bytes
) -> None:
    webhooks, headers, _ = post
    asked = len(bench.paypal.wire.requests)
    with pytest.raises(Unverified):
        await webhooks.read(headers, body)
    assert len(bench.paypal.wire.requests) == asked


async def test_a_webhook_of_another_listener_is_not_believed(bench: PayPalBench, post: Post) -> None:
    _, headers, body = post
    with pytest.raises(Unverified):
        await bench.webhooks("ANOTHERWEBHOOK123").read(headers, body)


async def test_while_paypal_cannot_be_asked_nothing_is_believed_and_it_is_sent_again(
    bench: PayPalBench, post: Post
) -> None:
    webhooks, headers, body = post
    bench.paypal.wire.break_("verify-webhook-signature", "status", status=503)
    with pytest.raises(GatewayUnavailable):
        await webhooks.read(headers, body)
    assert await webhooks.read(headers, body)


async def test_the_event_goes_back_to_paypal_byte_for_byte(bench: PayPalBench, post: Post) -> None:
    webhooks, headers, body = post
    await webhooks.read(headers, body)
    asked = next(r for r in reversed(bench.paypal.wire.requests) if r.path.endswith("verify-webhook-signature"))
    assert body in asked.body
    assert json.loads(asked.body)["webhook_event"] == json.loads(body)
