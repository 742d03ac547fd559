"""What a collections agency has of ours, in PostgreSQL: cases, recalls, payments."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from adapters.agency.needs import AgencyCase, AgencyName, AgencyPayment
from adapters.postgres.pool import Connection, Pool

_CASE = (
    "select agency_case.placement_key, agency, case_id, subscription_id, currency, closed_as,"
    " (select jsonb_object_agg(invoice, minor order by invoice) from agency_case_line line"
    " where line.placement_key = agency_case.placement_key) as lines from agency_case"
)


class AgencyCases:
    """Each method is one transaction and may be repeated: what was kept first stands.

    All raise asyncpg.PostgresError, asyncpg.InterfaceError or OSError where the database is away or refuses a row.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def keep(self, case: AgencyCase) -> AgencyCase:
        """Keep the case of a placement; gives the one that is kept, which is the first."""
        async with self._pool.acquire() as connection, connection.transaction():
            new = await connection.fetchval(
                "insert into agency_case (placement_key, agency, case_id, subscription_id, currency)"
                " values ($1, $2, $3, $4, $5) on conflict (placement_key) do nothing returning true",
                case.placement_key,
                case.agency,
                case.case_id,
                case.subscription_id,
                case.currency,
            )
            if new:
                await connection.executemany(
                    "insert into agency_case_line (placement_key, invoice, minor) values ($1, $2, $3)",
                    [(case.placement_key, invoice, minor) for invoice, minor in case.lines.items()],
                )
            kept = await _one(connection, "where agency_case.placement_key = $1", case.placement_key)
        if kept is None:
            raise LookupError(f"placement {case.placement_key}: its case was deleted while it was kept; no money moved")
        return kept

    async def of_placement(self, placement_key: str) -> AgencyCase | None:
        """The case of a placement; None where it has none yet."""
        async with self._pool.acquire() as connection:
            return await _one(connection, "where agency_case.placement_key = $1", placement_key)

    async def find(self, agency: AgencyName, case_id: str) -> AgencyCase | None:
        """The case that an agency knows by an id; None where it is none of ours."""
        async with self._pool.acquire() as connection:
            return await _one(connection, "where agency = $1 and case_id = $2", agency, case_id)

    async def holding(self, agency: AgencyName, subscription_id: str, invoice: str) -> AgencyCase | None:
        """The newest case that an agency has of an invoice; None where there is none. A closed one counts, too."""
        async with self._pool.acquire() as connection:
            return await _one(
                connection,
                "join agency_case_line line on line.placement_key = agency_case.placement_key"
                " where agency = $1 and subscription_id = $2 and line.invoice = $3"
                " order by agency_case.seq desc limit 1",
                agency,
                subscription_id,
                invoice,
            )

    async def open_cases(self, agency: AgencyName, limit: int = 1000) -> list[AgencyCase]:
        """Cases that are not closed, the oldest first; at most `limit`."""
        async with self._pool.acquire() as connection:
            keys = await connection.fetch(
                "select placement_key from agency_case where agency = $1 and closed_as is null order by seq limit $2",
                agency,
                limit,
            )
        found = [await self.of_placement(row["placement_key"]) for row in keys]
        return [case for case in found if case is not None]

    async def open_beside(self, case: AgencyCase) -> int:
        """How many other cases of the subscription have not been closed."""
        async with self._pool.acquire() as connection:
            found: int = await connection.fetchval(
                "select count(*) from agency_case"
                " where subscription_id = $1 and placement_key <> $2 and closed_as is null",
                case.subscription_id,
                case.placement_key,
            )
        return found

    async def close(self, case: AgencyCase, as_: str) -> None:
        """Note that the agency has closed a case, in its own word."""
        async with self._pool.acquire() as connection:
            await connection.execute(
                "update agency_case set closed_as = $2 where placement_key = $1 and closed_as is null",
                case.placement_key,
                as_,
            )

    async def keep_recall(
        self, key: str, *, subscription_id: str, invoice: str, minor: int, case: AgencyCase | None, at: datetime
    ) -> None:
        """Keep that an amount was taken back; `case` None where no case held the invoice."""
        async with self._pool.acquire() as connection:
            await connection.execute(
                "insert into agency_recall (key, placement_key, subscription_id, invoice, minor, at)"
                " values ($1, $2, $3, $4, $5, $6) on conflict (key) do nothing",
                key,
                case.placement_key if case else None,
                subscription_id,
                invoice,
                minor,
                at,
            )

    async def forestall(self, placement_key: str, subscription_id: str) -> None:
        """Keep as taken back from nobody what waits to be recalled of a placement that no agency has a case of yet."""
        async with self._pool.acquire() as connection:
            await connection.execute(_FORESTALL, placement_key, subscription_id)

    async def forestalled(self, key: str) -> bool:
        """Whether a recall was had before its placement was made, so that there is nothing to tell the agency."""
        async with self._pool.acquire() as connection:
            return bool(
                await connection.fetchval(
                    "select exists (select from agency_recall where key = $1 and placement_key is null)", key
                )
            )

    async def recalled(self, case: AgencyCase) -> int:
        """What was taken back from a case, minor units."""
        async with self._pool.acquire() as connection:
            found: int = await connection.fetchval(
                "select coalesce(sum(minor), 0)::bigint from agency_recall where placement_key = $1", case.placement_key
            )
        return found

    async def recalled_from_nobody(self, subscription_id: str, invoice: str, since: datetime) -> int:
        """What was taken back of an invoice since an instant (inclusive) while no case held it, minor units."""
        async with self._pool.acquire() as connection:
            found: int = await connection.fetchval(
                "select coalesce(sum(minor), 0)::bigint from agency_recall"
                " where subscription_id = $1 and invoice = $2 and placement_key is null and at >= $3",
                subscription_id,
                invoice,
                since,
            )
        return found

    async def keep_payment(
        self, case: AgencyCase, payment_id: str, minor: int, *, paid_to: Literal["agency", "us"]
    ) -> AgencyPayment:
        """Keep a payment; gives what is kept. Together they never count for more than was placed with the case."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(
                "select from agency_case where placement_key = $1 for update", case.placement_key
            )  # two webhooks at once must not both count up to what was placed
            counted: int = await connection.fetchval(
                "select coalesce(sum(counted_minor), 0)::bigint from agency_payment"
                " where placement_key = $1 and undone_at is null",
                case.placement_key,
            )
            await connection.execute(
                "insert into agency_payment (agency, payment_id, placement_key, minor, counted_minor)"
                " values ($1, $2, $3, $4, $5) on conflict (agency, payment_id) do nothing",
                case.agency,
                payment_id,
                case.placement_key,
                minor,
                min(minor, case.minor - counted) if paid_to == "agency" else 0,
            )
            row = await connection.fetchrow(
                "select payment_id, minor, counted_minor from agency_payment where agency = $1 and payment_id = $2",
                case.agency,
                payment_id,
            )
        if row is None:
            raise LookupError(f"payment {payment_id}: it was deleted while it was kept; no money moved")
        return AgencyPayment(**dict(row))

    async def undo_payment(self, agency: AgencyName, payment_id: str) -> AgencyPayment | None:
        """Note that the agency took back its word about a payment; None where it never gave it."""
        async with self._pool.acquire() as connection:
            row = await connection.fetchrow(
                "update agency_payment set undone_at = coalesce(undone_at, now())"
                " where agency = $1 and payment_id = $2 returning payment_id, minor, counted_minor",
                agency,
                payment_id,
            )
        return AgencyPayment(**dict(row)) if row else None

    async def paid(self, case: AgencyCase) -> int:
        """What the agency itself has received of what was placed, minor units. What came to us is recalled from it."""
        async with self._pool.acquire() as connection:
            found: int = await connection.fetchval(
                "select coalesce(sum(counted_minor), 0)::bigint from agency_payment"
                " where placement_key = $1 and undone_at is null",
                case.placement_key,
            )
        return found


async def _one(connection: Connection, which: str, *values: str) -> AgencyCase | None:
    row = await connection.fetchrow(f"{_CASE} {which}", *values)
    return AgencyCase(**dict(row)) if row else None


_FORESTALL = """
insert into agency_recall (key, placement_key, subscription_id, invoice, minor, at)
select recall.key, null, recall.subscription_id, recall.invoice, -recall.minor, recall.at
  from outbox placed
  join outbox waiting on waiting.subscription_id = placed.subscription_id and waiting.party = 'agency'
                     and waiting.kind = 'recall' and waiting.state = 'pending' and waiting.seq > placed.seq
  join placement recall on recall.key = waiting.key
 where placed.key = $1 and placed.subscription_id = $2
on conflict (key) do nothing
"""
