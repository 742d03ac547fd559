"""What Stripe's webhooks become: each message once, whatever the order and however often they are delivered."""

import hashlib
import hmac
import itertools
import json
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.gateways.stripe_webhooks import StripeWebhooks
from adapters.postgres.books import Books
from adapters.postgres.pool import Pool
from domain.effects import Batch, View
from domain.gateways import Holder, Vaulted
from domain.reports import Report, Unverified

SECRET = "whsec_test"
OWN, LINK, FOREIGN = "pi_own", "pi_link", "pi_foreign"
KEY = "s-1-0001/1/primary"
CREATED = 1_790_000_000  # 21 September 2026
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
IN_ISK = View(
    "s-9", "c-9", "K9", "photo-monthly", 1, "pro", "ISK", "UTC", "active", 0, 0, 0, 0, None, "", (), ended=False
)


@pytest.fixture
async def webhooks(books: Books, pool: Pool) -> StripeWebhooks:
    """An endpoint of a house where s-1 and s-2 pay by the same card, and OWN is a charge of s-1."""
    await books.remember(KEY, "stripe", OWN, subscription_id="s-1")
    await books.keep_vaulted("s-1", "primary", Vaulted("stripe", "cus_1", "pm_1"))
    await books.keep_vaulted("s-2", "secondary", Vaulted("stripe", "cus_1", "pm_1"))
    await pool.execute("update payment_method set updated_at = '2026-01-01'")  # long before anything that Stripe tells
    await books.write(Batch("s-9/1", IN_ISK, ()))
    return StripeWebhooks(SECRET, vault=books, references=books, views=books)


def event(
    kind: str, id_: str = "evt_1", before: dict[str, Any] | None = None, at: int = CREATED, **thing: Any
) -> bytes:
    data = {"object": thing} if before is None else {"object": thing, "previous_attributes": before}
    return json.dumps({"id": id_, "object": "event", "type": kind, "created": at, "data": data}).encode()


def signed(body: bytes, secret: str = SECRET, at: int | None = None) -> dict[str, str]:
    """By https://docs.stripe.com/webhooks#verify-manually, without the SDK."""
    stamp = int(time.time()) if at is None else at
    digest = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return {"Stripe-Signature": f"t={stamp},v1={digest}", "Content-Type": "application/json"}


async def read(webhooks: StripeWebhooks, body: bytes) -> tuple[Report, ...]:
    return await webhooks.read(signed(body), body)


async def taken_in(
    webhooks: StripeWebhooks, books: Books, bodies: Iterable[bytes]
) -> list[tuple[str, dict[str, object]]]:
    """The messages that come of webhooks in this order, each report counted once, as the door does."""
    messages = []
    for body in bodies:
        for report in await read(webhooks, body):
            if not (await books.see_report(report)).taken_in and report.signal:
                messages.append((report.signal, report.payload))
            await books.report_taken_in(report.source, report.id)
    return messages


def refund(kind: str = "refund.created", status: str = "succeeded", **changed: Any) -> bytes:
    thing = {"id": "re_1", "object": "refund", "amount": 1999, "currency": "usd", "payment_intent": OWN}
    return event(kind, f"evt_{kind}_{status}", **{**thing, "status": status, **changed})


def dispute(kind: str = "created", status: str = "needs_response", **changed: Any) -> bytes:
    thing = {"id": "du_1", "object": "dispute", "amount": 4900, "currency": "usd", "payment_intent": OWN}
    return event(f"charge.dispute.{kind}", f"evt_{kind}_{status}", **{**thing, "status": status, **changed})


def card(kind: str, year: int, month: int, before: dict[str, Any] | None = None, **changed: Any) -> bytes:
    thing = {"id": "pm_1", "object": "payment_method", "customer": "cus_1"}
    details = {"exp_year": year, "exp_month": month}
    return event(f"payment_method.{kind}", before=before, **{**thing, "card": details, **changed})


# Who may report


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({}, "signature"),
        ({"Stripe-Signature": "nonsense"}, "signature"),
        ({"Stripe-Signature": "t=1,v1=00"}, "signature"),
    ],
)
async def test_what_is_not_signed_is_not_believed(webhooks: StripeWebhooks, headers: dict[str, str], why: str) -> None:
    with pytest.raises(Unverified, match=why):
        await webhooks.read(headers, refund())


async def test_another_endpoints_secret_a_changed_body_and_an_old_webhook_are_not_believed(
    webhooks: StripeWebhooks,
) -> None:
    body = refund()
    for headers in (signed(body, "whsec_other"), signed(b" " + body), signed(body, at=1_600_000_000)):
        with pytest.raises(Unverified):
            await webhooks.read(headers, body)


@pytest.mark.parametrize("body", [b"\xff\xfe", b"no json", b"[]", b"{}", b'{"object": "event", "id": "evt_1"}'])
async def test_a_signed_body_that_is_no_event_is_not_believed(webhooks: StripeWebhooks, body: bytes) -> None:
    with pytest.raises(Unverified):
        await webhooks.read(signed(body), body)


async def test_header_names_may_come_in_small_letters(webhooks: StripeWebhooks) -> None:
    body = refund()
    headers = {name.lower(): value for name, value in signed(body).items()}
    assert len(await webhooks.read(headers, body)) == 1


# Payments


async def test_our_own_charges_make_no_message(webhooks: StripeWebhooks) -> None:
    known = event("payment_intent.succeeded", id=OWN, amount_received=4900, currency="usd", metadata={})
    named = event("payment_intent.succeeded", id="pi_new", metadata={"charge_key": KEY, "subscription": "s-1"})
    failed = event("payment_intent.payment_failed", id=OWN, metadata={})
    for body in (known, named, failed):
        (report,) = await read(webhooks, body)
        assert (report.signal, report.note) == ("", "own charge: the charge's own answer counts")


async def test_a_payment_by_link_is_money_received_and_its_refund_finds_it(
    webhooks: StripeWebhooks, books: Books
) -> None:
    paid = event(
        "payment_intent.succeeded", id=LINK, amount_received=500, currency="isk", metadata={"subscription": "s-9"}
    )
    payment = {"id": f"stripe/{LINK}", "amount": "5", "channel": "card", "reference": LINK}
    (report,) = await read(webhooks, paid)
    assert (report.id, report.subscription_id, report.payload) == (LINK, "s-9", payment)
    assert await taken_in(webhooks, books, [paid, paid]) == [("payment-received", payment)]
    (back,) = await read(webhooks, refund(payment_intent=LINK, amount=500, currency="isk"))
    assert (back.subscription_id, back.payload["reference"], back.needs_payment) == ("s-9", LINK, LINK)
    assert back.payload["amount"] == "5"


async def test_a_payment_that_names_no_subscription_makes_no_message(webhooks: StripeWebhooks) -> None:
    (report,) = await read(webhooks, event("payment_intent.succeeded", id=FOREIGN, metadata={}))
    assert (report.signal, report.subscription_id, report.task) == ("", None, "")


# Refunds


async def test_a_refund_is_one_reversal_however_many_events_tell_of_it(webhooks: StripeWebhooks, books: Books) -> None:
    told = [refund(), refund("refund.updated"), refund("refund.created", "pending"), refund()]
    payload = {"id": "stripe/refund/re_1", "amount": "19.99", "reference": KEY, "reason": "refund"}
    for order in itertools.permutations(told, 2):
        (report,) = await read(webhooks, order[0])
        assert (report.id, report.subscription_id, report.needs_payment) == ("refund/re_1", "s-1", KEY)
    assert await taken_in(webhooks, books, told) == [("payment-reversed", payload)]


async def test_a_refund_that_fails_is_given_back_once_and_received_again_once_in_any_order(
    webhooks: StripeWebhooks, books: Books
) -> None:
    kinds = [("refund.created", "pending"), ("refund.updated", "failed"), ("refund.failed", "failed")]
    for number, order in enumerate(itertools.permutations(kinds)):
        id_ = f"re_{number}"
        messages = await taken_in(webhooks, books, [refund(*what, id=id_) for what in (*order, *order)])
        assert [signal for signal, _ in messages] == ["payment-reversed", "payment-received"], order
        assert messages[1][1] == {
            "id": f"stripe/refund/{id_}/failed",
            "amount": "19.99",
            "channel": "card",
            "reference": f"{id_}/failed",
        }


async def test_a_refund_of_a_payment_that_we_do_not_know_is_a_task_for_support(webhooks: StripeWebhooks) -> None:
    (report,) = await read(webhooks, refund(payment_intent=FOREIGN))
    assert (report.signal, report.subscription_id) == ("", None)
    assert "refund/re_1" in report.task
    assert report.id != "refund/re_1", "told again once the payment is known, it must still count"


# Disputes


async def test_a_dispute_takes_the_disputed_part_of_the_money(webhooks: StripeWebhooks) -> None:
    (report,) = await read(webhooks, dispute(amount=1000))
    payload = {"id": "stripe/dispute/du_1", "amount": "10.00", "reference": KEY, "reason": "chargeback"}
    assert (report.signal, report.payload, report.needs_payment) == ("payment-reversed", payload, KEY)


async def test_a_dispute_that_is_won_ends_with_the_money_back_in_any_order(
    webhooks: StripeWebhooks, books: Books
) -> None:
    kinds = [("created",), ("funds_withdrawn",), ("closed", "won"), ("funds_reinstated", "won")]
    for number, order in enumerate(itertools.permutations(kinds)):
        id_ = f"du_{number}"
        messages = await taken_in(webhooks, books, [dispute(*what, id=id_) for what in (*order, *order)])
        assert [signal for signal, _ in messages] == ["payment-reversed", "payment-received"], order
        assert messages[1][1] == {
            "id": f"stripe/dispute/{id_}/won",
            "amount": "49.00",
            "channel": "card",
            "reference": f"{id_}/won",
        }


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
async def test_a_dispute_that_is_lost_takes_the_money_once(
    webhooks: StripeWebhooks, books: Books, order: tuple[int, ...]
) -> None:
    told = [dispute(), dispute("closed", "lost")]
    assert [signal for signal, _ in await taken_in(webhooks, books, [told[i] for i in order])] == ["payment-reversed"]


async def test_an_inquiry_takes_nothing_until_it_becomes_a_dispute(webhooks: StripeWebhooks, books: Books) -> None:
    (asked,) = await read(webhooks, dispute(status="warning_needs_response"))
    assert (asked.signal, asked.subscription_id, bool(asked.task)) == ("", "s-1", True)
    told = [
        dispute(status="warning_needs_response"),
        dispute("updated", "warning_under_review"),
        dispute("updated", "needs_response"),
        dispute("funds_withdrawn", "needs_response"),
    ]
    assert [signal for signal, _ in await taken_in(webhooks, books, told)] == ["payment-reversed"]


async def test_an_inquiry_that_is_closed_asks_for_nothing(webhooks: StripeWebhooks) -> None:
    (report,) = await read(webhooks, dispute("closed", "warning_closed"))
    assert (report.signal, report.task) == ("", "")


# Methods


async def test_new_card_details_are_told_to_everybody_who_pays_by_them(webhooks: StripeWebhooks, books: Books) -> None:
    await books.mark_vaulted("stripe", "pm_1", "expired", LONG_AGO)
    reports = await read(webhooks, card("automatically_updated", 2031, 12))
    assert [(r.subscription_id, r.signal, r.payload["role"], r.payload["state"]) for r in reports] == [
        ("s-1", "payment-method-updated", "primary", "usable"),
        ("s-2", "payment-method-updated", "secondary", "usable"),
    ]
    kept = await books.vaulted("s-1", "primary")
    assert kept is not None
    assert kept.state == "usable"


@pytest.mark.parametrize(("month", "state"), [(8, "expired"), (9, "usable"), (12, "usable")])
async def test_a_card_is_good_through_the_month_in_which_it_ends(
    webhooks: StripeWebhooks, books: Books, month: int, state: str
) -> None:
    reports = await read(webhooks, card("updated", 2026, month, before={"card": {"exp_year": 2025}}))
    kept = await books.vaulted("s-1", "primary")
    assert kept is not None
    assert kept.state == state
    assert [report.payload.get("state", "usable") for report in reports] == [state, state]


async def test_an_update_of_anything_but_the_card_asks_for_nothing(webhooks: StripeWebhooks) -> None:
    (report,) = await read(webhooks, card("updated", 2031, 1, before={"billing_details": {"name": "X"}}))
    assert report.signal == ""


async def test_a_card_that_is_removed_stays_removed_though_older_news_comes_later(
    webhooks: StripeWebhooks, books: Books
) -> None:
    removed = event("payment_method.detached", before={"customer": "cus_1"}, id="pm_1", customer=None)
    reports = await read(webhooks, removed)
    assert [report.payload["state"] for report in reports] == ["removed", "removed"]
    (late,) = await read(webhooks, card("automatically_updated", 2031, 12))
    kept = await books.vaulted("s-1", "primary")
    assert kept is not None
    assert (late.signal, kept.state) == ("", "removed")


async def test_with_a_deleted_customer_their_cards_are_gone(webhooks: StripeWebhooks, books: Books) -> None:
    reports = await read(webhooks, event("customer.deleted", id="cus_1"))
    assert [(report.subscription_id, report.payload["state"]) for report in reports] == [
        ("s-1", "removed"),
        ("s-2", "removed"),
    ]
    (nobody,) = await read(webhooks, event("customer.deleted", id="cus_2"))
    assert nobody.signal == ""


def set_up(id_: str, method: str, at: int = CREATED, **metadata: str) -> bytes:
    named = {"payment_method": method, "customer": "cus_3", "metadata": metadata}
    return event("setup_intent.succeeded", at=at, id=id_, **named)


async def test_a_card_that_was_set_up_is_vaulted_for_its_subscription(webhooks: StripeWebhooks, books: Books) -> None:
    (report,) = await read(webhooks, set_up("seti_1", "pm_2", subscription="s-3", role="secondary"))
    payload = {"id": "stripe/setup/seti_1", "role": "secondary", "method": "card"}
    assert (report.signal, report.payload) == ("payment-method-updated", payload)
    assert await books.vaulted("s-3", "secondary") == Vaulted("stripe", "cus_3", "pm_2")


async def test_a_set_up_that_is_told_again_does_not_undo_a_later_one(webhooks: StripeWebhooks, books: Books) -> None:
    first = set_up("seti_1", "pm_2", subscription="s-3")
    for body in (first, set_up("seti_2", "pm_3", at=CREATED + 60, subscription="s-3"), first):
        await read(webhooks, body)
    assert await books.holders_of("stripe", "pm_3") == [Holder("s-3", "primary")]


async def test_an_older_set_up_that_comes_first_late_does_not_undo_a_later_one(
    webhooks: StripeWebhooks, books: Books
) -> None:
    await read(webhooks, set_up("seti_2", "pm_3", at=CREATED + 60, subscription="s-3"))
    (late,) = await read(webhooks, set_up("seti_1", "pm_2", subscription="s-3"))
    assert (late.signal, await books.holders_of("stripe", "pm_3")) == ("", [Holder("s-3", "primary")])


async def test_old_news_of_a_card_does_not_make_it_usable_after_a_hard_decline(
    webhooks: StripeWebhooks, books: Books
) -> None:
    await books.refuse_vaulted("stripe", "pm_1", "stolen_card")
    await read(webhooks, card("automatically_updated", 2031, 12))
    kept = await books.vaulted("s-1", "primary")
    assert kept is not None
    assert kept.state == "refused"


async def test_a_payment_in_another_currency_is_counted_nowhere_and_support_is_asked(
    webhooks: StripeWebhooks, books: Books
) -> None:
    paid = event(
        "payment_intent.succeeded", id=LINK, amount_received=4900, currency="jpy", metadata={"subscription": "s-9"}
    )
    (report,) = await read(webhooks, paid)
    assert report.signal == ""
    assert "JPY" in report.task
    assert "ISK" in report.task
    assert await books.charge_of("stripe", LINK) is None


@pytest.mark.parametrize("metadata", [{}, {"subscription": "s-3", "role": "third"}])
async def test_a_set_up_for_nobody_vaults_nothing(
    webhooks: StripeWebhooks, books: Books, metadata: dict[str, str]
) -> None:
    (report,) = await read(webhooks, set_up("seti_1", "pm_2", **metadata))
    assert (report.signal, await books.holders_of("stripe", "pm_2")) == ("", [])


# Everything else


async def test_events_that_nobody_needs_say_so(webhooks: StripeWebhooks) -> None:
    (report,) = await read(webhooks, event("charge.refunded", id="ch_1"))
    assert (report.id, report.signal, report.task) == ("evt_1", "", "")


async def test_a_genuine_event_that_lacks_a_field_is_a_task_and_not_a_refusal(webhooks: StripeWebhooks) -> None:
    (report,) = await read(webhooks, event("refund.created", id="re_1", status="succeeded", payment_intent=OWN))
    assert report.signal == ""
    assert "evt_1" in report.task


async def test_no_report_tells_a_token_or_a_person(webhooks: StripeWebhooks) -> None:
    told = [
        card("automatically_updated", 2031, 12, billing_details={"name": "Ada Miller", "email": "ada@example.com"}),
        event("payment_method.detached", id="pm_1", customer=None),
        event("customer.deleted", id="cus_1", email="ada@example.com"),
        set_up("seti_1", "pm_2", subscription="s-3"),
        refund(payment_intent=FOREIGN),
    ]
    reports = [report for body in told for report in await read(webhooks, body)]
    assert len(reports) >= len(told)
    for report in reports:
        assert not any(word in repr(report) for word in ("pm_", "cus_", "Ada", "ada@")), report
