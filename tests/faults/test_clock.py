"""While the clocks stand still, nobody's time is skipped, not even by who was about to begin."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from engine.stage import stage
from proof.faults.clock import Clocks
from tests.workflows.lives import LEAD, begun

AHEAD = timedelta(days=3)
LOOKS = 40  # at the clock, a round trip each; a skip that is not held back is at the first bill after a few


async def test_a_skip_that_begins_while_all_stand_still_is_held_back() -> None:
    async with stage() as house:
        life = await begun(house, "photo-monthly", "still")
        skipper = (clocks := Clocks(house.client)).skipper
        begins = await skipper.get_current_time(life.handle)
        async with clocks.standstill([life.id]):
            skip = asyncio.create_task(skipper.fast_forward(life.handle, AHEAD))
            for _ in range(LOOKS):
                assert await skipper.get_current_time(life.handle) - begins < LEAD / 2
            skip.cancel()
