"""Machines: worker processes and the doors, each on lines of its own, each started again whenever it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from embedded.child import Child, appended, child
from proof.faults.line import Line, Watch
from settings import Settings, flattened

ROOT = Path(__file__).parents[2]
AGAIN_SECONDS = 0.5  # until somebody starts what has ended
SAID_BYTES = 65_536
READY_SECONDS = 90  # a loaded machine starts a worker in ten
STICKY_SECONDS = "5"  # workers are killed here all the time: what lay on their queues is soon another's


@dataclass(slots=True)
class Machine:
    """One process, kept running. `skew_seconds`: what its clock is off by."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path
    lines: dict[str, Line] = field(default_factory=dict)
    skew_seconds: float = 0.0
    starts: int = 0
    _child: Child | None = None
    _leaving: bool = False

    def kill(self) -> bool:
        """End it as a power cut would: SIGKILL. False where it is not running at the moment."""
        running = self._child
        if running is None or running.process.returncode is not None:
            return False
        os.kill(running.pid, signal.SIGKILL)
        return True

    def restart(self, skew_seconds: float) -> None:
        """Kill it; it comes back with another error of its clock."""
        self.skew_seconds = skew_seconds
        self.kill()

    async def ready(self, said: str) -> None:
        """Wait until it has said that it serves. Raises TimeoutError."""
        async with asyncio.timeout(READY_SECONDS):
            while said.encode() not in self._said():  # noqa: ASYNC110  # another process says it
                await asyncio.sleep(0.05)

    def _said(self) -> bytes:
        """The beginning of what it has said since it was started last."""
        running = self._child
        if running is None or running.process.returncode is not None:
            return b""
        return os.pread(running.log.fileno(), SAID_BYTES, running.log_start)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep it running while the block runs."""
        keeping = asyncio.create_task(self._keep())
        try:
            yield
        finally:
            self._leaving = True
            if self._child is not None and self._child.process.returncode is None:
                self._child.process.kill()
            await keeping

    async def _keep(self) -> None:
        with closing(appended(self.log)) as log:
            while not self._leaving:
                self.starts += 1
                async with child(
                    self.name,
                    self._command(),
                    log=log,
                    environment=self.environment,
                    ask_to_stop=signal.SIGINT,
                    at_death=signal.SIGKILL,
                ) as running:
                    self._child = running
                    await running.process.wait()
                if not self._leaving:
                    await asyncio.sleep(AGAIN_SECONDS)

    def _command(self) -> list[str | Path]:
        if not self.skew_seconds:
            return [sys.executable, *self.command]
        which = "worker" if self.command[-1].endswith("worker.py") else "api"
        return [sys.executable, "-m", "proof.faults.skewed", str(self.skew_seconds), which]


@asynccontextmanager
async def worker(
    name: str, said: Settings, temporal: str, folder: Path, watch: Watch, *, skew_seconds: float
) -> AsyncIterator[Machine]:
    """A worker that reaches database and gateways over lines of its own."""
    async with AsyncExitStack() as stack:
        lines = {
            "database": Line(_port(said.database_url), watch),
            "stripe": Line(_port(said.stripe.api_url)),
            "paypal": Line(_port(said.paypal.api_url)),
        }
        ports = {party: await stack.enter_async_context(line.serving()) for party, line in lines.items()}
        said = replace(
            said,
            database_url=_through(said.database_url, ports["database"]),
            stripe=replace(said.stripe, api_url=_through(said.stripe.api_url, ports["stripe"])),
            paypal=replace(said.paypal, api_url=_through(said.paypal.api_url, ports["paypal"])),
        )
        log, environment = folder / f"{name}.log", _environment(said, temporal, folder)
        machine = Machine(name, (str(ROOT / "worker.py"),), environment, log)
        machine.lines, machine.skew_seconds = lines, skew_seconds
        await stack.enter_async_context(machine.running())
        yield machine


@asynccontextmanager
async def doors(said: Settings, temporal: str, folder: Path) -> AsyncIterator[Machine]:
    """`python -m api`, on the port of the settings."""
    machine = Machine("doors", ("-m", "api"), _environment(said, temporal, folder), folder / "doors.log")
    async with machine.running():
        yield machine


def _environment(said: Settings, temporal: str, folder: Path) -> dict[str, str]:
    """A bare one: nothing of this process's, and no settings file but an empty one."""
    empty = folder / "empty.toml"
    empty.touch()
    settings = {f"PERENNIAL_{name.upper()}": str(value) for name, value in flattened(said).items() if value != ""}
    return {
        **settings,
        "PERENNIAL_SETTINGS": str(empty),
        "PERENNIAL_DATA": str(folder / "data"),
        "PERENNIAL_STICKY_SECONDS": STICKY_SECONDS,
        "TEMPORAL_ADDRESS": temporal,
        "PYTHONPATH": str(ROOT),
        "PATH": os.defpath,
        "HOME": str(folder),
    }


def _port(url: str) -> int:
    port = urlsplit(url).port
    if port is None:
        raise ValueError("a URL without a port leads to no stand-in")
    return port


def _through(url: str, port: int) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.replace(f":{parts.port}", f":{port}")))
