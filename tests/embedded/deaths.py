"""Watching other processes end, without sleeping and without polling by name."""

import asyncio
import contextlib
import os
import select
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
BOUND_SECONDS = 30  # for a server on a loaded machine; a test that meets it has failed


@dataclass(frozen=True, slots=True)
class Owner:
    """A process that owns a server: its id, the server's, and the address where the server answers."""

    pid: int
    server_pid: int
    address: str

    def kill(self) -> None:
        """End the owner with no chance to clean up."""
        os.kill(self.pid, signal.SIGKILL)


@contextlib.asynccontextmanager
async def owner(server: str, directory: Path, *, under: Sequence[str] = ()) -> AsyncIterator[Owner]:
    """A process that owns a server in `directory`; `under` are words to put before its command."""
    script = Path(__file__).with_name("owner.py")
    process = await asyncio.create_subprocess_exec(
        *(*under, sys.executable, str(script), server, str(directory)),
        stdout=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": str(ROOT), "PATH": os.defpath},
    )
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), BOUND_SECONDS)
    pid, server_pid, address = line.decode().split()
    owned = Owner(int(pid), int(server_pid), address)
    try:
        yield owned
    finally:
        with contextlib.suppress(ProcessLookupError):
            owned.kill()
        await process.wait()


class Watch:
    """Holds on to a process by descriptor, so that a number given anew is never taken for it."""

    def __init__(self, pid: int) -> None:
        self.descriptor = os.pidfd_open(pid)

    def ended(self) -> bool:
        """Whether it ends within the bound."""
        readable, _, _ = select.select([self.descriptor], [], [], BOUND_SECONDS)
        os.close(self.descriptor)
        return bool(readable)
