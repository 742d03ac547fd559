"""A stage on which every outside party is reached by its real adapter, over the wire, at a stand-in."""

import zlib
from collections.abc import AsyncIterator

import pytest

from engine.stage import Stage, stage
from tests.wire.lives_on_the_wire import Town
from tests.wire.lives_on_the_wire import town as a_town

IN_CI = 4  # one in so many of the lives with faults and webhooks


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Lives on the wire are slow; of those with faults and webhooks CI runs a quarter, the same every time."""
    for item in items:
        if item.path.parent.name != "wire":
            continue
        item.add_marker(pytest.mark.slow)
        sampled = item.path.name.startswith(("test_faults", "test_inbound"))
        if sampled and zlib.crc32(item.name.encode()) % IN_CI:
            item.add_marker(pytest.mark.exhaustive)


@pytest.fixture(scope="session")
async def wired() -> AsyncIterator[Stage]:
    """Servers, a worker and stand-ins for all parties, for the session."""
    async with stage(world="wire") as parts:
        yield parts


@pytest.fixture(scope="session")
async def town_of_the_session() -> AsyncIterator[Town]:
    """Servers, a worker, stand-ins and doors, for the session."""
    async with a_town() as parts:
        yield parts


@pytest.fixture
async def town(town_of_the_session: Town) -> AsyncIterator[Town]:
    """The session's town, in which nothing is broken; what a test has broken is mended after it."""
    town_of_the_session.mended()
    yield town_of_the_session
    town_of_the_session.mended()
    await town_of_the_session.quiet()
