"""Bank transfers in the books: each once, with what was decided of it, and what its clues lead to."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

import asyncpg

from adapters.postgres.pool import Connection, Pool
from domain.matching import Client, Clues, Found, Owed, Part, StatementEntry

FOUND_LIMIT = 50  # of what a transfer's clues may lead to; what names more than that names nothing
RETURN_DAYS = 500  # a return comes within 13 months of a transfer, by the rules for SEPA direct debits at the latest

Outcome = Literal["applied", "proposed", "unapplied", "returned", "ignored"]


@dataclass(frozen=True, slots=True)
class EntryFacts:
    """What is kept of an entry beside its fields: digests of who paid and what was said, and where it was read."""

    payer: str
    keyed_by: Literal["reference", "content"]
    file: str
    format: str


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided of an entry, before it has any effect. `returns`: the key of the transfer it takes back."""

    outcome: Outcome
    why: str
    parts: tuple[Part, ...] = ()
    client_number: str | None = None
    returns: str | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A bank entry as the books have it. `done`: all of its effects have been had."""

    key: str
    minor: int
    currency: str
    booked_on: date
    decided: Decided
    done: bool


@dataclass(frozen=True, slots=True)
class Held:
    """Unapplied money that was kept under a payment's reference."""

    id: int
    state: Literal["open", "applied", "returned"]
    minor: int


@dataclass(frozen=True, slots=True)
class PaidTo:
    """A payment in the books: whose, and how much it was."""

    subscription_id: str
    minor: int


class BankBooks:
    """The bank's part of the books. Each method is one transaction and may be repeated.

    All raise asyncpg.PostgresError, asyncpg.InterfaceError or OSError where the database is away.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def entry(self, key: str) -> Kept | None:
        """A bank entry; None where it has not been seen."""
        async with self._pool.acquire() as connection, connection.transaction(isolation="repeatable_read"):
            return await entry(connection, key)

    async def decide(self, said: StatementEntry, facts: EntryFacts, decided: Decided) -> Kept:
        """Keep an entry and what is to become of it; gives what is kept, which is what was decided first."""
        async with self._pool.acquire() as connection, connection.transaction():
            return await decide(connection, said, facts, decided)

    async def done(self, key: str, outcome: Outcome, why: str) -> None:
        """Note that an entry has had its effects, and what became of it in the end."""
        async with self._pool.acquire() as connection:
            await connection.execute(
                "update bank_entry set outcome = $2, why = $3, done_at = now() where key = $1", key, outcome, why
            )

    async def found(self, said: StatementEntry, clues: Clues) -> Found:
        """What an entry's clues lead to."""
        async with self._pool.acquire() as connection, connection.transaction(isolation="repeatable_read"):
            return Found(
                await invoices(connection, [*clues.digests, *clues.mistyped], clues.numbers),
                await clients(connection, clues.numbers),
                await owed_by_name(connection, said.name, said.minor, said.currency),
            )

    async def twin(self, said: StatementEntry, facts: EntryFacts) -> str | None:
        """The key of what looks like the same transfer, reported in a way whose keys cannot agree; else None."""
        async with self._pool.acquire() as connection:
            return await twin(connection, said, facts)

    async def taken_singly(self, said: StatementEntry) -> bool:
        """Whether the transfers that a lump sums up, or the lump of which this is one, were taken in before."""
        async with self._pool.acquire() as connection:
            return await taken_singly(connection, said)

    async def summed_up(self, said: StatementEntry) -> bool:
        """Whether this is the sum of transfers that were taken in one by one, told as if it were one transfer."""
        if not said.bank_reference:
            return False
        async with self._pool.acquire() as connection:
            total = await connection.fetchval(
                "select sum(minor) from bank_entry where account = $1 and group_reference = $2 and kind = 'credit'",
                said.account,
                said.bank_reference,
            )
        return bool(total is not None and total == said.minor)

    async def returned_transfer(self, said: StatementEntry, payer: str) -> str | None:
        """The key of the transfer that a return takes back; None where none fits, or more than one owner's."""
        async with self._pool.acquire() as connection:
            return await returned_transfer(connection, said, payer)

    async def held(self, reference: str) -> Held | None:
        """The unapplied money that was kept under a payment's reference, whoever kept it."""
        async with self._pool.acquire() as connection:
            row = await connection.fetchrow(
                "select id, state, minor from unapplied where reference = $1 order by id desc limit 1", reference
            )
            return Held(**dict(row)) if row else None

    async def paid_to(self, reference: str) -> PaidTo | None:
        """The payment under a reference; None where no subscription has taken it in (yet)."""
        async with self._pool.acquire() as connection:
            row = await connection.fetchrow(
                "select subscription_id, minor from payment where reference = $1 and channel = 'bank_transfer'"
                " and subscription_id in (select entry.subscription_id from posting join ledger_entry entry"
                " on entry.key = entry_key where posting.payment = $1)"  # whose index finds it among millions
                " order by recorded_at limit 1",
                reference,
            )
            return PaidTo(**dict(row)) if row else None

    async def undone(self, before: datetime, limit: int = 100) -> list[str]:
        """Entries seen before an instant whose effects are not all had: their file should be imported again."""
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(
                "select distinct file from bank_entry where done_at is null and seen_at < $1 order by file limit $2",
                before,
                limit,
            )
            return [row["file"] for row in rows]


async def entry(connection: Connection, key: str) -> Kept | None:
    """A bank entry with its parts; None where it has not been seen."""
    row = await connection.fetchrow("select * from bank_entry where key = $1", key)
    if row is None:
        return None
    parts = await connection.fetch(
        "select subscription_id, invoice, minor from bank_entry_part where entry_key = $1 order by part", key
    )
    decided = Decided(
        row["outcome"], row["why"], tuple(Part(**dict(p)) for p in parts), row["client_number"], row["returns"]
    )
    return Kept(key, row["minor"], row["currency"], row["booked_on"], decided, row["done_at"] is not None)


async def decide(connection: Connection, said: StatementEntry, facts: EntryFacts, decided: Decided) -> Kept:
    """Keep an entry and its parts, unless it is known; gives what is kept."""
    new = await connection.fetchval(
        "insert into bank_entry (key, account, kind, minor, currency, booked_on, value_on, bank_reference,"
        " group_reference, end_to_end_id, payer, fingerprint, keyed_by, file, format, outcome, why, client_number,"
        " returns) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)"
        " on conflict (key) do nothing returning true",
        said.key,
        said.account,
        said.kind,
        said.minor,
        said.currency,
        said.booked_on,
        said.value_on,
        said.bank_reference,
        said.group_reference,
        said.end_to_end_id,
        facts.payer,
        said.fingerprint,
        facts.keyed_by,
        facts.file,
        facts.format,
        decided.outcome,
        decided.why,
        decided.client_number,
        decided.returns,
    )
    if new:
        await connection.executemany(
            "insert into bank_entry_part (entry_key, part, reference, subscription_id, invoice, minor)"
            " values ($1, $2, $3, $4, $5, $6)",
            [
                (said.key, n, part_reference(said.key, n, len(decided.parts)), p.subscription_id, p.invoice, p.minor)
                for n, p in enumerate(decided.parts, start=1)
            ],
        )
    kept = await entry(connection, said.key)
    if kept is None:
        raise LookupError(f"bank entry {said.key}: deleted while it was kept; no money moved")
    return kept


def part_reference(key: str, number: int, of: int) -> str:
    """The reference of the payment that part `number` (from 1) of a transfer makes; the key itself where it is all."""
    return key if of == 1 else f"{key}/{number}"


_OWED = """
select invoice.number as invoice, invoice.subscription_id, subscription.client_number,
       coalesce(customer.name, '') as name, subscription.currency, invoice.amount_minor as minor, invoice.open_minor,
       subscription.ended
  from invoice
  join subscription on subscription.id = invoice.subscription_id
  left join customer on customer.id = subscription.customer_id
"""


async def invoices(connection: Connection, digests: Sequence[bytes], numbers: Collection[str]) -> tuple[Owed, ...]:
    """Invoices by the digests of their numbers, or by their squeezed numbers; nothing where too many fit."""
    rows = await connection.fetch(
        _OWED + " where substring(sha256(decode(invoice.number, 'escape')) for 10) = any ($1)"
        " or squeezed(invoice.number) = any ($2) order by invoice.subscription_id, invoice.ordinal limit $3",
        list(digests),
        list(numbers),
        FOUND_LIMIT + 1,
    )
    return _owed(rows)


async def clients(connection: Connection, numbers: Collection[str]) -> tuple[Client, ...]:
    """Subscriptions by their squeezed client numbers; nothing where too many fit."""
    rows = await connection.fetch(
        "select subscription.id as subscription_id, subscription.client_number, coalesce(customer.name, '') as name,"
        " subscription.currency, coalesce(subscription.open_minor, 0) as open_minor, subscription.ended"
        " from subscription left join customer on customer.id = subscription.customer_id"
        " where squeezed(subscription.client_number) = any ($1) and subscription.standing is not null"
        " order by subscription.id limit $2",
        list(numbers),
        FOUND_LIMIT + 1,
    )
    return tuple(Client(**dict(row)) for row in rows) if len(rows) <= FOUND_LIMIT else ()


async def owed_by_name(connection: Connection, name: str, minor: int, currency: str) -> tuple[Owed, ...]:
    """Open invoices of exactly that amount whose customers' names may be the payer's; nothing where too many are."""
    words = name.casefold().replace(",", " ").split()
    if not words:
        return ()
    orders = {" ".join(words[i:] + words[:i]) for i in range(len(words))}
    spelled = {order.replace(a, b) for order in orders for a, b in _SPELLINGS} | {name.casefold()} | orders
    rows = await connection.fetch(
        _OWED + " where customer.name_key = any ($1) and invoice.status = 'open' and invoice.open_minor = $2"
        " and subscription.currency = $3 order by invoice.subscription_id, invoice.ordinal limit $4",
        sorted(spelled),
        minor,
        currency,
        FOUND_LIMIT + 1,
    )
    return _owed(rows)


_SPELLINGS = (("ae", "ä"), ("oe", "ö"), ("ue", "ü"), ("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("ss", "ß"))
"""How banks without umlauts write a name, and back."""


def _owed(rows: Sequence[asyncpg.Record]) -> tuple[Owed, ...]:
    return tuple(Owed(**dict(row)) for row in rows) if len(rows) <= FOUND_LIMIT else ()


async def twin(connection: Connection, said: StatementEntry, facts: EntryFacts) -> str | None:
    """An earlier entry of the day, amount and payer (or text) whose key was made in another way than this one's."""
    found: str | None = await connection.fetchval(
        "select key from bank_entry where account = $1 and booked_on = $2 and minor = $3 and currency = $4"
        " and kind = $5 and key <> $6 and file <> $12 and (keyed_by <> $7 or (format = 'mt940') <> ($8 = 'mt940'))"
        " and (fingerprint = $9 or payer = $10 and payer <> '' or end_to_end_id = $11 and end_to_end_id <> '')"
        " order by seen_at limit 1",
        said.account,
        said.booked_on,
        said.minor,
        said.currency,
        said.kind,
        said.key,
        facts.keyed_by,
        facts.format,
        said.fingerprint,
        facts.payer,
        said.end_to_end_id,
        facts.file,
    )
    return found


async def taken_singly(connection: Connection, said: StatementEntry) -> bool:
    """Of a lump: whether transfers of its group are known. Of one of a group: whether its sum was taken for one."""
    column, reference = (
        ("group_reference", said.bank_reference) if said.kind == "lump" else ("bank_reference", said.group_reference)
    )
    if not reference:
        return False
    found: bool = await connection.fetchval(
        f"select exists (select from bank_entry where account = $1 and {column} = $2 and kind = 'credit')",  # noqa: S608 one of two names
        said.account,
        reference,
    )
    return found


_RETURNED = """
select key, coalesce((select min(subscription_id) from bank_entry_part where entry_key = key), key) as owner
  from bank_entry as transfer
 where account = $1 and kind = 'credit' and currency = $2 and minor >= $3
   and booked_on between $4::date - $5::integer and $4
   and not exists (select from bank_entry where returns = transfer.key)
"""
_BY = (
    "bank_reference = $6 and bank_reference <> ''",
    "end_to_end_id = $6 and end_to_end_id <> ''",
    "payer = $6 and payer <> '' and minor = $3",
)
"""How a return names its transfer, surest first. A reference may be of a larger transfer that is returned in part."""


async def returned_transfer(connection: Connection, said: StatementEntry, payer: str) -> str | None:
    """The transfer that a return takes back: by the bank's reference, the payer's, or the amount and who paid it.

    Where several fit, they must be of one owner; the latest is taken then, since their money is the same.
    """
    for condition, value in zip(_BY, (said.bank_reference, said.end_to_end_id, payer), strict=True):
        rows = await connection.fetch(
            f"{_RETURNED} and {condition} order by minor = $3 desc, booked_on desc, seen_at desc limit 10",
            said.account,
            said.currency,
            said.minor,
            said.booked_on,
            RETURN_DAYS,
            value,
        )
        if rows:
            return str(rows[0]["key"]) if len({row["owner"] for row in rows}) == 1 else None
    return None
