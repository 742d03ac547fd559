"""The audit: every balance recomputed from ledger entries and held against what else the books say.

It reads one snapshot, so that work going on meanwhile cannot look like a difference; only a charge that was approved
a moment ago may stand without its payment until the next batch is written.
"""

from __future__ import annotations

from dataclasses import dataclass

from adapters.postgres.pool import Connection

AUDIT_SECONDS = 600  # a book of 100,000 subscriptions; one subscription takes milliseconds
DIFFERENCES_LIMIT = 1_000  # whoever has more has one cause, not a thousand


@dataclass(frozen=True, slots=True)
class Difference:
    """Two parts of the books that should agree. Amounts are minor units; `expected` is what the ledger says."""

    subscription_id: str
    what: str
    expected: int
    found: int

    def __str__(self) -> str:
        return f"{self.subscription_id}: {self.what}: the ledger says {self.expected}, found {self.found}"


async def audit(connection: Connection, subscription_id: str | None) -> list[Difference]:
    """Differences of one subscription, or (None) of the whole book; empty where everything agrees. Changes nothing."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        # one text for both: a plan kept from audits of the whole book would read it all for one subscription, too
        await connection.execute("set local plan_cache_mode = force_custom_plan")
        rows = await connection.fetch(_AUDIT, subscription_id, DIFFERENCES_LIMIT, timeout=AUDIT_SECONDS)
    return [Difference(**dict(row)) for row in rows]


_AUDIT = """
with line as (
  select coalesce(entry.subscription_id, '') as subscription_id, entry_key, account, minor, currency, payment
    from posting join ledger_entry entry on entry.key = posting.entry_key
   where $1::text is null or entry.subscription_id = $1
), balance as (
  select subscription_id, account, sum(minor) as minor from line group by subscription_id, account
), summed as (
  select subscription_id,
         coalesce(sum(minor) filter (where account like 'receivable:%'), 0) as open_minor,
         coalesce(-sum(minor) filter (where account = 'credit'), 0) as credit_minor,
         coalesce(sum(minor) filter (where account like 'placed:%'), 0) as placed_minor,
         coalesce(-sum(minor) filter (where account = 'agency'), 0) as agency_minor,
         coalesce(-sum(minor) filter (where account = 'unapplied'), 0) as unapplied_minor
    from balance group by subscription_id
), subscriber as (
  select * from subscription where standing is not null and ($1::text is null or id = $1)
), bill as (
  select * from invoice where $1::text is null or subscription_id = $1
), due as (
  select subscription_id, sum(case when missed then open_minor
                                   else least(open_minor, coalesce((body ->> 'placed_minor')::bigint, 0)) end) as minor
    from bill group by subscription_id
), lying as (
  select case when source like 'subscription/%' then subscription_id else '' end as subscription_id,
         sum(minor) as minor
    from unapplied where state = 'open' and ($1::text is null or subscription_id = $1) group by 1
), paid as (
  select subscription_id, payment,
         coalesce(sum(minor) filter (where account like 'cash:%' and minor > 0), 0) as received_minor,
         coalesce(sum(minor) filter (where account like 'cash:%'), 0) as kept_minor,
         coalesce(-sum(minor) filter (where account like 'receivable:%' or account = 'credit'), 0) as held_minor
    from line where payment is not null group by subscription_id, payment
), difference as (
  select min(subscription_id) as subscription_id, 'sum of ledger entry ' || entry_key as what,
         0 as expected, sum(minor) as found
    from line group by entry_key having sum(minor) <> 0 or count(distinct currency) <> 1
  union all
  select bill.subscription_id, 'open amount of invoice ' || number, coalesce(balance.minor, 0), open_minor
    from bill left join balance
      on balance.subscription_id = bill.subscription_id and account = 'receivable:' || number
  union all
  select bill.subscription_id, 'open amount in the body of invoice ' || number, coalesce(balance.minor, 0),
         (body ->> 'open_minor')::bigint
    from bill left join balance
      on balance.subscription_id = bill.subscription_id and account = 'receivable:' || number
  union all
  select bill.subscription_id, 'amount of invoice ' || number || ' with the agency', coalesce(balance.minor, 0),
         coalesce((body ->> 'placed_minor')::bigint, 0)
    from bill left join balance on balance.subscription_id = bill.subscription_id and account = 'placed:' || number
  union all
  select balance.subscription_id, 'invoice of account ' || account, balance.minor, 0
    from balance where account like 'receivable:%' and balance.minor <> 0
     and not exists (select from bill where account = 'receivable:' || number
                                        and bill.subscription_id = balance.subscription_id)
  union all
  select id, 'open in the projection', coalesce(summed.open_minor, 0), subscriber.open_minor
    from subscriber left join summed on summed.subscription_id = id
  union all
  select id, 'past due in the projection', coalesce(due.minor, 0), balance_minor
    from subscriber left join due on due.subscription_id = id
  union all
  select id, 'credit in the projection', coalesce(summed.credit_minor, 0), subscriber.credit_minor
    from subscriber left join summed on summed.subscription_id = id
  union all
  select id, 'with the agency in the projection', coalesce(summed.placed_minor, 0), subscriber.placed_minor
    from subscriber left join summed on summed.subscription_id = id
  union all
  select subscription_id, 'counter-account of the agency', placed_minor, agency_minor from summed
  union all
  select kept.subscription_id, 'money received under ' || reference, coalesce(received_minor, 0), minor
    from payment kept left join paid on paid.subscription_id = kept.subscription_id and paid.payment = reference
   where $1::text is null or kept.subscription_id = $1
  union all
  select subscription_id, 'what payment ' || paid.payment || ' pays or left as credit', kept_minor, held_minor
    from paid where exists (select from payment where reference = paid.payment
                                                  and payment.subscription_id = paid.subscription_id)
  union all
  select attempt.subscription_id, 'payment of the approved charge ' || charge_key, coalesce(payment.minor, 0),
         attempt.minor
    from attempt left join payment
      on payment.subscription_id = attempt.subscription_id and reference = charge_key
   where state = 'approved' and ($1::text is null or attempt.subscription_id = $1)
  union all
  select summed.subscription_id, 'unapplied money still open', unapplied_minor, coalesce(lying.minor, 0)
    from summed left join lying on lying.subscription_id = summed.subscription_id
  union all
  select subscription_id, 'entries of the timeline', max(number), count(*)
    from timeline where $1::text is null or subscription_id = $1 group by subscription_id
)
select subscription_id, what, expected::bigint, found::bigint from difference
 where expected <> found or what like 'sum of ledger entry %'
 order by subscription_id, what limit $2
"""
