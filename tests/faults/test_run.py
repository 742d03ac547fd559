"""A small fleet on the real thing, broken at the worst moments; and the comparison is shown to see what it is for."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from proof.faults import report
from proof.faults.compare import compare
from proof.faults.drive import Drive
from proof.faults.log import FaultLog
from proof.faults.plan import Plan
from proof.faults.run import lived
from proof.faults.stories import fleet
from proof.faults.town import Town
from standins.mail import KIND

PATIENCE = 480  # seconds; killed workers are missed after 20, and a loaded machine starts them in as many
BROKEN = Plan(
    commits={
        ("complete", 2): "killed before",
        ("begin", 4): "cut after",
        ("complete", 5): "killed after",
        ("batch", 6): "cut before",
    },
    kills={"card": [3], "paypal": []},
    requests={
        "card": [(1, "lost_before"), (6, "lost_after")],
        "paypal": [],
        "platform": [(2, "lost_after"), (4, "twice")],
        "agency": [],
        "mail": [(2, "lost_after")],
    },
    outages=[(0.3, "temporal killed"), (0.6, "database killed")],
)


@pytest.mark.slow
async def test_a_small_fleet_loses_nothing_and_doubles_nothing() -> None:
    log, random = FaultLog(report.struck), Random(5)
    lives = fleet(6, random)
    async with asyncio.timeout(PATIENCE), lived(lives, BROKEN, log, random) as (here, drive):
        compared = await compare(here, drive)
        assert compared.verdict.findings == []
        assert compared.verdict.compared["gateways"] > 0
        struck = {injected.what for injected in log.struck}
        assert "worker killed between a charge and its answer" in struck
        assert "worker killed before the commit that completes a charge" in struck
        assert "worker killed after the commit that completes a charge" in struck
        assert {"Temporal killed, back after 1.5 s", "PostgreSQL killed, back after 1.5 s"} <= struck
        await _is_seen(here, drive)


async def _is_seen(here: Town, drive: Drive) -> None:
    """Money that is taken once more, a mail that nobody got, and a payment that the books lack are found."""
    charge = next(charge for charge in here.stripe.charges() if charge.approved)
    kept = next(c for c in here.stripe.books.shelf.all("charge") if c["id"] == charge.id)
    here.stripe.books.shelf.put("charge", "ch_again", {**kept, "id": "ch_again"})
    caught = here.mail.caught[0]
    here.mail.shelf.put(KIND, str(caught.number), {**next(here.mail.shelf.all(KIND)), "raw": "Message-ID: <x@y>\n\n"})
    verdict = (await compare(here, drive)).verdict
    assert ("gateways", "doubled") in {(f.party, f.fate) for f in verdict.findings}
    assert ("mailbox", "lost") in {(f.party, f.fate) for f in verdict.findings}
    assert {f.subject for f in verdict.findings if f.party == "gateways"} == {charge.metadata["subscription"]}
