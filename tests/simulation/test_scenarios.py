"""Every scenario of the examples and of the contract is played by the core and held against what it expects."""

import json
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from domain.opening import InvalidTerms
from domain.scenario import InvalidScenario, Scenario, read_scenario
from domain.simulate import Played, simulate
from domain.timeline import as_data, as_lines, final
from policies.load import InvalidPolicy, load
from tests.contract.matching import faults

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples" / "scenarios").glob("*.json"))
CONTRACT = sorted((ROOT / "tests" / "contract" / "scenarios").glob("*.json"))
FILES = {path.name: path for path in (*EXAMPLES, *CONTRACT)}

FIELDS = {
    "invoice_issued": {"invoice", "amount", "due_on", "period_start", "period_end"},
    "charge": {"invoice", "method", "amount", "outcome"},
    "payment_received": {"amount", "channel", "reference"},
    "payment_reversed": {"amount", "reason"},
    "email": {"template"},
    "standing": {"to", "from"},
    "platform": {"command"},
    "cancelled": {"effective_on", "retroactive"},
    "invoice_voided": {"invoice", "amount"},
    "termination_charge": {"amount"},
    "collections_placed": {"amount"},
    "collections_recalled": {"amount"},
    "written_off": {"amount"},
    "refused": {"signal", "why"},
    "ended": set(),
}
"""What each kind of entry carries at least, as the contract lists it."""


SAID = {name: json.loads(path.read_text(encoding="utf-8")) for name, path in FILES.items()}
PLAYABLE = [name for name, said in SAID.items() if "exit" not in said]
REFUSED = [name for name, said in SAID.items() if "exit" in said]


def simulated(name: str) -> tuple[Scenario, Played]:
    """The scenario of that name, and the life that comes of it."""
    scenario = read_scenario(SAID[name])
    return scenario, simulate(scenario, load(scenario.policy, FILES[name].parent))


lived = cache(simulated)
"""Each life is played once and looked at by several tests."""


def test_the_scenarios_are_there_and_no_two_have_one_name() -> None:
    assert len(FILES) == len(EXAMPLES) + len(CONTRACT)
    assert len(CONTRACT) == 11
    assert len(EXAMPLES) >= 200


@pytest.mark.parametrize("name", PLAYABLE)
def test_a_life_goes_as_its_scenario_expects(name: str) -> None:
    scenario, life = lived(name)
    timeline = as_data(life.entries, scenario.terms.customer.timezone)
    assert list(faults(SAID[name], timeline, final(life.state))) == []


@pytest.mark.parametrize("name", REFUSED)
def test_a_scenario_that_cannot_be_played_says_why(name: str) -> None:
    with pytest.raises((InvalidScenario, InvalidTerms, InvalidPolicy)) as refused:
        simulated(name)
    assert str(refused.value).strip()


def test_every_scenario_expects_something() -> None:
    assert [name for name, said in SAID.items() if not {"expect", "never", "count", "final", "exit"} & set(said)] == []


def test_every_entry_carries_the_fields_of_the_contract_in_the_order_of_occurrence() -> None:
    kinds: Counter[str] = Counter()
    for name in PLAYABLE:
        scenario, life = lived(name)
        assert set(final(life.state)) == {"standing", "balance", "credit", "placed_with_collections", "ended"}
        for entry in as_data(life.entries, scenario.terms.customer.timezone):
            kinds[str(entry["what"])] += 1
            assert FIELDS.get(str(entry["what"]), set()) | {"at", "what", "by", "because"} <= set(entry), name
            assert entry["by"], name
        assert [e.number for e in life.entries] == list(range(1, len(life.entries) + 1)), name
        assert [e.at for e in life.entries] == sorted(e.at for e in life.entries), name
    assert set(FIELDS) <= set(kinds), "some kind of entry never happens in any scenario"


def test_a_life_is_printed_for_people_too() -> None:
    for name in PLAYABLE:
        scenario, life = lived(name)
        timezone, currency = scenario.terms.customer.timezone, scenario.terms.currency
        plain, coloured = (as_lines(life.entries, timezone, currency, coloured=c) for c in (False, True))
        assert len(plain) == len(coloured) == len(life.entries), name
        assert not any("\033" in line or line != line.rstrip() for line in plain), name


@pytest.mark.parametrize("name", PLAYABLE[::10])
def test_a_scenario_played_twice_tells_the_same(name: str) -> None:
    assert simulated(name) == lived(name)
