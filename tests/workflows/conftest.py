"""A stage for the session, and lives on it; what each test leaves behind is audited and replayed."""

from collections.abc import AsyncIterator, Awaitable
from typing import Protocol

import pytest

from domain.world import World
from engine.stage import Stage, stage
from tests.workflows.lives import Life, begun, replayed


class Begin(Protocol):
    """Begin a life under a shipped policy, an hour before its first local date."""

    def __call__(self, policy: str, id_: str, *, starts_on: str = ..., world: World = ...) -> Awaitable[Life]: ...


@pytest.fixture(scope="session")
async def house() -> AsyncIterator[Stage]:
    """Servers and a worker for all lives of the session."""
    async with stage() as parts:
        yield parts


@pytest.fixture
async def live(house: Stage) -> AsyncIterator[Begin]:
    """Begins lives. After the test the books of each agree, and each of its histories can be replayed."""
    lives: list[Life] = []

    async def one(policy: str, id_: str, *, starts_on: str = "2026-01-15", world: World | None = None) -> Life:
        lives.append(await begun(house, policy, id_, starts_on=starts_on, world=world))
        return lives[-1]

    yield one
    for life in lives:
        assert await house.books.audit(life.id) == []
        await replayed(await life.runs())
