"""Workers as processes of their own, as they run in production: started, waited for, stopped or killed."""

from __future__ import annotations

import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

from bench.ground import Ground
from bench.processor import Tree
from embedded.child import Child, appended, child

ROOT = Path(__file__).resolve().parent.parent
SERVING = "serving task queue"  # what a worker says once it takes work


@dataclass(frozen=True, slots=True)
class Worker:
    """One process that serves."""

    process: Child
    tree: Tree

    def kill(self) -> None:
        """SIGKILL: it finishes nothing and says nothing."""
        self.process.process.kill()


@asynccontextmanager
async def perennial(ground: Ground, settings: Mapping[str, str] | None = None) -> AsyncIterator[Worker]:
    """`worker.py` with its defaults, but for `settings` (PERENNIAL_...), while the block runs."""
    environment = {
        "PERENNIAL_DATABASE_URL": ground.worker_dsn,
        "PERENNIAL_DATABASE_OWNER_URL": ground.dsn,
        "PERENNIAL_RECONCILE": "off",
        **(settings or {}),
    }
    async with program(ground, [sys.executable, str(ROOT / "worker.py")], environment) as worker:
        yield worker


@asynccontextmanager
async def program(
    ground: Ground, command: Sequence[str], environment: Mapping[str, str], *, says: str = SERVING
) -> AsyncIterator[Worker]:
    """Any program that says `says` once it serves. Raises ServerFailed where it ends before that."""
    nothing_else = ground.folder / "none.toml"
    nothing_else.touch()
    common = {
        "TEMPORAL_ADDRESS": ground.address,
        "TEMPORAL_NAMESPACE": ground.client.namespace,
        "PERENNIAL_SETTINGS": str(nothing_else),
        "PYTHONPATH": str(ROOT),
        "PATH": "/usr/bin:/bin",
    }
    with closing(appended(ground.folder / "worker.log")) as log:
        async with child(
            Path(command[-1]).name,
            command,
            log=log,
            environment=common | dict(environment),
            ask_to_stop=signal.SIGTERM,
            at_death=signal.SIGKILL,
        ) as process:
            await process.answer(lambda: _serves(process, says), (ConnectionRefusedError,))
            yield Worker(process, Tree(process.pid))


async def _serves(process: Child, says: str) -> None:
    if says not in process.said():
        raise ConnectionRefusedError(process.name)
