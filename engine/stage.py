"""A stage for one play: real PostgreSQL, a real Temporal server and a worker, kept nowhere, gone with the block."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from temporalio.client import Client

from adapters.postgres.books import Books
from adapters.postgres.pool import Pool, connected
from embedded.postgres import postgres
from embedded.temporal import temporal
from engine.connect import connect
from engine.crew import crew, migrated
from engine.outside import reached
from settings import Settings
from workflows.attributes import REGISTERED

TASK_QUEUE = "stage"


@dataclass(frozen=True, slots=True)
class Stage:
    client: Client
    pool: Pool
    books: Books
    address: str
    dsn: str


@asynccontextmanager
async def stage(*, cached_workflows: int = 1000) -> AsyncIterator[Stage]:
    """Servers and worker for one process; `cached_workflows` 0 replays every task from its history."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="perennial-")))
        dsn_, server = await asyncio.gather(
            stack.enter_async_context(postgres(folder / "books", durable=False)),
            stack.enter_async_context(temporal(None, search_attributes=REGISTERED)),
        )
        await migrated(dsn_)
        pool = await stack.enter_async_context(connected(dsn_))
        client = await connect(server.address, "default")
        outside = await stack.enter_async_context(reached(Settings(), pool))
        await stack.enter_async_context(crew(client, outside, TASK_QUEUE, cached_workflows=cached_workflows))
        yield Stage(client, pool, outside.books, server.address, dsn_)
