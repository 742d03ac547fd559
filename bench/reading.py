"""Reading: what lists and pages of a large book cost through the books, beside the bare SQL of a database expert.

Ours is a method of `Books`, from a pool's connection to domain values; bare is a statement on a connection of its own,
its rows left as they came. Both read one database in which everything lies in memory, by turns, many times each.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import asyncpg

from adapters.postgres.books import Books
from adapters.postgres.lists import VIEW
from adapters.postgres.migrate import migrate
from adapters.postgres.pool import Pool, connected
from bench.fates import MORNING
from bench.finding import Finding, measured, table, tell
from bench.large_book import WHOLE, LargeBook, fill
from bench.plans import Values, plan, said
from embedded.postgres import postgres

MANY, LESS = 1_000_000, 100_000  # subscriptions, with --full and without
TIMES = 400  # each of both, by turns
REPORT_TIMES = 15  # of the report, which takes some hundred times as long as a page
WARM = 10
AUDITED = 100  # subscriptions, one in twenty of those with a ledger, before anything is measured
SERVER = ("shared_buffers = '1GB'", "max_wal_size = '4GB'")  # the pages that are read, and a load without checkpoints

_COUNTED = {
    "subscription": "subscriptions",
    "customer": "customers",
    "invoice": "invoices",
    "timeline": "timeline_entries",
}


@dataclass(frozen=True, slots=True)
class Read:
    """One read, twice: `ours` and the bare statement get the same values, each time others of `asked`."""

    name: str
    says: str
    ours: Callable[..., Awaitable[Sequence[object]]]
    bare: str
    asked: list[Values]
    times: int = TIMES


@dataclass(frozen=True, slots=True)
class Pair:
    """Milliseconds of each time, ours and bare."""

    read: Read
    ours: list[float]
    bare: list[float]
    rows: int
    plans: tuple[str, str]

    @property
    def ratio(self) -> float:
        return statistics.median(self.ours) / statistics.median(self.bare)


async def reading(full: bool) -> Finding:
    count = MANY if full else LESS
    async with _served() as dsn:
        tell(f"making a book of {count:,} subscriptions")
        began = time.monotonic()
        book = await fill(dsn, count)
        seconds = time.monotonic() - began
        async with connected(dsn, size=1) as pool:
            books = Books(pool)
            await _trusted(books, pool, book)
            bare = await asyncpg.connect(dsn)
            try:
                pairs = [await _pair(read, pool, bare) for read in _reads(books, book)]
                scanless = await _scanless(bare)
            finally:
                await bare.close()
            audits = await _audits(books, book)
    return _finding(book, pairs, audits, scanless, seconds)


@asynccontextmanager
async def _served() -> AsyncIterator[str]:
    """A database with every table, on a server with memory for what is read; gone with the block."""
    with tempfile.TemporaryDirectory(prefix="perennial-bench-") as folder:
        data = Path(folder) / "books"
        async with postgres(data, durable=False) as dsn:
            connection = await asyncpg.connect(dsn)
            for setting in SERVER:
                await connection.execute(f"alter system set {setting}")
            await connection.close()
        async with postgres(data, durable=False) as dsn:
            await migrate(dsn)
            yield dsn


async def _trusted(books: Books, pool: Pool, book: LargeBook) -> None:
    """Raises AssertionError where the book that was made is not one that the product would have made."""
    for id_ in book.ids[: WHOLE : WHOLE // AUDITED]:
        assert await books.audit(id_) == [], f"the audit finds something in {id_}"
    aged: dict[str, int] = {}
    for one in await books.ageing(MORNING.date()):
        aged[one.currency] = aged.get(one.currency, 0) + one.minor
    rows = await pool.fetch(
        "select currency, sum(balance_minor)::bigint as minor from subscription where balance_minor > 0 group by 1"
    )
    assert aged == {row["currency"]: row["minor"] for row in rows}, "the ageing is not what the projection says"
    tell(f"{AUDITED} subscriptions audited; the ageing report is the projection's sum")


def _reads(books: Books, book: LargeBook) -> list[Read]:
    drawn = random.Random(2)
    ids = drawn.sample(book.ids, TIMES)
    owners = drawn.sample(book.customers, TIMES)
    instants = [MORNING + timedelta(minutes=drawn.randrange(20 * 24 * 60)) for _ in ids]
    return [
        Read(
            "customer",
            "find by customer",
            lambda owner: books.find(customer_id=owner),
            f"select {VIEW} from subscription where customer_id = $1 order by id limit 50",
            [(owner,) for owner in owners],
        ),
        Read(
            "standing",
            "one page of the locked, from anywhere",
            lambda after: books.find(standings=["locked"], after=after),
            f"select {VIEW} from subscription where standing = 'locked' and id > $1 order by id limit 50",
            [(id_,) for id_ in ids],
        ),
        Read(
            "standings",
            "one page of three standings, from anywhere",
            lambda after: books.find(standings=["active", "past_due", "locked"], after=after),
            " union all ".join(
                f"(select {VIEW} from subscription where standing = '{one}' and id > $1 order by id limit 50)"
                for one in ("active", "past_due", "locked")
            )
            + " order by id limit 50",
            [(id_,) for id_ in ids],
        ),
        Read(
            "deadline",
            "one page by next deadline, from anywhere",
            lambda at, id_: books.by_deadline(after=(at, id_)),
            f"select {VIEW} from subscription where (next_at, id) > ($1, $2) and next_at is not null"
            " order by next_at, id limit 50",
            list(zip(instants, ids, strict=True)),
        ),
        Read(
            "ageing",
            "ageing report of everything past due",
            lambda: books.ageing(MORNING.date()),
            _AGEING,
            [()],
            REPORT_TIMES,
        ),
        Read(
            "timeline",
            "one timeline of three years",
            books.timeline,
            "select number, at, what, fields, by, because from timeline where subscription_id = $1 order by number",
            [(id_,) for id_ in drawn.sample(book.old, min(len(book.old), TIMES))],
        ),
    ]


_AGEING = f"""
select currency, width_bucket('{MORNING.date()}' - (due_at at time zone timezone)::date, array[31, 61, 91]) as days,
       count(*), sum(invoice.open_minor)
  from invoice join subscription on subscription.id = subscription_id where missed group by 1, 2 order by 1, 2
"""


async def _pair(read: Read, pool: Pool, bare: asyncpg.Connection[asyncpg.Record]) -> Pair:
    """Both by turns, and each first as often as the other."""
    ours: list[float] = []
    theirs: list[float] = []
    rows = 0
    for turn in range(-WARM, read.times):
        values = read.asked[turn % len(read.asked)]

        async def by_us(values: Values = values) -> Sequence[object]:
            return await read.ours(*values)

        async def by_them(values: Values = values) -> Sequence[object]:
            return await bare.fetch(read.bare, *values)

        both = [(ours, by_us), (theirs, by_them)]
        found = []
        for kept, do in both if turn % 2 else reversed(both):
            began = time.perf_counter()
            found.append(len(await do()))
            if turn >= 0:
                kept.append((time.perf_counter() - began) * 1000)
        assert found[0] == found[1], f"{read.says}: {found} rows of the same"
        rows = max(rows, *found)
    first = read.asked[0]
    ours_said = await said(lambda: read.ours(*first), pool)
    plans = await plan(bare, *ours_said), await plan(bare, read.bare, first)
    pair = Pair(read, ours, theirs, rows, plans)
    tell(f"{read.says}: {statistics.median(ours):.2f} ms, bare {statistics.median(theirs):.2f} ms")
    return pair


async def _scanless(bare: asyncpg.Connection[asyncpg.Record]) -> list[float]:
    """Milliseconds of the ageing report where PostgreSQL may not read the projection from end to end."""
    await bare.execute("set enable_seqscan = off")
    taken = []
    for _ in range(REPORT_TIMES):
        began = time.perf_counter()
        await bare.fetch(_AGEING)
        taken.append((time.perf_counter() - began) * 1000)
    await bare.execute("reset enable_seqscan")
    return taken


async def _audits(books: Books, book: LargeBook) -> list[float]:
    """Milliseconds of the audit of one subscription."""
    taken = []
    for id_ in book.ids[:AUDITED]:
        began = time.perf_counter()
        await books.audit(id_)
        taken.append((time.perf_counter() - began) * 1000)
    return taken


def _finding(book: LargeBook, pairs: list[Pair], audits: list[float], scanless: list[float], seconds: float) -> Finding:
    figures = {f"reading_{many}": float(book.rows[name]) for name, many in _COUNTED.items()}
    for pair in pairs:
        name = pair.read.name
        figures |= {
            f"read_{name}_ratio": pair.ratio,
            f"read_{name}_ms": statistics.median(pair.ours),
            f"read_{name}_p99_ms": _p99(pair.ours),
            f"read_{name}_bare_ms": statistics.median(pair.bare),
            f"read_{name}_bare_p99_ms": _p99(pair.bare),
        }
    figures |= {
        "read_ageing_without_scan_ms": statistics.median(scanless),
        "read_audit_of_one_ms": statistics.median(audits),
        "reading_book_made_seconds": seconds,
    }
    return Finding("reading", "Reading", _text(book, pairs, audits, scanless), figures)


def _p99(taken: list[float]) -> float:
    return statistics.quantiles(taken, n=100, method="inclusive")[98]


def _text(book: LargeBook, pairs: list[Pair], audits: list[float], scanless: list[float]) -> str:
    counted = ", ".join(f"{book.rows[name]:,} {many.replace('_', ' ')}" for name, many in _COUNTED.items())
    scanned = [pair.read.says for pair in pairs if "Seq Scan" in pair.plans[0]]
    told = table(
        ["read", "rows", "times", "ours, ms", "p99", "bare, ms", "p99", "ratio"],
        [
            [
                pair.read.says,
                str(pair.rows),
                str(pair.read.times),
                *(f"{one(taken):.2f}" for taken in (pair.ours, pair.bare) for one in (statistics.median, _p99)),
                f"{pair.ratio:.2f}",
            ]
            for pair in pairs
        ],
    )
    plans = "\n\n".join(
        f"<details><summary>{pair.read.says}</summary>\n\nOurs:\n\n```\n{pair.plans[0]}\n```\n\nBare:\n\n```\n"
        f"{pair.plans[1]}\n```\n\n</details>"
        for pair in pairs
    )
    return (
        f"A generated book of {counted}; lives that the real decision code played, under many ids. Ours is a method of "
        "`Books`, from the pool's connection to Python values; bare is the statement a database expert would write, on "
        "a connection of its own, its rows left as they came. Medians, by turns, with everything in memory; the ratio "
        "is ours to bare.\n\n"
        f"{told}\n\n"
        f"Reads of ours that go through a whole table: {', '.join(scanned) or 'none'}. The ageing report needs the "
        "currency and zone of everybody in debt from the projection; where PostgreSQL may not read a table from end to "
        f"end for it, bare, it takes {statistics.median(scanless):.0f} ms.\n\n"
        f"The audit of one subscription takes {statistics.median(audits):.1f} ms (median of {len(audits)}): every "
        "balance of it recomputed from its ledger entries. The plans, as they were carried out, with pages found in "
        f"memory or read:\n\n{plans}"
    )


if __name__ == "__main__":
    measured(reading, __doc__)
