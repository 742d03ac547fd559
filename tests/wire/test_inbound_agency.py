"""What the agency reports by webhook, from its own books over our doors to the timeline."""

from __future__ import annotations

from uuid import uuid4

import httpx
import pytest

from tests.wire.lives_on_the_wire import Town, WiredLife, begun_in

pytestmark = pytest.mark.slow


async def _placed(town: Town) -> tuple[WiredLife, str]:
    """A life that stands with the agency for 67.00 EUR, and its case."""
    life = await begun_in(town, "hosting", f"case-{uuid4().hex[:12]}", card="pm_card_chargeCustomerFail")
    await life.until("2026-04-03T12:00")
    await town.quiet()
    (case,) = [c["id"] for c in town.debitura.partner.cases() if life.id in str(c["claimDescription"])]
    return life, str(case)


async def _told_again(town: Town, case: str) -> None:
    """Every webhook of a case is sent once more, as the agency's portal can do."""
    said = town.settings.debitura
    async with httpx.AsyncClient(base_url=said.api_url, headers={"XApiKey": said.api_key}) as client:
        events = (await client.get(f"/webhooks/events?caseId={case}")).json()
        for event in events:
            (await client.post(f"/webhooks/events/{event['id']}/replay")).raise_for_status()
    await town.quiet()


async def _collected(life: WiredLife) -> list[tuple[str, str]]:
    found = await life.entries("payment_received", "payment_reversed")
    return [(str(e.fields.get("channel", e.what)), str(e.fields["amount"])) for e in found]


async def _agrees(life: WiredLife) -> None:
    await life.settled()
    assert await life.entries("refused") == []
    assert await life.stage.books.audit(life.id) == []


async def test_a_payment_to_the_agency_counts_once_however_often_it_is_told(town: Town) -> None:
    life, case = await _placed(town)
    await town.debitura.partner.pay(case, 31.0)
    await life.until_entry("payment_received")
    await _told_again(town, case)
    await _told_again(town, case)
    await life.settled()
    assert await _collected(life) == [("agency", "31.00")]
    assert (await life.state()).placed_minor == 3600
    assert town.debitura.partner.messages(case) == []
    await _agrees(life)


async def test_what_the_agency_collects_in_full_ends_the_debt(town: Town) -> None:
    life, case = await _placed(town)
    await town.debitura.partner.pay(case, 67.0)
    await life.until_entry("payment_received")
    await town.debitura.partner.close(case, "Paid")
    await town.quiet()
    await life.settled()
    assert await _collected(life) == [("agency", "67.00")]
    view = await life.stage.books.view(life.id)
    assert view is not None
    assert (view.open_minor, view.placed_minor) == (0, 0)
    await _agrees(life)


async def test_fees_of_the_agency_are_no_money_of_the_debt(town: Town) -> None:
    life, case = await _placed(town)
    await town.debitura.partner.pay(case, 80.0)
    await life.until_entry("payment_received")
    await town.quiet()
    assert await _collected(life) == [("agency", "67.00")]
    assert "debitura" in [task.kind for task in await life.tasks()]
    await _agrees(life)


async def test_a_case_that_is_closed_unpaid_comes_back_once(town: Town) -> None:
    life, case = await _placed(town)
    await town.debitura.partner.close(case, "Debtor Untraceable")
    await life.until_entry("agency_update")
    await _told_again(town, case)
    await life.settled()
    assert [e.fields["status"] for e in await life.entries("agency_update")] == ["uncollectable"]
    view = await life.stage.books.view(life.id)
    assert view is not None
    assert view.placed_minor == 0
    await _agrees(life)


async def test_a_payment_while_the_agency_cannot_be_asked_is_taken_in_once_it_can(town: Town) -> None:
    life, case = await _placed(town)
    town.debitura.wire.break_(r"^GET /", "status", status=401, times=2)
    await town.debitura.partner.pay(case, 67.0)
    await life.until_entry("payment_received")
    await town.quiet()
    assert await _collected(life) == [("agency", "67.00")]
    await _agrees(life)


async def test_money_paid_to_us_is_taken_back_from_the_agency_and_not_counted_again(town: Town) -> None:
    life, case = await _placed(town)
    await life.tell("payment-received", amount="67.00", channel="bank_transfer", reference=f"bank-{life.id}")
    await town.debitura.partner.pay(case, 67.0, "Creditor")
    await town.debitura.partner.close(case, "Paid")
    await town.quiet()
    await life.settled()
    assert await _collected(life) == [("bank_transfer", "67.00")]
    assert len(town.debitura.partner.messages(case)) == 3, "one for each invoice that was placed"
    await _agrees(life)


async def test_a_payment_that_the_agency_deletes_is_reversed(town: Town) -> None:
    life, case = await _placed(town)
    payment = await town.debitura.partner.pay(case, 31.0)
    await life.until_entry("payment_received")
    await town.quiet()
    await town.debitura.partner.take_back_payment(case, payment)
    await life.until_entry("payment_reversed")
    assert (await _collected(life))[-1] == ("payment_reversed", "31.00")
    await _agrees(life)
