"""No worker is up, a deadline passes, and a message comes: it is taken in before the deadline is acted on."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowHandle
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from adapters.simulated.world import load_world
from domain.periods import parse_local
from domain.published import publish
from engine.begin import begin, handle_of
from engine.crew import crew
from engine.outside import reached
from engine.stage import Stage
from engine.virtual_time import VirtualTime
from policies.load import load
from settings import Settings
from tests.workflows.lives import PATIENCE, declined, replayed, runs_of, terms_of

QUEUE = "served at times"
ZONE = "America/New_York"
POLL_SECONDS = 0.05  # of real time, between two looks at the server
PAID = {"amount": "49.00", "channel": "bank_transfer", "reference": "r-1"}


async def woken(handle: WorkflowHandle[Any, Any]) -> None:
    """Wait until the server has a task for a worker."""
    while True:
        if (await handle.describe()).raw_description.HasField("pending_workflow_task"):
            return
        await asyncio.sleep(POLL_SECONDS)


@pytest.mark.slow
async def test_money_that_came_while_no_worker_was_up_counts_before_the_lock_that_was_due_meanwhile(
    house: Stage,
) -> None:
    policy, terms = load("photo-monthly"), terms_of("photo-monthly", "outage", "2026-01-15")
    publish(policy)
    await load_world(house.pool, terms.id, declined("2026-02-01"))
    offset = parse_local("2026-01-14T23:00", ZONE) - datetime.now(UTC)
    time = VirtualTime(house.client)
    clock = TimeSkipper(house.client, config=TimeSkippingConfig(enabled=False))
    handle = handle_of(time.client, terms.id)
    async with asyncio.timeout(PATIENCE), reached(Settings(), house.pool) as outside:
        async with crew(house.client, outside, QUEUE):
            await begin(time.client, house.books, QUEUE, terms, policy, offset.total_seconds())
            await time.hop(terms.id, parse_local("2026-02-17T23:00", ZONE))  # an hour before the lock
        going_on = asyncio.create_task(clock.fast_forward(handle, timedelta(hours=2)))
        await woken(handle)  # the lock's timer fires, and nobody is there to act on it
        await handle.signal("payment-received", PAID)
        async with crew(house.client, outside, QUEUE):
            await time.settled(handle)
            with contextlib.suppress(asyncio.CancelledError):
                going_on.cancel()
                await going_on
            told = [(e.what, e.fields.get("to")) for e in await house.books.timeline(terms.id) if e.what == "standing"]
            assert told == [("standing", "past_due"), ("standing", "active")]
            assert await house.books.audit(terms.id) == []
            await replayed(await runs_of(house.client, handle.id))
