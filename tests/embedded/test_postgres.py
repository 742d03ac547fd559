"""PostgreSQL out of a wheel: it comes up, it remembers, it has one owner, and it ends with that owner."""

import asyncio
import os
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from embedded.child import ServerFailed
from embedded.ownership import AlreadyOwned
from embedded.postgres import create_database, postgres
from tests.embedded.deaths import Watch, owner


@pytest.fixture(scope="module")
async def dsn(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    async with postgres(tmp_path_factory.mktemp("shared") / "data", durable=False) as dsn:
        yield dsn


async def fetch(dsn: str, query: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_it_listens_on_the_loopback_alone_and_keeps_utc(dsn: str) -> None:
    assert await fetch(dsn, "show listen_addresses") == "127.0.0.1"
    assert await fetch(dsn, "show unix_socket_directories") == ""
    assert await fetch(dsn, "show timezone") == "UTC"


async def test_no_one_gets_in_without_the_password(dsn: str) -> None:
    user, _, rest = dsn.partition("@")
    stranger = user.rpartition(":")[0] + ":guessed@" + rest
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(stranger)


async def test_a_database_is_made_once_and_found_again(dsn: str) -> None:
    first = await create_database(dsn, 'odd "name" %/?')
    await fetch(first, "create table kept as select 'kept' as word")
    second = await create_database(dsn, 'odd "name" %/?')
    assert second == first
    assert await fetch(second, "select word || ' in ' || current_database() from kept") == 'kept in odd "name" %/?'


async def test_many_may_ask_for_the_same_database_at_once(dsn: str) -> None:
    made = await asyncio.gather(*(create_database(dsn, "wanted_by_many") for _ in range(5)))
    assert len(set(made)) == 1
    assert await fetch(made[0], "select 1") == 1


async def test_a_database_can_be_a_copy_of_another(dsn: str) -> None:
    original = await create_database(dsn, "original")
    await fetch(original, "create table copied as select 7 as number")
    assert await fetch(await create_database(dsn, "copy", template="original"), "select number from copied") == 7


async def test_a_second_start_finds_what_the_first_one_wrote(tmp_path: Path) -> None:
    async with postgres(tmp_path / "data", durable=False) as first:
        await fetch(first, "create table kept as select 'kept' as word")
    async with postgres(tmp_path / "data", durable=False) as second:
        assert await fetch(second, "select word from kept") == "kept"
        assert second.split("@")[0] == first.split("@")[0], "the same password"
    assert stat.S_IMODE((tmp_path / "data.password").stat().st_mode) == 0o600
    with pytest.raises(ServerFailed, match="made with another password"):
        async with postgres(tmp_path / "data", password="another"):
            pass


async def test_a_second_owner_is_refused_and_told_who_the_first_is(tmp_path: Path) -> None:
    async with owner("postgres", tmp_path / "data") as first:
        with pytest.raises(AlreadyOwned, match=f"in use by process {first.pid}"):
            async with postgres(tmp_path / "data", durable=False):
                pass
        assert await fetch(first.address, "select word from kept") == "kept", "the first owner is not disturbed"


async def test_the_server_of_a_killed_owner_ends_and_the_next_start_takes_over(tmp_path: Path) -> None:
    async with owner("postgres", tmp_path / "data") as first:
        watch, owner_watch = Watch(first.server_pid), Watch(first.pid)
        first.kill()
        assert owner_watch.ended()
        async with postgres(tmp_path / "data", durable=False) as dsn:  # at once: the old server may still be closing
            assert watch.ended()
            assert await fetch(dsn, "select word from kept") == "kept"


async def test_the_server_of_an_owner_killed_under_make_ends_too(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text("run:\n\t@$(COMMAND)\n")
    make = ("sh", "-c", 'exec make -s -f "$0" run COMMAND="$*"', str(tmp_path / "Makefile"))
    async with owner("postgres", tmp_path / "data", under=make) as first:
        watch = Watch(first.server_pid)
        first.kill()
        assert watch.ended()


async def test_a_record_of_a_server_long_gone_is_no_obstacle_even_when_its_number_lives_on(tmp_path: Path) -> None:
    async with postgres(tmp_path / "data", durable=False):
        record = (tmp_path / "data" / "postmaster.pid").read_text()
    (tmp_path / "data" / "postmaster.pid").write_text("\n".join([str(os.getppid()), *record.split("\n")[1:]]))
    async with postgres(tmp_path / "data", durable=False) as dsn:
        assert await fetch(dsn, "select 1") == 1


async def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServerFailed, match=f"port {port} of 127.0.0.1 cannot be had"):
            async with postgres(tmp_path / "data", port=port, durable=False):
                pass


async def test_a_directory_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "letter.txt").write_text("dear")
    with pytest.raises(ServerFailed, match="neither empty nor a PostgreSQL directory"):
        async with postgres(tmp_path / "data", durable=False):
            pass
    assert (tmp_path / "data" / "letter.txt").read_text() == "dear"


async def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    async with postgres(tmp_path / "data", durable=False):
        pass
    (tmp_path / "data" / "postgresql.conf").write_text("work_mem = plenty\n")
    with pytest.raises(ServerFailed, match="work_mem"):
        async with postgres(tmp_path / "data", durable=False):
            pass
