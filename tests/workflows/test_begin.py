"""How a subscription begins and ends: once each, and nothing that comes later is lost."""

import pytest

from domain.keys import workflow_id
from engine.speak import MessageRefused, UnknownSubscription, tell
from tests.workflows.conftest import Begin
from tests.workflows.lives import KIM, Life, terms_of

LATE = {"amount": "12.00", "channel": "bank_transfer", "reference": "late-1"}


async def ended(live: Begin, id_: str) -> Life:
    """A subscription that was paid, cancelled and has ended."""
    life = await live("photo-monthly", id_)
    await life.until("2026-01-20T12:00")
    await life.tell("cancel", **KIM, when="now")
    assert await life.until("2026-01-21T12:00") is None
    return life


async def open_money(life: Life) -> list[tuple[str, int, str]]:
    """The unapplied money that waits for support."""
    rows = await life.stage.pool.fetch(
        "select reference, minor, client_number from unapplied where state = 'open' and client_number = $1",
        life.terms.customer.client_number,
    )
    return [tuple(row) for row in rows]


async def test_starting_twice_starts_once(live: Begin) -> None:
    life = await live("photo-monthly", "twice")
    assert (await life.begin()).how == "running"
    await life.until("2026-01-16T12:00")
    assert (await life.begin()).how == "running"
    assert len(await life.entries("invoice_issued")) == 1
    assert len(await life.entries("charge")) == 1


async def test_starting_again_changes_neither_terms_nor_clock(live: Begin) -> None:
    life = await live("photo-monthly", "same-terms")
    await life.until("2026-01-16T12:00")
    before = await life.state()
    life.terms, life.offset_seconds = terms_of("photo-monthly", "same-terms", "2026-03-01"), 0.0
    assert (await life.begin()).how == "running"
    assert await life.state() == before


async def test_an_id_that_has_ended_is_not_used_again(live: Begin) -> None:
    life = await ended(live, "over")
    before = await life.entries()
    assert (await life.begin()).how == "ended"
    assert (await life.handle.describe()).status is not None
    assert await life.until("2026-03-01T12:00") is None
    assert await life.entries() == before


async def test_the_workflow_carries_no_personal_data(live: Begin) -> None:
    life = await live("photo-monthly", "private")
    await life.until("2026-02-20T12:00")
    for history in await life.runs():
        assert "ada@example.com" not in history.to_json()
        assert "Ada" not in history.to_json()


async def test_money_after_the_end_is_kept_as_unapplied_money_once(live: Begin) -> None:
    life = await ended(live, "late-money")
    for _ in range(3):
        await life.tell("payment-received", **LATE)
    assert await open_money(life) == [("late-1", 1200, "K-late-money")]
    assert [why for _, why in await life.told("refused")] == ["the subscription has ended"]
    assert len(await life.entries("unapplied")) == 1
    await life.tell("payment-received", **{**LATE, "reference": "late-2"})
    assert len(await open_money(life)) == 2


async def test_an_update_after_the_end_is_refused_and_its_money_kept(live: Begin) -> None:
    life = await ended(live, "late-update")
    with pytest.raises(MessageRefused, match="the subscription has ended"):
        await life.ask("payment-received", **LATE)
    assert await open_money(life) == [("late-1", 1200, "K-late-update")]
    with pytest.raises(MessageRefused, match="the subscription has ended"):
        await life.ask("reactivate", **KIM)
    assert [e.fields["signal"] for e in await life.entries("refused")] == ["payment-received", "reactivate"]


async def test_what_makes_no_sense_after_the_end_is_refused_too(live: Begin) -> None:
    life = await ended(live, "late-nonsense")
    await life.tell("payment-received", amount="a fortune")
    await life.tell("make-me-rich", **LATE)
    assert len(await life.entries("refused")) == 2
    assert await open_money(life) == []


async def test_nobody_can_speak_to_a_subscription_that_never_began(live: Begin) -> None:
    life = await live("photo-monthly", "known")
    with pytest.raises(UnknownSubscription, match="'nobody' is not running here"):
        await tell(life.stage.client, life.stage.books, "nobody", "payment-received", LATE)


async def test_the_end_is_the_result_of_the_workflow(live: Begin) -> None:
    life = await ended(live, "result")
    assert await life.stage.client.get_workflow_handle(workflow_id("result")).result() == "ended"
    assert [to for _, to in await life.told("standing")] == ["cancelled", "ended"]
