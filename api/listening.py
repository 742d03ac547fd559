"""Serve the doors on a port, beside whatever else the process does."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import uvicorn
from starlette.applications import Starlette

STOP_SECONDS = 5  # what is under way may finish; a party sends again what does not


class _Server(uvicorn.Server):
    """Signals belong to the program: it may have more to stop than this."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def kept(host: str, port: int) -> socket.socket:
    """A port kept for `listening`: who comes before it serves, waits. 0: a free one. Raises OSError where taken."""
    return socket.create_server((host, port), reuse_port=False)


@contextlib.asynccontextmanager
async def listening(app: Starlette, door: socket.socket) -> AsyncIterator[str]:
    """Serve on a kept port while the block runs, and close it then; gives the base URL without a slash at its end.

    Access is not logged: paths and headers are other people's.
    """
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=STOP_SECONDS,
        server_header=False,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[door]))
    try:
        host, port = door.getsockname()[:2]
        yield f"http://{host}:{port}"
    finally:
        server.should_exit = True
        await serving
        door.close()
