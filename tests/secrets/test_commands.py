"""What the owner and whoever keeps the keys type, in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest

from embedded.postgres import create_database
from engine.encryption import keys_of
from settings import Encryption
from tests.secrets.houses import NEW, OLD, House, keys
from tests.workflows.lives import begun

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
BOUND_SECONDS = 120


def cli(*words: str, said: dict[str, str], given: str = "") -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "cli.py", *words],
        cwd=ROOT,
        env={"PATH": os.defpath, "PERENNIAL_DATA": "/nowhere", "COLUMNS": "200", **said},
        input=given,
        capture_output=True,
        text=True,
        timeout=BOUND_SECONDS,
    )
    return done.returncode, done.stdout + done.stderr


async def test_the_owner_makes_tables_and_logins_and_a_login_makes_none(database_server: str) -> None:
    owner = {"PERENNIAL_DATABASE_OWNER_URL": await create_database(database_server, f"owned_{uuid4().hex[:8]}")}
    user, password = f"serving_{uuid4().hex[:8]}", "a long enough password"
    assert cli("migrate", said=owner) == (0, "the tables are up to date\n")
    made = cli("database-login", user, "--role", "reader", said=owner, given=password + "\n")
    assert made == (0, f"{user} may connect as reader\n")
    theirs = urlunsplit(
        (there := urlsplit(owner["PERENNIAL_DATABASE_OWNER_URL"]))._replace(
            netloc=f"{user}:{quote(password)}@{there.netloc.rpartition('@')[2]}"
        )
    )
    connection = await asyncpg.connect(theirs)
    try:
        assert await connection.fetchval("select count(*) from ledger_entry") == 0
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("create table mine (i int)")
    finally:
        await connection.close()
    status, refused = cli("database-login", "other", "--role", "worker", said={"PERENNIAL_DATABASE_URL": theirs})
    assert (status, "Nothing was changed" in refused) == (1, True)


@pytest.mark.exhaustive
async def test_support_sees_which_keys_are_needed(house: House) -> None:
    async with house.at_work(keys(NEW)) as stage:
        life = await begun(stage, "hosting", f"counted-{uuid4().hex[:8]}")
        await life.until("2026-01-20T12:00")
    said = {
        "PERENNIAL_DATABASE_URL": house.owner_url,
        "TEMPORAL_ADDRESS": house.address,
        "PERENNIAL_ENCRYPTION_KEYS": f"{OLD},{NEW}",
    }
    status, told = cli("encryption-keys", said=said)
    assert status == 0, told
    lines = {line.split()[0]: line for line in told.splitlines()}
    assert "encrypts" in lines["old"]
    assert "decrypts" in lines["new"]
    assert int(lines["new"].split()[-2]) >= 1
    status, told = cli("encryption-keys", said=said | {"PERENNIAL_ENCRYPTION_KEYS": OLD})
    assert "MISSING here" in told, "and it reads what it cannot decrypt"


@pytest.mark.exhaustive
def test_a_drawn_key_is_one_that_the_settings_take() -> None:
    status, said = cli("new-encryption-key", "2026-11", said={})
    assert status == 0
    assert [key.name for key in keys_of(Encryption(keys=said.strip()))] == ["2026-11"]
    assert cli("new-encryption-key", "Not A Name", said={})[0] == 2
