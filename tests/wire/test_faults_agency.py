"""An agency that breaks on the wire: one debt is one case, and what was settled meanwhile is not collected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal
from uuid import uuid4

import pytest

from standins.wire import FaultKind
from tests.wire.lives_on_the_wire import Town, WiredLife, begun_in

Step = Literal["look", "make", "list documents", "document", "read chat", "recall"]

AT: dict[Step, str] = {
    "look": r"^GET /cases/by-creditor-reference/",
    "make": r"^POST /cases$",
    "list documents": r"^GET /cases/[^/]+/files$",
    "document": r"^POST /cases/[^/]+/files$",
    "read chat": r"^GET /cases/[^/]+/chats$",
    "recall": r"^POST /cases/[^/]+/chats$",
}
BREAKS: dict[str, tuple[FaultKind, int]] = {
    "lost before": ("lost_before", 0),
    "lost after": ("lost_after", 0),
    "garbage": ("garbage", 0),
    "401": ("status", 401),
    "409": ("status", 409),
    "429": ("status", 429),
    "500": ("status", 500),
}
FOR_GOOD = 1_000_000

pytestmark = pytest.mark.slow
BEFORE, PLACED = "2026-04-02T23:00", "2026-04-03T12:00"
SHORTLY_AFTER, LATER = "2026-04-03T00:30", "2026-04-04T12:00"
DEBT = 67.0


async def _in_debt(town: Town) -> WiredLife:
    """A life that owes 67.00 EUR and goes to collections on 3 April."""
    life = await begun_in(town, "hosting", f"agency-{uuid4().hex[:12]}", card="pm_card_chargeCustomerFail")
    await life.until(BEFORE)
    return life


def _break(town: Town, step: Step, how: str, times: int = 1) -> None:
    kind, status = BREAKS[how]
    town.debitura.wire.break_(AT[step], kind, status=status, times=times)


@dataclass(frozen=True, slots=True)
class Filed:
    """A case as it stands in the agency's own books."""

    id: str
    claimed: float
    documents: tuple[str, ...]
    messages: tuple[str, ...]


def _filed(life: WiredLife) -> list[Filed]:
    partner = life.town.debitura.partner
    ours: list[dict[str, Any]] = [c for c in partner.cases() if life.id in str(c["claimDescription"])]
    return [
        Filed(c["id"], c["grossAmount"], tuple(sorted(partner.documents(c["id"]))), tuple(partner.messages(c["id"])))
        for c in ours
    ]


async def _pays(life: WiredLife, amount: str = "67.00") -> None:
    await life.tell("payment-received", amount=amount, channel="bank_transfer", reference=f"bank-{uuid4().hex}")


@pytest.mark.parametrize(
    ("step", "how", "times"),
    [
        *(("make", how, times) for how in BREAKS for times in (1, 4)),
        ("look", "lost after", 1),
        ("look", "401", 4),
        ("look", "500", 4),
        ("list documents", "garbage", 1),
        ("list documents", "500", 4),
        ("document", "lost before", 1),
        ("document", "lost after", 1),
        ("document", "500", 4),
    ],
)
async def test_a_placement_that_breaks_on_the_wire_is_one_case_with_its_documents(
    town: Town, step: Step, how: str, times: int
) -> None:
    life = await _in_debt(town)
    _break(town, step, how, times)
    await life.until(PLACED)
    (case,) = _filed(life)
    assert case.claimed == DEBT
    assert len(case.documents) == 2
    assert await life.outbox("agency") == [("place", "delivered")]
    assert (await life.state()).placed_minor == 6700
    assert await life.stage.books.audit(life.id) == []
    if how != "lost after":  # what was done is found on the next try, and not asked for again
        assert town.debitura.wire.faults[0].times == 0


async def test_each_document_stands_once_in_a_case_whose_upload_was_not_answered(town: Town) -> None:
    life = await _in_debt(town)
    _break(town, "document", "lost after", 2)
    await life.until(PLACED)
    uploads = [seen for seen in town.debitura.wire.requests if seen.method == "POST" and seen.path.endswith("/files")]
    case = _filed(life)[0]
    assert len([seen for seen in uploads if case.id in seen.path]) == 2


async def test_a_debt_that_is_paid_before_the_agency_could_be_told_is_never_told(town: Town) -> None:
    life = await _in_debt(town)
    _break(town, "look", "500", FOR_GOOD)
    await life.until(SHORTLY_AFTER)
    assert await life.outbox("agency") == [("place", "pending")]
    await _pays(life)
    town.mended()
    await life.until(LATER)
    assert _filed(life) == []
    assert (await life.state()).placed_minor == 0
    assert await life.stage.books.audit(life.id) == []


async def test_a_debt_that_is_paid_in_part_before_the_agency_could_be_told_is_placed_without_that_part(
    town: Town,
) -> None:
    life = await _in_debt(town)
    _break(town, "look", "500", FOR_GOOD)
    await life.until(SHORTLY_AFTER)
    await _pays(life, "31.00")
    town.mended()
    await life.until(LATER)
    claimed = sum(case.claimed for case in _filed(life))
    recalled = sum(31.0 for case in _filed(life) for message in case.messages if "31.00 EUR" in message)
    assert claimed - recalled == 36.0
    assert (await life.state()).placed_minor == 3600
    assert await life.stage.books.audit(life.id) == []


@pytest.mark.parametrize("paid", ["67.00", "31.00"])
async def test_a_case_whose_making_was_not_heard_is_recalled_once_it_is_paid(town: Town, paid: str) -> None:
    life = await _in_debt(town)
    _break(town, "make", "lost after")
    _break(town, "list documents", "500", FOR_GOOD)
    await life.until(SHORTLY_AFTER)
    assert len(_filed(life)) == 1
    assert await life.outbox("agency") == [("place", "pending")]
    await _pays(life, paid)
    town.mended()
    await life.until(LATER)
    (case,) = _filed(life)
    assert case.claimed == DEBT
    said = sum(float(m.split(" EUR")[0].rsplit(" ", 1)[1]) for m in case.messages)
    assert said == float(paid)
    assert (await life.state()).placed_minor == 6700 - round(100 * float(paid))
    assert await life.stage.books.audit(life.id) == []


@pytest.mark.parametrize(
    ("step", "how"), [*(("recall", how) for how in BREAKS), ("read chat", "500"), ("read chat", "401")]
)
async def test_a_recall_that_breaks_on_the_wire_is_told_once(town: Town, step: Step, how: str) -> None:
    life = await _in_debt(town)
    await life.until(PLACED)
    _break(town, step, how, 2)
    await _pays(life, "31.00")
    await life.until(LATER)
    (case,) = _filed(life)
    assert [("31.00 EUR" in message) for message in case.messages] == [True]
    assert [task.kind for task in await life.tasks()] == ["recall at debitura"]
    assert (await life.state()).placed_minor == 3600
    assert await life.stage.books.audit(life.id) == []


@pytest.mark.parametrize("status", [400, 422])
async def test_a_placement_that_the_agency_turns_down_is_a_dead_letter_and_a_task(town: Town, status: int) -> None:
    life = await _in_debt(town)
    town.debitura.wire.break_(AT["make"], "status", status=status)
    await life.until(PLACED)
    assert await life.outbox("agency") == [("place", "failed")]
    assert [task.kind for task in await life.tasks()] == ["dead letter"]
    assert _filed(life) == []
    assert await life.stage.books.audit(life.id) == []


async def test_a_debt_whose_placement_was_turned_down_and_is_paid_then_leaves_the_agency_alone(town: Town) -> None:
    life = await _in_debt(town)
    town.debitura.wire.break_(AT["make"], "status", status=422)
    await life.until(PLACED)
    await _pays(life)
    await life.until(LATER)
    assert _filed(life) == []
    assert (await life.state()).placed_minor == 0
    assert await life.stage.books.audit(life.id) == []
