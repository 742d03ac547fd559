"""Plans of statements as PostgreSQL carries them out: nodes, rows and pages, and nothing of the machine."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
from asyncpg.connection import LoggedQuery

from adapters.postgres.pool import Pool

Values = tuple[object, ...]


async def said(reading: Callable[[], Awaitable[object]], pool: Pool) -> tuple[str, Values]:
    """The first statement of what reads through a pool of one connection, and its values."""
    heard: list[tuple[str, Values]] = []

    def note(query: LoggedQuery) -> None:
        heard.append((query.query, tuple(query.args or ())))

    async with pool.acquire() as connection:
        real = connection._con  # type: ignore[attr-defined]  # the pool forgets the loggers of what it lends
        real.add_query_logger(note)
    await reading()
    real.remove_query_logger(note)
    return heard[0]


async def plan(connection: asyncpg.Connection[asyncpg.Record], statement: str, values: Values) -> str:
    """The plan as it was carried out: nodes, what they read, rows, pages."""
    explained = await connection.fetchval(
        f"explain (analyze, buffers, timing off, summary off, format json) {statement}", *values
    )
    return "\n".join(_nodes(json.loads(explained)[0]["Plan"], 0))


def _nodes(node: dict[str, Any], depth: int) -> list[str]:
    of = [f"using {node['Index Name']}"] if "Index Name" in node else []
    of += [f"on {node['Relation Name']}"] if "Relation Name" in node else []
    rows = f"{node['Actual Rows'] * node['Actual Loops']:,.0f} rows"
    pages = node["Shared Hit Blocks"] + node["Shared Read Blocks"]
    lines = [f"{'  ' * depth}{' '.join([node['Node Type'], *of])}: {rows}, {pages:,} pages"]
    return lines + [line for below in node.get("Plans", ()) for line in _nodes(below, depth + 1)]
