"""Three years, with a worker that forgets the workflow after every task and rebuilds it from its history."""

from calendar import monthrange
from datetime import date

import pytest

from domain.periods import local_date
from engine.stage import stage
from tests.workflows.lives import begun, declined, replayed

MONTHS = 36


@pytest.mark.slow
async def test_three_years_of_replays_end_on_the_right_dates() -> None:
    async with stage(cached_workflows=0) as parts:
        life = await begun(
            parts, "photo-monthly", "long", starts_on="2026-01-31", world=declined("2027-05-01", "2027-06-01")
        )
        await life.until("2027-06-02T12:00")
        await life.tell("payment-received", amount="49.00", channel="bank_transfer", reference="r-1")
        seen = await life.until("2029-01-15T12:00")
        assert seen is not None
        assert (seen.state.standing, seen.next_at) == ("active", "2029-01-31T00:00:00-05:00")
        months = [(2026 + n // 12, n % 12 + 1) for n in range(MONTHS)]
        expected = [date(year, month, min(31, monthrange(year, month)[1])) for year, month in months]
        zone = life.terms.customer.timezone
        assert [local_date(e.at, zone) for e in await life.entries("invoice_issued")] == expected
        approved = [e for e in await life.entries("charge") if e.fields["outcome"] == "approved"]
        assert [local_date(e.at, zone) for e in approved] == [on for on in expected if on != date(2027, 5, 31)]
        assert await life.told("standing") == [
            ("2027-05-31", "past_due"),
            ("2027-06-02", "active"),
        ]
        runs = await life.runs()
        assert len(runs) == MONTHS + 1
        await replayed(runs)
        assert await parts.books.audit(life.id) == []
