"""What the books say was handed over and what waits: cases, commands, lines of tidings, and what nobody sees to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from adapters.postgres.dead_letters import what_of
from adapters.postgres.pool import Pool
from adapters.postgres.stored import tiding_of
from domain.reconciliation import NO_MONEY, Difference, Side, money_text
from domain.witnesses import Commanded, Handed, PlacedCase, Waiting

PAGE_LIMIT = 1000  # of every list


class HandedOver:
    """Reads only. `before` bounds what is looked at: what is younger may still be in flight."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    # The agency

    async def cases(self, after: int, subscription_id: str | None, limit: int) -> Sequence[tuple[int, PlacedCase]]:
        """Cases that are not closed here, each with its place in the list, from behind the place `after`."""
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(
                f"{_CASE} where closed_as is null and held.seq > $1"
                " and ($2::text is null or subscription_id = $2) order by held.seq limit $3",
                after,
                subscription_id,
                limit,
            )
        return [(row["seq"], _case(row)) for row in rows]

    async def cases_named(self, case_ids: Sequence[str]) -> Sequence[PlacedCase]:
        """Cases by the agency's own names."""
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(f"{_CASE} where case_id = any ($1::text[])", list(case_ids))
        return [_case(row) for row in rows]

    async def handed(self, subscription_id: str | None, before: datetime, limit: int) -> Sequence[Handed]:
        """What was decided to be with the agency and what it was told, where the two are not the same."""
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(_HANDED, subscription_id, before, limit)
        return [Handed(**dict(row)) for row in rows]

    # The platform

    async def commanded(
        self, after: str, subscription_id: str | None, before: datetime, limit: int
    ) -> Sequence[Commanded]:
        """The newest command that the platform acknowledged, of each subscription of which nothing waits to be told."""
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(_COMMANDED, after, subscription_id, before, limit)
        return [Commanded(row["subscription_id"], row["seq"], what_of(tiding_of(row["body"]))) for row in rows]

    # What waits

    async def lines(self, subscription_id: str | None, before: datetime, limit: int) -> Sequence[Waiting]:
        """Lines of tidings whose first was decided before an instant and need not wait for its hour, oldest first."""
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(_LINES, subscription_id, before, limit)
        return [
            Waiting(
                row["subscription_id"],
                row["party"],
                row["key"],
                what_of(tiding_of(row["body"])),
                row["put_at"],
                row["attempts"],
                row["waiting"],
                row["last_error"] or "",
            )
            for row in rows
        ]

    async def forgotten(self, subscription_id: str | None, now: datetime, limit: int = PAGE_LIMIT) -> list[Difference]:
        """What waits for a person and nobody is asked about (any more): letters, reports, imports, money."""
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(_FORGOTTEN, subscription_id, now, limit)
        return [_forgotten(row) for row in rows]


def _case(row: asyncpg.Record) -> PlacedCase:
    return PlacedCase(**{name: row[name] for name in PlacedCase.__slots__})


def _forgotten(row: asyncpg.Record) -> Difference:
    amount = money_text(row["minor"], row["currency"]) if row["minor"] is not None else ""
    says, do = {
        "dead_letter_forgotten": (
            "refused by its party, and its task was closed without a decision",
            f"Decide: `cli.py replay {row['subject']}` or `cli.py discard {row['subject']}`.",
        ),
        "report_waiting": (
            f"heard {row['detail']}, and it has had no effect",
            "Its party no longer sends it. Look at it there, and say by hand what it reports.",
        ),
        "import_cut_off": ("its import was cut off", "Import it again: `cli.py import-statement`; it goes on there."),
        "money_waiting": (
            f"{amount}, unapplied since {row['since']:%Y-%m-%d}",
            f"`cli.py assign {row['subject']} ID` or `cli.py return-money {row['subject']}`.",
        ),
    }[row["kind"]]
    money = "The money is here and belongs to nobody yet." if row["kind"] == "money_waiting" else NO_MONEY
    said = (Side("the books", says), Side("who sees to it", "nobody"))
    return Difference("deliveries", row["kind"], row["subject"], row["subscription_id"], said, money, do)


_CASE = """
select held.seq, held.case_id, held.agency, held.subscription_id, held.currency, held.closed_as,
       (select coalesce(sum(minor), 0)::bigint from agency_case_line line
         where line.placement_key = held.placement_key) as placed_minor,
       (select coalesce(sum(minor), 0)::bigint from agency_recall recall
         where recall.placement_key = held.placement_key) as recalled_minor,
       (select coalesce(sum(counted_minor), 0)::bigint from agency_payment paid
         where paid.placement_key = held.placement_key and undone_at is null) as paid_minor,
       greatest(held.kept_at,
                (select max(kept_at) from agency_recall recall where recall.placement_key = held.placement_key),
                (select max(kept_at) from agency_payment paid where paid.placement_key = held.placement_key))
         as quiet_since
  from agency_case held
"""

_HANDED = """
with told as (
  select subscription_id, sum(minor)::bigint as minor from (
    select held.subscription_id, line.minor
      from agency_case held join agency_case_line line using (placement_key)
    union all
    select subscription_id, -minor from agency_recall where placement_key is not null
  ) lines group by subscription_id
), decided as (
  select placement.subscription_id, sum(placement.minor)::bigint as minor
    from placement join outbox using (key)
   where outbox.state = 'delivered' group by placement.subscription_id
)
select decided.subscription_id, subscription.currency, decided.minor as decided_minor,
       coalesce(told.minor, 0)::bigint as told_minor
  from decided join subscription on subscription.id = decided.subscription_id
  left join told on told.subscription_id = decided.subscription_id
 where ($1::text is null or decided.subscription_id = $1)
   and greatest(decided.minor, 0) <> coalesce(told.minor, 0)
   and exists (select from agency_case)  -- an agency that keeps no cases here is asked by its own adapter
   and not exists (select from outbox waiting
                    where waiting.subscription_id = decided.subscription_id and waiting.party = 'agency'
                      and (waiting.state in ('pending', 'failed') or waiting.delivered_at >= $2))
 order by decided.subscription_id limit $3
"""

_COMMANDED = """
select distinct on (told.subscription_id) told.subscription_id, told.seq, told.body
  from outbox told
 where told.party = 'platform' and told.kind = 'command' and told.state = 'delivered' and told.subscription_id > $1
   and ($2::text is null or told.subscription_id = $2)
   and not exists (select from outbox other
                    where other.subscription_id = told.subscription_id and other.party = 'platform'
                      and (other.state in ('pending', 'failed') or other.delivered_at >= $3))
 order by told.subscription_id, told.seq desc limit $4
"""

_LINES = """
select * from (
  select key, subscription_id, party, body, coalesce(put_at, at) as put_at, attempts, last_error, sending_until,
         not_before, count(*) over line as waiting, row_number() over (line order by seq) as nth
    from outbox where state = 'pending' and ($1::text is null or subscription_id = $1)
  window line as (partition by subscription_id, party)
) waiting
 where nth = 1 and put_at < $2 and (sending_until is null or sending_until < now())
   and (not_before is null or not_before < $2)
 order by put_at, key limit $3
"""

_FORGOTTEN = """
select 'dead_letter_forgotten' as kind, outbox.key as subject, outbox.subscription_id, null::bigint as minor,
       null::text as currency, outbox.at as since, '' as detail
  from outbox left join support_task task on task.key = 'refused/' || outbox.key
 where outbox.state = 'failed' and ($1::text is null or outbox.subscription_id = $1)
   and (task.key is null or task.done_at is not null) and coalesce(outbox.put_at, outbox.at) < $2::timestamptz
union all
select 'report_waiting', source || '/' || id, subscription_id, null, null, received_at, times || ' times'
  from report where state = 'seen' and received_at < $2 - interval '25 hours'
   and ($1::text is null or subscription_id = $1)
union all
select distinct 'import_cut_off', file, null, null::bigint, null, $2::timestamptz, ''
  from bank_entry where done_at is null and seen_at < $2 - interval '1 hour' and $1::text is null
union all
select 'money_waiting', id::text, subscription_id, minor, currency, at, ''
  from unapplied
 where state = 'open' and at < $2 - interval '14 days' and ($1::text is null or subscription_id = $1)
 order by kind, subject limit $3
"""
