"""Every scenario, played through the real activities and books, tells the timeline that the core tells."""

import pytest

from domain.scenario import read_scenario
from domain.simulate import simulate
from policies.load import load
from tests.activities.parts import Parts, Shell
from tests.postgres.lives import SCENARIOS, scenario

NAMES = sorted(path.stem for path in SCENARIOS.glob("*.json") if "exit" not in scenario(path.stem))
QUICK = {
    "hosting-agency-collects-in-part",
    "hosting-agency-returned-is-still-owed",
    "annual-half-rounds-up-yen",
    *(name for name in NAMES if "unknown" in name),
}


def marked(place: int, name: str) -> object:
    """A scenario as a parameter. Each is told by the workflow, its activities and books in CI (tests/timelines)."""
    slow = [pytest.mark.slow] if place % 4 == 0 else [pytest.mark.slow, pytest.mark.exhaustive]
    return name if name in QUICK else pytest.param(name, marks=slow)


@pytest.mark.parametrize("name", [marked(place, name) for place, name in enumerate(NAMES)])
async def test_a_scenario_is_the_same_with_books_and_without(parts: Parts, name: str) -> None:
    told = read_scenario(scenario(name))
    core = simulate(told, load(told.policy))
    await parts.open(told)
    state = await Shell(parts, told).play()
    assert await parts.books.timeline(told.terms.id) == list(core.entries)
    assert state == core.state
    assert await parts.books.audit() == []
    assert await parts.books.pending_tidings(told.terms.id) == {}
    placed = {i.number: i.placed_minor for i in await parts.books.invoices(told.terms.id) if i.placed_minor}
    balances = await parts.books.balances(told.terms.id)
    assert placed == {a.removeprefix("placed:"): m for a, m in balances.items() if a.startswith("placed:")}
    taken = await parts.pool.fetch(
        "select charge_key as reference, minor from simulated_charge where outcome = 'approved'"
    )
    kept = await parts.pool.fetch(
        "select reference, minor from payment where reference in (select charge_key from attempt)"
    )
    assert sorted(map(tuple, taken)) == sorted(map(tuple, kept))
