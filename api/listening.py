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


@contextlib.asynccontextmanager
async def listening(app: Starlette, host: str, port: int, bound: socket.socket | None = None) -> AsyncIterator[str]:
    """Serve while the block runs; gives the base URL without a slash at its end. Port 0: a free one.

    `bound` is a socket that has been kept for this already; it is closed with the block.
    Raises OSError where the port is taken. Access is not logged: paths and headers are other people's.
    """
    if bound is None:
        bound = socket.create_server((host, port), reuse_port=False)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=STOP_SECONDS,
        server_header=False,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        yield f"http://{host}:{bound.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving
        bound.close()
