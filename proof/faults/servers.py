"""PostgreSQL and Temporal, each on files and a port of its own, so that it can be ended and started again."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import asyncpg

from embedded.child import ServerFailed, usable_port
from embedded.postgres import postgres
from embedded.temporal import temporal
from workflows.attributes import REGISTERED

DISK_BYTES = 400 * 2**20  # of the small file system: an empty database has 40 MB, its log up to 80
STARTS = 20  # a server that was killed leaves shared memory for a moment, in which no other one may start
AGAIN_SECONDS = 0.5
FILL_BYTES = 2**20
How = Literal["asked to stop", "killed"]


@dataclass(slots=True)
class Database:
    """PostgreSQL. `folder` may be a file system of its own, which can be filled."""

    folder: Path
    small: bool
    """Whether it is a file system of DISK_BYTES."""
    port: int = field(default_factory=lambda: usable_port(None))
    dsn: str = ""
    _running: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def start(self) -> None:
        """Start it, on the files that are there. Raises ServerFailed."""
        for attempt in range(1, STARTS + 1):
            stack = AsyncExitStack()
            try:
                self.dsn = await stack.enter_async_context(postgres(self.folder / "books", port=self.port))
            except ServerFailed:
                await stack.aclose()
                if attempt == STARTS:
                    raise
                await asyncio.sleep(AGAIN_SECONDS)
            else:
                self._running = stack
                return

    async def restart(self, how: How, away_seconds: float) -> None:
        """End it, and start it again after a while."""
        if how == "killed":
            record = (self.folder / "books" / "postmaster.pid").read_text()
            os.kill(int(record.split("\n", 1)[0]), signal.SIGKILL)
        await self._running.aclose()
        await asyncio.sleep(away_seconds)
        await self.start()

    async def stop(self) -> None:
        await self._running.aclose()

    @asynccontextmanager
    async def read_only(self) -> AsyncIterator[None]:
        """Every transaction that begins while the block runs may only read: SQLSTATE 25006."""
        await self._say("alter system set default_transaction_read_only = on", "select pg_reload_conf()")
        try:
            yield
        finally:
            await self._say("alter system reset default_transaction_read_only", "select pg_reload_conf()")

    @asynccontextmanager
    async def full(self) -> AsyncIterator[None]:
        """Its file system has not one byte left while the block runs. Where it did not live through that, it is
        started again."""
        ballast = self.folder / "ballast"
        with closing(ballast.open("wb", buffering=0)) as file:
            try:
                while True:
                    file.write(bytes(FILL_BYTES))
            except OSError:
                pass  # that is the point
        try:
            yield
        finally:
            ballast.unlink()
            try:
                await self._say("select 1")
            except (OSError, asyncpg.PostgresError, TimeoutError):
                await self._running.aclose()
                await self.start()

    async def _say(self, *statements: str) -> None:
        connection = await asyncpg.connect(
            self.dsn, timeout=10, server_settings={"default_transaction_read_only": "off"}
        )
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()


@dataclass(slots=True)
class Engine:
    """Temporal's server, on a file."""

    folder: Path
    port: int = field(default_factory=lambda: usable_port(None))
    pid: int = 0
    _running: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start it, on the file that is there. Raises ServerFailed."""
        for attempt in range(1, STARTS + 1):
            stack = AsyncExitStack()
            try:
                server = await stack.enter_async_context(
                    temporal(self.folder / "temporal", port=self.port, search_attributes=REGISTERED)
                )
            except ServerFailed:
                await stack.aclose()
                if attempt == STARTS:
                    raise
                await asyncio.sleep(AGAIN_SECONDS)
            else:
                self._running, self.pid = stack, server.pid
                return

    async def restart(self, how: How, away_seconds: float) -> None:
        """End it, and start it again after a while."""
        if how == "killed":
            os.kill(self.pid, signal.SIGKILL)
        await self._running.aclose()
        await asyncio.sleep(away_seconds)
        await self.start()

    async def stop(self) -> None:
        await self._running.aclose()


@contextmanager
def small_disk(folder: Path) -> Iterator[str]:
    """Make the folder a file system of DISK_BYTES while the block runs. Gives why not, or an empty text.

    It takes the right to mount, which root has outside of most containers. Its content is gone with the block.
    """
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=0755", "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
        refused = done.stderr.strip() if done.returncode else ""
    except OSError as error:
        refused = str(error)
    if refused:
        yield refused
        return
    try:
        yield ""
    finally:
        subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=False, timeout=10)
