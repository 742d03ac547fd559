"""A stage on which every outside party is reached by its real adapter, over the wire, at a stand-in."""

from collections.abc import AsyncIterator

import pytest

from engine.stage import Stage, stage


@pytest.fixture(scope="session")
async def wired() -> AsyncIterator[Stage]:
    """Servers, a worker and stand-ins for all parties, for the session."""
    async with stage(world="wire") as parts:
        yield parts
