"""The first of the month: all due at one instant, a gateway with a limit, customers who pay meanwhile, two tenants."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from adapters.simulated.world import load_world
from bench.due import FIRST_BILL, POLICY, NotDone, each, offset_seconds, soon, terms, until
from bench.finding import Finding, measured, table, tell
from bench.ground import Ground, carry, ground
from bench.workers import Worker, perennial
from domain.agenda import next_item
from domain.opening import Contact, opened
from domain.published import any_version
from domain.world import GatewayRule, World
from engine.begin import begin
from engine.speak import ask
from engine.virtual_time import VirtualTime

HERD, FULL_HERD = 400, 3_000
A_SECOND = 20  # charges that the gateway takes, by its contract as it were; far below what this machine can do
LARGE, SMALL = "large", "small"
ONE_IN = 10  # of the herd is the small tenant's
PAYING, FULL_PAYING = 24, 120  # customers of each kind, one after another, while the herd drains
LOCKED_FOR = timedelta(days=4)  # after their first bill: a day past the lock
SPREAD_MINUTES = 360
IDS = 100_000
STARTS_A_SECOND = 45.0  # the slowest that was seen here
MILLION = 1_000_000
SPREAD_HOURS = SPREAD_MINUTES / 60


@dataclass(frozen=True, slots=True)
class Drained:
    """Seconds after the instant at which all were due: of each tenant's charges, when each was begun."""

    begun: dict[str, list[float]]
    cpu: dict[str, float]

    @property
    def seconds(self) -> float:
        """Until the last charge was begun."""
        return max(max(times) for times in self.begun.values())


async def herd(full: bool) -> Finding:
    """Measure all of it on one ground."""
    count = FULL_HERD if full else HERD
    paying = FULL_PAYING if full else PAYING
    peak = spread()
    async with ground(virtual_time=True) as at, perennial(at, {"PERENNIAL_CARDS_PER_SECOND": str(A_SECOND)}) as worker:
        await locked_out(at, 4 * paying)
        calm = {how: await paid(at, how, n * paying, paying, 0.0) for n, how in enumerate(("transfer", "card"))}
        tell(f"{2 * paying} customers unlocked while nothing else happens")
        due = soon(count / STARTS_A_SECOND + 4)
        await started(at, count, due.timestamp())
        drained, busy = await asyncio.gather(
            drain(at, worker, count, due.timestamp()), pay_meanwhile(at, due.timestamp(), count, paying)
        )
        differences = await at.books.audit()
    if differences:
        raise AssertionError(f"the books do not agree with themselves: {differences[:3]}")
    return found(count, peak, drained, calm, busy)


def spread() -> float:
    """The fullest minute of 100,000 subscriptions spread over six hours, in multiples of the mean."""
    carry()
    policy = any_version(*POLICY)
    spreading = replace(policy, billing=replace(policy.billing, spread_minutes=SPREAD_MINUTES))
    minutes: Counter[float] = Counter()
    for number in range(IDS):
        item = next_item(opened(terms(f"s-{number}"), spreading), spreading)
        assert item is not None
        minutes[item.at.timestamp() // 60] += 1
    assert len(minutes) == SPREAD_MINUTES, f"{len(minutes)} minutes were used of {SPREAD_MINUTES}"
    return max(minutes.values()) / (IDS / SPREAD_MINUTES)


async def locked_out(at: Ground, count: int) -> None:
    """So many customers whose card was declined, and who are locked since; their clocks run ahead of the herd's."""
    policy, virtual = any_version(*POLICY), VirtualTime(at.client)
    ahead = offset_seconds(soon(60))
    refusing = World(gateway=(GatewayRule("primary", FIRST_BILL, None, "declined", "insufficient_funds"),))
    to = datetime(FIRST_BILL.year, FIRST_BILL.month, FIRST_BILL.day, tzinfo=UTC) + LOCKED_FOR

    async def one(id_: str) -> None:
        await load_world(at.pool, id_, refusing)
        await begin(virtual.client, at.books, "subscriptions", terms(id_), policy, ahead)
        seen = await virtual.hop(id_, to)
        if seen is None or seen.state.standing != "locked":
            raise NotDone(f"{id_} should be locked and is {seen and seen.state.standing}")

    await each([f"locked-{number:04d}" for number in range(count)], one)
    await at.pool.execute("delete from simulated_gateway_rule")  # from now on, their cards are good


async def paid(at: Ground, how: str, first: int, count: int, pause: float) -> list[float]:
    """So many locked customers pay, one after another; seconds until each has been told that access is back."""
    waited = []
    for number in range(first, first + count):
        began = time.perf_counter()
        await unlocked(at, f"locked-{number:04d}", how)
        waited.append(time.perf_counter() - began)
        await asyncio.sleep(pause)
    return waited


async def unlocked(at: Ground, id_: str, how: str) -> None:
    """One pays: by a transfer that support has matched, or by asking for the card to be charged once more."""
    if how == "transfer":
        said = {"amount": "29.00", "channel": "bank_transfer", "reference": f"r-{id_}"}
        answer = await ask(at.client, at.books, id_, "payment-received", said)
    else:
        answer = await ask(at.client, at.books, id_, "retry-payment", {"id": str(uuid4()), "by": "support:kim"})
    if answer.standing != "active":
        raise NotDone(f"{id_} paid by {how} and is {answer.standing}")


async def started(at: Ground, count: int, due: float) -> None:
    """The herd, every tenth of it the small tenant's."""
    policy, ahead = any_version(*POLICY), offset_seconds(soon(due - time.time()))

    async def one(id_: str) -> None:
        tenant = id_.split("-")[0]
        await begin(at.client, at.books, "subscriptions", terms(id_), policy, ahead, contact=Contact(tenant=tenant))

    await each([f"{LARGE if number % ONE_IN else SMALL}-{number:05d}" for number in range(count)], one)
    if time.time() > due - 1:
        raise NotDone(f"{count} subscriptions took {time.time() - due:.0f} s too long to start; use a quieter machine")


async def drain(at: Ground, worker: Worker, count: int, due: float) -> Drained:
    """Wait until all of the herd have been charged."""
    trees = {"worker": worker.tree, "postgres": at.postgres, "temporal": at.temporal}
    await asyncio.sleep(max(0.0, due - time.time()))
    before = {who: tree.seconds() for who, tree in trees.items()}

    async def charged() -> int:
        said = "select count(*) from attempt where state = 'approved' and subscription_id not like 'locked-%'"
        return await at.pool.fetchval(said) or 0

    await until(charged, count, "a herd")
    cpu = {who: tree.seconds() - before[who] for who, tree in trees.items()}
    rows = await at.pool.fetch(
        "select split_part(subscription_id, '-', 1) as tenant, extract(epoch from started_at)::float8 as began"
        " from attempt where subscription_id not like 'locked-%'"
    )
    begun: dict[str, list[float]] = {LARGE: [], SMALL: []}
    for row in rows:
        begun[row["tenant"]].append(row["began"] - due)
    tell(f"{count} charged after {max(max(t) for t in begun.values()):.1f} s")
    return Drained({tenant: sorted(times) for tenant, times in begun.items()}, cpu)


async def pay_meanwhile(at: Ground, due: float, count: int, paying: int) -> dict[str, list[float]]:
    """Customers of both kinds, evenly over the time that the herd needs at least."""
    await asyncio.sleep(max(0.0, due + 0.5 - time.time()))
    pause = max(0.0, 0.8 * count / A_SECOND / paying - 0.1)
    both: list[Callable[[], Awaitable[list[float]]]] = [
        lambda: paid(at, "transfer", 2 * paying, paying, pause),
        lambda: paid(at, "card", 3 * paying, paying, pause),
    ]
    transfer, card = await asyncio.gather(*(one() for one in both))
    return {"transfer": transfer, "card": card}


def p99(waited: list[float]) -> float:
    """In milliseconds."""
    return 1000 * statistics.quantiles(waited, n=100, method="inclusive")[98]


def median(waited: list[float]) -> float:
    """In milliseconds."""
    return 1000 * statistics.median(waited)


def found(
    count: int, peak: float, drained: Drained, calm: dict[str, list[float]], busy: dict[str, list[float]]
) -> Finding:
    """The figures, and what they mean for a million."""
    at_best = count / A_SECOND
    last_small, last_large = drained.begun[SMALL][-1], drained.begun[LARGE][-1]
    cpu = sum(drained.cpu.values())
    figures = {
        "spread_fullest_minute_to_mean_ratio": peak,
        "herd_subscriptions": float(count),
        "herd_charges_per_second_limit": float(A_SECOND),
        "herd_drain_seconds": drained.seconds,
        "herd_drain_to_limit_ratio": drained.seconds / at_best,
        "herd_small_tenant_done_share": last_small / last_large,
        "herd_cpu_seconds_per_1000": 1000 * cpu / count,
        **{f"unlock_by_{how}_calm_p99_ms": p99(waited) for how, waited in calm.items()},
        **{f"unlock_by_{how}_in_herd_p99_ms": p99(waited) for how, waited in busy.items()},
    }
    rows = [
        [
            {"transfer": "transfer matched by support", "card": "card charged again"}[how],
            f"{median(calm[how]):.0f} / {p99(calm[how]):.0f}",
            f"{median(busy[how]):.0f} / {p99(busy[how]):.0f}",
            f"{median(busy[how]) / median(calm[how]):.1f}",
        ]
        for how in ("transfer", "card")
    ]
    text = "\n\n".join(
        [
            f"{count:,} subscriptions due at one instant, all charged by a gateway that may be asked {A_SECOND} times "
            f"a second (`PERENNIAL_CARDS_PER_SECOND={A_SECOND}`), which Temporal's server enforces over all workers: "
            f"the last charge began after {drained.seconds:.1f} s; at the limit they take {at_best:.1f} s, a ratio of "
            f"{drained.seconds / at_best:.2f}.",
            "Customers who are locked out and pay, one after another, while nothing else happens and while that herd "
            "drains; from the update to its answer, by when the platform has been told to unlock "
            f"({len(busy['card'])} of each):",
            table(["paying to be unlocked", "calm, ms (median / p99)", "in the herd, ms", "ratio of medians"], rows),
            f"Two tenants in that herd: the small one has every {ONE_IN}th subscription, and its last charge began "
            f"after {last_small / last_large:.0%} of the time that the large one's needed. First come, first served "
            "would be 100%.",
            f"`spread_minutes: {SPREAD_MINUTES}` over {IDS:,} ids: the fullest minute holds {peak:.2f} times the mean.",
            on_paper(count, drained),
        ]
    )
    return Finding("herd", "The first of the month", text, figures)


def on_paper(count: int, drained: Drained) -> str:
    """A million, from what was measured here."""
    rows = []
    for who, spent in drained.cpu.items():
        seconds = spent / count * MILLION
        rows.append([who, f"{1000 * spent / count:.1f}", f"{seconds / 3600 / SPREAD_HOURS:.1f}"])
    needed = MILLION / (SPREAD_HOURS * 3600)
    return (
        f"On paper: a million subscriptions due on one day, spread over {SPREAD_HOURS:.0f} hours, are {needed:.0f} "
        "renewals a second. By the CPU time that the herd above took, with its unlocks, that keeps busy:\n\n"
        + table(["process", "CPU ms a renewal", "cores for a million in six hours"], rows)
        + f"\n\nThe gateway must take {needed:.0f} charges a second, and PostgreSQL twice as many commits. What a "
        "cluster adds (a database server for Temporal, replication, several partitions of a task queue) is not in "
        "these figures."
    )


if __name__ == "__main__":
    measured(herd, __doc__)
