"""Subscriptions that all fall due at one instant of real time, soon."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, date, datetime, timedelta

from temporalio.client import Client

from bench.ground import Ground
from domain.opening import Customer, Terms
from domain.published import any_version
from engine.begin import begin

AT_ONCE = 20  # starts in flight, as the starter does it
FIRST_BILL = date(2026, 3, 1)  # business time: moved to whichever instant is wanted
POLICY = ("photo-monthly", 1)
POLL_SECONDS = 0.5
FAR, FAR_SECONDS = 500, 5.0  # while more than so many are missing it is asked less often: counting costs the server
STUCK_SECONDS = 120.0  # without one more of them; a herd's first task may wait a minute for a worker that was killed


class NotDone(RuntimeError):
    """What was to be measured did not come to its end in time."""


def terms(subscription_id: str) -> Terms:
    """A monthly plan paid by card, in the simplest of zones."""
    who = Customer(f"c-{subscription_id}", f"K-{subscription_id}", "A. Customer", "a@example.com", "UTC", "en")
    return Terms(subscription_id, who, "Photo M", 2900, "EUR", 0, FIRST_BILL, "card", None)


def offset_seconds(due: datetime, bills_on: date = FIRST_BILL) -> float:
    """What business time is ahead of real time, so that a first bill falls due at `due`."""
    return (datetime(bills_on.year, bills_on.month, bills_on.day, tzinfo=UTC) - due).total_seconds()


async def start(ground: Ground, subscription_id: str, due: datetime, task_queue: str = "subscriptions") -> None:
    """Start one as the starter would, so that its first bill falls due at `due`."""
    policy = any_version(*POLICY)
    await begin(ground.client, ground.books, task_queue, terms(subscription_id), policy, offset_seconds(due))


async def each(ids: Sequence[str], one: Callable[[str], Awaitable[object]]) -> None:
    """Do it for all of them, AT_ONCE at a time."""
    left = iter(ids)

    async def some() -> None:
        for subscription_id in left:
            await one(subscription_id)

    await asyncio.gather(*(some() for _ in range(AT_ONCE)))


async def renewed(client: Client, kind: str, prefix: str) -> int:
    """How many runs, of workflows whose id begins so, have ended by beginning the next one."""
    asked = f"WorkflowType='{kind}' and ExecutionStatus='ContinuedAsNew' and WorkflowId STARTS_WITH '{prefix}'"
    return (await client.count_workflows(asked)).count


async def until_renewed(client: Client, kind: str, prefix: str, count: int) -> float:
    """Wait until so many have; gives the instant (time.time()) at which it was seen. Raises NotDone."""
    return await until(lambda: renewed(client, kind, prefix), count, f"{kind}: {count} renewals")


async def until(counted: Callable[[], Awaitable[int]], count: int, what: str) -> float:
    """Wait until so many are counted; gives the instant (time.time()) at which it was seen. Raises NotDone."""
    most, since = -1, time.monotonic()
    while (found := await counted()) < count:
        if found > most:
            most, since = found, time.monotonic()
        if time.monotonic() > since + STUCK_SECONDS:
            raise NotDone(f"{what}: {found}, and not one more within {STUCK_SECONDS:.0f} s; nothing can be said of it")
        await asyncio.sleep(FAR_SECONDS if count - found > FAR else POLL_SECONDS)
    return time.time()


def soon(seconds: float) -> datetime:
    """An instant so far ahead."""
    return datetime.now(UTC) + timedelta(seconds=seconds)
