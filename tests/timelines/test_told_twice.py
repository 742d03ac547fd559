"""Each scenario is told twice: by the decision code alone, and by the workflow, its activities and the books.

The worker keeps no workflow in memory, so that every task of every life is a replay of its history.
"""

import asyncio
import difflib
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from domain.effects import Entry
from domain.keys import workflow_id
from domain.scenario import Scenario, read_scenario
from domain.simulate import simulate
from domain.timeline import as_data, as_lines, final
from engine.enact import play
from engine.stage import Stage, stage
from policies.load import load
from tests.workflows.lives import replayed, runs_of

ROOT = Path(__file__).parents[2]
FOLDERS = (ROOT / "examples" / "scenarios", ROOT / "tests" / "contract" / "scenarios")
PATIENCE = 180  # seconds of real time; the longest life takes 15 on two busy cores

FILES = {
    path.stem: path
    for folder in FOLDERS
    for path in sorted(folder.glob("*.json"))
    if "exit" not in json.loads(path.read_text(encoding="utf-8"))
}

QUICK = {
    "annual-weekly-round-pays",
    "hosting-agency-collects-everything",
    "hosting-channels-paypal-fails-once",
    "hosting-reactivate-a-locked-account",
    "hosting-refused-after-the-end",
    "messages-duplicate-payment",
    "money-reversal-after-placement",
    "monthly-order-of-a-cancellation",
    "monthly-promise-across-month-end",
    "monthly-unknown-then-approved",
    "time-cancel-message-at-billing-instant",
    "time-dst-autumn-month-end-inside-grace",
}
"""Each policy, and each of the main stories once: for `make test`."""


@pytest.fixture(scope="session")
async def replaying() -> AsyncIterator[Stage]:
    """A stage whose worker replays every task."""
    async with stage(cached_workflows=0) as parts:
        yield parts


def _named(text: str, old: str, new: str) -> str:
    """Ids of invoices and charges begin with their subscription's."""
    return new + text.removeprefix(old) if text == old or text.startswith((f"{old}-", f"{old}/")) else text


def _renamed(value: Any, old: str, new: str) -> Any:
    match value:
        case str():
            return _named(value, old, new)
        case list():
            return [_renamed(item, old, new) for item in value]
        case dict():
            return {name: _renamed(item, old, new) for name, item in value.items()}
    return value


def of_its_own(path: Path) -> Scenario:
    """The scenario with a subscription and a customer that no other scenario has: many are played on one stage."""
    said = json.loads(path.read_text(encoding="utf-8"))
    subscription, customer = said["subscription"], said["subscription"]["customer"]
    number, old = customer["client_number"], subscription["id"]
    said["messages"] = _renamed(said.get("messages", []), old, path.stem)
    for message in said["messages"]:
        if message.get("client_number") == number:
            message["client_number"] = f"K-{path.stem}"
    subscription["id"] = path.stem
    customer |= {"id": f"c-{path.stem}", "client_number": f"K-{path.stem}", "name": path.stem}
    return read_scenario(said)


def shown(entries: Sequence[Entry], scenario: Scenario) -> list[str]:
    """A timeline as it is printed, each line with who and why."""
    lines = as_lines(entries, scenario.terms.customer.timezone, scenario.terms.currency)
    return [f"{line}  [{entry.by}: {entry.because}]" for line, entry in zip(lines, entries, strict=True)]


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
