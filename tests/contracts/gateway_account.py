"""What the reconciliation needs of a gateway's own books, as tests that each passes: simulated, Stripe, PayPal.

The tests of each subclass `GatewayAccountContract` and give the fixture `bench`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import ClassVar, Protocol

import pytest

from activities.against_gateways import GatewayAccount
from activities.payments import Gateway
from domain.effects import Charge
from domain.gateways import GatewayUnavailable
from domain.subscription import MethodKind

SUBSCRIPTION = "s-1"
AT = datetime(2026, 3, 15, 4, tzinfo=UTC)
KEY = "s-1-0001/1/primary"
FUTURE = timedelta(seconds=2)


class Bench(Protocol):
    """A gateway, its books, and the hooks that the contract turns."""

    @property
    def gateway(self) -> Gateway: ...
    @property
    def account(self) -> GatewayAccount: ...

    async def decline(self) -> None:
        """Have the party decline every charge of SUBSCRIPTION from now on."""

    async def give_back(self, minor: int) -> str:
        """Give a part of the only charge back; gives the id of the report that tells of it. Skips where none can."""

    def away(self) -> None:
        """Nobody answers any more. Skips where somebody always does."""

    def secrets(self) -> tuple[str, ...]:
        """What no error may tell."""


class GatewayAccountContract:
    """Subclass it, and give the fixture `bench` with a fresh party and a method vaulted for SUBSCRIPTION's primary."""

    METHOD: ClassVar[MethodKind] = "card"

    async def charged(self, bench: Bench, key: str = KEY, minor: int = 4900) -> str:
        charge = Charge(key, key.split("/")[0], "primary", self.METHOD, minor, "USD", AT)
        return (await bench.gateway.charge(charge, subscription_id=SUBSCRIPTION, timezone="UTC")).outcome

    def span(self) -> tuple[datetime, datetime]:
        now = datetime.now(UTC).replace(microsecond=0)
        return now - timedelta(hours=1), now + FUTURE

    async def test_a_charge_is_listed_with_key_amount_and_subscription(self, bench: Bench) -> None:
        assert await self.charged(bench) == "approved"
        (taking,) = (await bench.account.taken(*self.span(), None, 10)).takings
        assert (taking.charge_key, taking.minor, taking.currency) == (KEY, 4900, "USD")
        assert (taking.outcome, taking.subscription_id, taking.remembered) == ("approved", SUBSCRIPTION, True)

    async def test_a_charge_is_found_by_its_key_and_by_its_name(self, bench: Bench) -> None:
        await self.charged(bench)
        found = await bench.account.taking(KEY)
        assert found is not None
        assert (found.charge_key, found.minor, found.outcome) == (KEY, 4900, "approved")
        shown = await bench.account.shown(found.reference)
        assert shown is not None
        assert (shown.reference, shown.minor, shown.outcome) == (found.reference, 4900, "approved")

    async def test_a_declined_charge_took_nothing(self, bench: Bench) -> None:
        await bench.decline()
        assert await self.charged(bench) == "declined"
        taken = (await bench.account.taken(*self.span(), None, 10)).takings
        assert [taking for taking in taken if taking.outcome == "approved"] == []
        found = await bench.account.taking(KEY)
        assert found is None or found.outcome != "approved"

    async def test_what_was_never_charged_is_not_found(self, bench: Bench) -> None:
        assert await bench.account.taking(KEY) is None
        assert await bench.account.taken(*self.span(), None, 10) == await bench.account.taken(*self.span(), "s-2", 10)

    async def test_only_the_span_is_listed_and_only_the_subscription_asked_for(self, bench: Bench) -> None:
        await self.charged(bench)
        start, end = self.span()
        assert (await bench.account.taken(start - timedelta(days=9), start, None, 10)).takings == ()
        assert (await bench.account.taken(start, end, "s-2", 10)).takings == ()
        assert len((await bench.account.taken(start, end, SUBSCRIPTION, 10)).takings) == 1

    async def test_more_than_asked_for_is_said_and_not_cut_off(self, bench: Bench) -> None:
        for number in range(1, 104):
            await self.charged(bench, f"s-1-{number:04d}/1/primary")
        whole = await bench.account.taken(*self.span(), None, 1000)
        assert len(whole.takings) == 103
        assert len({taking.charge_key for taking in whole.takings}) == 103
        assert (await bench.account.taken(*self.span(), None, 50)).left_out

    async def test_what_was_given_back_is_told_by_its_events_and_by_its_sum(self, bench: Bench) -> None:
        await self.charged(bench)
        id_ = await bench.give_back(1900)
        reports = (await bench.account.told(*self.span(), 1000)).reports
        (taken_back,) = [report for report in reports if report.signal == "payment-reversed"]
        assert (taken_back.id, taken_back.subscription_id) == (id_, SUBSCRIPTION)
        assert (taken_back.payload["amount"], taken_back.payload["reference"]) == ("19.00", KEY)
        found = await bench.account.taking(KEY)
        assert found is not None
        assert await bench.account.returned(found.reference) == 1900
        (listed,) = (await bench.account.taken(*self.span(), None, 10)).takings
        assert listed.gives_back
        start, _ = self.span()
        assert (await bench.account.told(start - timedelta(days=9), start, 10)).reports == ()

    async def test_one_that_is_away_is_said_to_be_and_no_secret_with_it(self, bench: Bench) -> None:
        await self.charged(bench)
        bench.away()
        for asked in (
            bench.account.taken(*self.span(), None, 10),
            bench.account.told(*self.span(), 10),
            bench.account.taking(KEY),
        ):
            with pytest.raises(GatewayUnavailable) as raised:
                await asked
            assert not [secret for secret in bench.secrets() if secret in str(raised.value)]
