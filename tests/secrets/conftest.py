"""Servers for lives whose payloads are encrypted."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from adapters.postgres.migrate import BOOKS, migrate
from adapters.postgres.pool import connected
from adapters.simulated.world import PARTIES
from embedded.postgres import create_database
from embedded.temporal import temporal
from tests.secrets.houses import House
from workflows.attributes import REGISTERED


@pytest.fixture(scope="session")
async def house(database_server: str) -> AsyncIterator[House]:
    """Servers for the session, without a worker."""
    url = await create_database(database_server, "secrets")
    await migrate(url, (BOOKS, PARTIES))
    async with temporal(None, search_attributes=REGISTERED) as server, connected(url, size=4, name="secrets") as pool:
        yield House(server.address, url, pool)
