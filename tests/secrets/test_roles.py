"""What PostgreSQL itself refuses to the logins of programs, whatever those programs are made to say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest

from adapters.postgres.books import Books
from adapters.postgres.migrate import BOOKS, MigrationFailed, migrate
from adapters.postgres.pool import Pool, connected
from adapters.postgres.roles import ROLES, LoginRefused, Role, login
from adapters.simulated.world import PARTIES
from embedded.postgres import create_database
from tests.postgres.lives import HOSTING, played
from tests.secrets.privileges import ALL, EXPECTED

DENIED = asyncpg.InsufficientPrivilegeError
KEPT = ("ledger_entry", "posting", "payment", "timeline", "message", "batch", "dead_letter_decision")


@pytest.fixture
async def logins(database: str) -> dict[Role, str]:
    """A login of each role in the test's own database."""
    name = uuid4().hex[:8]
    return {role: await login(database, f"test_{role}_{name}", role) for role in ROLES}


@asynccontextmanager
async def as_(url: str) -> AsyncIterator[Pool]:
    async with connected(url, size=2) as pool:
        yield pool


@pytest.fixture
async def written(books: Books) -> Books:
    """Books with a past: a whole life in them."""
    for batch in played(HOSTING).batches:
        await books.write(batch)
    return books


async def columns(pool: Pool) -> dict[str, set[str]]:
    rows = await pool.fetch(
        "select relname, attname from pg_attribute join pg_class on pg_class.oid = attrelid"
        " where relnamespace = 'public'::regnamespace and relkind in ('r', 'v', 'm', 'p', 'f')"
        " and attnum > 0 and not attisdropped"
    )
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row["relname"], set()).add(row["attname"])
    return found


@pytest.mark.parametrize("role", EXPECTED)
async def test_a_role_has_the_rights_that_are_written_down_and_no_others(pool: Pool, role: str) -> None:
    expected, found = EXPECTED[role], await columns(pool)
    assert set(expected) == set(found), "a table without a row in tests/secrets/privileges.py, or a row without a table"
    for table, names in found.items():
        may = expected[table]
        for right, said in (("select", may.select), ("insert", may.insert), ("update", may.update)):
            rows = await pool.fetch(
                "select attname from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped"
                " and has_column_privilege($2, attrelid, attnum, $3)",
                table,
                role,
                right,
            )
            given = {row["attname"] for row in rows}
            assert given == (names if said == ALL else set(said.split())), f"{role}: {right} on {table}"
            whole = await pool.fetchval("select has_table_privilege($1, $2::regclass, $3)", role, table, right)
            assert whole == (said == ALL), f"{role}: {right} on all of {table}, later columns included"
        for right in ("delete", "truncate", "references", "trigger", "maintain"):
            held = await pool.fetchval("select has_table_privilege($1, $2::regclass, $3)", role, table, right)
            assert not held, f"{role}: {right} on {table}"


@pytest.mark.parametrize("role", EXPECTED)
async def test_a_role_makes_nothing_and_owns_nothing(pool: Pool, role: str) -> None:
    row = await pool.fetchrow("select * from pg_roles where rolname = $1", role)
    assert row is not None
    mighty = ("rolsuper", "rolcreaterole", "rolcreatedb", "rolcanlogin", "rolreplication", "rolbypassrls")
    assert {name: row[name] for name in mighty} == dict.fromkeys(mighty, False)
    assert not await pool.fetchval("select has_schema_privilege($1, 'public', 'create')", role)
    assert await pool.fetchval("select count(*) from pg_class where relowner = $1::regrole", role) == 0
    assert not any(may.insert or may.update for may in EXPECTED["perennial_reader"].values())


ATTACKS = (
    "update {table} set {column} = {column}",
    "delete from {table}",
    "truncate {table} cascade",
    "alter table {table} disable trigger all",
    "alter table {table} disable trigger append_only",
    "alter table {table} add column x int",
    "alter table {table} owner to current_user",
    "drop trigger append_only on {table}",
    "drop table {table} cascade",
    "create rule quietly as on insert to {table} do instead nothing",
    "create trigger mine before insert on {table} execute function refuse_change()",
)


@pytest.mark.parametrize("role", ["worker", "support"])
async def test_the_past_cannot_be_altered(written: Books, pool: Pool, logins: dict[Role, str], role: Role) -> None:
    named = await columns(pool)
    async with as_(logins[role]) as theirs:
        for table in KEPT:
            content = f"select md5(coalesce(string_agg(t::text, '|' order by t::text), '')) from {table} t"
            before = await pool.fetchval(content)
            for attack in ATTACKS:
                with pytest.raises(DENIED):
                    await theirs.execute(attack.format(table=table, column=f'"{min(named[table])}"'))
            assert await pool.fetchval(content) == before, table


@pytest.mark.parametrize(
    "attack",
    [
        "set session_replication_role = replica",
        "select set_config('session_replication_role', 'replica', false)",
        "create table mine (i int)",
        "create or replace function refuse_change() returns trigger language plpgsql as $$ begin return null; end $$",
        "create or replace function entry_must_balance() returns trigger language plpgsql"
        " as $$ begin return null; end $$",
        "create or replace view allocation as select 1 as one",
        "alter function refuse_change() owner to current_user",
        "set role perennial_owner_of_nothing_like_this",
        "set session authorization postgres",
        "alter role current_user superuser",
        "create role mine superuser",
        "copy ledger_entry from program 'true'",
        "copy posting to '/tmp/postings'",
        "insert into schema_migration (name, sha256) values ('0000_mine.sql', '')",
        "insert into customer (id, client_number, name, name_key, email, locale) values ('x', '', '', '', '', 'en')",
        "insert into dead_letter_decision (key, decision, by, reason) values ('x', 'discard', 'x', 'x')",
        "insert into simulated_gateway_rule (subscription_id, role, first_on, outcome)"
        " values ('x', 'primary', now(), 'approved')",
    ],
)
async def test_the_worker_cannot_step_out_of_its_role(logins: dict[Role, str], attack: str) -> None:
    async with as_(logins["worker"]) as theirs:
        with pytest.raises((DENIED, asyncpg.InvalidParameterValueError, asyncpg.UndefinedObjectError)):
            await theirs.execute(attack)


@pytest.mark.parametrize(
    "attack",
    [
        "insert into ledger_entry (key, subscription_id, at, what, by, because, recorded_at)"
        " values ('forged', 's-1', now(), 'w', 'b', 'c', '2026-01-01')",
        "insert into ledger_entry (key, subscription_id, at, what, by, because, seq) overriding system value"
        " values ('forged', 's-1', now(), 'w', 'b', 'c', 1)",
        "insert into payment (subscription_id, reference, minor, channel, at, recorded_at)"
        " values ('s-1', 'forged', 1, 'card', now(), '2026-01-01')",
        "insert into timeline (subscription_id, number, at, what, fields, by, because, recorded_at)"
        " values ('s-1', 9999, now(), 'w', '{}', 'b', 'c', '2026-01-01')",
        "insert into batch (key, subscription_id, digest, recorded_at) values ('forged', 's-1', 'd', '2026-01-01')",
    ],
)
async def test_nothing_is_written_into_the_past(written: Books, logins: dict[Role, str], attack: str) -> None:
    async with as_(logins["worker"]) as theirs:
        with pytest.raises(DENIED):
            await theirs.execute(attack)


async def test_an_entry_of_the_past_gets_no_postings_though_they_balance(
    written: Books, pool: Pool, logins: dict[Role, str]
) -> None:
    entry = await pool.fetchval("select entry_key from posting order by entry_key limit 1")
    more = "insert into posting (entry_key, line, account, minor, currency) values ($1, $2, $3, $4, 'EUR')"

    async def both(theirs: Pool) -> None:
        async with theirs.acquire() as connection, connection.transaction():
            await connection.execute(more, entry, 98, "cash:card", -100)
            await connection.execute(more, entry, 99, "cash:bank_transfer", 100)

    for url in (logins["worker"], logins["support"]):
        async with as_(url) as theirs:
            with pytest.raises(asyncpg.RestrictViolationError, match="was written before"):
                await both(theirs)
    assert await pool.fetchval("select count(*) from posting where line >= 98") == 0


async def test_the_worker_writes_a_whole_life_and_support_reads_it(
    database: str, pool: Pool, logins: dict[Role, str]
) -> None:
    """What else it does is proved by every test that plays on a stage, where it has this role."""
    life = played(HOSTING)
    async with as_(logins["worker"]) as theirs:
        for batch in life.batches:
            assert await Books(theirs).write(batch)
        assert await Books(theirs).audit() == []
    async with as_(logins["support"]) as theirs:
        assert len(await Books(theirs).timeline("s-1")) > 5
        assert await Books(theirs).audit() == []


async def test_a_reader_sees_money_and_no_person(written: Books, logins: dict[Role, str]) -> None:
    async with as_(logins["reader"]) as theirs:
        assert await theirs.fetchval("select count(*) from ledger_entry") > 0
        assert await theirs.fetchval("select count(minor) from unapplied") >= 0
        for hidden in ("select * from customer", "select name from unapplied", "select method from payment_method"):
            with pytest.raises(DENIED):
                await theirs.fetch(hidden)


async def test_a_worker_whose_tables_are_up_to_date_needs_no_owner(database: str, logins: dict[Role, str]) -> None:
    assert await migrate(logins["worker"], (BOOKS, PARTIES)) == []


async def test_a_worker_whose_tables_are_not_says_who_must_bring_them_up_to_date(database_server: str) -> None:
    empty = await create_database(database_server, f"behind_{uuid4().hex[:8]}")
    theirs = await login(empty, f"behind_{uuid4().hex[:8]}", "worker")
    with pytest.raises(MigrationFailed, match=r"may not.*PERENNIAL_DATABASE_OWNER_URL"):
        await migrate(theirs, (BOOKS, PARTIES))


async def test_databases_of_one_server_share_the_roles_and_may_be_made_at_once(database_server: str) -> None:
    urls = [await create_database(database_server, f"twin_{uuid4().hex[:8]}") for _ in range(3)]
    done = await asyncio.gather(*(migrate(url, (BOOKS, PARTIES)) for url in urls))
    assert all("0008_roles.sql" in files for files in done)


async def test_a_login_is_made_once_and_its_password_can_be_changed(database: str) -> None:
    user = f"once_{uuid4().hex[:8]}"
    first = await login(database, user, "reader", "the first long password")
    second = await login(database, user, "reader", "another long password")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(first)
    connection = await asyncpg.connect(second)
    await connection.close()
    assert urlsplit(second).username == user


async def test_a_login_that_a_role_could_not_bind_is_refused(database: str) -> None:
    user = f"two_{uuid4().hex[:8]}"
    await login(database, user, "worker")
    for name, why in (("postgres", "is a superuser"), (user, "is in another role"), ("Bad;", "cannot name a login")):
        with pytest.raises(LoginRefused, match=why):
            await login(database, name, "support")
    with pytest.raises(LoginRefused, match="fewer than 16 characters; it is not shown"):
        await login(database, "fine", "support", "short")
