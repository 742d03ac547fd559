"""Run a worker: python worker.py. Settings from the environment and perennial.toml (settings.py says which).

Exit status: 0 stopped, 1 could not serve, 2 settings or a policy are invalid.
"""

from __future__ import annotations

import asyncpg

import settings
from adapters.postgres.pool import connected
from engine.connect import Unreachable, connect
from engine.crew import Capacity, Version, crew, migrated
from engine.here import carry_policies, known_addresses
from engine.outside import chosen, reached
from engine.program import serve, told_to_stop
from engine.reconciliation import reconciler
from engine.registered import register
from engine.schedule import scheduled


async def work(said: settings.Settings) -> None:
    """Serve until SIGINT or SIGTERM. Raises Unreachable, MigrationFailed, InvalidPolicy before anything is served."""
    carry_policies(said)
    version = Version.of(said)
    here = None if said.database_url else known_addresses(said)
    database_url = said.database_url or (here.database_url if here else "")
    if not database_url:
        raise Unreachable("no database is configured. Set PERENNIAL_DATABASE_URL, or start `make run`.")
    if here and here.settings:  # a second worker beside `make run` reaches the same parties
        said = settings.built(here.settings)
    stop = told_to_stop()
    client = await connect(here.temporal if here else None, encryption=said.encryption)
    try:
        await migrated(said.database_owner_url or database_url)
        async with connected(database_url, size=said.database_connections) as pool:
            await register(client)
            async with (
                reached(said, pool) as outside,
                reconciler(said, client, pool, outside) as reconciliation,
                crew(
                    client,
                    outside,
                    said.task_queue,
                    Capacity.of(said),
                    version=version,
                    reconciliation=reconciliation,
                ),
            ):
                print(f"serving task queue {said.task_queue!r} in namespace {client.namespace!r}", flush=True)
                print(chosen(said), flush=True)
                print(await scheduled(client, said), flush=True)
                if version:
                    print(version.said(), flush=True)
                await stop.wait()
    except (OSError, asyncpg.PostgresError) as error:
        raise Unreachable(f"the database cannot be reached: {error}. Nothing was served.") from None


if __name__ == "__main__":
    serve(work)
