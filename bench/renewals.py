"""Renewals per second through everything, beside a workflow that does the same with nothing of ours in it."""

from __future__ import annotations

import statistics
import sys
from contextlib import AsyncExitStack
from datetime import datetime

from bench.due import POLICY, start
from bench.finding import Finding, measured, table, tell
from bench.floor import Floor
from bench.floor_worker import TASK_QUEUE
from bench.ground import Ground, ground
from bench.rounds import Round, Starts, measure
from bench.workers import perennial, program

GOAL = 0.8
COUNTS = (300, 1_000)
FULL_COUNTS = (300, 1_000, 3_000)
ROUNDS = 2  # of each, in turn: what the machine does meanwhile falls on both


async def ours(at: Ground, starts: Starts, name: str, count: int, workers: int = 1) -> Round:
    """Healthy subscriptions: invoice, charge, ledger, next period."""
    async with AsyncExitStack() as stack:
        serving = [await stack.enter_async_context(perennial(at)) for _ in range(workers)]
        these, due = await starts.all_asleep(
            at, serving, "subscription", name, count, lambda id_, due: start(at, id_, due)
        )
        done = await measure(at, serving, "subscription", these, due, count)
    await _right(at, these, count)
    return done


async def floor(at: Ground, starts: Starts, name: str, count: int) -> Round:
    """The same number of bare workflows."""

    async def one(id_: str, due: datetime) -> None:
        await at.client.start_workflow(Floor.run, due.isoformat(), id=f"floor/{id_}", task_queue=TASK_QUEUE)

    async with program(at, [sys.executable, "-m", "bench.floor_worker"], {}) as worker:
        these, due = await starts.all_asleep(at, [worker], "floor", name, count, one)
        return await measure(at, [worker], "floor", these, due, count)


async def _right(at: Ground, name: str, count: int) -> None:
    """That every one of them was charged once, and paid, and that the books agree with themselves."""
    charged, approved = await at.pool.fetchrow(
        "select count(distinct subscription_id), count(*) from simulated_charge"
        " where subscription_id like $1 || '-%' and outcome = 'approved'",
        name,
    ) or (0, 0)
    paid = await at.pool.fetchval(
        "select count(*) from invoice where subscription_id like $1 || '-%' and status = 'paid'", name
    )
    differences = await at.books.audit()
    if (charged, approved, paid) != (count, count, count) or differences:
        raise AssertionError(
            f"of {count} renewals {charged} subscriptions were charged, by {approved} charges, {paid} invoices are "
            f"paid, and the audit finds {differences[:3]}: there is nothing to be fast about"
        )


async def renewals(full: bool) -> Finding:
    """Measure both in turn, at several sizes of herd, and two workers at the largest."""
    rounds: dict[tuple[str, int], list[Round]] = {}
    counts = FULL_COUNTS if full else COUNTS
    starts = {"floor": Starts(), "ours": Starts()}
    async with ground() as at:
        for count in counts:
            for number in range(ROUNDS):
                pair = (("floor", floor), ("ours", ours))
                for kind, one in pair if number % 2 == 0 else pair[::-1]:
                    found = await one(at, starts[kind], f"{kind}-{count}-{number}", count)
                    rounds.setdefault((kind, count), []).append(found)
                    tell(f"{kind}, {count} due: {found.pace:.1f} a second")
        two = await ours(at, starts["ours"], "two", counts[-1], workers=2)
        tell(f"two workers, {counts[-1]} due: {two.pace:.1f} a second")
    return _found(rounds, two, counts)


def _found(rounds: dict[tuple[str, int], list[Round]], two: Round, counts: tuple[int, ...]) -> Finding:
    figures: dict[str, float] = {}
    rows = []
    for count in counts:
        bare, full_ = (statistics.median(each.pace for each in rounds[kind, count]) for kind in ("floor", "ours"))
        figures |= {
            f"floor_{count}_per_second": bare,
            f"renewals_{count}_per_second": full_,
            f"renewals_{count}_to_floor_ratio": full_ / bare,
        }
        rows.append([f"{count:,} due", f"{bare:.1f}", f"{full_:.1f}", f"{full_ / bare:.2f}"])
    most = counts[-1]
    figures |= {
        "floor_per_second": figures[f"floor_{most}_per_second"],
        "renewals_per_second": figures[f"renewals_{most}_per_second"],
        "renewals_to_floor_ratio": figures[f"renewals_{most}_to_floor_ratio"],
        "renewals_per_second_two_workers": two.pace,
    }
    spent = []
    for kind, name in (("floor", "floor"), ("ours", "renewals")):
        each = [statistics.median(of) for of in zip(*(one.cpu() for one in rounds[kind, most]), strict=True)]
        for who, seconds in zip(("worker", "postgres", "temporal"), each, strict=True):
            figures[f"{name}_{who}_cpu_seconds_per_1000"] = seconds
        spent.append([f"{name}, {most:,} due", *(f"{seconds:.1f}" for seconds in each), f"{sum(each):.1f}"])
    figures["renewals_commits_each"] = statistics.median(each.commits / each.count for each in rounds["ours", most])
    text = "\n\n".join(
        [
            "From the instant at which all are due until the last has begun its next run; medians of "
            f"{ROUNDS} rounds of each, in turn. Perennial: healthy `{POLICY[0]}` subscriptions through `worker.py` "
            "with its defaults, charged at the gateway simulated in the same PostgreSQL, which writes its books with "
            "fsync. The bare floor, on the same server, with the same sandbox and cache: one timer, one activity that "
            f"does nothing, one continue-as-new. A second worker process, {most:,} due: {two.pace:.1f} a second. "
            f"Commits of one renewal, the gateway's own and the polling of this measurement among them: "
            f"{figures['renewals_commits_each']:.1f}. Each round was held against the books: all charged once, all "
            "paid, the audit clean.",
            table(["renewals a second", "bare floor", "Perennial", "ratio"], rows),
            table(["CPU seconds for 1,000", "worker", "PostgreSQL", "Temporal", "all"], spent),
        ]
    )
    return Finding("renewals", "Renewals per second", text, figures)


if __name__ == "__main__":
    measured(renewals, __doc__)
