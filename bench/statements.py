"""What a worker says to PostgreSQL: counted at its own connection, transactions' begin and commit among them."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from asyncpg.connection import LoggedQuery

from adapters.postgres.pool import Pool, connected

SHOWN = 60  # characters


@dataclass(slots=True)
class Statements:
    """What was said since it was last set back, by how it begins."""

    said: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        """How many statements; each is a round trip."""
        return self.said.total()

    def hear(self, query: LoggedQuery) -> None:
        """Called by asyncpg after each statement."""
        self.said[" ".join(query.query.split())[:SHOWN]] += 1

    def taken(self) -> Counter[str]:
        """All of them; counts from zero again."""
        said, self.said = self.said, Counter()
        return said


@asynccontextmanager
async def overheard(dsn: str) -> AsyncIterator[tuple[Pool, Statements]]:
    """A pool of one connection, every statement of which is counted."""
    heard = Statements()
    async with connected(dsn, size=1, name="bench") as pool:
        async with pool.acquire() as connection:
            connection.add_query_logger(heard.hear)
        yield pool, heard
