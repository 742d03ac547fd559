"""What one month of one subscription costs: billable actions, events, bytes, statements, and the bill for a million.

A month is everything from the firing of the timer for one invoice until that for the next, over however many runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory

from adapters.postgres.books import Books
from adapters.postgres.roles import login
from adapters.simulated.world import load_world
from bench.billing import Bill, billed
from bench.finding import Finding, measured, table, tell
from bench.prices import ActiveAndRetained, actions_usd, storage_usd
from bench.statements import Statements, overheard
from domain.periods import add_months
from domain.published import publish
from domain.world import World
from engine.begin import begin
from engine.crew import crew
from engine.outside import reached
from engine.stage import Stage, stage
from engine.virtual_time import VirtualTime
from policies.load import load
from settings import Settings
from tests.workflows.lives import Life, declined, summary, terms_of

TASK_QUEUE = "counted"
NOON = "T12:00"
MONTHLY, HOSTING = "photo-monthly", "hosting"
POLICIES = (MONTHLY, HOSTING, "photo-annual")
LONG = "5f0c3a52-8c1b-4b8e-9d57-2f6a1e0b7c41"
MEASURED_AFTER = 2  # periods: by then the state has settled, and a customer has paid before
SUBSCRIPTIONS = 1_000_000
DUNNED_SHARE = 0.1  # of subscriptions in a month: what the comparisons of this bench decline
GOALS = {"actions": 3, "events": 16, "bytes": 5_000}
DUNNING_GOAL = 15
COUNTED = """Billable actions by Temporal Cloud's published rules, counted from recorded histories of real runs; a month
is all from one invoice's timer to the next one's, the continue-as-new between them included. Bytes are the serialized
events. What only virtual time writes is not counted. Statements are the worker's to its books, `BEGIN` and `COMMIT`
among them, without those of the simulated parties. No shipped policy mails a receipt."""


@dataclass(frozen=True, slots=True)
class Month:
    """One month of a recorded life. `asleep` is what is stored of the run in which it sleeps through it, in bytes."""

    bill: Bill
    statements: Counter[str]
    asleep: int
    runs: int


@dataclass(frozen=True, slots=True)
class Scene:
    """A stage with a worker of its own, whose every statement to the books is counted."""

    stage: Stage
    heard: Statements

    async def begin(self, policy: str, id_: str, world: World | None = None) -> Life:
        """Begin a life on the 15th of the next month: as in production, its clock is the server's own."""
        rules = load(policy)
        publish(rules)
        life = Life(self.stage, VirtualTime(self.stage.client), terms_of(policy, id_, first_day().isoformat()), rules)
        await load_world(self.stage.pool, id_, world or World())
        await begin(life.time.client, self.stage.books, TASK_QUEUE, life.terms, rules)
        return life


@asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    """The stage of tests, with a second worker that alone serves these lives."""
    async with AsyncExitStack() as stack:
        parts = await stack.enter_async_context(stage())
        pool, heard = await stack.enter_async_context(overheard(await login(parts.dsn, "bench_worker", "worker")))
        outside = await stack.enter_async_context(reached(Settings(), parts.pool))
        outside = replace(outside, books=Books(pool))  # what the simulated parties ask the database is not counted
        await stack.enter_async_context(crew(parts.client, outside, TASK_QUEUE))
        yield Scene(parts, heard)


def months(runs: Sequence[WorkflowHistory]) -> list[list[HistoryEvent]]:
    """A life cut at each firing of a timer for an invoice; what is before the first and after the last is left out."""
    found: list[list[HistoryEvent]] = []
    timers: dict[int, str] = {}
    for run in runs:
        timers.clear()
        for event in run.events:
            if event.event_type == EventType.EVENT_TYPE_TIMER_STARTED:
                timers[event.event_id] = summary(event)
            fired = event.timer_fired_event_attributes.started_event_id
            if fired and timers[fired].startswith("invoice "):
                found.append([])
            if found:
                found[-1].append(event)
    return found[:-1]


def first_day() -> date:
    """When lives begin: the 15th of the next month, which every month has."""
    return add_months(datetime.now(UTC).date().replace(day=15), 1)


def billing_day(life: Life, period: int) -> date:
    """The day on which a period, counted from 0, is billed: its first, or the first of the next one."""
    return add_months(life.terms.starts_on, period if life.policy.billing.in_advance else period + 1)


def _id(policy: str) -> str:
    return f"s-{policy}"


async def healthy(on: Scene, policy: str, id_: str | None = None) -> Month:
    """A month in which the invoice is paid at its first attempt."""
    return await _measured(on, await on.begin(policy, id_ or _id(policy)))


async def dunning(on: Scene) -> Month:
    """A month in which both cards are declined, and a transfer pays after the lock: a decline, a mail, a lock, a
    payment, an unlock."""
    since = add_months(first_day(), MEASURED_AFTER)
    world = declined(since.isoformat(), (since + timedelta(days=20)).isoformat())
    life = await on.begin(MONTHLY, "s-dunned", world)
    return await _measured(on, life, pays_after=timedelta(days=10))


async def _measured(on: Scene, life: Life, pays_after: timedelta | None = None) -> Month:
    """Live through the months before, then through the one that counts."""
    bills_on = billing_day(life, MEASURED_AFTER)
    await life.until(f"{bills_on - timedelta(days=1)}{NOON}")
    on.heard.taken()
    if pays_after:
        await life.until(f"{bills_on + pays_after}{NOON}")
        await life.tell("payment-received", amount="49.00", channel="bank_transfer", reference="r-1")
    await life.until(f"{billing_day(life, MEASURED_AFTER + 1) - timedelta(days=1)}{NOON}")
    statements = on.heard.taken()
    await life.until(f"{billing_day(life, MEASURED_AFTER + 1)}{NOON}")
    runs = await life.runs()
    month = months(runs)[MEASURED_AFTER]
    began = [event for event in month if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED]
    asleep = billed(runs[-1].events).size
    return Month(billed(month), statements, asleep, len(began))


async def year(on: Scene) -> list[Bill]:
    """Twelve months of a yearly commitment, its renewal among them."""
    life = await on.begin("photo-annual", "s-year")
    await life.until(f"{billing_day(life, 13 + MEASURED_AFTER)}{NOON}")
    return [billed(month) for month in months(await life.runs())][MEASURED_AFTER + 1 :][:12]


async def part(full: bool) -> Finding:
    """Every month once: counts are the same each time, whatever the machine."""
    async with scene() as on:
        tell("a healthy month of each policy")
        well = {policy: await healthy(on, policy) for policy in POLICIES}
        long = await healthy(on, MONTHLY, LONG)
        tell("a dunning month")
        dunned = await dunning(on)
        tell("a year of twelve instalments")
        annual = await year(on)
    return _finding(well, long, dunned, annual)


def _finding(well: dict[str, Month], long: Month, dunned: Month, annual: list[Bill]) -> Finding:
    worst = {
        "actions": max(month.bill.actions for month in well.values()),
        "events": max(month.bill.events for month in well.values()),
        "bytes": max(month.bill.size for month in well.values()),
        "statements": max(month.statements.total() for month in well.values()),
    }
    share, one = DUNNED_SHARE, well[MONTHLY]
    mixed_actions = (1 - share) * one.bill.actions + share * dunned.bill.actions
    stored = ActiveAndRetained(one.asleep, one.bill.size)
    mixed = ActiveAndRetained(
        (1 - share) * one.asleep + share * dunned.asleep, (1 - share) * one.bill.size + share * dunned.bill.size
    )
    bills = {
        "healthy": (one.bill.actions, stored),
        f"{share:.0%} of them in dunning": (mixed_actions, mixed),
    }
    rows = [_row(f"healthy, {policy}", month) for policy, month in well.items()]
    rows.append(_row("dunning, photo-monthly", dunned))
    text = "\n\n".join(
        [
            COUNTED,
            table(["a month", "actions", "of which", "events", "bytes", "statements"], rows),
            f"Goals: healthy at most {GOALS['actions']} actions, {GOALS['events']} events and {GOALS['bytes']:,} "
            f"bytes; dunning at most {DUNNING_GOAL} actions. The dunning month: both cards declined, a mail, the lock "
            f"after three days, a bank transfer, the unlock. Ids have {len(_id(HOSTING))} to {len(_id(MONTHLY))} "
            f"characters; an id of {len(LONG)} makes a month of photo-monthly {long.bill.size:,} bytes.",
            f"A year of twelve instalments, its renewal included: {sum(bill.actions for bill in annual)} actions, "
            f"{sum(bill.events for bill in annual)} events, at most {max(bill.size for bill in annual):,} bytes in one "
            "month.",
            f"The bill for {SUBSCRIPTIONS:,} subscriptions a month, at the list prices of November 2026 without the "
            "plan's own fee (active storage: the run that sleeps; retained: what a month closes, kept for a month):",
            table(
                ["photo-monthly", "actions", "actions USD", "storage USD", "together USD"],
                [
                    [
                        name,
                        f"{actions * SUBSCRIPTIONS:,.0f}",
                        f"{actions_usd(actions * SUBSCRIPTIONS):,.0f}",
                        f"{storage_usd(kept, SUBSCRIPTIONS):,.0f}",
                        f"{_usd(actions, kept):,.0f}",
                    ]
                    for name, (actions, kept) in bills.items()
                ],
            ),
        ]
    )
    figures = {f"healthy_month_{name}": float(number) for name, number in worst.items()}
    figures |= {
        "dunning_month_actions": float(dunned.bill.actions),
        "dunning_month_events": float(dunned.bill.events),
        "dunning_month_bytes": float(dunned.bill.size),
        "dunning_month_statements": float(dunned.statements.total()),
        "annual_year_actions": float(sum(bill.actions for bill in annual)),
        "sleeping_run_bytes": float(one.asleep),
        "bill_per_million_healthy_usd": _usd(one.bill.actions, stored),
        "bill_per_million_mixed_usd": _usd(mixed_actions, mixed),
    }
    return Finding("months", "A month", text, figures)


def _usd(actions: float, kept: ActiveAndRetained) -> float:
    return actions_usd(actions * SUBSCRIPTIONS) + storage_usd(kept, SUBSCRIPTIONS)


def _row(name: str, month: Month) -> list[str]:
    kinds = ", ".join(f"{number} {kind}" for kind, number in month.bill.kinds.most_common())
    bill = month.bill
    return [name, str(bill.actions), kinds, str(bill.events), f"{bill.size:,}", str(month.statements.total())]


if __name__ == "__main__":
    measured(part, __doc__)
