"""A town to which nobody's webhooks come: everything works, and what parties report is lost until it is asked for."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import httpx

from activities.reconciliation import ReconciliationActivities
from adapters.postgres.outside import Task
from adapters.postgres.pool import connected
from adapters.postgres.reconciliation import ReconciliationBook
from domain.reconciliation import Difference, Looked, Pair
from embedded.postgres import postgres
from embedded.temporal import temporal
from engine.connect import connect
from engine.crew import crew, migrated
from engine.outside import reached
from engine.reconciliation import reconcile, reconciler
from engine.stage import TASK_QUEUE, Stage
from engine.stand_ins import standing_in
from settings import Settings
from tests.wire.lives_on_the_wire import Strait, Town
from workflows.attributes import REGISTERED

AT_ONCE = timedelta(seconds=-2)
"""The margin of these tests: what happened in this very second is compared, too."""


@dataclass(frozen=True, slots=True)
class Harbour:
    """A town, and what compares its parties."""

    town: Town
    activities: ReconciliationActivities

    @property
    def stage(self) -> Stage:
        return self.town.stage

    @property
    def book(self) -> ReconciliationBook:
        return ReconciliationBook(self.stage.pool)

    async def run(self, subscription_id: str | None = None, *, dry: bool = False) -> dict[Pair, Looked]:
        """Compare everything, or one subscription, now."""
        return await reconcile(self.activities, by="support:kim", subscription_id=subscription_id, dry=dry)

    async def found(self, subscription_id: str | None = None, *, dry: bool = False) -> list[Difference]:
        """What differs now. Nobody may be away."""
        looked = await self.run(subscription_id, dry=dry)
        assert [line for each in looked.values() for line in each.away] == []
        return [difference for each in looked.values() for difference in each.differences]

    async def kinds(self, subscription_id: str | None = None) -> list[str]:
        """The kinds of what differs now, in order."""
        return sorted(difference.kind for difference in await self.found(subscription_id))

    async def repaired(self, subscription_id: str | None = None) -> list[str]:
        """What is put right now."""
        return [line for each in (await self.run(subscription_id)).values() for line in each.repaired]

    async def asked(self, subscription_id: str) -> list[Task]:
        """The open tasks about differences of a subscription."""
        return [task for task in await self.stage.books.tasks(subscription_id) if task.kind == "reconciliation"]

    async def tamper(self, *statements: str) -> None:
        """Change tables behind everybody's back, append-only ones, too."""
        async with self.stage.pool.acquire() as connection, connection.transaction():
            await connection.execute("set local session_replication_role = replica")
            for statement in statements:
                await connection.execute(statement)


def fresh(name: str) -> str:
    """An id that no other test uses."""
    return f"{name}-{uuid4().hex[:10]}"


@asynccontextmanager
async def harbour() -> AsyncIterator[Harbour]:
    """One of its own, gone with the block. Takes some seconds."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="perennial-")))
        dsn, server = await asyncio.gather(
            stack.enter_async_context(postgres(folder / "books", durable=False)),
            stack.enter_async_context(temporal(None, search_attributes=REGISTERED)),
        )
        await migrated(dsn)
        pool = await stack.enter_async_context(connected(dsn))
        client = await connect(server.address, "default")
        said, parties = await stack.enter_async_context(standing_in(Settings()))
        outside = await stack.enter_async_context(reached(said, pool))
        activities = await stack.enter_async_context(
            reconciler(said, client, pool, outside, margin=AT_ONCE, abandoned_after=AT_ONCE)
        )
        await stack.enter_async_context(crew(client, outside, TASK_QUEUE, reconciliation=activities))
        http = await stack.enter_async_context(httpx.AsyncClient())
        stage = Stage(client, pool, outside.books, server.address, dsn, parties)
        nobody = Strait("127.0.0.1", 1)
        town = Town(stage, said, outside, cast(Any, None), "", nobody, nobody, http)
        yield Harbour(town, activities)


def texts(found: Sequence[Difference]) -> str:
    """What support would read."""
    return "\n".join(difference.text for difference in found)
