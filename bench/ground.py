"""What a part is measured on: PostgreSQL with fsync and Temporal on files, both new, gone with the block."""

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
from adapters.postgres.roles import login
from bench.processor import Tree
from domain.published import publish
from embedded.postgres import postgres
from embedded.temporal import temporal
from engine.connect import connect
from engine.crew import migrated
from policies.load import load, shipped
from workflows.attributes import REGISTERED


@dataclass(frozen=True, slots=True)
class Ground:
    """`dsn` is the owner's, `worker_dsn` that of a member of the worker's role, as in production."""

    folder: Path
    client: Client
    address: str
    pool: Pool
    books: Books
    dsn: str
    worker_dsn: str
    postgres: Tree
    temporal: Tree


def carry() -> None:
    """Publish the shipped policies in this process."""
    publish(*(load(name) for name in shipped()))


@asynccontextmanager
async def ground(*, virtual_time: bool = False) -> AsyncIterator[Ground]:
    """Both servers as they run in production as far as one machine can: durable.

    `virtual_time` lets single workflows skip time; the server's own pace stays as it is without.
    """
    allowed = {"frontend.WorkflowTimeSkippingEnabled": "true"} if virtual_time else {}
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="perennial-bench-")))
        dsn, server = await asyncio.gather(
            stack.enter_async_context(postgres(folder / "books", durable=True)),
            stack.enter_async_context(
                temporal(folder / "temporal", search_attributes=REGISTERED, time_skipping=False, dynamic_config=allowed)
            ),
        )
        await migrated(dsn)
        carry()
        pool = await stack.enter_async_context(connected(dsn))
        client = await connect(server.address, "default")
        yield Ground(
            folder,
            client,
            server.address,
            pool,
            Books(pool),
            dsn,
            await login(dsn, "bench_worker", "worker"),
            Tree(_postmaster(folder / "books")),
            Tree(server.pid),
        )


def _postmaster(data: Path) -> int:
    return int((data / "postmaster.pid").read_text().split("\n", 1)[0])
