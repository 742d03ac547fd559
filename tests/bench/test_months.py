"""What a month costs is part of what is promised: whoever adds an activity, an upsert or a statement meets it here.

The counts depend on no machine. Where one changes for a good reason, the new one is written down here with that change,
and `make bench` shows what it comes to in money.
"""

from collections import Counter
from collections.abc import AsyncIterator

import pytest

from bench.months import DUNNING_GOAL, GOALS, HOSTING, LONG, MONTHLY, Month, Scene, dunning, healthy, scene

HEALTHY = Counter({"timer": 1, "activity": 1, "continue-as-new": 1})
DUNNED = Counter({"activity": 6, "timer": 3, "upsert": 2, "signal": 1, "options": 1, "continue-as-new": 1})
DUNNED_EVENTS = 60
HEALTHY_STATEMENTS = 2
DUNNED_STATEMENTS = 39
DUNNED_BYTES = 13_300
LONGEST_ID_BYTES = 5_120  # with an id as long as a UUID


@pytest.fixture(scope="module")
async def on() -> AsyncIterator[Scene]:
    async with scene() as stage:
        yield stage


@pytest.mark.parametrize("policy", [MONTHLY, HOSTING, "photo-annual"])
async def test_a_healthy_month_is_one_timer_one_activity_and_one_continue_as_new(on: Scene, policy: str) -> None:
    month = await healthy(on, policy)
    assert month.bill.kinds == HEALTHY
    assert (month.bill.actions, month.bill.events) == (GOALS["actions"], GOALS["events"])
    assert month.bill.size <= GOALS["bytes"]
    assert month.statements.total() == HEALTHY_STATEMENTS, said(month)


async def test_a_longer_id_makes_it_no_other_month(on: Scene) -> None:
    month = await healthy(on, MONTHLY, LONG)
    assert month.bill.kinds == HEALTHY
    assert month.bill.size <= LONGEST_ID_BYTES


async def test_a_month_with_a_decline_a_mail_a_lock_a_payment_and_an_unlock(on: Scene) -> None:
    month = await dunning(on)
    assert month.bill.kinds == DUNNED
    assert month.bill.actions <= DUNNING_GOAL
    assert month.bill.events == DUNNED_EVENTS
    assert month.bill.size <= DUNNED_BYTES
    assert month.statements.total() == DUNNED_STATEMENTS, said(month)
    told = await on.stage.pool.fetch("select outcome from simulated_charge where subscription_id = 's-dunned'")
    assert [row["outcome"] for row in told].count("declined") == 2


def said(month: Month) -> str:
    """Every statement, for whoever wonders which one is new."""
    return "\n".join(f"{count:3d}  {statement}" for statement, count in month.statements.most_common())
