"""The simulated platform keeps the contract, but for lateness: it keeps what comes in the order in which it comes."""

from collections.abc import Sequence

import pytest

from adapters.postgres.pool import Pool
from adapters.simulated.platform import SimulatedPlatform
from adapters.simulated.refusals import TurnedAway, refuse
from tests.contracts.platform import SUBSCRIPTION, Bench, PlatformContract, command


class _Bench:
    def __init__(self, pool: Pool) -> None:
        self.platform = SimulatedPlatform(pool)

    async def done(self, subscription_id: str) -> Sequence[str]:
        return [heard.command for heard in await self.platform.heard(subscription_id)]


class TestSimulatedPlatform(PlatformContract):
    @pytest.fixture
    def bench(self, pool: Pool) -> Bench:
        return _Bench(pool)

    async def test_what_was_turned_away_is_sent_again_and_has_its_effect_once(self, bench: Bench, pool: Pool) -> None:
        await refuse(pool, "platform", SUBSCRIPTION, 1)
        with pytest.raises(TurnedAway):
            await command(bench.platform, 1, "block_uploads")
        await command(bench.platform, 1, "block_uploads")
        assert await bench.done(SUBSCRIPTION) == ["block_uploads"]
