"""A platform that breaks: every command has its effect once, in the order in which it was decided."""

from __future__ import annotations

from uuid import uuid4

import pytest

from standins.wire import FaultKind
from tests.wire.lives_on_the_wire import Town, WiredLife, begun_in

HOOK = r"^POST "
LOCK = ["block_uploads", "block_archive", "deactivate_sites"]
UNLOCK = ["allow_uploads", "allow_archive", "activate_sites"]
FOR_GOOD = 1_000_000


async def _declined(town: Town) -> WiredLife:
    return await begun_in(town, "photo-monthly", f"platform-{uuid4().hex[:12]}", card="pm_card_chargeCustomerFail")


async def _paid(life: WiredLife) -> None:
    await life.tell("payment-received", amount="49.00", channel="bank_transfer", reference=f"bank-{life.id}")


async def _in_order_and_once(life: WiredLife) -> None:
    """Everything was obeyed once, in the order of the decisions; nothing is left over or was too late."""
    told = life.town.platform.told(life.id)
    assert life.town.platform.obeyed(life.id) == LOCK + UNLOCK
    assert [one.verdict for one in told].count("late") == 0
    assert [one.place for one in told] == sorted(one.place for one in told)
    assert {state for _, state in await life.outbox("platform")} == {"delivered"}
    assert await life.stage.books.audit(life.id) == []


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("lost_before", 0),
        ("lost_after", 0),
        ("status", 500),
        ("status", 503),
        ("status", 429),
        ("status", 401),
        ("status", 404),
        ("garbage", 0),
    ],
)
@pytest.mark.parametrize("times", [1, pytest.param(4, marks=pytest.mark.slow)])
async def test_a_platform_that_breaks_for_a_while_is_told_everything_once(
    town: Town, kind: FaultKind, status: int, times: int
) -> None:
    town.platform.wire.break_(HOOK, kind, status=status, times=times)
    life = await _declined(town)
    await life.until("2026-01-18T12:00")
    await _paid(life)
    await life.until("2026-01-19T12:00")
    await _in_order_and_once(life)
    assert town.platform.wire.faults[0].times == 0
    assert await life.tasks() == []
    again = sum(one.times - 1 for one in town.platform.told(life.id))
    assert again == (times if kind == "lost_after" else 0)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["lost_before", "lost_after"])
async def test_a_platform_that_is_away_from_lock_to_unlock_gets_both_in_their_order(
    town: Town, kind: FaultKind
) -> None:
    life = await _declined(town)
    await life.until("2026-01-17T23:00")
    town.platform.wire.break_(HOOK, kind, times=FOR_GOOD)
    await life.until("2026-01-18T03:00")
    assert "not yet delivered: platform" in (await life.metadata()).current_details
    await _paid(life)
    assert (await life.state()).standing == "active"
    assert [template for template, state in await life.outbox("mail") if state == "delivered"] == [
        "payment_declined",
        "account_locked",
        "account_unlocked",
    ]
    town.mended()
    await life.until("2026-01-18T12:00")
    await _in_order_and_once(life)


@pytest.mark.parametrize("status", [400, 410, 422])
async def test_a_command_that_the_platform_will_never_take_is_a_dead_letter_and_the_others_follow(
    town: Town, status: int
) -> None:
    life = await _declined(town)
    await life.until("2026-01-17T12:00")
    town.platform.wire.break_(HOOK, "status", status=status, times=2)
    await life.until("2026-01-18T12:00")
    assert (await life.outbox("platform"))[-4:-2] == [("standing", "failed"), ("block_uploads", "failed")]
    await _paid(life)
    assert town.platform.obeyed(life.id) == LOCK[1:] + UNLOCK
    tasks = await life.tasks()
    assert [(task.kind, str(status) in task.text) for task in tasks] == [("dead letter", True)] * 2
