"""A charge moves money at most once, whatever breaks on the way."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

import pytest

from adapters.postgres.pool import Pool
from domain.effects import Batch, Charge, Entry, KeepPayment, LedgerEntry, LookUpCharge, SendMail
from domain.errands import ChargeOutcome, ChargeRequest, LookUpOutcome, LookUpRequest
from domain.gateways import GatewayAnswer, GatewaySilent, GatewayUnavailable
from domain.ledger import received
from domain.letters import Addressee
from domain.subscription import MethodKind
from domain.world import GatewayRule
from tests.activities.parts import Parts
from tests.postgres.lives import HOSTING, played

AT = datetime(2026, 2, 1, 23, 30, tzinfo=UTC)  # already 2 February in Berlin
VIEW = played(HOSTING).batches[0].view
CHARGE = Charge("s-1-0001/1/primary", "s-1-0001", "primary", "card", 3100, "EUR", AT)
BEFORE = Batch("s-1/1", VIEW, (Entry(1, AT, "invoice_issued", {}, "policy", ""),))
APPROVED = Batch(
    "s-1/2/approved",
    replace(VIEW, credit_minor=3100),
    (
        Entry(2, AT, "payment_received", {"amount": "31.00"}, "policy", ""),
        KeepPayment(CHARGE.charge_key, 3100, "card", AT),
        LedgerEntry("s-1/000001", AT, "received", received("card", 3100, CHARGE.charge_key), "policy", ""),
    ),
)
REQUEST = ChargeRequest("s-1", "Europe/Berlin", BEFORE, CHARGE, APPROVED)
LOOK_UP = LookUpRequest(
    "s-1",
    "Europe/Berlin",
    Batch("s-1/3", VIEW, (Entry(2, AT, "charge", {"outcome": "unknown"}, "policy", ""),)),
    LookUpCharge(CHARGE.charge_key, "s-1-0001", "primary", "card", 3100, AT),
)
AGAIN = replace(REQUEST, batch=Batch("s-1/4", VIEW, (Entry(3, AT, "w", {}, "policy", ""),)), if_approved=None)


class Died(BaseException):
    """The worker is killed here: nothing after it runs."""


@dataclass
class Watched:
    """A gateway that counts what it is asked, and can die before or after the real one hears of it."""

    gateway: Callable[[Charge], Awaitable[GatewayAnswer]]
    find: Callable[[str], Awaitable[GatewayAnswer]]
    die_before: int = 0
    die_after: int = 0
    charges: int = 0
    look_ups: int = 0
    lost_look_ups: int = 0
    seen: list[str] = field(default_factory=list)

    async def charge(self, charge: Charge, *, subscription_id: str, timezone: str) -> GatewayAnswer:
        self.charges += 1
        if self.die_before:
            self.die_before -= 1
            raise Died
        answer = await self.gateway(charge)
        if self.die_after:
            self.die_after -= 1
            raise Died
        return answer

    async def look_up(self, charge_key: str, *, subscription_id: str, method: MethodKind) -> GatewayAnswer:
        self.look_ups += 1
        if self.lost_look_ups:
            self.lost_look_ups -= 1
            raise GatewaySilent("no answer")
        return await self.find(charge_key)


@dataclass
class Stage:
    """The parts, with the gateway watched."""

    parts: Parts
    gateway: Watched

    async def charge(self, request: ChargeRequest = REQUEST) -> ChargeOutcome:
        return await self.parts.payments.charge(request)

    async def look_up(self) -> LookUpOutcome:
        return await self.parts.payments.look_up_charge(LOOK_UP)

    async def money(self) -> tuple[int, int]:
        """What the gateway took, and what the books say was received (minor units)."""
        row = await self.parts.pool.fetchrow(
            "select (select coalesce(sum(minor), 0)::bigint from simulated_charge where outcome = 'approved'),"
            " (select coalesce(sum(minor), 0)::bigint from posting where account = 'cash:card')"
        )
        assert row is not None
        return row[0], row[1]


@pytest.fixture
async def stage(pool: Pool) -> Stage:
    real = Parts(pool).gateway
    watched = Watched(
        lambda charge: real.charge(charge, subscription_id="s-1", timezone="Europe/Berlin"),
        lambda key: real.look_up(key, subscription_id="s-1", method="card"),
    )
    return Stage(Parts(pool, gateway=watched), watched)


async def test_an_approval_is_recorded_by_the_same_activity(stage: Stage) -> None:
    assert await stage.charge() == ChargeOutcome("approved")
    assert await stage.money() == (3100, 3100)
    assert [e.what for e in await stage.parts.books.timeline("s-1")] == ["invoice_issued", "payment_received"]
    assert await stage.parts.books.view("s-1") == APPROVED.view


async def test_a_decline_is_a_value(stage: Stage) -> None:
    rule = GatewayRule("primary", date(2026, 2, 2), None, "declined", "insufficient_funds")
    await stage.parts.gateway.add_rule("s-1", rule)
    assert await stage.charge() == ChargeOutcome("declined", "insufficient_funds")
    assert await stage.money() == (0, 0)


async def test_the_gateway_answers_by_the_customers_date_and_the_latest_rule(stage: Stage) -> None:
    for first_on, until in ((date(2026, 2, 3), None), (date(2026, 1, 1), date(2026, 2, 2))):
        await stage.parts.gateway.add_rule("s-1", GatewayRule("primary", first_on, until, "declined", None))
    assert await stage.charge() == ChargeOutcome("approved")


async def test_a_completion_that_was_lost_gives_the_same_answer_without_asking_again(stage: Stage) -> None:
    first = await stage.charge()
    assert await stage.charge() == first
    assert (stage.gateway.charges, stage.gateway.look_ups) == (1, 0)
    assert await stage.money() == (3100, 3100)


async def test_an_unknown_outcome_stays_the_answer_to_its_own_repetition(stage: Stage) -> None:
    await stage.parts.gateway.add_fault("s-1", "timeout_after_commit")
    assert await stage.charge() == ChargeOutcome("unknown")
    assert await stage.charge() == ChargeOutcome("unknown")
    assert (stage.gateway.charges, stage.gateway.look_ups) == (1, 0)


async def test_a_worker_killed_before_the_gateway_heard_it_charges_after_looking_up(stage: Stage) -> None:
    stage.gateway.die_before = 1
    with pytest.raises(Died):
        await stage.charge()
    assert await stage.charge() == ChargeOutcome("approved")
    assert (stage.gateway.charges, stage.gateway.look_ups) == (2, 1)
    assert await stage.money() == (3100, 3100)


async def test_a_worker_killed_after_the_gateway_took_the_money_finds_it(stage: Stage) -> None:
    stage.gateway.die_after = 1
    with pytest.raises(Died):
        await stage.charge()
    assert await stage.money() == (3100, 0)
    assert await stage.charge() == ChargeOutcome("approved")
    assert (stage.gateway.charges, stage.gateway.look_ups) == (1, 1)
    assert await stage.money() == (3100, 3100)


async def test_a_look_up_without_an_answer_never_leads_to_a_charge(stage: Stage) -> None:
    stage.gateway.die_after = 1
    with pytest.raises(Died):
        await stage.charge()
    stage.gateway.lost_look_ups = 2
    assert await stage.charge() == ChargeOutcome("unknown")
    assert await stage.look_up() == LookUpOutcome("unknown")
    assert await stage.look_up() == LookUpOutcome("approved")
    assert stage.gateway.charges == 1


async def test_an_answer_lost_after_the_money_moved_is_found_by_its_key(stage: Stage) -> None:
    await stage.parts.gateway.add_fault("s-1", "timeout_after_commit")
    assert await stage.charge() == ChargeOutcome("unknown")
    assert await stage.look_up() == LookUpOutcome("approved")
    assert await stage.look_up() == LookUpOutcome("approved")
    assert stage.gateway.look_ups == 1
    assert await stage.money() == (3100, 0)  # what the approval means is for the next decision to say


@pytest.mark.parametrize(
    ("outcome", "found"), [("unknown_then_approved", "approved"), ("unknown_then_declined", "declined")]
)
async def test_what_a_scenario_calls_unknown_is_known_when_looked_up(stage: Stage, outcome: str, found: str) -> None:
    rule = GatewayRule("primary", date(2026, 2, 1), None, outcome, "stolen_card")  # type: ignore[arg-type]  # both are Outcomes
    await stage.parts.gateway.add_rule("s-1", rule)
    assert await stage.charge() == ChargeOutcome("unknown")
    assert (await stage.look_up()).outcome == found


async def test_a_charge_that_never_arrived_is_asked_once_more_under_the_same_key(stage: Stage) -> None:
    await stage.parts.gateway.add_fault("s-1", "timeout_before_commit")
    assert await stage.charge() == ChargeOutcome("unknown")
    assert await stage.look_up() == LookUpOutcome("not_found")
    assert await stage.charge(AGAIN) == ChargeOutcome("approved")
    assert await stage.money() == (3100, 0)


async def test_a_gateway_that_is_away_is_an_error_and_trying_again_is_safe(stage: Stage) -> None:
    await stage.parts.gateway.add_fault("s-1", "unavailable", times=2)
    for _ in range(2):
        with pytest.raises(GatewayUnavailable):
            await stage.charge()
    assert await stage.charge() == ChargeOutcome("approved")
    assert await stage.money() == (3100, 3100)


async def test_a_gateway_that_is_away_keeps_no_mail_back(stage: Stage) -> None:
    await stage.parts.books.register(Addressee(VIEW.customer_id, "K100", "Ada", "ada@example.com", "en"), "s-1")
    await stage.parts.gateway.add_fault("s-1", "unavailable")
    mailed = Batch("s-1/1", VIEW, (SendMail("s-1/000001/mail", "invoice", AT),))
    with pytest.raises(GatewayUnavailable):
        await stage.charge(replace(REQUEST, batch=mailed))
    assert [letter.template for letter in await stage.parts.mailbox.letters("s-1")] == ["invoice"]


async def test_a_slow_gateway_is_waited_for(stage: Stage) -> None:
    await stage.parts.gateway.add_fault("s-1", "slow", seconds=0.05)
    assert await stage.charge() == ChargeOutcome("approved")


async def test_a_gateway_too_slow_is_an_unknown_outcome(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("activities.payments.ANSWER_SECONDS", 0.2)
    await stage.parts.gateway.add_fault("s-1", "slow", seconds=60)
    assert await stage.charge() == ChargeOutcome("unknown")
    assert await stage.look_up() == LookUpOutcome("approved")


async def test_the_same_key_for_another_amount_is_refused_by_the_gateway_too(stage: Stage) -> None:
    await stage.charge()
    with pytest.raises(ValueError, match=r"known for 3100 EUR, now asked for 1 EUR; no money moved"):
        await stage.parts.gateway.charge(replace(CHARGE, minor=1), subscription_id="s-1", timezone="Europe/Berlin")
