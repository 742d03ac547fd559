"""The comparison finds what is lost, doubled or different, and says so; the schedule is the seed's."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest

from adapters.agency.placement import reference_of
from domain.effects import Entry
from domain.money import decimal_text
from proof.faults.expected import played
from proof.faults.parties import Agency
from proof.faults.plan import OUTAGES, Expected, drawn
from proof.faults.stories import FOLDER, Life, fleet, plain
from proof.faults.verdict import Fate, Verdict

UNPAID = "monthly-order-of-a-cancellation"


def a_life(story: str) -> Life:
    return plain(FOLDER / f"{story}.json", "held-1")


@pytest.mark.parametrize(
    ("expected", "found", "fates"),
    [
        (["a", "b"], ["a", "b"], []),
        ([], [], []),
        (["a", "b"], ["a"], ["lost"]),
        (["a"], ["a", "a"], ["doubled"]),
        (["a", "a"], ["a"], ["lost"]),
        (["a"], ["a", "c"], ["different"]),
        (["a"], ["c"], ["lost", "different"]),
        (["a", "b"], ["b", "a"], ["different"]),
    ],
)
def test_what_is_held_against_each_other(expected: list[str], found: list[str], fates: list[Fate]) -> None:
    verdict = Verdict()
    verdict.hold("party", "s-1", expected, found)
    assert [finding.fate for finding in verdict.findings] == fates
    assert verdict.compared["party"] == max(len(expected), len(found))


@pytest.mark.parametrize(
    ("amounts", "outbox", "fates"),
    [
        (["AS PLACED"], "delivered", []),
        ([], "delivered", ["lost"]),
        (["AS PLACED", "AS PLACED"], "delivered", ["doubled"]),
        (["1.00"], "delivered", ["lost", "different"]),
        ([], "withdrawn", []),
    ],
)
def test_the_agencys_cases_are_held_against_placements(amounts: list[str], outbox: str, fates: list[Fate]) -> None:
    life = a_life(UNPAID)
    told = played(life.scenario, life.policy, life.heard)
    (placement,) = told.placements
    whole = decimal_text(placement.minor, told.state.currency)
    cases = {reference_of(placement.key): [whole if amount == "AS PLACED" else amount for amount in amounts]}
    verdict = Verdict()
    Agency(cases, Counter()).hold(life.id, told, {placement.key: outbox}, verdict)
    assert [finding.fate for finding in verdict.findings] == fates


def test_an_answer_that_was_not_heard_is_told_to_the_core_and_nothing_else_changes() -> None:
    life = a_life("monthly-retry-fails")
    core = played(life.scenario, life.policy, life.heard)
    number, entry = next((e.number, e) for e in core.entries if e.what == "charge")
    unheard = replace(entry, fields=entry.fields | {"outcome": "unknown"})

    def written(n: int) -> Entry | None:
        return unheard if n == number else None

    told = played(life.scenario, life.policy, life.heard, written)
    assert told.unheard == (next(iter(core.charges)),)
    assert [e.what for e in told.entries] == [e.what for e in core.entries]
    assert told.payments == core.payments
    assert replace(told.state, attention=()) == replace(core.state, attention=())


def test_an_answer_that_was_not_heard_twice_is_the_truth_when_it_is_looked_up_again() -> None:
    life = a_life("monthly-retry-fails")
    core = played(life.scenario, life.policy, life.heard)
    key = next(iter(core.charges))
    charge, paid = (next(e for e in core.entries if e.what == what) for what in ("charge", "payment_received"))
    unheard = replace(charge, fields=charge.fields | {"outcome": "unknown"})
    later = replace(paid, at=paid.at + timedelta(minutes=16), because=f"look up charge {key}")
    really = {charge.number: unheard, paid.number: later}

    told = played(life.scenario, life.policy, life.heard, really.get)
    assert told.unheard == (key, key)
    assert next(e for e in told.entries if e.what == "payment_received") == replace(later, by="policy")
    assert [e.minor for e in told.payments] == [e.minor for e in core.payments]
    assert replace(told.state, attention=(), acted_at=None) == replace(core.state, attention=(), acted_at=None)


def test_one_seed_is_one_fleet_and_one_schedule() -> None:
    lives = fleet(6, Random(7))
    assert lives == fleet(6, Random(7)) != fleet(6, Random(8))
    expected = Expected.of([played(life.scenario, life.policy, life.heard) for life in lives])
    plan = drawn(Random(7), expected)
    assert plan == drawn(Random(7), expected) != drawn(Random(8), expected)
    assert [outage for _, outage in plan.outages] == list(OUTAGES)
    assert {"killed before", "killed after"} <= set(plan.commits.values())


def test_every_life_of_a_fleet_has_ids_of_its_own() -> None:
    lives = fleet(30, Random(1))
    assert len({life.id for life in lives}) == len({life.scenario.terms.customer.client_number for life in lives}) == 30
    for life in lives:
        assert all(invoice.startswith(life.id) for invoice in played(life.scenario, life.policy, life.heard).invoices)
