"""Where nothing was lost and nobody changed anything, nothing differs."""

import pytest

from tests.reconciliation.harbour import Harbour, fresh, texts
from tests.wire.lives_on_the_wire import begun_in

pytestmark = pytest.mark.slow


async def test_lives_in_which_everything_happens_leave_no_difference(harbour: Harbour) -> None:
    """Paid by card and by wallet, declined and locked, cancelled and placed with the agency."""
    town = harbour.town
    healthy = await begun_in(town, "photo-monthly", fresh("healthy"))
    wallet = await begun_in(town, "photo-monthly", fresh("wallet"), methods=("paypal",))
    placed = await begun_in(town, "hosting", fresh("placed"), card="pm_card_chargeCustomerFail")
    locked = await begun_in(town, "photo-annual", fresh("locked"), card="pm_card_chargeCustomerFail")
    await healthy.until("2026-04-20T12:00")
    await wallet.until("2026-03-20T12:00")
    await placed.until("2026-04-03T12:00")
    await locked.until("2026-01-20T12:00")
    looked = await harbour.run()
    assert texts([d for each in looked.values() for d in each.differences]) == ""
    assert [line for each in looked.values() for line in (*each.away, *each.repaired)] == []
    compared = {pair: each.compared for pair, each in looked.items()}
    assert compared["gateways"] >= 7, "four months by card and three by wallet, at least"
    assert compared["workflows"] >= 4
    assert compared["agency"] >= 1
    assert compared["platform"] >= 2, "one was locked, one cancelled"
    (run,) = await harbour.book.runs(1)
    assert run.finished_at is not None
    assert {pair.pair: pair.compared for pair in run.pairs} == compared
