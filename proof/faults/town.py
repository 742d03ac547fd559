"""The town: servers on files, stand-ins with books on files, two workers and the doors as processes of their own."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import TypeVar

from temporalio.client import Client

from adapters.postgres.books import Books
from adapters.postgres.pool import Pool, connected
from embedded.child import usable_port
from engine.connect import connect
from engine.crew import migrated
from engine.here import carry_policies
from engine.outside import events_of
from engine.stand_ins import StandIns, standing_in
from proof.faults.clock import Clocks
from proof.faults.line import Watch
from proof.faults.log import FaultLog
from proof.faults.machines import Machine, doors, worker
from proof.faults.relay import Relay
from proof.faults.servers import Database, Engine, small_disk
from settings import Listen, Settings
from standins.debitura import DebituraStandIn
from standins.mail import MailCatcher
from standins.paypal import PayPalStandIn
from standins.platform import PlatformStandIn
from standins.stripe import StripeStandIn

Party = TypeVar("Party")

TASK_QUEUE = "faults"
WORKERS = ("worker-1", "worker-2")
SKEW_SECONDS = 420.0  # more than the five minutes that receivers of signed webhooks allow
WEBHOOK_ODDS = 0.08  # every charge makes half a dozen
CONNECTIONS = 12  # of the harness itself


@dataclass(slots=True)
class Town:
    """Everything that runs, and the ways into it."""

    settings: Settings
    database: Database
    temporal: Engine
    parties: StandIns
    workers: list[Machine]
    doors: Machine
    relay: Relay
    client: Client
    clocks: Clocks
    pool: Pool
    books: Books
    folder: Path
    log: FaultLog

    @property
    def stripe(self) -> StripeStandIn:
        return _there(self.parties.stripe)

    @property
    def paypal(self) -> PayPalStandIn:
        return _there(self.parties.paypal)

    @property
    def mail(self) -> MailCatcher:
        return _there(self.parties.mail)

    @property
    def platform(self) -> PlatformStandIn:
        return _there(self.parties.platform)

    @property
    def debitura(self) -> DebituraStandIn:
        return _there(self.parties.debitura)

    @property
    def events(self) -> frozenset[str]:
        """The kinds of entries that the platform hears of."""
        return events_of(self.settings)

    def worker_at(self, port: int) -> Machine | None:
        """Whose request comes from a port: the worker on whose line it is."""
        return next((w for w in self.workers if any(port in line.known for line in w.lines.values())), None)


def _there(party: Party | None) -> Party:
    if party is None:
        raise AssertionError("a party does not stand in; in this town all do")
    return party


@asynccontextmanager
async def town(log: FaultLog, random: Random, watch_of: Callable[[str], Watch]) -> AsyncIterator[Town]:
    """A town of its own, gone with the block."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="perennial-faults-")))
        refused = stack.enter_context(small_disk(folder / "disk"))
        if refused:
            log.not_here.append(f"disk full: no file system of limited size can be mounted here ({refused})")
        database, temporal = Database(folder / "disk", small=not refused), Engine(folder)
        await asyncio.gather(database.start(), temporal.start())
        stack.push_async_callback(database.stop)
        stack.push_async_callback(temporal.stop)
        said = replace(Settings(), database_url=database.dsn, task_queue=TASK_QUEUE)
        carry_policies(said)
        await migrated(database.dsn)
        relay_port, door_port = usable_port(None), usable_port(None)
        relay = Relay(f"http://127.0.0.1:{door_port}", random, log, WEBHOOK_ODDS)
        await stack.enter_async_context(relay.serving(relay_port))
        said, parties = await stack.enter_async_context(
            standing_in(said, shelves=folder / "stand-ins", doors=f"http://127.0.0.1:{relay_port}")
        )
        said = replace(said, listen=Listen("127.0.0.1", door_port, said.listen.token))
        skews = (0.0, SKEW_SECONDS)
        workers = [
            await stack.enter_async_context(
                worker(name, said, temporal.address, folder, watch_of(name), skew_seconds=skew)
            )
            for name, skew in zip(WORKERS, skews, strict=True)
        ]
        at_door = await stack.enter_async_context(doors(said, temporal.address, folder))
        await asyncio.gather(*(w.ready("serving task queue") for w in workers), at_door.ready("listening at"))
        pool = await stack.enter_async_context(connected(database.dsn, size=CONNECTIONS))
        client = await connect(temporal.address, "default")
        yield Town(
            said, database, temporal, parties, workers, at_door, relay, client, Clocks(client), pool,
            Books(pool, events_of(said)), folder, log,
        )  # fmt: skip
