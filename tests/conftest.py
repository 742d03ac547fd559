"""What many tests stand on: one PostgreSQL server for the session, and a database of its own for every test."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from adapters.postgres.books import Books
from adapters.postgres.migrate import BOOKS, migrate
from adapters.postgres.pool import Pool, connected
from adapters.simulated.world import PARTIES
from embedded.postgres import create_database, postgres

TEMPLATE = "migrated"


@pytest.fixture(scope="session")
async def database_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """A PostgreSQL server with the database `migrated`, with every table; gives its DSN."""
    folder: Path = tmp_path_factory.mktemp("postgres")
    async with postgres(folder / "data", durable=False) as dsn:
        await migrate(await create_database(dsn, TEMPLATE), (BOOKS, PARTIES))
        yield dsn


@pytest.fixture
async def database(database_server: str) -> AsyncIterator[str]:
    """The DSN of a fresh, migrated database; dropped after the test, whoever is still connected."""
    name = f"test_{uuid4().hex}"
    yield await create_database(database_server, name, template=TEMPLATE)
    connection = await asyncpg.connect(database_server)
    try:
        await connection.execute(f'drop database "{name}" with (force)')
    finally:
        await connection.close()


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    """Connections to the test's own database."""
    async with connected(database, size=5, name="tests") as connections:
        yield connections


@pytest.fixture
def books(pool: Pool) -> Books:
    """The books in the test's own database."""
    return Books(pool)
