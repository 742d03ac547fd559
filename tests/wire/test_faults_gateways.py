"""Gateways that break on the wire: whatever happens, money is taken once, and the books say so."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Literal
from uuid import uuid4

import pytest

from domain.subscription import MethodKind
from standins.wire import FaultKind, Wire
from tests.wire.lives_on_the_wire import SLOW_SECONDS, Town, WiredLife, begun_in
from tests.workflows.lives import PATIENCE

Step = Literal["token", "make", "take", "look"]

AT: dict[MethodKind, dict[Step, str]] = {
    "card": {
        "make": r"^POST /v1/payment_intents$",
        "take": r"^POST /v1/payment_intents/[^/]+/confirm$",
        "look": r"^GET /v1/payment_intents/",
    },
    "paypal": {
        "token": r"^POST /v1/oauth2/token$",
        "make": r"^POST /v2/checkout/orders$",
        "take": r"^POST /v2/checkout/orders/[^/]+/capture$",
        "look": r"^GET /v2/checkout/orders/",
    },
}

BREAKS: dict[str, tuple[FaultKind, int]] = {
    "lost before": ("lost_before", 0),
    "lost after": ("lost_after", 0),
    "too slow": ("slow", 0),
    "garbage": ("garbage", 0),
    "401": ("status", 401),
    "429": ("status", 429),
    "500": ("status", 500),
}
TURNED_AWAY_UNREAD = ("401", "429")
"""What says plainly that nothing was done: it is tried again, and nobody has to look anything up."""

QUICK = ("lost before", "lost after", "401")
"""Told with every run of the quick tests."""

ONCE, A_WHILE, FOR_GOOD = 1, 6, 1_000_000
A_SECOND_LOOK = "the outcome of charge {key} is unknown; it is looked up again by itself"


@dataclass(frozen=True, slots=True)
class Case:
    """A way to break, and what support sees of the charge afterwards."""

    method: MethodKind
    step: Step
    how: str
    times: int
    seen: str

    def __str__(self) -> str:
        return f"{self.method}: {self.how} at {self.step}{f', {self.times} times' if self.times > 1 else ''}"


def _seen(method: MethodKind, step: Step, how: str, times: int) -> str:
    """`approved`: nobody noticed. `unknown`: it was written down that the outcome is not known, and found later."""
    if step == "look":
        return "unknown"  # it is only looked for because the answer to the charge itself was lost
    if step == "take" and how not in TURNED_AWAY_UNREAD:
        return "unknown"
    if (method, how, times) == ("paypal", "401", A_WHILE) and step != "token":
        return "approved"  # each try asks for a new token and spends two of them
    return "approved" if times == ONCE else "unknown"


CASES = [
    pytest.param(
        case := Case(method, step, how, times, _seen(method, step, how, times)),
        id=str(case),
        marks=[pytest.mark.slow] if times > ONCE or how not in QUICK else [],  # together they take minutes
    )
    for method, steps in AT.items()
    for step in steps
    for how in BREAKS
    for times in (ONCE, A_WHILE)
    if not (how == "too slow" and times > ONCE)
]


def _wire(town: Town, method: MethodKind) -> Wire:
    return town.stripe.wire if method == "card" else town.paypal.wire


def _break(town: Town, method: MethodKind, step: Step, how: str, times: int = ONCE) -> None:
    kind, status = BREAKS[how]
    _wire(town, method).break_(AT[method][step], kind, times=times, status=status, seconds=SLOW_SECONDS)


def _id(name: str) -> str:
    return f"{name}-{uuid4().hex[:12]}"


async def _agrees(life: WiredLife, *paid: int) -> None:
    """The gateways have taken exactly these amounts, the timeline has received them, and the books agree."""
    assert life.taken() == list(paid)
    assert await life.booked() == [f"{minor / 100:.2f}" for minor in paid]
    assert await life.stage.books.audit(life.id) == []


@pytest.mark.parametrize("case", CASES)
async def test_a_charge_that_breaks_on_the_wire_is_paid_once_in_the_end(town: Town, case: Case) -> None:
    if case.step == "token":
        town.paypal.expire_tokens()
    _break(town, case.method, case.step, case.how, case.times)
    if case.step == "look":
        _break(town, case.method, "take", "lost after")
    life = await begun_in(town, "photo-monthly", _id("broken"), methods=(case.method,))
    await life.until("2026-01-15T12:00")
    assert await life.charges() == [case.seen]
    await _agrees(life, 4900)
    assert (await life.state()).standing == "active"
    assert life.mails() == []
    if case.how != "lost after" or case.step != "take":  # one that is captured is only looked up from then on
        assert sum(fault.times for fault in _wire(town, case.method).faults) == 0, "the fault was never met"


@pytest.mark.slow
@pytest.mark.parametrize("method", ["card", "paypal"])
async def test_what_the_gateway_cannot_tell_for_hours_is_seen_by_support_and_costs_the_customer_nothing(
    town: Town, method: MethodKind
) -> None:
    _break(town, method, "take", "lost after")
    _break(town, method, "look", "500", FOR_GOOD)
    life = await begun_in(town, "photo-monthly", _id("hours"), methods=(method,))
    await life.until("2026-01-15T03:00")
    state = await life.state()
    assert state.attention == (A_SECOND_LOOK.format(key=f"{life.id}-0001/1/primary"),)
    assert state.attention[0] in (await life.metadata()).current_details
    assert (state.standing, state.open_minor, await life.charges()) == ("active", 4900, ["unknown"])
    assert life.taken() == [4900]
    assert await life.booked() == []
    town.mended()
    await life.until("2026-01-15T12:00")
    await _agrees(life, 4900)
    assert [await life.charges(), life.mails()] == [["unknown"], []]


async def test_support_is_not_asked_any_more_about_a_charge_whose_outcome_is_known(town: Town) -> None:
    _break(town, "card", "take", "500", A_WHILE)
    life = await begun_in(town, "photo-monthly", _id("remark"))
    await life.until("2026-02-16T12:00")
    await _agrees(life, 4900, 4900)
    assert (await life.state()).attention == ()


@pytest.mark.parametrize("method", ["card", "paypal"])
async def test_a_decline_whose_reply_is_lost_is_a_decline_and_the_ladder_acts(town: Town, method: MethodKind) -> None:
    _break(town, method, "take", "lost after")
    life = await begun_in(town, "photo-monthly", _id("declined"), methods=(method,), card="pm_card_chargeCustomerFail")
    if method == "paypal":
        town.paypal.decline(life.contact.vault["primary"].method, "INSTRUMENT_DECLINED")
    await life.until("2026-01-18T12:00")
    await _agrees(life)
    assert [outcome for _, outcome in await life.told("charge", "standing")] == ["unknown", "past_due", "locked"]
    assert [template for template, _ in await life.outbox("mail")] == ["payment_declined", "account_locked"]
    assert town.platform.obeyed(life.id) == ["block_uploads", "block_archive", "deactivate_sites"]


@pytest.mark.parametrize("how", ["lost after", "garbage", "500"])
async def test_the_second_method_is_not_charged_while_nobody_knows_of_the_first(town: Town, how: str) -> None:
    _break(town, "card", "take", how, A_WHILE)
    _break(town, "card", "look", "500", FOR_GOOD)
    life = await begun_in(town, "photo-monthly", _id("second"), methods=("card", "paypal"))
    await life.until("2026-01-15T00:30")
    assert await life.charges() == ["unknown"]
    town.mended()
    await life.until("2026-01-15T12:00")
    await _agrees(life, 4900)
    assert [c for c in town.paypal.captures() if life.id in str(c["custom_id"])] == []


@pytest.mark.parametrize("method", ["card", "paypal"])
async def test_money_that_comes_while_a_taken_charge_is_unknown_is_credit_for_the_next_period(
    town: Town, method: MethodKind
) -> None:
    _break(town, method, "take", "lost after")
    _break(town, method, "look", "500", FOR_GOOD)
    life = await begun_in(town, "photo-monthly", _id("beside"), methods=(method,))
    await life.until("2026-01-15T00:20")
    await life.tell("payment-received", amount="49.00", channel="bank_transfer", reference=f"bank-{life.id}")
    assert (await life.state()).open_minor == 0
    town.mended()
    await life.until("2026-02-16T12:00")
    assert life.taken() == [4900]
    assert await life.booked() == ["49.00", "49.00"]
    state = await life.state()
    assert (state.standing, state.open_minor, state.credit_minor) == ("active", 0, 0)
    assert await life.stage.books.audit(life.id) == []


@pytest.mark.parametrize("method", ["card", "paypal"])
async def test_money_that_comes_while_the_gateway_is_away_is_not_taken_a_second_time(
    town: Town, method: MethodKind
) -> None:
    _break(town, method, "make", "lost before", FOR_GOOD)
    life = await begun_in(town, "photo-monthly", _id("away"), methods=(method,))
    await life.until("2026-01-15T00:20")
    await life.tell("payment-received", amount="49.00", channel="bank_transfer", reference=f"bank-{life.id}")
    town.mended()
    await life.until("2026-01-16T12:00")
    assert life.taken() == []
    assert await life.booked() == ["49.00"]
    assert await life.stage.books.audit(life.id) == []


@pytest.mark.parametrize("method", ["card", "paypal"])
async def test_what_is_left_after_a_part_payment_is_charged_once_the_gateway_is_back(
    town: Town, method: MethodKind
) -> None:
    _break(town, method, "make", "lost before", FOR_GOOD)
    life = await begun_in(town, "photo-monthly", _id("part"), methods=(method,))
    await life.until("2026-01-15T00:20")
    await life.tell("payment-received", amount="20.00", channel="bank_transfer", reference=f"bank-{life.id}")
    town.mended()
    await life.until("2026-01-16T12:00")
    assert life.taken() == [2900]
    assert await life.booked() == ["20.00", "29.00"]
    assert (await life.state()).open_minor == 0
    assert await life.stage.books.audit(life.id) == []


@pytest.mark.parametrize("method", ["card", "paypal"])
async def test_a_part_payment_beside_a_charge_that_was_taken_unheard_is_credit(town: Town, method: MethodKind) -> None:
    _break(town, method, "take", "lost after")
    _break(town, method, "look", "500", FOR_GOOD)
    life = await begun_in(town, "photo-monthly", _id("beside"), methods=(method,))
    await life.until("2026-01-15T00:20")
    await life.tell("payment-received", amount="20.00", channel="bank_transfer", reference=f"bank-{life.id}")
    town.mended()
    await life.until("2026-01-16T12:00")
    assert life.taken() == [4900]
    state = await life.state()
    assert (state.open_minor, state.credit_minor) == (0, 2000)
    assert await life.stage.books.audit(life.id) == []


@pytest.mark.parametrize("method", ["card", "paypal"])
async def test_a_new_method_does_not_pay_what_the_old_one_has_paid_unheard(town: Town, method: MethodKind) -> None:
    _break(town, method, "take", "lost after")
    _break(town, method, "look", "500", FOR_GOOD)
    life = await begun_in(town, "photo-monthly", _id("replaced"), methods=(method,))
    await life.until("2026-01-15T00:20")
    await town.stage.books.keep_vaulted(life.id, "primary", town.vault(method))
    await life.tell("payment-method-updated", role="primary", method=method)
    town.mended()
    await life.until("2026-01-16T12:00")
    await _agrees(life, 4900)


@pytest.mark.parametrize("method", ["card", "paypal"])
async def test_a_gateway_that_forgets_what_it_was_asked_takes_the_money_once_all_the_same(
    town: Town, method: MethodKind
) -> None:
    _break(town, method, "take", "lost after")
    _break(town, method, "look", "500", FOR_GOOD)
    life = await begun_in(town, "photo-monthly", _id("forgets"), methods=(method,))
    await life.until("2026-01-15T00:20")
    town.stripe.forget_keys()
    town.paypal.forget_requests()
    town.paypal.expire_orders()
    town.mended()
    await life.until("2026-01-15T12:00")
    await _agrees(life, 4900)


async def test_an_order_that_expired_before_it_was_captured_is_made_anew(town: Town) -> None:
    _break(town, "paypal", "take", "lost before", FOR_GOOD)
    life = await begun_in(town, "photo-monthly", _id("expired"), methods=("paypal",))
    await life.until("2026-01-15T00:20")
    town.paypal.expire_orders()
    town.mended()
    await life.until("2026-01-15T12:00")
    await _agrees(life, 4900)


@pytest.mark.slow
async def test_a_confirmation_that_arrives_after_it_was_given_up_takes_nothing_more(town: Town) -> None:
    town.stripe.gate = asyncio.Event()
    try:
        life = await begun_in(town, "photo-monthly", _id("late"))
        hop = asyncio.create_task(life.until("2026-01-15T12:00"))
        async with asyncio.timeout(PATIENCE):
            while not await life.entries("charge"):  # noqa: ASYNC110  # the worker writes, in the same loop
                await asyncio.sleep(0.01)
        town.stripe.gate.set()
        await hop
        await life.until("2026-02-16T12:00")
    finally:
        town.stripe.gate.set()
        town.stripe.gate = None
    await _agrees(life, 4900, 4900)


@pytest.mark.parametrize(
    ("card", "reason"),
    [
        ("pm_card_authenticationRequiredChargeDeclinedInsufficientFunds", "insufficient_funds"),
        ("pm_card_authenticationRequired", "authentication_required"),
    ],
)
async def test_why_a_card_was_declined_stands_in_the_timeline(town: Town, card: str, reason: str) -> None:
    life = await begun_in(town, "photo-monthly", _id("why"), card=card)
    await life.until("2026-01-15T12:00")
    assert [e.fields["reason"] for e in await life.entries("charge")] == [reason]
    await _agrees(life)
