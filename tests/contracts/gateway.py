"""What activities need of a payment gateway, as tests that every gateway passes: simulated, Stripe, PayPal.

A gateway's own tests subclass `GatewayContract` and give the fixture `bench`: the gateway's adapter, the party behind
it with its own books, and the ways in which the line between them can break.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import ClassVar, Literal, Protocol

import pytest

from activities.payments import Gateway
from domain.effects import Charge
from domain.gateways import GatewayAnswer, GatewaySilent, GatewayUnavailable
from domain.subscription import MethodKind

SUBSCRIPTION = "s-1"
ZONE = "America/New_York"
AT = datetime(2026, 3, 15, 4, tzinfo=UTC)
KEY = "s-1-0001/1/primary"

Break = Literal["lost_before", "lost_after", "slow", "garbage", "throttled", "server_error"]
"""The connection ends before the party has worked, or after; its answer comes too late; it is none at all; 429; 5xx."""

Where = Literal["money", "before_money", "look_up"]
"""The request under which money moves; what the adapter asks for before it, such as an order or an access token; the
request that tells what became of a charge."""


class Bench(Protocol):
    """A gateway with its party, and the hooks that the contract turns."""

    @property
    def gateway(self) -> Gateway: ...

    async def decline(self, reason: str) -> None:
        """Have the party decline every new charge of SUBSCRIPTION from now on, for this reason of ours."""

    async def break_(self, how: Break, where: Where = "money", *, times: int = 1) -> None:
        """Break the next `times` requests. What cannot be expressed is skipped by `pytest.skip`."""

    def unreachable(self) -> Gateway:
        """The same gateway over a line on which nobody listens; the same books. Skips where there is none."""

    def refused(self) -> Gateway:
        """The same gateway with credentials that the party no longer takes. Skips where there are none."""

    async def forget_methods(self) -> None:
        """Nothing is vaulted for SUBSCRIPTION any more. Skips where nothing ever is."""

    async def taken(self) -> Sequence[tuple[int, str]]:
        """Each charge that the party's own books say was approved: whole ISO minor units, currency in capitals."""

    def secrets(self) -> Sequence[str]:
        """Keys and tokens that no error may tell."""


class GatewayContract:
    """Subclass it, and give the fixture `bench` with a fresh party, methods vaulted for both roles of SUBSCRIPTION."""

    METHOD: ClassVar[MethodKind] = "card"
    SOFT: ClassVar[str] = "insufficient_funds"
    HARD: ClassVar[str] = "stolen_card"

    def a_charge(self, key: str = KEY, minor: int = 4900, currency: str = "USD") -> Charge:
        return Charge(key, "s-1-0001", "primary", self.METHOD, minor, currency, AT)

    async def ask(self, gateway: Gateway, charge: Charge | None = None) -> GatewayAnswer:
        return await gateway.charge(charge or self.a_charge(), subscription_id=SUBSCRIPTION, timezone=ZONE)

    async def find(self, gateway: Gateway, key: str = KEY) -> GatewayAnswer:
        return await gateway.look_up(key, subscription_id=SUBSCRIPTION, method=self.METHOD)

    # Answers

    async def test_a_charge_that_is_approved_takes_its_amount_once(self, bench: Bench) -> None:
        assert await self.ask(bench.gateway) == GatewayAnswer("approved")
        assert await bench.taken() == [(4900, "USD")]
        assert await self.find(bench.gateway) == GatewayAnswer("approved")

    async def test_the_secondary_method_is_charged_under_its_own_role(self, bench: Bench) -> None:
        charge = replace(self.a_charge("s-1-0001/1/secondary"), role="secondary")
        assert await self.ask(bench.gateway, charge) == GatewayAnswer("approved")
        assert await bench.taken() == [(4900, "USD")]

    @pytest.mark.parametrize("hard", [False, True], ids=["soft", "hard"])
    async def test_a_decline_is_an_answer_with_a_reason_of_ours(self, bench: Bench, hard: bool) -> None:
        reason = self.HARD if hard else self.SOFT
        await bench.decline(reason)
        assert await self.ask(bench.gateway) == GatewayAnswer("declined", reason)
        assert await self.find(bench.gateway) == GatewayAnswer("declined", reason)
        assert await bench.taken() == []

    async def test_a_decline_stays_the_answer_to_its_key(self, bench: Bench) -> None:
        await bench.decline(self.SOFT)
        first, again = await self.ask(bench.gateway), await self.ask(bench.gateway)
        assert first == again == GatewayAnswer("declined", self.SOFT)
        assert await bench.taken() == []

    async def test_a_method_that_is_not_vaulted_is_declined_without_asking(self, bench: Bench) -> None:
        await bench.forget_methods()
        assert await self.ask(bench.gateway) == GatewayAnswer("declined", "no_such_payment_method")
        assert await bench.taken() == []

    # One key, one charge

    async def test_the_same_key_is_the_same_charge(self, bench: Bench) -> None:
        assert await self.ask(bench.gateway) == await self.ask(bench.gateway) == GatewayAnswer("approved")
        assert await bench.taken() == [(4900, "USD")]

    async def test_another_key_is_another_charge(self, bench: Bench) -> None:
        await self.ask(bench.gateway)
        await self.ask(bench.gateway, self.a_charge("s-1-0001/2/primary", minor=1250))
        assert await bench.taken() == [(4900, "USD"), (1250, "USD")]

    async def test_a_key_asked_for_from_many_sides_at_once_is_charged_once(self, bench: Bench) -> None:
        answers = await asyncio.gather(*(self.ask(bench.gateway) for _ in range(6)), return_exceptions=True)
        told = [answer for answer in answers if not isinstance(answer, GatewaySilent | GatewayUnavailable)]
        assert all(answer == GatewayAnswer("approved") for answer in told), told
        assert await self.ask(bench.gateway) == GatewayAnswer("approved")
        assert await bench.taken() == [(4900, "USD")]

    @pytest.mark.parametrize("changed", [{"minor": 4901}, {"currency": "EUR"}], ids=["amount", "currency"])
    async def test_a_known_key_with_another_amount_is_refused_and_moves_nothing(
        self, bench: Bench, changed: dict[str, int | str]
    ) -> None:
        await self.ask(bench.gateway)
        with pytest.raises(ValueError, match=KEY):
            await self.ask(bench.gateway, replace(self.a_charge(), **changed))  # type: ignore[arg-type]
        assert await bench.taken() == [(4900, "USD")]

    async def test_a_declined_key_with_another_amount_is_refused_and_moves_nothing(self, bench: Bench) -> None:
        await bench.decline(self.SOFT)
        await self.ask(bench.gateway)
        with pytest.raises(ValueError, match=KEY):
            await self.ask(bench.gateway, self.a_charge(minor=4901))
        assert await bench.taken() == []

    # What was not heard

    async def test_a_key_that_never_arrived_is_not_found(self, bench: Bench) -> None:
        assert await self.find(bench.gateway) == GatewayAnswer("not_found")

    async def test_an_approval_that_was_not_heard_is_found_and_not_taken_again(self, bench: Bench) -> None:
        await bench.break_("lost_after")
        with pytest.raises(GatewaySilent, match=KEY):
            await self.ask(bench.gateway)
        assert await self.find(bench.gateway) == GatewayAnswer("approved")
        assert await self.ask(bench.gateway) == GatewayAnswer("approved")
        assert await bench.taken() == [(4900, "USD")]

    async def test_a_decline_that_was_not_heard_is_found_with_its_reason(self, bench: Bench) -> None:
        await bench.decline(self.SOFT)
        await bench.break_("lost_after")
        with pytest.raises(GatewaySilent, match=KEY):
            await self.ask(bench.gateway)
        assert await self.find(bench.gateway) == GatewayAnswer("declined", self.SOFT)
        assert await bench.taken() == []

    async def test_what_was_lost_on_the_way_there_is_not_found_and_may_be_asked_for_again(self, bench: Bench) -> None:
        await bench.break_("lost_before")
        with pytest.raises((GatewaySilent, GatewayUnavailable), match=KEY):
            await self.ask(bench.gateway)
        assert await self.find(bench.gateway) == GatewayAnswer("not_found")
        assert await self.ask(bench.gateway) == GatewayAnswer("approved")
        assert await bench.taken() == [(4900, "USD")]

    async def test_asking_again_after_every_not_found_charges_once(self, bench: Bench) -> None:
        await bench.break_("lost_before", times=3)
        for _ in range(3):
            with pytest.raises((GatewaySilent, GatewayUnavailable)):
                await self.ask(bench.gateway)
            assert await self.find(bench.gateway) == GatewayAnswer("not_found")
        assert await self.ask(bench.gateway) == GatewayAnswer("approved")
        assert await self.find(bench.gateway) == GatewayAnswer("approved")
        assert await bench.taken() == [(4900, "USD")]

    @pytest.mark.parametrize("how", ["slow", "garbage", "server_error"])
    async def test_an_answer_that_cannot_be_understood_leaves_the_charge_to_be_looked_up(
        self, bench: Bench, how: Break
    ) -> None:
        await bench.break_(how)
        with pytest.raises(GatewaySilent, match=KEY):
            await self.ask(bench.gateway)
        found = await self.find(bench.gateway)
        assert found.outcome in ("approved", "not_found")
        assert await self.ask(bench.gateway) == GatewayAnswer("approved")
        assert await bench.taken() == [(4900, "USD")]

    # What surely moved nothing

    async def test_a_gateway_that_cannot_be_reached_moved_nothing(self, bench: Bench) -> None:
        with pytest.raises(GatewayUnavailable, match=KEY):
            await self.ask(bench.unreachable())
        assert await bench.taken() == []
        assert await self.ask(bench.gateway) == GatewayAnswer("approved")
        assert await bench.taken() == [(4900, "USD")]

    async def test_a_gateway_that_turns_away_for_too_many_requests_moved_nothing(self, bench: Bench) -> None:
        await bench.break_("throttled")
        with pytest.raises(GatewayUnavailable, match=KEY):
            await self.ask(bench.gateway)
        assert await bench.taken() == []
        assert await self.ask(bench.gateway) == GatewayAnswer("approved")
        assert await bench.taken() == [(4900, "USD")]

    async def test_credentials_that_are_no_longer_taken_are_said_and_moved_nothing(self, bench: Bench) -> None:
        with pytest.raises(GatewayUnavailable, match=r"credentials") as refused:
            await self.ask(bench.refused())
        assert KEY in str(refused.value)
        assert await bench.taken() == []
        assert await self.ask(bench.gateway) == GatewayAnswer("approved")
        assert await bench.taken() == [(4900, "USD")]

    @pytest.mark.parametrize("how", ["lost_before", "lost_after", "slow", "garbage", "throttled", "server_error"])
    async def test_what_breaks_before_the_money_is_asked_for_moved_nothing(self, bench: Bench, how: Break) -> None:
        await bench.break_(how, "before_money")
        with pytest.raises(GatewayUnavailable, match=KEY):
            await self.ask(bench.gateway)
        assert await bench.taken() == []
        assert await self.find(bench.gateway) == GatewayAnswer("not_found")
        assert await self.ask(bench.gateway) == GatewayAnswer("approved")
        assert await bench.taken() == [(4900, "USD")]

    # Looking up

    @pytest.mark.parametrize("how", ["lost_before", "lost_after", "slow", "garbage", "throttled", "server_error"])
    async def test_a_look_up_that_breaks_is_never_an_answer(self, bench: Bench, how: Break) -> None:
        await self.ask(bench.gateway)
        await bench.break_(how, "look_up")
        with pytest.raises((GatewaySilent, GatewayUnavailable), match=KEY):
            await self.find(bench.gateway)
        assert await self.find(bench.gateway) == GatewayAnswer("approved")
        assert await bench.taken() == [(4900, "USD")]

    async def test_a_look_up_over_a_dead_line_or_with_old_credentials_is_never_an_answer(self, bench: Bench) -> None:
        await self.ask(bench.gateway)
        with pytest.raises((GatewaySilent, GatewayUnavailable), match=KEY):
            await self.find(bench.unreachable())
        with pytest.raises((GatewaySilent, GatewayUnavailable), match=KEY):
            await self.find(bench.refused())

    # Whatever breaks

    async def test_one_charge_at_most_whatever_breaks_in_which_order(self, bench: Bench) -> None:
        breaks: list[tuple[Break, Where]] = [
            ("lost_before", "before_money"),
            ("lost_after", "before_money"),
            ("throttled", "money"),
            ("garbage", "money"),
            ("lost_before", "money"),
            ("server_error", "money"),
            ("lost_after", "money"),
        ]
        for how, where in breaks:
            await bench.break_(how, where)
        for _ in range(len(breaks) + 1):
            try:
                answer = await self.ask(bench.gateway)
            except (GatewaySilent, GatewayUnavailable):
                found = await self.find(bench.gateway)
                assert (found.outcome == "approved") == (len(await bench.taken()) == 1), "a look-up told an untruth"
            else:
                assert answer == GatewayAnswer("approved")
        assert await self.ask(bench.gateway) == GatewayAnswer("approved")
        assert await bench.taken() == [(4900, "USD")]

    async def test_no_error_tells_a_key_or_a_token(self, bench: Bench) -> None:
        told: list[str] = []
        for how, where in (("lost_after", "money"), ("throttled", "before_money"), ("garbage", "before_money")):
            await bench.break_(how, where)  # type: ignore[arg-type]
            charge = self.a_charge(f"s-1-000{len(told) + 2}/1/primary")
            with pytest.raises((GatewaySilent, GatewayUnavailable)) as broken:
                await self.ask(bench.gateway, charge)
            told.append(_chain(broken.value))
        for secret in bench.secrets():
            assert all(secret not in text for text in told)


def _chain(error: BaseException) -> str:
    """The texts of an error and of everything it came from: all that a log may print."""
    texts: list[str] = []
    found: BaseException | None = error
    while found is not None:
        texts.append(f"{found!r} {found}")
        found = found.__cause__ if found.__suppress_context__ or found.__cause__ else found.__context__
    return "\n".join(texts)
