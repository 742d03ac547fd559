"""Scenarios through the real adapters: the timeline is the core's, and every party's own books agree with ours."""

import asyncio
import difflib
from collections import Counter

import pytest

from domain.effects import Entry
from domain.money import Money
from domain.simulate import simulate
from domain.timeline import final
from engine.enact import play
from engine.stage import Stage
from engine.stand_ins import StandIns
from policies.load import load
from tests.contract.stories import FILES, QUICK, of_its_own, shown

PATIENCE = 180  # seconds of real time
CONTRACT = {name for name, path in FILES.items() if path.parent.parent.name == "contract"}
TOLD = sorted(QUICK | CONTRACT)


def without_words(entries: list[Entry]) -> list[Entry]:
    """Entries without a decline's reason: gateways have words of their own, and some where a script has none."""
    return [
        Entry(e.number, e.at, e.what, {k: v for k, v in e.fields.items() if k != "reason"}, e.by, e.because)
        if e.what == "charge"
        else e
        for e in entries
    ]


def of(entries: list[Entry], what: str, **fields: str) -> list[Entry]:
    return [e for e in entries if e.what == what and all(e.fields.get(k) == v for k, v in fields.items())]


def total(entries: list[Entry], currency: str) -> int:
    return sum(Money.parse(e.fields["amount"], currency).minor for e in entries)


async def agree(stand_ins: StandIns, stage: Stage, entries: list[Entry], id_: str, currency: str) -> None:
    """What each party has in its own books is what the timeline says."""
    stripe, paypal, mail, platform = stand_ins.stripe, stand_ins.paypal, stand_ins.mail, stand_ins.platform
    assert None not in (stripe, paypal, mail, platform)
    own = [e for e in of(entries, "payment_received") if str(e.fields["reference"]).startswith(f"{id_}-")]
    at_stripe = [c for c in stripe.charges() if c.metadata.get("subscription") == id_ and c.approved]
    at_paypal = [
        c
        for c in stand_ins.paypal.captures()
        if id_ == str(c["custom_id"]).split("|")[0] and c["status"] == "COMPLETED"
    ]
    assert sum(c.amount for c in at_stripe) == total([e for e in own if e.fields["channel"] == "card"], currency)
    assert len(at_paypal) == len([e for e in own if e.fields["channel"] == "paypal"])
    keys = Counter(c.metadata["charge_key"] for c in at_stripe)
    assert all(times == 1 for times in keys.values())
    commands = [str(e.fields["command"]) for e in of(entries, "platform")]
    assert platform.obeyed(id_) == commands
    sent = await stage.pool.fetchval(
        "select count(*) from outbox where subscription_id = $1 and party = 'mail' and state = 'delivered'", id_
    )
    withdrawn = await stage.pool.fetchval(
        "select count(*) from outbox where subscription_id = $1 and party = 'mail' and state <> 'delivered'", id_
    )
    assert sent + withdrawn == len(of(entries, "email"))
    caught = [m for m in mail.caught if id_ in m.part("plain")]
    assert len({m.message_id for m in caught}) == len(caught)


@pytest.mark.slow
@pytest.mark.parametrize("name", [n if n in CONTRACT else pytest.param(n, marks=pytest.mark.exhaustive) for n in TOLD])
async def test_the_wire_tells_the_timeline_that_the_core_tells(wired: Stage, name: str) -> None:
    path = FILES[name]
    scenario = of_its_own(path)
    policy = load(scenario.policy, path.parent)
    core = simulate(scenario, policy)
    assert wired.stand_ins is not None
    async with asyncio.timeout(PATIENCE):
        entries, ending = await play(wired, scenario, policy)
    told, expected = (shown(without_words(list(e)), scenario) for e in (entries, core.entries))
    if told != expected:
        diff = difflib.unified_diff(expected, told, "the core", "on the wire", lineterm="", n=2)
        pytest.fail("\n".join([f"{path.name}: {scenario.title}", *diff]), pytrace=False)
    assert ending == final(core.state)
    assert await wired.books.audit(scenario.terms.id) == []
    await agree(wired.stand_ins, wired, list(entries), scenario.terms.id, scenario.terms.currency)
