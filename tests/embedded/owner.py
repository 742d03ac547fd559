"""A process that owns an embedded server, for the tests that kill it: `python owner.py postgres|temporal DIRECTORY`.

It prints one line, its own process id, the server's and the address for a client, and then waits to be killed.
"""

import asyncio
import os
import sys
from pathlib import Path

import asyncpg

from embedded.postgres import postgres
from embedded.temporal import temporal


async def own(server: str, directory: Path) -> None:
    if server == "postgres":
        async with postgres(directory, durable=False) as dsn:
            connection = await asyncpg.connect(dsn)
            await connection.execute("create table kept(word text); insert into kept values ('kept')")
            await connection.close()
            print(os.getpid(), (directory / "postmaster.pid").read_text().split("\n", 1)[0], dsn, flush=True)
            await asyncio.Event().wait()
    else:
        async with temporal(directory) as running:
            print(os.getpid(), running.pid, running.address, flush=True)
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(own(sys.argv[1], Path(sys.argv[2])))
