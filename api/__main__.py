"""Listen to the outside parties: python -m api. Webhooks, uploads, and the folder of bank statements.

Exit status: 0 stopped, 1 could not serve, 2 the settings are invalid.
"""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack
from pathlib import Path

from adapters.postgres.books import Books
from api.listening import kept, listening
from engine.doors import doors
from engine.here import desk
from engine.outside import events_of
from engine.program import serve, told_to_stop
from engine.statements import watching
from settings import Settings


async def listen(said: Settings) -> None:
    """Serve until SIGINT or SIGTERM. Raises Unreachable, InvalidSettings, OSError before anything is served."""
    stop = told_to_stop()
    async with AsyncExitStack() as stack:
        at = await stack.enter_async_context(desk(said))
        books = Books(at.pool, events_of(at.settings))
        opened = await stack.enter_async_context(doors(at.settings, at.client, at.pool, books))
        url = await stack.enter_async_context(listening(opened.web, kept(said.listen.host, said.listen.port)))
        whom = ", ".join(opened.inbound.sources) or "nobody: no webhook secret is set"
        print(f"listening at {url} for {whom}", flush=True)
        if at.settings.folder.bank and not at.local:
            await stack.enter_async_context(watching(Path(at.settings.folder.bank), opened.bank.take_in))
            print("taking in bank statements from the folder of setting folder_bank", flush=True)
        await stop.wait()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # below that it logs URLs, which name other people's things
    serve(listen)
