"""A stage for the session, and lives on it; what each test leaves behind is audited and replayed."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Protocol

import pytest

from adapters.simulated.world import load_world
from domain.periods import first_instant
from domain.published import publish
from domain.world import World
from engine.begin import begin
from engine.stage import TASK_QUEUE, Stage, stage
from engine.virtual_time import VirtualTime
from policies.load import load
from tests.workflows.lives import LEAD, Life, replayed, terms_of


class Begin(Protocol):
    """Begin a life under a policy, an hour before its first local date."""

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

    async def one(policy: str, id_: str, *, starts_on: str = "2026-01-15", world: World = World()) -> Life:  # noqa: B008
        rules = load(policy)
        publish(rules)
        life = Life(house, VirtualTime(house.client), terms_of(policy, id_, starts_on), rules)
        lives.append(life)
        await load_world(house.pool, id_, world)
        begins_at = first_instant(life.terms.starts_on, life.terms.customer.timezone) - LEAD
        life.offset_seconds = (begins_at - datetime.now(UTC)).total_seconds()
        await begin(life.time.client, house.books, TASK_QUEUE, life.terms, rules, life.offset_seconds)
        return life

    yield one
    for life in lives:
        assert await house.books.audit(life.id) == []
        await replayed(await life.runs())
