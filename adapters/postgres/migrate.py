"""Bring a database's tables up to date: numbered SQL files, each applied once, in the order of their names.

A file runs in one transaction, unless its first line is `-- no-transaction`; such a file holds one statement (CREATE
INDEX CONCURRENTLY, say) that can be run again after it failed half-way. An applied file is never edited: its SHA-256 is
kept and compared. Several processes may migrate at once; one works, the others wait and find everything done.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from pathlib import Path

import asyncpg

BOOKS = Path(__file__).with_name("migrations")
"""The folder with the files of the books themselves."""

LOCK = int.from_bytes(hashlib.sha256(b"perennial-migrations").digest()[:8], "big", signed=True)
LOCK_SECONDS = 120  # how long to wait for another process that migrates; the longest file so far takes 0.2 s
POLL_SECONDS = 0.1  # polled: a session blocked inside pg_advisory_lock would deadlock with CREATE INDEX CONCURRENTLY

OWNER = "Have the owner of the tables do it: `cli.py migrate` with PERENNIAL_DATABASE_OWNER_URL."

_KEPT = """
create table if not exists schema_migration (
  name text primary key, sha256 text not null, applied_at timestamptz not null default now()
)
"""


class MigrationFailed(RuntimeError):
    """The database was not brought up to date. The text names the file, what is wrong with it, and what to do."""


async def migrate(dsn: str, folders: Sequence[Path] = (BOOKS,)) -> list[str]:
    """Apply what is missing; gives the names of the files applied now, in order. Nothing where all is up to date.

    Raises MigrationFailed for a file that was edited after it was applied, one whose SQL fails, one that comes before
    an applied one of its folder, and where another process does not finish its migration within two minutes.
    """
    connection = await asyncpg.connect(dsn)
    try:
        await _lock(connection)
        await _begin(connection)
        applied = {row["name"]: row["sha256"] for row in await connection.fetch("select * from schema_migration")}
        return [name for folder in folders for name in await _apply(connection, folder, applied)]
    finally:
        await connection.close()  # lets go of the lock, too


async def _lock(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    try:
        async with asyncio.timeout(LOCK_SECONDS):
            while not await connection.fetchval("select pg_try_advisory_lock($1)", LOCK):  # noqa: ASYNC110 another process has it
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        raise MigrationFailed(
            f"another process has been migrating this database for more than {LOCK_SECONDS} s; nothing was applied. "
            "Look for its session in pg_stat_activity, let it finish or end it, then start again."
        ) from None


async def _begin(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Make the list of what was applied. Looked for first: who may make no table may not say `if not exists` either."""
    if await connection.fetchval("select to_regclass('schema_migration') is not null"):
        return
    try:
        await connection.execute(_KEPT)
    except asyncpg.InsufficientPrivilegeError as error:
        raise MigrationFailed(
            f"the database has no tables yet, and this login may not make any: {error}. {OWNER}"
        ) from error


async def _apply(connection: asyncpg.Connection[asyncpg.Record], folder: Path, applied: dict[str, str]) -> list[str]:
    files = sorted(folder.glob("*.sql"))
    if not files:
        raise MigrationFailed(f"{folder}: no *.sql file; expected the migrations there. Nothing was applied.")
    latest = max((file.name for file in files if file.name in applied), default="")
    done = []
    for file in files:
        text = file.read_text(encoding="utf-8")
        digest = hashlib.sha256(text.encode()).hexdigest()
        known = applied.get(file.name)
        if known is None and file.name < latest:
            raise MigrationFailed(
                f"{file.name} has not been applied, but the later {latest} has; nothing more was applied. "
                "Give it the next free number, since files are applied in the order of their names."
            )
        if known is not None and known != digest:
            raise MigrationFailed(
                f"{file.name} was edited after it was applied (SHA-256 {digest[:12]}, applied {known[:12]}); nothing "
                "more was applied. Restore the file and put the change into a new one."
            )
        if known is None:
            await _run(connection, file.name, text, digest)
            done.append(file.name)
    return done


async def _run(connection: asyncpg.Connection[asyncpg.Record], name: str, text: str, digest: str) -> None:
    note = "insert into schema_migration (name, sha256) values ($1, $2)"
    try:
        if text.startswith("-- no-transaction"):
            await connection.execute(text)
            await connection.execute(note, name, digest)
        else:
            async with connection.transaction():
                await connection.execute(text)
                await connection.execute(note, name, digest)
    except asyncpg.InsufficientPrivilegeError as error:
        raise MigrationFailed(
            f"{name} has not been applied, and this login may not: {error}. Nothing of it was done. "
            f"{error.hint or OWNER}"
        ) from error
    except asyncpg.PostgresError as error:
        raise MigrationFailed(
            f"{name} failed: {error}. Files before it stay applied, this one "
            f"{'may be half applied' if text.startswith('-- no-transaction') else 'left nothing behind'}. "
            "Correct it and start again."
        ) from error
