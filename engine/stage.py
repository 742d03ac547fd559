"""A stage for one play: real PostgreSQL, a real Temporal server and a worker, kept nowhere, gone with the block."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from temporalio.client import Client

from adapters.postgres.books import Books
from adapters.postgres.pool import Pool, connected
from adapters.postgres.roles import login
from embedded.postgres import postgres
from embedded.temporal import temporal
from engine.connect import PLAIN, connect
from engine.crew import Capacity, crew, migrated
from engine.outside import events_of, reached
from settings import Encryption, Settings
from workflows.attributes import REGISTERED

if TYPE_CHECKING:  # stand-ins are installed on machines of developers only
    from engine.stand_ins import StandIns
    from standins.world import ScriptedWorlds

TASK_QUEUE = "stage"
WorldKind = Literal["simulated", "wire"]


@dataclass(frozen=True, slots=True)
class Stage:
    client: Client
    pool: Pool
    """The tables' owner's, who may do everything; the worker has its own, with its role's rights."""
    books: Books
    address: str
    dsn: str
    stand_ins: StandIns | None = None
    """Who is at the other end of the wire; None where the parties are simulated in the database."""

    @property
    def worlds(self) -> ScriptedWorlds | None:
        """By which the gateways' stand-ins answer."""
        return self.stand_ins.worlds if self.stand_ins else None


@asynccontextmanager
async def stage(
    *, cached_workflows: int = 1000, world: WorldKind = "simulated", encryption: Encryption = PLAIN
) -> AsyncIterator[Stage]:
    """Servers and worker for one process; `cached_workflows` 0 replays every task from its history.

    `world` wire: the real adapters, with stand-ins at the other end.
    """
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="perennial-")))
        dsn_, server = await asyncio.gather(
            stack.enter_async_context(postgres(folder / "books", durable=False)),
            stack.enter_async_context(temporal(None, search_attributes=REGISTERED)),
        )
        await migrated(dsn_)
        pool = await stack.enter_async_context(connected(dsn_))
        client = await connect(server.address, "default", encryption=encryption)
        settings: Settings = Settings()
        stand_ins: StandIns | None = None
        if world == "wire":
            from engine.stand_ins import standing_in

            settings, stand_ins = await stack.enter_async_context(standing_in(settings))
        at_work = await stack.enter_async_context(connected(await login(dsn_, "stage_worker", "worker")))
        outside = await stack.enter_async_context(reached(settings, at_work))
        await stack.enter_async_context(crew(client, outside, TASK_QUEUE, Capacity(cached_workflows)))
        yield Stage(client, pool, Books(pool, events_of(settings)), server.address, dsn_, stand_ins)
