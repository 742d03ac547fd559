"""A house whose servers stay up while its workers come and go with other keys."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from adapters.postgres.books import Books
from adapters.postgres.pool import Pool, connected
from adapters.postgres.roles import login
from engine.connect import connect
from engine.crew import NOTHING_KEPT, crew
from engine.encryption import new_key
from engine.outside import reached
from engine.stage import TASK_QUEUE, Stage
from engine.virtual_time import VirtualTime
from settings import Encryption, Settings
from tests.workflows.lives import Life

OLD, NEW = new_key("old"), new_key("new")


def keys(*each: str) -> Encryption:
    return Encryption(keys=",".join(each))


@dataclass(frozen=True, slots=True)
class House:
    """Servers, without a worker."""

    address: str
    owner_url: str
    pool: Pool

    @asynccontextmanager
    async def at_work(self, encryption: Encryption) -> AsyncIterator[Stage]:
        """A worker with these keys while the block runs, and a client that has them too."""
        client = await connect(self.address, "default", encryption=encryption)
        url = await login(self.owner_url, "house_worker", "worker")
        async with (
            connected(url, size=4) as pool,
            reached(Settings(), pool) as outside,
            crew(client, outside, TASK_QUEUE, NOTHING_KEPT),
        ):
            yield Stage(client, self.pool, Books(self.pool), self.address, self.owner_url)


def on(stage: Stage, life: Life) -> Life:
    """The same life, seen from another stage of its house."""
    return Life(stage, VirtualTime(stage.client), life.terms, life.policy, life.offset_seconds)
