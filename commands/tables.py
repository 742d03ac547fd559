"""The tables and who may use them: what the owner of the database does, and nobody else can."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from typing import Annotated, Any, TypeVar

import asyncpg
import typer

import settings
from adapters.postgres.migrate import MigrationFailed
from adapters.postgres.roles import ROLES, LoginRefused, login
from commands.desk import fail
from engine.crew import migrated

app = typer.Typer()
T = TypeVar("T")


@app.command()
def migrate() -> None:
    """Bring the tables up to date, as their owner: setting `database_owner_url`."""
    _as_owner(migrated(_owner_url()))
    print("the tables are up to date")


@app.command("database-login")
def database_login(
    user: Annotated[str, typer.Argument(help="The login's name.")],
    role: Annotated[str, typer.Option(help=f"What it may: {', '.join(ROLES)}.")],
) -> None:
    """Make a login for a program, or change its password: the first line of standard input, else one is drawn."""
    if role not in ROLES:
        fail(f"--role {role!r}: expected one of {', '.join(ROLES)}. Nothing was changed.", 2)
    given = "" if sys.stdin.isatty() else sys.stdin.readline().strip()
    url = _as_owner(login(_owner_url(), user, role, given or None))
    print(f"{user} may connect as {role}" if given else url)


def _owner_url() -> str:
    try:
        said = settings.load()
    except settings.InvalidSettings as error:
        fail(str(error), 2)
    url = said.database_owner_url or said.database_url
    if not url:
        fail("no database is configured; set PERENNIAL_DATABASE_OWNER_URL. Nothing was changed.", 2)
    return url


def _as_owner(doing: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(doing)
    except (MigrationFailed, LoginRefused) as error:
        fail(str(error), 1)
    except (OSError, asyncpg.PostgresError) as error:
        fail(f"the database cannot be reached, or refuses: {error}. Nothing was changed.", 1)
