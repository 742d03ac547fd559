"""What a party reported and nobody heard is asked for, and taken in once, as its webhook would have been."""

import pytest

from domain.cards import REFUSED
from tests.reconciliation.harbour import Harbour, fresh
from tests.wire.lives_on_the_wire import WiredLife, begun_in

pytestmark = pytest.mark.slow


async def _paid(harbour: Harbour, method: str = "card") -> WiredLife:
    """A life with one payment, of 49.00 USD."""
    life = await begun_in(
        harbour.town, "photo-monthly", fresh("lost"), methods=("paypal",) if method == "paypal" else ("card",)
    )
    await life.until("2026-01-20T12:00")
    return life


async def _reversed(life: WiredLife) -> list[tuple[str, str]]:
    return [(str(e.fields["reason"]), str(e.fields["amount"])) for e in await life.entries("payment_reversed")]


async def test_a_refund_at_stripe_that_nobody_heard_of_is_taken_in_once(harbour: Harbour) -> None:
    life = await _paid(harbour)
    (charge,) = [c for c in harbour.town.stripe.charges() if c.metadata.get("subscription") == life.id]
    refund = harbour.town.stripe.books.refund({"charge": charge.id, "amount": "1900"})
    would = (await harbour.run(life.id, dry=True))["gateways"]
    assert [note for note in would.notes if refund["id"] in note] != []
    assert await life.entries("payment_reversed") == [], "a dry run takes nothing in"
    repaired = await harbour.repaired(life.id)
    assert [f"refund/{refund['id']} " in line for line in repaired] == [True]
    await life.until_entry("payment_reversed")
    assert await _reversed(life) == [("refund", "19.00")]
    assert await harbour.repaired(life.id) == []
    assert await harbour.found(life.id) == []
    assert await _reversed(life) == [("refund", "19.00")]
    seen = await harbour.stage.pool.fetchrow("select * from report where id = $1", f"refund/{refund['id']}")
    assert seen is not None
    assert (seen["source"], seen["state"], seen["signal"]) == ("stripe", "taken_in", "payment-reversed")


async def test_a_dispute_and_its_winning_are_both_taken_in_where_both_were_lost(harbour: Harbour) -> None:
    life = await _paid(harbour)
    (charge,) = [c for c in harbour.town.stripe.charges() if c.metadata.get("subscription") == life.id]
    dispute = harbour.town.stripe.books.dispute(charge.id)
    harbour.town.stripe.books.close_dispute(dispute["id"], "won")
    await harbour.run(life.id)
    await life.until_entry("payment_received", times=2)
    assert await _reversed(life) == [("chargeback", "49.00")]
    assert await harbour.found(life.id) == []


async def test_the_winning_of_a_dispute_that_was_known_may_have_been_recorded_by_hand(harbour: Harbour) -> None:
    life = await _paid(harbour)
    (charge,) = [c for c in harbour.town.stripe.charges() if c.metadata.get("subscription") == life.id]
    dispute = harbour.town.stripe.books.dispute(charge.id)
    await harbour.run(life.id)
    await life.until_entry("payment_reversed")
    assert await harbour.found(life.id) == []
    harbour.town.stripe.books.close_dispute(dispute["id"], "won")
    (found,) = await harbour.found(life.id)
    assert found.kind == "report_unheard"
    assert "somebody may have recorded it by hand" in found.text
    assert len(await life.entries("payment_received")) == 1


async def test_money_by_a_payment_link_is_taken_in(harbour: Harbour) -> None:
    life = await _paid(harbour)
    link = harbour.town.stripe.books.pay_by_link(life.id, 700, "usd")
    await harbour.run(life.id)
    await life.until_entry("payment_received", times=2)
    assert await life.booked() == ["49.00", "7.00"]
    assert await harbour.found(life.id) == []
    assert link["id"] in [e.fields["reference"] for e in await life.entries("payment_received")]


async def test_a_refund_at_paypal_that_nobody_heard_of_is_taken_in_once(harbour: Harbour) -> None:
    life = await _paid(harbour, "paypal")
    paypal = harbour.town.paypal
    (capture,) = [c for c in paypal.captures() if str(c.get("custom_id", "")).startswith(f"{life.id}|")]
    await paypal.reverse(str(capture["id"]))
    repaired = await harbour.repaired(life.id)
    assert ["paypal reversal/" in line for line in repaired] == [True]
    await life.until_entry("payment_reversed")
    assert await _reversed(life) == [("chargeback", "49.00")]
    assert await harbour.found(life.id) == []
    assert await harbour.repaired(life.id) == []


async def test_a_payment_at_paypal_without_us_is_taken_in(harbour: Harbour) -> None:
    life = await _paid(harbour, "paypal")
    await harbour.town.paypal.pay_otherwise(life.id, "5.00", "USD")
    await harbour.run(life.id)
    await life.until_entry("payment_received", times=2)
    assert await life.booked() == ["49.00", "5.00"]
    assert await harbour.found(life.id) == []


async def test_what_the_agency_collected_and_closed_unheard_is_taken_in(harbour: Harbour) -> None:
    life = await begun_in(harbour.town, "hosting", fresh("case"), card="pm_card_chargeCustomerFail")
    await life.until("2026-04-03T12:00")
    (case,) = [c["id"] for c in harbour.town.debitura.partner.cases() if life.id in str(c["claimDescription"])]
    await harbour.town.debitura.partner.pay(case, 31.0)
    repaired = await harbour.repaired(life.id)
    assert ["debitura payment/" in line for line in repaired] == [True]
    await life.until_entry("payment_received")
    assert await harbour.found(life.id) == []
    await harbour.town.debitura.partner.close(case, "Debtor Untraceable")
    await harbour.run(life.id)
    await life.until_entry("agency_update")
    assert await harbour.found(life.id) == []
    assert await harbour.repaired(life.id) == []
    assert await life.entries("refused") == []


async def test_no_text_tells_a_token(harbour: Harbour) -> None:
    life = await _paid(harbour)
    tokens = [vaulted.method for vaulted in life.contact.vault.values()]
    await harbour.tamper(f"delete from payment where subscription_id = '{life.id}'")
    found = await harbour.found(life.id)
    assert [d.kind for d in found if d.pair == "gateways"] == ["charge_unbooked"]
    assert REFUSED not in str(found)
    assert [token for token in tokens if token in str([d.text for d in found])] == []
    await harbour.tamper(
        "insert into payment (subscription_id, reference, minor, channel, at) select subscription_id, charge_key,"
        f" minor, method, started_at from attempt where subscription_id = '{life.id}' and state = 'approved'"
    )
    assert await harbour.found(life.id) == []
