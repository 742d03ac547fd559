"""One town for all garbage: real servers, a worker, our doors as they are in production."""

from collections.abc import AsyncIterator

import pytest

from tests.wire.lives_on_the_wire import Town
from tests.wire.lives_on_the_wire import town as a_town


@pytest.fixture(scope="session")
async def town() -> AsyncIterator[Town]:
    """Servers, a worker, stand-ins and doors, for the session."""
    async with a_town() as parts:
        yield parts
