"""Put a scenario's world into the tables that the simulated parties answer from."""

from __future__ import annotations

from pathlib import Path

from adapters.postgres.pool import Pool
from domain.world import World

PARTIES = Path(__file__).with_name("migrations")
"""The folder with the migrations of the simulated parties' own tables."""


async def load_world(pool: Pool, subscription_id: str, world: World) -> None:
    """Script the gateway and report the usage as the scenario says; replaces what was scripted before.

    A world's spans of evidence are not loaded: with a database, unapplied money is what `Books.keep_unapplied` keeps.
    """
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("delete from simulated_gateway_rule where subscription_id = $1", subscription_id)
        await connection.executemany(
            "insert into simulated_gateway_rule (subscription_id, role, first_on, until, outcome, reason)"
            " values ($1, $2, $3, $4, $5, $6)",
            [(subscription_id, r.role, r.first_on, r.until, r.outcome, r.reason) for r in world.gateway],
        )
        await connection.execute("delete from usage where subscription_id = $1", subscription_id)
        await connection.executemany(
            "insert into usage (subscription_id, on_date, kind) values ($1, $2, $3) on conflict do nothing",
            [(subscription_id, u.on, u.kind) for u in world.usage],
        )
