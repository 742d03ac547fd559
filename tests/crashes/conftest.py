"""One database for all lives; each life has a subscription of its own in it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest

from adapters.postgres.pool import Pool, connected
from embedded.postgres import create_database
from tests.conftest import TEMPLATE
from tests.crashes.endings import Ending, ending
from tests.crashes.lives import Life, Manner
from tests.crashes.outside import Outside
from tests.crashes.stories import Story


@dataclass(slots=True)
class Town:
    """Where lives are lived: the database, the parties, and how many have been lived so far."""

    pool: Pool
    outside: Outside
    lives: int = 0
    uncut: dict[tuple[str, str], tuple[Life, Ending]] = field(default_factory=dict)

    async def live(
        self,
        story: Story,
        manner: Manner,
        dies_at: Callable[[str], int | None] = lambda _: None,
        outside: Outside | None = None,
    ) -> tuple[Life, Ending]:
        """Live a story under a new id; gives the life and how it ended."""
        self.lives += 1
        outside = outside or self.outside
        life = Life(story, f"s{self.lives:05d}", manner, self.pool, outside, dies_at)
        return life, await ending(outside, life.id, await life.live())

    async def run_0(self, story: Story, manner: Manner) -> tuple[Life, Ending]:
        """The life in which nobody dies: it counts the points, and ends as all others must."""
        key = (story.name, manner.name)
        if key not in self.uncut:
            self.uncut[key] = await self.live(story, manner)
        return self.uncut[key]


@pytest.fixture(scope="session")
async def town(database_server: str) -> AsyncIterator[Town]:
    """A database of this session's own."""
    dsn = await create_database(database_server, "crashes", template=TEMPLATE)
    async with connected(dsn, size=3, name="workers") as pool, connected(dsn, size=3, name="parties") as others:
        yield Town(pool, Outside(others))
