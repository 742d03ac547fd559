"""The simulated gateway keeps what activities need of a gateway, as far as a script can break it."""

from collections.abc import Sequence
from datetime import date

import pytest

from activities.payments import Gateway
from adapters.postgres.pool import Pool
from adapters.simulated.gateway import SimulatedGateway
from domain.effects import Charge
from domain.gateways import GatewayAnswer
from domain.subscription import MethodKind
from domain.world import GatewayRule
from tests.contracts.gateway import SUBSCRIPTION, Break, GatewayContract, Where


class Away:
    """The simulated gateway, which its script makes unavailable at each charge's first ask."""

    def __init__(self, gateway: SimulatedGateway) -> None:
        self._gateway = gateway

    async def charge(self, charge: Charge, *, subscription_id: str, timezone: str) -> GatewayAnswer:
        await self._gateway.add_fault(subscription_id, "unavailable")
        return await self._gateway.charge(charge, subscription_id=subscription_id, timezone=timezone)

    async def look_up(self, charge_key: str, *, subscription_id: str, method: MethodKind) -> GatewayAnswer:
        pytest.skip("its look-ups cannot be broken")


class SimulatedBench:
    """Breaks by the script's own faults; there is no line that could break in other ways."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.gateway = SimulatedGateway(pool)

    async def decline(self, reason: str) -> None:
        rule = GatewayRule("primary", date.min, None, "declined", reason)
        await self.gateway.add_rule(SUBSCRIPTION, rule)

    async def break_(self, how: Break, where: Where = "money", *, times: int = 1) -> None:
        match how, where:
            case "lost_before", "money":
                await self.gateway.add_fault(SUBSCRIPTION, "timeout_before_commit", times=times)
            case "lost_after", "money":
                await self.gateway.add_fault(SUBSCRIPTION, "timeout_after_commit", times=times)
            case _:
                pytest.skip(f"the script has no {how} at {where}")

    def unreachable(self) -> Gateway:
        return Away(self.gateway)

    def refused(self) -> Gateway:
        pytest.skip("it takes no credentials")

    async def forget_methods(self) -> None:
        pytest.skip("it vaults no methods")

    async def taken(self) -> Sequence[tuple[int, str]]:
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(
                "select minor, currency from simulated_charge where outcome = 'approved' order by ctid"
            )
        return [(row["minor"], row["currency"]) for row in rows]

    def secrets(self) -> Sequence[str]:
        return ()


class TestSimulatedGateway(GatewayContract):
    """Every promise of the contract, on the gateway that scenarios play with."""

    @pytest.fixture
    def bench(self, pool: Pool) -> SimulatedBench:
        return SimulatedBench(pool)
