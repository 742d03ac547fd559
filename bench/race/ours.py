"""Perennial in the race: `worker.py` as it comes, one process, the gateway simulated in the same PostgreSQL."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime

from bench.due import each, soon, start, until, until_renewed
from bench.finding import tell
from bench.ground import Ground
from bench.race.rival import charges
from bench.rounds import EARLY_SECONDS, Start, Starts, measure, quiet
from bench.workers import perennial

MONTH_SECONDS = 30 * 86_400.0
KIND = "subscription"
TOLD_EVERY = 5_000


async def renewed(at: Ground, starts: Starts, name: str, count: int, declines: int) -> float:
    """How many seconds a herd took, of which each `declines`-th is declined."""
    async with perennial(at) as worker:
        these, due = await starts.all_asleep(at, [worker], KIND, name, count, _one(at, declines))
        took = (await measure(at, [worker], KIND, these, due, count)).seconds
    await right(at, these, count, declines)
    return took


async def killed(at: Ground, starts: Starts, name: str, count: int, declines: int) -> tuple[float, int, int]:
    """The same, with the worker killed half way and another one started at once.

    Gives seconds, how many were charged twice, and how many were neither declined nor have what they paid in the books.
    """
    async with perennial(at) as worker:
        these, due = await starts.all_asleep(at, [worker], KIND, name, count, _one(at, declines))
        await asyncio.sleep(due.timestamp() - time.time() - EARLY_SECONDS)
        await until(lambda: _charged(at, these), count // 2, f"{count // 2} charges")
        worker.kill()
        await worker.process.process.wait()
    async with perennial(at):
        ended = await until_renewed(at.client, KIND, f"{KIND}/{these}-", count)
    found = await charges(at.dsn, f"{these}-")
    missed = count - found["declined"] - await _paid(at, these) + len(await at.books.audit())
    return ended - due.timestamp(), found["double"], missed


async def asleep(at: Ground, count: int) -> None:
    """A book of so many whose first bill falls due in a month."""
    due = soon(MONTH_SECONDS)
    begun = 0

    async def one(id_: str) -> None:
        nonlocal begun
        await start(at, id_, due)
        begun += 1
        if begun % TOLD_EVERY == 0:
            tell(f"{begun:,} of {count:,} sleeping subscriptions started")

    async with perennial(at) as worker:
        await each([f"asleep-{number:06d}" for number in range(count)], one)
        await quiet([worker.tree])


async def right(at: Ground, these: str, count: int, declines: int) -> None:
    """That all were charged, once, that the books say so, and that they agree with themselves."""
    declined = len(range(0, count, declines))
    found = await charges(at.dsn, f"{these}-")
    paid = await _paid(at, these)
    differences = await at.books.audit()
    wanted = {"approved": count - declined, "declined": declined, "double": 0}
    if found != wanted or paid != count - declined or differences:
        raise AssertionError(f"{these}: {found} at the gateway, {wanted} expected, {paid} paid, {differences[:3]}")


def _one(at: Ground, declines: int) -> Start:
    """Starts a subscription by its number, which its id ends with, and has each so many-th declined."""

    async def one(id_: str, due: datetime) -> None:
        if int(id_.rpartition("-")[2]) % declines == 0:
            await at.pool.execute(
                "insert into simulated_gateway_rule (subscription_id, role, first_on, outcome, reason)"
                " values ($1, 'primary', '2000-01-01', 'declined', 'insufficient_funds')",
                id_,
            )
        await start(at, id_, due)

    return one


async def _charged(at: Ground, these: str) -> int:
    count: int = await at.pool.fetchval(
        "select count(*) from simulated_charge where starts_with(subscription_id, $1)", f"{these}-"
    )
    return count


async def _paid(at: Ground, these: str) -> int:
    count: int = await at.pool.fetchval(
        "select count(*) from invoice where starts_with(subscription_id, $1) and status = 'paid'", f"{these}-"
    )
    return count
