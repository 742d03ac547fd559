"""The folder of bank statements, watched beside whatever else a process does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from engine.bank_folder import Import, watch_folder

POLL_SECONDS = 10.0  # banks write statements a few times a day


@asynccontextmanager
async def watching(folder: Path, take_in: Import, poll_seconds: float = POLL_SECONDS) -> AsyncIterator[None]:
    """Import what comes into a folder while the block runs; a file begun is finished."""
    stop = asyncio.Event()
    watch = asyncio.create_task(watch_folder(folder, take_in, stop=stop, poll_seconds=poll_seconds))
    try:
        yield
    finally:
        stop.set()
        await watch
