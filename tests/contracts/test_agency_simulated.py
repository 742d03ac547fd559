"""The simulated agency keeps what activities need of an agency, as far as a script can break it."""

from collections.abc import Sequence

import pytest

from activities.delivery import Agency
from adapters.postgres.pool import Pool
from adapters.simulated.agency import SimulatedAgency
from adapters.simulated.refusals import refuse
from tests.contracts.agency import SUBSCRIPTION, AgencyContract, Break, Where


class SimulatedBench:
    """Breaks by turning things away; there is no line that could break in other ways."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.agency = SimulatedAgency(pool)

    async def break_(self, how: Break, where: Where, *, times: int = 1) -> None:
        if how not in ("lost_before", "throttled", "server_error") or where not in ("create", "recall"):
            pytest.skip(f"the script has no {how} at {where}")
        await refuse(self._pool, "agency", SUBSCRIPTION, times)

    async def unused_faults(self) -> int:
        async with self._pool.acquire() as connection:
            left: int = await connection.fetchval("select sum(left_over) from simulated_refusal")
        return left

    def unreachable(self) -> Agency:
        pytest.skip("there is no line")

    def refused(self) -> Agency:
        pytest.skip("it takes no credentials")

    async def placements(self) -> Sequence[int]:
        return await self._amounts("minor > 0")

    async def recalls(self) -> Sequence[int]:
        return [-minor for minor in await self._amounts("minor < 0")]

    async def _amounts(self, which: str) -> Sequence[int]:
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(
                f"select sum(minor)::bigint as minor from simulated_case where {which} group by key order by min(seq)"
            )
        return [row["minor"] for row in rows]

    def secrets(self) -> Sequence[str]:
        return ()


class TestSimulatedAgency(AgencyContract):
    """Every promise of the contract, on the agency that scenarios play with."""

    @pytest.fixture
    def bench(self, pool: Pool) -> SimulatedBench:
        return SimulatedBench(pool)
