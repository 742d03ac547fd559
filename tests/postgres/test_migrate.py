"""Migrations: applied once, in order, by one of many, and never edited."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from adapters.postgres.migrate import BOOKS, MigrationFailed, migrate
from adapters.simulated.world import PARTIES
from embedded.postgres import create_database


@pytest.fixture
async def empty(database_server: str, request: pytest.FixtureRequest) -> str:
    """The DSN of a database without any table."""
    return await create_database(database_server, f"empty_{request.node.name}"[:60])


def _write(folder: Path, **files: str) -> tuple[Path]:
    for name, text in files.items():
        (folder / f"{name}.sql").write_text(text)
    return (folder,)


async def test_of_five_processes_one_migrates_and_four_find_it_done(empty: str) -> None:
    applied = await asyncio.gather(*(migrate(empty, (BOOKS, PARTIES)) for _ in range(5)))
    files = [path.name for folder in (BOOKS, PARTIES) for path in sorted(folder.glob("*.sql"))]
    assert sorted(applied) == [[], [], [], [], files]


async def test_an_index_is_built_outside_a_transaction_while_others_wait(empty: str, tmp_path: Path) -> None:
    folders = _write(
        tmp_path,
        **{
            "0001": "create table t (i int); create function f() returns int language sql as $$ select 1; $$;",
            "0002": "-- no-transaction\ncreate index concurrently if not exists t_i on t (i)",
        },
    )
    applied = await asyncio.gather(*(migrate(empty, folders) for _ in range(4)))
    assert sorted(applied)[-1] == ["0001.sql", "0002.sql"]


async def test_an_edited_file_is_refused(empty: str, tmp_path: Path) -> None:
    await migrate(empty, _write(tmp_path, a="create table t (i int)"))
    with pytest.raises(MigrationFailed, match=r"a\.sql was edited after it was applied .* Restore the file"):
        await migrate(empty, _write(tmp_path, a="create table t (i bigint)"))


async def test_a_file_that_comes_too_late_is_refused(empty: str, tmp_path: Path) -> None:
    await migrate(empty, _write(tmp_path, b="select 1"))
    with pytest.raises(MigrationFailed, match=r"a\.sql has not been applied, but the later b\.sql has"):
        await migrate(empty, _write(tmp_path, a="select 1"))


async def test_a_file_that_fails_is_named_and_leaves_nothing(empty: str, tmp_path: Path) -> None:
    folders = _write(tmp_path, a="create table t (i int)", b="create table u (i int); select nonsense")
    with pytest.raises(
        MigrationFailed, match=r"b\.sql failed: column \"nonsense\" does not exist.* left nothing behind"
    ):
        await migrate(empty, folders)
    connection = await asyncpg.connect(empty)
    try:
        assert await connection.fetchval("select to_regclass('t') is not null and to_regclass('u') is null")
    finally:
        await connection.close()
    assert await migrate(empty, _write(tmp_path, b="create table u (i int)")) == ["b.sql"]


async def test_an_empty_folder_is_refused(empty: str, tmp_path: Path) -> None:
    with pytest.raises(MigrationFailed, match=r"no \*\.sql file"):
        await migrate(empty, (tmp_path,))


async def test_what_an_earlier_release_left_pending_keeps_its_order(empty: str, tmp_path: Path) -> None:
    """Its order was that of the keys; a row that has been tried lies behind younger ones in the table."""
    first = tmp_path / "first"
    first.mkdir()
    (first / "0001_books.sql").write_text((BOOKS / "0001_books.sql").read_text())
    await migrate(empty, (first,))
    connection = await asyncpg.connect(empty)
    try:
        await connection.execute("insert into subscription (id, customer_id, client_number) values ('s-1', 'c', 'k')")
        for key in ("s-1/000002/platform", "s-1/000001/platform"):
            await connection.execute(
                "insert into outbox (key, subscription_id, party, kind, body, at, because, state)"
                " values ($1, 's-1', 'platform', 'command', '{}', now(), '', 'pending')",
                key,
            )
        await migrate(empty, (BOOKS,))
        keys = [row["key"] for row in await connection.fetch("select key from outbox order by seq")]
        assert keys == ["s-1/000001/platform", "s-1/000002/platform"]
        await connection.execute(
            "insert into outbox (key, subscription_id, party, kind, body, at, because, state)"
            " values ('s-1/000000/platform', 's-1', 'platform', 'command', '{}', now(), '', 'pending')"
        )
        assert await connection.fetchval("select key from outbox order by seq desc limit 1") == "s-1/000000/platform"
    finally:
        await connection.close()
