"""Where the servers are: as the settings say, or those that `make run` keeps on this machine."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import asyncpg
from temporalio.client import Client

from adapters.postgres.books import Books
from adapters.postgres.pool import Pool, connected
from domain.published import publish
from engine.connect import Unreachable, connect
from policies.load import load, load_file, shipped
from settings import Settings, built

ADDRESSES = "addresses.json"


@dataclass(frozen=True, slots=True)
class Addresses:
    """What `make run` serves: the database's DSN (it holds a password), Temporal's host and port, the UI's URL."""

    database_url: str
    temporal: str
    ui: str
    settings: dict[str, object] = field(default_factory=dict, repr=False)
    """With what stands in for the parties that were left open, by flat names."""
    support_url: str = field(default="", repr=False)
    """The database's DSN for people at the command line; `database_url` is for what serves."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What a person at the command line works with."""

    client: Client
    pool: Pool
    books: Books
    settings: Settings
    local: bool
    """True where the servers are `make run`'s own, whose virtual clocks may be moved."""


def keep_addresses(settings: Settings, addresses: Addresses) -> None:
    """Let other programs on this machine find the servers; readable by this user only."""
    path = Path(settings.data) / ADDRESSES
    path.touch(mode=0o600)
    path.write_text(json.dumps(asdict(addresses)), encoding="utf-8")


def known_addresses(settings: Settings) -> Addresses | None:
    """The servers that `make run` has started last; None where none were."""
    try:
        return Addresses(**json.loads((Path(settings.data) / ADDRESSES).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def carry_policies(settings: Settings) -> None:
    """Carry every shipped policy, and those of the settings' folder. Raises InvalidPolicy."""
    publish(*(load(name) for name in shipped()))
    if settings.policies:
        publish(*(load_file(path) for path in sorted(Path(settings.policies).glob("*.yaml"))))


@asynccontextmanager
async def desk(settings: Settings) -> AsyncIterator[Desk]:
    """Books and Temporal, connected. Raises Unreachable."""
    carry_policies(settings)
    here = known_addresses(settings)
    local = not settings.database_url and here is not None
    database_url = settings.database_url or (here.support_url or here.database_url if here else "")
    if not database_url:
        raise Unreachable(
            "no database is configured, and `make run` is not running here. Nothing was done. "
            "Start it, or set PERENNIAL_DATABASE_URL."
        )
    async with AsyncExitStack() as stack:
        try:
            pool = await stack.enter_async_context(connected(database_url, size=settings.database_connections))
        except (OSError, asyncpg.PostgresError) as error:
            raise Unreachable(
                f"the database cannot be reached: {error}. Nothing was done. Start it (`make run`), or set "
                "PERENNIAL_DATABASE_URL."
            ) from None
        if local and here and here.settings:
            settings = built(here.settings)
        client = await connect(here.temporal if local and here else None, encryption=settings.encryption)
        yield Desk(client, pool, Books(pool), settings, local)
