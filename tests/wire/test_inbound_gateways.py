"""What gateways report by webhook, from their own books over our doors to the timeline."""

from __future__ import annotations

from uuid import uuid4

import pytest

from domain.subscription import MethodKind
from tests.wire.lives_on_the_wire import Town, WiredLife, begun_in


async def _paid(town: Town, method: MethodKind = "card", card: str = "pm_card_visa") -> WiredLife:
    """A life whose first month is paid; all that was reported of it has been taken in."""
    life = await begun_in(town, "photo-monthly", f"in-{uuid4().hex[:12]}", methods=(method,), card=card)
    await life.until("2026-01-16T12:00")
    await town.quiet()
    return life


def _charge(life: WiredLife) -> str:
    """Stripe's id of the newest charge of a life."""
    return [c.id for c in life.town.stripe.charges() if c.metadata.get("subscription") == life.id][-1]


def _capture(life: WiredLife) -> str:
    return [str(c["id"]) for c in life.town.paypal.captures() if str(c["custom_id"]).split("|")[0] == life.id][-1]


async def _reports(life: WiredLife) -> list[tuple[str, str]]:
    rows = await life.stage.pool.fetch(
        "select what, state from report where subscription_id = $1 order by received_at, id", life.id
    )
    return [(row["what"], row["state"]) for row in rows]


async def _money(life: WiredLife) -> list[tuple[str, str]]:
    """What the timeline says of money that came and went: what, and how much."""
    return [(e.what, str(e.fields["amount"])) for e in await life.entries("payment_received", "payment_reversed")]


async def _agrees(life: WiredLife) -> None:
    await life.settled()
    assert await life.entries("refused") == []
    assert await life.stage.books.audit(life.id) == []


@pytest.mark.parametrize("method", ["card", "paypal"])
async def test_the_success_of_an_own_charge_is_acknowledged_and_makes_no_message(
    town: Town, method: MethodKind
) -> None:
    life = await _paid(town, method)
    what = "payment_intent.succeeded" if method == "card" else "PAYMENT.CAPTURE.COMPLETED"
    assert (what, "taken_in") in await _reports(life)
    assert await life.entries("repeated", "refused") == []
    assert await _money(life) == [("payment_received", "49.00")]


async def test_a_refund_at_stripe_reverses_the_payment_once_however_often_it_is_told(town: Town) -> None:
    life = await _paid(town)
    refund = town.stripe.books.refund({"charge": _charge(life)})
    await life.until_entry("payment_reversed")
    told = [e["id"] for e in town.stripe.books.listed("event", {}) if e["data"]["object"]["id"] == refund["id"]]
    for event in told * 2:
        town.stripe.deliveries.resend(event)
    await town.quiet()
    assert await _money(life) == [("payment_received", "49.00"), ("payment_reversed", "49.00")]
    (reversed_,) = await life.entries("payment_reversed")
    assert reversed_.fields["reason"] == "refund"
    assert (await life.state()).open_minor == 4900
    await _agrees(life)


async def test_two_refunds_in_part_are_two_reversals(town: Town) -> None:
    life = await _paid(town)
    for cents in ("1000", "500"):
        town.stripe.books.refund({"charge": _charge(life), "amount": cents})
    await life.until_entry("payment_reversed", times=2)
    assert sorted(await _money(life))[1:] == [("payment_reversed", "10.00"), ("payment_reversed", "5.00")]
    assert (await life.state()).open_minor == 1500
    await _agrees(life)


async def test_a_refund_that_fails_gives_back_what_it_took(town: Town) -> None:
    life = await _paid(town)
    refund = town.stripe.books.refund({"charge": _charge(life)})
    await life.until_entry("payment_reversed")
    town.stripe.books.fail_refund(refund["id"])
    await life.until_entry("payment_received", times=2)
    await town.quiet()
    assert [what for what, _ in await _money(life)] == ["payment_received", "payment_reversed", "payment_received"]
    assert (await life.state()).open_minor == 0
    await _agrees(life)


@pytest.mark.parametrize(("ending", "open_minor"), [("won", 0), ("lost", 4900)])
async def test_a_dispute_takes_the_money_and_only_winning_gives_it_back(
    town: Town, ending: str, open_minor: int
) -> None:
    life = await _paid(town)
    dispute = town.stripe.books.dispute(_charge(life))
    await life.until_entry("payment_reversed")
    await town.quiet()
    (taken,) = await life.entries("payment_reversed")
    assert taken.fields["reason"] == "chargeback"
    assert (await life.state()).standing != "active"
    town.stripe.books.close_dispute(dispute["id"], ending)
    if ending == "won":
        await life.until_entry("payment_received", times=2)
    await town.quiet()
    assert (await life.state()).open_minor == open_minor
    assert len(await life.entries("payment_reversed")) == 1
    await _agrees(life)


async def test_an_inquiry_takes_nothing_and_is_a_task_until_it_becomes_a_dispute(town: Town) -> None:
    life = await _paid(town)
    dispute = town.stripe.books.dispute(_charge(life), inquiry=True)
    await town.quiet()
    assert [task.kind for task in await life.tasks()] == ["stripe"]
    assert await _money(life) == [("payment_received", "49.00")]
    town.stripe.books.escalate(dispute["id"])
    await life.until_entry("payment_reversed")
    await town.quiet()
    assert await _money(life) == [("payment_received", "49.00"), ("payment_reversed", "49.00")]
    await _agrees(life)


async def test_a_card_that_is_disputed_at_once_is_paid_first_and_reversed_then(town: Town) -> None:
    life = await begun_in(town, "photo-monthly", f"in-{uuid4().hex[:12]}", card="pm_card_createDispute")
    await life.until("2026-01-15T12:00")
    await life.until_entry("payment_reversed")
    await town.quiet()
    assert await _money(life) == [("payment_received", "49.00"), ("payment_reversed", "49.00")]
    await _agrees(life)


async def test_a_card_that_is_taken_away_at_stripe_is_not_asked_any_more(town: Town) -> None:
    life = await _paid(town)
    town.stripe.books.detach(life.contact.vault["primary"].method)
    await life.until_entry("payment_method_updated")
    await town.quiet()
    before = len(town.stripe.charges())
    await life.until("2026-02-15T12:00")
    assert len(town.stripe.charges()) == before
    state = await life.state()
    assert (state.standing, state.open_minor) == ("past_due", 4900)
    assert [template for template, _ in await life.outbox("mail")] == ["payment_declined"]
    await _agrees(life)


async def test_a_card_that_the_network_renews_is_charged_on(town: Town) -> None:
    life = await _paid(town)
    town.stripe.books.update_card(life.contact.vault["primary"].method, 12, 2039, by_the_network=True)
    await life.until_entry("payment_method_updated")
    await life.until("2026-02-15T12:00")
    assert life.taken() == [4900, 4900]
    await _agrees(life)


async def test_a_payment_by_link_is_money_received(town: Town) -> None:
    life = await begun_in(town, "photo-monthly", f"in-{uuid4().hex[:12]}", card="pm_card_chargeCustomerFail")
    await life.until("2026-01-18T12:00")
    town.stripe.books.pay_by_link(life.id, 4900, "usd")
    await life.until_entry("payment_received")
    await town.quiet()
    assert (await life.state()).standing == "active"
    assert await _money(life) == [("payment_received", "49.00")]
    await _agrees(life)


async def test_a_refund_of_a_charge_whose_answer_is_still_unknown_waits_for_it(town: Town) -> None:
    """The charge is taken and not heard of, and refunded by hand: first the payment is found, then it is reversed."""
    town.stripe.wire.break_("/confirm$", "lost_after")
    town.stripe.wire.break_("^GET /v1/payment_intents/", "status", status=500, times=1_000_000)
    life = await begun_in(town, "photo-monthly", f"in-{uuid4().hex[:12]}")
    await life.until("2026-01-15T00:10")
    refund = town.stripe.books.refund({"charge": _charge(life)})
    await town.quiet()
    assert await life.entries("payment_reversed", "refused") == []
    assert ("refund.created", "seen") in await _reports(life)
    town.mended()
    await life.until("2026-01-15T12:00")
    assert await _money(life) == [("payment_received", "49.00")]
    for event in town.stripe.books.listed("event", {}):
        if event["data"]["object"]["id"] == refund["id"]:
            town.stripe.deliveries.resend(event["id"])
    await life.until_entry("payment_reversed")
    await town.quiet()
    assert await _money(life) == [("payment_received", "49.00"), ("payment_reversed", "49.00")]
    await _agrees(life)


# PayPal


async def test_a_refund_at_paypal_reverses_the_payment_once(town: Town) -> None:
    life = await _paid(town, "paypal")
    capture = town.paypal.till.capture_of(_capture(life))
    refund = town.paypal.till.give_back(capture, {"currency_code": "USD", "value": "20.00"})
    event = await town.paypal.hooks.tell("PAYMENT.CAPTURE.REFUNDED", "refund", refund)
    await life.until_entry("payment_reversed")
    town.paypal.hooks.resend(event)
    await town.quiet()
    assert await _money(life) == [("payment_received", "49.00"), ("payment_reversed", "20.00")]
    await _agrees(life)


async def test_a_chargeback_at_paypal_reverses_and_its_dispute_is_a_task(town: Town) -> None:
    life = await _paid(town, "paypal")
    capture = _capture(life)
    await town.paypal.dispute(capture)
    await town.paypal.reverse(capture)
    await life.until_entry("payment_reversed")
    await town.quiet()
    (reversed_,) = await life.entries("payment_reversed")
    assert reversed_.fields["reason"] == "chargeback"
    assert [task.kind for task in await life.tasks()] == ["paypal"]
    await _agrees(life)


async def test_a_wallet_that_is_removed_at_paypal_is_not_asked_any_more(town: Town) -> None:
    life = await _paid(town, "paypal")
    await town.paypal.remove_wallet(life.contact.vault["primary"].method)
    await life.until_entry("payment_method_updated")
    await life.until("2026-02-15T12:00")
    assert life.taken() == [4900]
    assert (await life.state()).standing == "past_due"
    await _agrees(life)


async def test_a_payment_made_elsewhere_at_paypal_is_money_received(town: Town) -> None:
    life = await begun_in(town, "photo-monthly", f"in-{uuid4().hex[:12]}", card="pm_card_chargeCustomerFail")
    await life.until("2026-01-16T12:00")
    await town.paypal.pay_otherwise(life.id, "49.00", "USD")
    await life.until_entry("payment_received")
    assert (await life.state()).standing == "active"
    await _agrees(life)


async def test_a_payment_of_a_subscription_that_nobody_knows_is_a_task_and_is_acknowledged(town: Town) -> None:
    before = {task.id for task in await town.stage.books.tasks()}
    intent = town.stripe.books.pay_by_link("nobody-here", 4900, "usd")
    capture = await town.paypal.pay_otherwise("nobody-either", "49.00", "USD")
    await town.quiet()
    new = [task for task in await town.stage.books.tasks() if task.id not in before]
    assert sorted(task.kind for task in new) == ["paypal", "stripe"]
    assert any(capture in task.text for task in new)
    assert any(intent["id"] in task.text for task in new)
    rows = await town.stage.pool.fetch(
        "select state from report where id = $1"
        " or (subscription_id = 'nobody-here' and what = 'payment_intent.succeeded')",
        f"capture/{capture}",
    )
    assert [row["state"] for row in rows] == ["taken_in", "taken_in"]


async def test_while_the_database_is_away_reports_are_sent_again_and_taken_in_later(town: Town) -> None:
    life = await _paid(town)
    town.to_database.close()
    refund = town.stripe.books.refund({"charge": _charge(life)})
    event = next(e["id"] for e in town.stripe.books.listed("event", {}) if e["data"]["object"]["id"] == refund["id"])
    await town.quiet()
    assert await life.entries("payment_reversed") == []
    town.mended()
    town.stripe.deliveries.resend(event)
    await life.until_entry("payment_reversed")
    await _agrees(life)
