"""While the clocks stand still, nobody's time is skipped; who was about to begin does so when they go on."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from engine.stage import stage
from proof.faults.clock import LAG, Clocks
from tests.workflows.lives import LEAD, PATIENCE, begun

AHEAD = timedelta(days=3)
LOOKS = 40  # at the clock, a round trip each; a skip that is not held back is at the first bill after a few


async def test_a_skip_that_begins_while_all_stand_still_is_made_when_they_go_on() -> None:
    """Nothing is under way when it begins, as with every hop: then only the gate can be what holds it back."""
    async with stage() as house:
        life = await begun(house, "photo-monthly", "still")
        skipper = (clocks := Clocks(house.client)).skipper
        await life.settled()
        begins = await skipper.get_current_time(life.handle)
        async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as early, clocks.standstill([life.id]):
            skip = early.create_task(skipper.fast_forward(life.handle, AHEAD))
            for _ in range(LOOKS):
                assert await skipper.get_current_time(life.handle) - begins < LEAD / 2
            assert not skip.done()
        assert skip.result()
        assert AHEAD <= await skipper.get_current_time(life.handle) - begins < AHEAD + LAG
