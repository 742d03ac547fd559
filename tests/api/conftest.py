"""Our doors as they are in production, with stand-ins for those who knock."""

from collections.abc import AsyncIterator

import pytest

from tests.wire.lives_on_the_wire import Town
from tests.wire.lives_on_the_wire import town as a_town


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
