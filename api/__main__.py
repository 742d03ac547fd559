"""Listen to the outside parties: python -m api. Webhooks, uploads, and the folder of bank statements.

Exit status: 0 stopped, 1 could not serve, 2 the settings are invalid.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import settings
from adapters.postgres.books import Books
from api.listening import listening
from engine.connect import Unreachable
from engine.doors import doors
from engine.here import desk
from engine.outside import events_of
from engine.statements import watching
from policies.load import InvalidPolicy


async def serve(said: settings.Settings) -> None:
    """Serve until SIGINT or SIGTERM. Raises Unreachable, InvalidSettings, OSError before anything is served."""
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    async with AsyncExitStack() as stack:
        at = await stack.enter_async_context(desk(said))
        books = Books(at.pool, events_of(at.settings))
        opened = await stack.enter_async_context(doors(at.settings, at.client, at.pool, books))
        url = await stack.enter_async_context(listening(opened.web, said.listen.host, said.listen.port))
        print(f"listening at {url} for {', '.join(opened.inbound.sources) or 'nobody: no webhook secret is set'}")
        if at.settings.folder.bank and not at.local:
            await stack.enter_async_context(watching(Path(at.settings.folder.bank), opened.bank.take_in))
            print("taking in bank statements from the folder of setting folder_bank", flush=True)
        await stop.wait()


def main() -> int:
    """Gives the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # below that it logs URLs, which name other people's things
    try:
        asyncio.run(serve(settings.load()))
    except (settings.InvalidSettings, InvalidPolicy) as error:
        print(error, file=sys.stderr)
        return 2
    except (Unreachable, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # without the interpreter's own teardown, as in worker.py
