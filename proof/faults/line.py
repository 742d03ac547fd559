"""A line between one machine and a party: it knows whose it is, and can break at the worst moment."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

from proof.faults.pgwire import Commit, Conversation

READ_BYTES = 65_536
When = Literal["before", "after"]


@dataclass(frozen=True, slots=True)
class Break:
    """A break of the line at a commit: before it is passed on, or after the database has answered and before its
    answer is. `strikes` is called at that moment."""

    when: When
    strikes: Callable[[], None]


Watch = Callable[[Commit], Break | None]
"""Says for each commit whether the line breaks at it."""


@dataclass(slots=True)
class Line:
    """The way from one machine to a port of 127.0.0.1. `watch`: a line to PostgreSQL, of which commits are watched."""

    port: int
    watch: Watch | None = None
    known: set[int] = field(default_factory=set)
    """The ports from which this line has reached the party: by these a party knows whose request it has."""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[int]:
        """Give the port that leads through, while the block runs."""
        server = await asyncio.start_server(self._pass, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            await server.wait_closed()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            theirs, ours = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            writer.transport.abort()
            return
        mine: int = ours.get_extra_info("sockname")[1]
        self.known.add(mine)
        call = _Call(Conversation() if self.watch else None, self.watch)
        try:
            await asyncio.gather(_copy(reader, ours, call.asked), _copy(theirs, writer, call.answered))
        finally:
            self.known.discard(mine)
            for each in (writer, ours):
                each.transport.abort()


@dataclass(slots=True)
class _Call:
    """One connection. Both ways say whether what was read may be passed on."""

    conversation: Conversation | None
    watch: Watch | None
    ending: Break | None = None

    def asked(self, data: bytes) -> bool:
        if self.conversation is None or self.watch is None:
            return True
        for commit in self.conversation.hear(data):
            broken = self.watch(commit)
            if broken is not None and broken.when == "before":
                broken.strikes()
                return False
            self.ending = broken or self.ending
        return True

    def answered(self, _: bytes) -> bool:
        if self.ending is None:
            return True
        self.ending.strikes()
        return False


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, passes: Callable[[bytes], bool]) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(READ_BYTES):
            if not passes(data):
                break
            writer.write(data)
            await writer.drain()
    writer.transport.abort()
