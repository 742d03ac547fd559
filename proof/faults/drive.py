"""Lives, many at a time, each along its story: hop, speak, hop; whatever is away for a moment is asked again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import asyncpg
from temporalio.service import RPCError, RPCStatusCode

from adapters.simulated.world import load_world
from domain.opening import ROLES
from domain.subscription import CHARGEABLE
from engine.begin import begin, handle_of
from engine.speak import after_the_end
from engine.virtual_time import ClockOvershot, NotSettled
from proof.faults.stories import Delivery, Life
from proof.faults.town import TASK_QUEUE, Town

AT_ONCE = 24  # lives under way: some wait for a worker that was killed, others go on meanwhile
LEAD = timedelta(hours=1)
TRIES, AGAIN_SECONDS = 120, 0.5  # a minute: longer than any server is away
REST_STEP, REST_STEPS = timedelta(minutes=31), 6  # deliveries are tried at most half an hour apart

T = TypeVar("T")
AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError)


@dataclass(slots=True)
class Drive:
    """Plays the fleet. `steps` counts what has been done of `all_steps`: the progress by which outages are due."""

    town: Town
    lives: list[Life]
    steps: int = 0
    under_way: set[str] = field(default_factory=set)
    doubtful: dict[str, list[int]] = field(default_factory=dict)
    """Of which messages nobody knows whether they came once or twice: their sender was not answered, and sent again."""
    stuck: dict[str, str] = field(default_factory=dict)
    """Lives that could not be played to their end, with the reason: a fault of the harness or of the server."""

    @property
    def all_steps(self) -> int:
        return sum(len(life.deliveries) + 2 for life in self.lives)

    @property
    def progress(self) -> float:
        """From 0 to 1."""
        return self.steps / max(1, self.all_steps)

    async def play(self) -> None:
        """Play every life to its end."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(life: Life) -> None:
            async with gate:
                try:
                    await self._live(life)
                except (ClockOvershot, NotSettled, RPCError, *AWAY) as error:
                    self.stuck[life.id] = f"{type(error).__name__}: {error}"[:300]
                finally:
                    self.under_way.discard(life.id)

        async with asyncio.TaskGroup() as group:
            for life in self.lives:
                group.create_task(one(life))

    async def rest(self) -> None:
        """Let what waits for a party be delivered, now that nothing is broken any more."""
        for step in range(1, REST_STEPS + 1):
            rows = await self.town.pool.fetch(
                "select distinct subscription_id as id from outbox where state = 'pending' and not_before is null"
            )
            waiting = {row["id"] for row in rows}
            if not waiting:
                return
            late = [life for life in self.lives if life.id in waiting and life.id not in self.stuck]
            await asyncio.gather(*(self.town.clocks.reach(x.id, x.scenario.until + step * REST_STEP) for x in late))

    async def _live(self, life: Life) -> None:
        town, scenario, id_ = self.town, life.scenario, life.id
        town.parties.worlds.script(id_, scenario.world, scenario.terms.customer.timezone)
        contact = town.parties.contact(scenario.terms)
        offset = (scenario.begins_at - LEAD - datetime.now(UTC)).total_seconds()
        await persist(lambda: load_world(town.pool, id_, scenario.world))
        self.under_way.add(id_)
        await persist(
            lambda: begin(town.clocks.client, town.books, TASK_QUEUE, scenario.terms, life.policy, offset, contact)
        )
        self.steps += 1
        for delivery in life.deliveries:
            await town.clocks.reach(id_, delivery.at)
            await self._vault_new_method(id_, delivery)
            for _ in range(delivery.times):
                await self._say(life, delivery)
            self.steps += 1
        await town.clocks.reach(id_, scenario.until)
        self.steps += 1

    async def _say(self, life: Life, delivery: Delivery) -> None:
        """Send a message; where nobody answers, send it again: it is doubtful then how often it came."""
        town, said = self.town, delivery.said
        handle = handle_of(town.clocks.client, life.id)
        for attempt in range(1, TRIES + 1):
            try:
                await handle.signal(said.signal, said.payload)
            except RPCError as error:
                if error.status == RPCStatusCode.NOT_FOUND:
                    await persist(lambda: after_the_end(town.books, life.id, said.signal, said.payload, delivery.at))
                    return
                if attempt == TRIES:
                    raise
                self.doubtful.setdefault(life.id, []).append(life.deliveries.index(delivery))
                await asyncio.sleep(AGAIN_SECONDS)
            else:
                return

    async def _vault_new_method(self, id_: str, delivery: Delivery) -> None:
        """A platform vaults a new method first, and tells of it then."""
        said, parties = delivery.said, self.town.parties
        if said.signal != "payment-method-updated":
            return
        role = next((each for each in ROLES if each == said.payload.get("role")), None)
        method = next((each for each in CHARGEABLE if each == said.payload.get("method")), None)
        vaulted = parties.vault(method) if method else None
        if role is not None and vaulted is not None:
            await persist(lambda: self.town.books.keep_vaulted(id_, role, vaulted))


async def persist(ask: Callable[[], Awaitable[T]]) -> T:
    """What is given once server and database answer again. Raises after a minute what it was given last."""
    for _ in range(TRIES - 1):
        try:
            return await ask()
        except (RPCError, *AWAY):
            await asyncio.sleep(AGAIN_SECONDS)
    return await ask()
