"""The ageing of receivables: what is past due, by currency and by how long.

It is read from the invoices, not from the ledger: an age is counted from an invoice's due date, which the ledger does
not know, and the ledger's entries of years would be summed for the few that are still owed. The audit holds every
invoice's open amount against its account in the ledger, and their sum by subscription against the projection: where it
finds nothing, the report's total is what the ledger says is past due.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from adapters.postgres.pool import Connection

DAYS = {"0-30": 0, "31-60": 31, "61-90": 61, "over 90": 91}
"""The buckets of the trade, each with the day after the due date on which an invoice comes into it."""

AGEING_SECONDS = 120  # a million subscriptions with a tenth of them in debt take less than one


@dataclass(frozen=True, slots=True)
class Aged:
    """What is past due in one currency and one bucket. `minor` is what is still open of the `invoices`."""

    currency: str
    days: str
    """Since the due date: one of DAYS."""
    invoices: int
    minor: int


async def ageing(connection: Connection, on: date) -> list[Aged]:
    """What is past due now, by its age on the local date `on`; in the order of currency and age, none that is empty.

    Past due is what the dunning has found unpaid at its due instant, with the agency or not: the sum of
    View.balance_minor. An age is in whole days between two dates of the customer's zone: due on the 1st, it is 30 on
    the 31st. The amounts are those of now, whatever `on` is; what is due after `on` counts as 0 days old.
    """
    names, (_, *bounds) = list(DAYS), DAYS.values()
    rows = await connection.fetch(_AGEING, on, bounds, timeout=AGEING_SECONDS)
    return [Aged(row["currency"], names[row["bucket"]], row["invoices"], row["minor"]) for row in rows]


_AGEING = """
select currency, width_bucket($1::date - (due_at at time zone timezone)::date, $2::integer[]) as bucket,
       count(*) as invoices, sum(invoice.open_minor)::bigint as minor
  from invoice join subscription on subscription.id = invoice.subscription_id
 where missed
 group by currency, bucket order by currency, bucket
"""
