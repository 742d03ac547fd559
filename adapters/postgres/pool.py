"""Connections to PostgreSQL: UTC sessions in which `json` and `jsonb` are Python values."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Connection: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"

COMMAND_SECONDS = 20  # every statement here touches one subscription; only the audit of a whole book takes longer
IDLE_IN_TRANSACTION = "30s"  # a worker that hangs between two statements must not keep a subscription's rows locked


@asynccontextmanager
async def connected(dsn: str, *, size: int = 10, name: str = "perennial") -> AsyncIterator[Pool]:
    """A pool of at most `size` connections, closed with the block. `name` is what pg_stat_activity shows.

    Raises OSError or asyncpg.PostgresError where the server cannot be reached or turns the user away.
    """
    async with asyncpg.create_pool(
        dsn,
        min_size=1,
        max_size=size,
        command_timeout=COMMAND_SECONDS,
        init=_teach_json,
        reset=_leave_clean,
        server_settings={
            "application_name": name,
            "timezone": "UTC",
            "idle_in_transaction_session_timeout": IDLE_IN_TRANSACTION,
        },
    ) as pool:
        yield pool


async def _leave_clean(_: asyncpg.Connection[asyncpg.Record]) -> None:
    """Nothing to do, and a round trip saved: nothing here changes a session, and asyncpg itself rolls back."""


async def _teach_json(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    for kind in ("json", "jsonb"):
        await connection.set_type_codec(kind, encoder=json.dumps, decoder=json.loads, schema="pg_catalog")
