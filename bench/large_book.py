"""A book of up to a million subscriptions, made to be read: the same one for the same count and seed.

Some hundred lives are played by the real decision code until one morning, over different policies, plans, currencies,
zones, beginnings and fates. Every subscription is one of them under its own id and its own customer, so that
projection, invoices and timeline of each agree with each other. Rows lie in their tables month by month, as they would
have been written, and not subscription by subscription.

What is there: customers, subscriptions and invoices of all; the timeline of every second and of all old ones; ledger
and payments of the first `WHOLE`, which the audit holds against the rest. What is not: the ledger of the others, which
no list reads, and outbox, attempts and messages.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime

import asyncpg

from adapters.postgres.batches import status_of
from adapters.postgres.stored import invoice_body
from adapters.postgres.unapplied import name_key
from bench.fates import CLIENT, CUSTOMER, FATES, ID, MORNING, OLD, scenario
from bench.finding import tell
from domain.agenda import next_item
from domain.effects import LedgerEntry, View, view_of
from domain.opening import opened
from domain.scenario import read_scenario
from domain.simulate import play
from domain.world import Book
from policies.load import load

SEED = 1
WHOLE = 2_000  # subscriptions with ledger and payments too: enough to hold every fate some thirty times
LIVES = 400  # lives that are played: some five seconds
CHUNK = 1 << 18  # bytes handed to COPY at once
SECONDS = 600  # for one statement; the longest takes a minute

_NAMES = (
    ("Ada", "Ben", "Chiara", "Dmitri", "Eun-ji", "Fatima", "Georg", "Hana"),
    ("Example", "Sample", "Muster", "Ejemplo"),
)


@dataclass(frozen=True, slots=True)
class Life:
    """One life as rows in COPY's text format, with the names it was played under."""

    weight: float
    old: bool
    projection: bytes
    invoices: dict[date, bytes]
    """By the first of the month in which they were issued."""
    timeline: dict[date, bytes]
    ledger: bytes
    postings: bytes
    payments: bytes


@dataclass(slots=True)
class LargeBook:
    """What was made. `ids` in the order of their registration; every `ids[:WHOLE]` has its ledger too."""

    ids: list[str]
    with_timeline: list[str] = field(default_factory=list)
    old: list[str] = field(default_factory=list)
    """Those of three years, with their timeline."""
    customers: list[str] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    """Rows of each table."""


async def fill(dsn: str, count: int, seed: int = SEED) -> LargeBook:
    """Fill a new, migrated database; `dsn` is a superuser's.

    Foreign keys are not checked meanwhile, but for the ledger, whose triggers are on: the rows are copies of played
    lives. The caller audits a part.
    """
    drawn = random.Random(seed)
    lives = _lives(drawn)
    chosen = drawn.choices(lives, [life.weight for life in lives], k=count)
    ids = [f"s-{(n * 7_368_787 + seed) % 10_000_000:07d}" for n in range(count)]  # prime to it: each id once
    owners = _owners(drawn, count)
    book = LargeBook(ids, customers=[f"c-{owner:07d}" for owner in sorted(set(owners))])
    of_life: dict[int, list[bytes]] = defaultdict(list)
    told: dict[int, list[bytes]] = defaultdict(list)
    for n, (id_, life) in enumerate(zip(ids, chosen, strict=True)):
        of_life[id(life)].append(id_.encode())
        if n < WHOLE or n % 2 or life.old:
            told[id(life)].append(id_.encode())
            book.with_timeline.append(id_)
        if life.old:
            book.old.append(id_)
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("set session_replication_role = replica; set maintenance_work_mem = '256MB'")
        indexes = await connection.fetch(_INDEXES)
        await connection.execute("; ".join(f"drop index {index['name']}" for index in indexes))
        await _copy(connection, book, "customer", _customers(owners))
        await _copy(connection, book, "subscription", _projections(ids, chosen, owners))
        await _copy(connection, book, "invoice", _by_month(lives, of_life, "invoices"))
        await _copy(connection, book, "timeline", _by_month(lives, told, "timeline"))
        for index in indexes:
            await connection.execute(index["made_by"], timeout=SECONDS)
        tell(f"{len(indexes)} indexes")
        await connection.execute("set session_replication_role = origin")
        whole = list(zip(ids, chosen, strict=True))[:WHOLE]
        async with connection.transaction():
            for table, part in (("ledger_entry", "ledger"), ("posting", "postings"), ("payment", "payments")):
                await _copy(connection, book, table, (_named(getattr(life, part), id_) for id_, life in whole))
        tell("vacuum analyze, as autovacuum would have done")
        await connection.execute("vacuum analyze", timeout=SECONDS)
    finally:
        await connection.close()
    return book


_INDEXES = """
select indexrelid::regclass::text as name, pg_get_indexdef(indexrelid) as made_by from pg_index
 where indrelid in ('customer'::regclass, 'subscription'::regclass, 'invoice'::regclass) and not indisunique order by 1
"""
"""Put up after the rows, which takes a fifth of the time of keeping them up to date."""

_COLUMNS = {
    "customer": "id client_number name name_key email locale",
    "subscription": "id customer_id client_number policy policy_version plan currency timezone standing balance_minor"
    " open_minor credit_minor placed_minor next_at next_what attention ended",
    "invoice": "number subscription_id ordinal status amount_minor open_minor due_at missed body",
    "timeline": "subscription_id number at what fields by because",
    "ledger_entry": "key subscription_id at what by because",
    "posting": "entry_key line account minor currency payment",
    "payment": "subscription_id reference minor channel at",
}


async def _copy(
    connection: asyncpg.Connection[asyncpg.Record], book: LargeBook, table: str, rows: Iterable[bytes]
) -> None:
    said = await connection.copy_to_table(
        table, source=_chunks(rows), columns=_COLUMNS[table].split(), format="text", timeout=SECONDS
    )
    book.rows[table] = int(said.split()[1])
    tell(f"{book.rows[table]:,} rows of {table}")


async def _chunks(rows: Iterable[bytes]) -> AsyncIterator[bytes]:
    waiting = bytearray()
    for row in rows:
        waiting += row
        if len(waiting) >= CHUNK:
            yield bytes(waiting)
            waiting.clear()
    yield bytes(waiting)


def _owners(drawn: random.Random, count: int) -> list[int]:
    """Whose each subscription is: one in four belongs to a customer who has one already."""
    owners: list[int] = []
    for n in range(count):
        owners.append(owners[drawn.randrange(n)] if n and drawn.random() < 0.25 else n)
    return owners


def _customers(owners: list[int]) -> Iterable[bytes]:
    for owner in sorted(set(owners)):
        name = f"{_NAMES[0][owner % 8]} {_NAMES[1][owner % 4]} {owner}"
        said = f"c-{owner:07d}", f"K{owner:07d}", name, name_key(name), f"c{owner}@example.com", "en"
        yield ("\t".join(said) + "\n").encode()


def _projections(ids: list[str], chosen: list[Life], owners: list[int]) -> Iterable[bytes]:
    for id_, life, owner in zip(ids, chosen, owners, strict=True):
        row = life.projection.replace(CUSTOMER.encode(), b"c-%07d" % owner).replace(CLIENT.encode(), b"K%07d" % owner)
        yield _named(row, id_)


def _named(rows: bytes, id_: str) -> bytes:
    return rows.replace(ID.encode(), id_.encode())


def _by_month(lives: list[Life], of_life: dict[int, list[bytes]], part: str) -> Iterable[bytes]:
    months = sorted({month for life in lives for month in getattr(life, part)})
    for month in months:
        for life in lives:
            rows = getattr(life, part).get(month)
            if rows:
                for id_ in of_life[id(life)]:
                    yield rows.replace(ID.encode(), id_)


def _lives(drawn: random.Random) -> list[Life]:
    lives = []
    for fate, percent in FATES.items():
        share = max(20, round(LIVES * (percent / 100) ** 0.5 / 2.5))  # of the rarer ones more than their part
        lives += [_life(scenario(drawn, fate), percent / share, fate) for _ in range(share)]
    tell(f"{len(lives)} lives played")
    return lives


def _life(said: dict[str, object], weight: float, fate: str) -> Life:
    told = read_scenario(said)
    policy = load(told.policy)
    book = Book()
    played = play(opened(told.terms, policy), policy, told.world, book, told.messages, MORNING)
    item = next_item(played.state, policy)
    view = view_of(played.state, item.at if item else None, item.what if item else "")
    invoices: dict[date, bytes] = defaultdict(bytes)
    for i in book.invoices.values():
        invoices[_month(i.issued_at)] += _row(i.number, ID, i.ordinal, status_of(i), i.amount_minor, i.open_minor,
                                              i.due_at, i.missed, json.dumps(invoice_body(i)))  # fmt: skip
    timeline: dict[date, bytes] = defaultdict(bytes)
    for e in played.entries:
        timeline[_month(e.at)] += _row(ID, e.number, e.at, e.what, json.dumps(e.fields), e.by, e.because)
    return Life(
        weight,
        fate == OLD,
        _projection(view),
        invoices,
        timeline,
        b"".join(_row(e.key, ID, e.at, e.what, e.by, e.because) for e in book.entries),
        b"".join(_postings(e, view.currency) for e in book.entries),
        b"".join(_row(ID, p.reference, p.minor, p.channel, p.at) for p in book.payments.values()),
    )


def _projection(v: View) -> bytes:
    remarks = "{" + ",".join(json.dumps(remark) for remark in v.attention) + "}"
    return _row(v.subscription_id, v.customer_id, v.client_number, v.policy, v.policy_version, v.plan, v.currency,
                v.timezone, v.standing, v.balance_minor, v.open_minor, v.credit_minor, v.placed_minor, v.next_at,
                v.next_what, remarks, v.ended)  # fmt: skip


def _postings(entry: LedgerEntry, currency: str) -> bytes:
    return b"".join(
        _row(entry.key, line, p.account, p.minor, currency, p.payment) for line, p in enumerate(entry.postings, start=1)
    )


def _month(at: datetime) -> date:
    return at.date().replace(day=1)


def _row(*values: object) -> bytes:
    r"""One line of COPY's text format: `\N` is null."""
    return ("\t".join(_text(value) for value in values) + "\n").encode()


def _text(value: object) -> str:
    if value is None:
        return r"\N"
    if isinstance(value, bool):
        return "t" if value else "f"
    said = value.isoformat() if isinstance(value, datetime) else str(value)
    return said.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
