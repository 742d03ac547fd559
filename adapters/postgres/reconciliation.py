"""Runs of the reconciliation, the differences that stand, and the tasks that support is asked about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from adapters.postgres import outside
from adapters.postgres.pool import Connection, Pool
from domain.reconciliation import KIND, Asked, Difference, Known, Looked, Pair

STANDING_LIMIT = 1000  # looked at again in each run; whoever has more has one cause, not a thousand
BY = "reconciliation"
GONE = "it is gone: both say the same now"


@dataclass(frozen=True, slots=True)
class PairRun:
    """What came of one comparison."""

    pair: str
    compared: int
    differences: int
    repaired: tuple[str, ...]
    away: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reconciled:
    """One run. `finished_at` None: under way, or cut off."""

    id: str
    asked_by: str
    subscription_id: str | None
    started_at: datetime
    finished_at: datetime | None
    pairs: tuple[PairRun, ...]


@dataclass(frozen=True, slots=True)
class StandingDifference:
    """A difference that has not gone yet."""

    key: str
    pair: str
    subscription_id: str | None
    text: str
    times: int
    first_seen_at: datetime
    last_seen_at: datetime


class ReconciliationBook:
    """Each method is one transaction and may be repeated."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def begin(self, asked: Asked) -> None:
        """Note that a run has begun; again is no harm."""
        async with self._pool.acquire() as connection:
            await connection.execute(
                "insert into reconciliation (id, asked_by, subscription_id) values ($1, $2, $3)"
                " on conflict (id) do nothing",
                asked.run_id,
                asked.by,
                asked.subscription_id,
            )

    async def finish(self, asked: Asked) -> None:
        """Note that a run has come to its end."""
        async with self._pool.acquire() as connection:
            await connection.execute(
                "update reconciliation set finished_at = now() where id = $1 and finished_at is null", asked.run_id
            )

    async def standing(self, pair: Pair, subscription_id: str | None) -> Sequence[Known]:
        """The differences of a pair that stand, oldest first; of one subscription, or (None) of all."""
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(
                "select key, kind, subject, subscription_id from difference where pair = $1 and gone_at is null"
                " and ($2::text is null or subscription_id = $2) order by first_seen_at, key limit $3",
                pair,
                subscription_id,
                STANDING_LIMIT,
            )
        return [Known(**dict(row)) for row in rows]

    async def place(self, list_: str) -> str:
        """Where a list goes on; "" at its beginning."""
        async with self._pool.acquire() as connection:
            found = await connection.fetchval("select place from reconciliation_place where list = $1", list_)
        return found or ""

    async def record(self, asked: Asked, pair: Pair, looked: Looked) -> None:
        """Keep what a comparison gave: ask support about what is new, close the tasks about what is gone."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(
                _PAIR,
                asked.run_id,
                pair,
                looked.compared,
                len(looked.differences),
                list(looked.repaired),
                list(looked.away),
                list(looked.notes),
            )
            for found in looked.differences:
                await _stands(connection, found)
            await _gone(connection, asked, pair, looked)
            if asked.subscription_id is None:
                await connection.executemany(
                    "insert into reconciliation_place (list, place) values ($1, $2)"
                    " on conflict (list) do update set (place, at) = (excluded.place, now())",
                    list(looked.reached.items()),
                )

    async def runs(self, limit: int = 5) -> Sequence[Reconciled]:
        """The newest runs, newest first; at most `limit` (1 to 1000)."""
        async with self._pool.acquire() as connection, connection.transaction(isolation="repeatable_read"):
            rows = await connection.fetch(
                "select id, asked_by, subscription_id, started_at, finished_at from reconciliation"
                " order by seq desc limit $1",
                limit,
            )
            pairs = await connection.fetch(
                "select run_id, pair, compared, differences, repaired, away, notes from reconciliation_pair"
                " where run_id = any ($1::text[]) order by at, pair",
                [row["id"] for row in rows],
            )
        of: dict[str, list[PairRun]] = {}
        for p in pairs:
            lists = (tuple(p["repaired"]), tuple(p["away"]), tuple(p["notes"]))
            of.setdefault(p["run_id"], []).append(PairRun(p["pair"], p["compared"], p["differences"], *lists))
        return [Reconciled(**dict(row), pairs=tuple(of.get(row["id"], ()))) for row in rows]

    async def differences(self, limit: int = 100) -> Sequence[StandingDifference]:
        """What differs since the last time it was looked at, oldest first; at most `limit` (1 to 1000)."""
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(
                "select key, pair, subscription_id, text, times, first_seen_at, last_seen_at from difference"
                " where gone_at is null order by first_seen_at, key limit $1",
                min(limit, STANDING_LIMIT),
            )
        return [StandingDifference(**dict(row)) for row in rows]


async def _stands(connection: Connection, found: Difference) -> None:
    """Keep a difference; where it is new, or has come back, ask support."""
    task_key: str = await connection.fetchval(
        _STANDS, found.key, found.pair, found.kind, found.subject, found.subscription_id, found.text
    )
    await outside.ask_support(connection, task_key, found.subscription_id, KIND, found.text)


async def _gone(connection: Connection, asked: Asked, pair: Pair, looked: Looked) -> None:
    """Close what was looked at and not found any more. Of what could not be looked at nothing is known."""
    rows = await connection.fetch(
        "update difference set gone_at = now() where pair = $1 and gone_at is null and key <> all ($2::text[])"
        " and ($3 or subject = any ($4::text[])) and ($5::text is null or subscription_id = $5) returning task_key",
        pair,
        [found.key for found in looked.differences],
        looked.complete,
        list(looked.subjects),
        asked.subscription_id,
    )
    for row in rows:
        await outside.close_task(connection, row["task_key"], BY, GONE)


_PAIR = """
insert into reconciliation_pair (run_id, pair, compared, differences, repaired, away, notes)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (run_id, pair) do update set (compared, differences, repaired, away, notes, at) =
  (excluded.compared, excluded.differences, reconciliation_pair.repaired || excluded.repaired, excluded.away,
   excluded.notes, now())
"""

_STANDS = """
insert into difference as known (key, pair, kind, subject, subscription_id, text, task_key)
values ($1, $2, $3, $4, $5, $6, 'reconciliation/' || $1)
on conflict (key) do update set
  text = excluded.text,
  last_seen_at = now(),
  first_seen_at = case when known.gone_at is null then known.first_seen_at else now() end,
  times = case when known.gone_at is null then known.times else known.times + 1 end,
  task_key = case when known.gone_at is null then known.task_key
                  else 'reconciliation/' || known.key || '/' || (known.times + 1)::text end,
  gone_at = null
returning task_key
"""
