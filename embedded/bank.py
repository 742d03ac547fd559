"""A bank on this machine: mock-bank out of its wheel, which books transfers and writes camt files, on a leash.

For development only. It keeps its accounts in a file, so that no reference of its is ever given twice.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

from embedded.child import PORT_TRIES, ServerFailed, appended, child, usable_port

ENVIRONMENT = {"PATH": os.defpath, "LANG": "C.UTF-8"}


@asynccontextmanager
async def bank(directory: Path, statements: Path) -> AsyncIterator[str]:
    """Run the bank while the block runs; gives its base URL. It writes its messages into the folder `statements`.

    Raises ServerFailed where it does not start.
    """
    directory.mkdir(parents=True, exist_ok=True)
    statements.mkdir(parents=True, exist_ok=True)
    binary = Path(sys.executable).with_name("mock-bank")
    with closing(appended(directory / "bank.log")) as log:
        for _ in range(PORT_TRIES):
            port = usable_port(None)
            command: list[str | Path] = [binary, "--port", str(port), "--db", directory / "bank.sqlite"]
            command += ["--pickup-dir", statements, "--timezone", "Europe/Berlin", "-q"]
            async with child(
                f"mock-bank on {directory}",
                command,
                log=log,
                environment=ENVIRONMENT,
                ask_to_stop=signal.SIGTERM,
                at_death=signal.SIGKILL,
            ) as server:

                async def knock(port: int = port) -> None:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()

                try:
                    await server.answer(knock, (OSError,))
                except ServerFailed:
                    if server.lost_its_port():
                        continue
                    raise
                yield f"http://127.0.0.1:{port}"
                return
    raise ServerFailed(f"mock-bank lost {PORT_TRIES} ports of 127.0.0.1 in a row to other processes")
