"""What tests of the books need besides."""

from collections.abc import AsyncIterator

import pytest
from asyncpg.connection import LoggedQuery
from asyncpg.pool import PoolConnectionProxy

from adapters.postgres.pool import Pool


@pytest.fixture
async def statements(pool: Pool) -> AsyncIterator[list[str]]:
    """The statements that the pool runs, as they are run; its one connection learns types by `depth DESC` queries."""
    said: list[str] = []

    def note(query: LoggedQuery) -> None:
        said.append(query.query)

    connection: PoolConnectionProxy
    async with pool.acquire() as connection:
        connection.add_query_logger(note)
        real = connection._con  # type: ignore[attr-defined]  # the pool forgets the loggers of what it lends
    yield said
    real.remove_query_logger(note)
