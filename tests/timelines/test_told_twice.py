"""Each scenario is told twice: by the decision code alone, and by the workflow, its activities and the books.

The worker keeps no workflow in memory, so that every task of every life is a replay of its history.
"""

import asyncio
import difflib
from collections.abc import AsyncIterator

import pytest

from domain.keys import workflow_id
from domain.simulate import simulate
from domain.timeline import as_data, final
from engine.enact import play
from engine.stage import Stage, stage
from policies.load import load
from tests.contract.stories import FILES, QUICK, of_its_own, shown
from tests.workflows.lives import replayed, runs_of

PATIENCE = 180  # seconds of real time; the longest life takes 15 on two busy cores


@pytest.fixture(scope="session")
async def replaying() -> AsyncIterator[Stage]:
    """A stage whose worker replays every task."""
    async with stage(cached_workflows=0) as parts:
        yield parts


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in FILES])
async def test_the_workflow_tells_the_timeline_that_the_core_tells(replaying: Stage, name: str) -> None:
    path = FILES[name]
    scenario = of_its_own(path)
    policy, timezone = load(scenario.policy, path.parent), scenario.terms.customer.timezone
    core = simulate(scenario, policy)
    async with asyncio.timeout(PATIENCE):
        entries, ending = await play(replaying, scenario, policy)
        if as_data(entries, timezone) != as_data(core.entries, timezone):
            diff = difflib.unified_diff(
                shown(core.entries, scenario), shown(entries, scenario), "the core", "the workflow", lineterm="", n=2
            )
            pytest.fail("\n".join([f"{path.name}: {scenario.title}", *diff]), pytrace=False)
        assert ending == final(core.state)
        assert await replaying.books.audit(scenario.terms.id) == []
        await replayed(await runs_of(replaying.client, workflow_id(scenario.terms.id)))


def test_the_quick_scenarios_exist() -> None:
    assert set(FILES) >= QUICK
