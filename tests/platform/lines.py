"""What tests of the platform's line stand on: real books and deliveries over webhooks to the stand-in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from adapters.platform.webhooks import PlatformWebhooks
from adapters.postgres.books import Books
from adapters.postgres.dead_letters import DeadLetter, DeadLetters
from adapters.postgres.pool import Pool
from domain.effects import Batch, CommandPlatform, Effect
from domain.letters import Addressee
from standins.platform import PATH, PlatformStandIn
from standins.wire import Shelf, served
from tests.activities.parts import Parts
from tests.platform.secrets import SECRET
from tests.postgres.lives import HOSTING, played

AT = datetime(2026, 2, 1, tzinfo=UTC)
VIEW = played(HOSTING).batches[0].view


def command(number: int, name: str, *, because: str = "unpaid") -> CommandPlatform:
    """The command that was decided as tiding `number` of s-1."""
    return CommandPlatform(f"s-1/{number:06d}/platform", name, AT, because)


@dataclass(frozen=True, slots=True)
class Line:
    """Books of s-1, what delivers for it, and the platform at the other end."""

    pool: Pool
    parts: Parts
    stand_in: PlatformStandIn
    url: str
    """Of the platform's webhooks."""

    @property
    def books(self) -> Books:
        return self.parts.books

    @property
    def dead_letters(self) -> DeadLetters:
        return DeadLetters(self.pool)

    async def decide(self, number: int, *effects: Effect) -> None:
        """Write a batch, telling nobody yet."""
        await self.books.write(Batch(f"s-1/{number}", VIEW, effects))

    async def deliver(self) -> dict[str, str]:
        """Deliver what is pending to the platform; gives what is left."""
        return await self.parts.deliveries.deliver("s-1", ("platform",))

    async def refuse(self, *effects: Effect, number: int = 1, status: int = 422) -> None:
        """Decide something, the first of which the platform refuses."""
        await self.decide(number, *effects)
        self.stand_in.wire.break_("POST", "status", status=status)
        assert await self.deliver() == {}

    async def dead(self) -> Sequence[DeadLetter]:
        """The dead letters."""
        return await self.dead_letters.listed()

    async def states(self) -> dict[str, str]:
        """How each tiding stands, by key."""
        rows = await self.pool.fetch("select key, state from outbox order by seq")
        return {row["key"]: row["state"] for row in rows}


@asynccontextmanager
async def line(pool: Pool) -> AsyncIterator[Line]:
    """A line to a fresh platform; s-1 has a customer."""
    shelf = Shelf()
    stand_in = PlatformStandIn(shelf, SECRET)
    async with served(stand_in.app()) as url, PlatformWebhooks(url + PATH, SECRET) as webhooks:
        parts = Parts(pool, platform=webhooks)
        await parts.books.register(Addressee(VIEW.customer_id, "K100", "Ada Example", "ada@example.com", "de"), "s-1")
        yield Line(pool, parts, stand_in, url + PATH)
    shelf.close()
