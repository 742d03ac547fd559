"""Lives that were decided by earlier code must be decided the same by this code: every recorded history replays.

The recorded ones are telling moments of each release, one for each standing at least; `moments.py` plays them.
"""

import asyncio
import base64
import json
from pathlib import Path
from typing import Any, get_args

import pytest
from temporalio.client import WorkflowHistory
from temporalio.workflow import NondeterminismError

from domain.policy import Standing
from domain.published import publish
from tests.replay.commands import STARTED
from tests.replay.fingerprint import histories, read
from tests.replay.moments import MOMENTS, carried
from tests.replay.record import HISTORIES, PINNED, main, present, refusal, releases
from tests.workflows.lives import replayed

FILES = [path for _, path in histories()]
REPLAYED = [path for path in FILES if path.parent.name not in PINNED]
NOW = HISTORIES / present()
SIZE_LIMIT = 100_000  # bytes; a period with thirty messages has half of that
MACHINE = ("/home/", "/tmp/", "/usr/", "site-packages", "@")
TASK = "workflowTaskStartedEventAttributes"


@pytest.fixture(autouse=True)
def policies() -> None:
    publish(*carried())


async def replay(history: dict[str, Any]) -> None:
    workflow_id = history["events"][0][STARTED]["workflowId"]
    async with asyncio.timeout(60):
        await replayed([WorkflowHistory.from_json(workflow_id, history)])


def named(path: Path) -> str:
    return f"{path.parent.name}-{path.stem}"


@pytest.mark.parametrize("path", REPLAYED, ids=named)
async def test_what_was_decided_before_is_decided_the_same_now(path: Path) -> None:
    await replay(read(path))


def test_every_release_has_its_histories() -> None:
    assert set(releases()) == {folder.name for folder in HISTORIES.iterdir()}
    assert present() in releases()
    assert releases().keys() >= PINNED


def test_every_moment_of_this_release_has_been_recorded() -> None:
    assert {path.stem for path in NOW.glob("*.json")} == set(MOMENTS)


def shown(history: dict[str, Any]) -> set[str]:
    """The standings that a history shows: the one it began with, and those it came to."""
    found = set()
    for event in history["events"]:
        for attributes in event.values():
            if isinstance(attributes, dict) and "searchAttributes" in attributes:
                said = attributes["searchAttributes"]["indexedFields"].get("SubStanding")
                if said:
                    found.add(json.loads(base64.b64decode(said["data"])))
    return found


@pytest.mark.parametrize("release", releases())
def test_the_histories_of_a_release_pass_through_every_standing(release: str) -> None:
    folder = HISTORIES / release
    assert {standing for path in folder.glob("*.json") for standing in shown(read(path))} == set(get_args(Standing))


@pytest.mark.parametrize("path", FILES, ids=named)
def test_a_history_is_small_and_tells_nothing_of_the_machine_it_was_recorded_on(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text) < SIZE_LIMIT
    assert [word for word in MACHINE if word in text] == []


@pytest.mark.parametrize(
    ("name", "kind", "field", "other"),
    [
        ("locked", "activityTaskScheduledEventAttributes", "activityType", {"name": "send_flowers"}),
        ("messages", "activityTaskScheduledEventAttributes", "activityId", "99"),
    ],
)
async def test_a_history_of_other_decisions_does_not_replay(name: str, kind: str, field: str, other: object) -> None:
    history = read(NOW / f"{name}.json")
    event = next(event for event in history["events"] if kind in event)
    event[kind][field] = other
    with pytest.raises(NondeterminismError):
        await replay(history)


def released_meanwhile(name: str, first_task: int) -> dict[str, Any]:
    """A history in which another version was current from a task of the run on, counted from 0."""
    history = read(NOW / f"{name}.json")
    tasks = [event[TASK] for event in history["events"] if TASK in event]
    for task in tasks[first_task:]:
        task["targetWorkerDeploymentVersionChanged"] = True
    return history


async def test_a_run_ends_where_another_version_became_current_meanwhile() -> None:
    await replay(read(NOW / "moved.json"))
    with pytest.raises(NondeterminismError):  # it would have continued as new; the recorded one went on
        await replay(released_meanwhile("moved", 1))


async def test_a_run_that_began_beside_the_current_version_does_not_end_for_it_over_and_over() -> None:
    await replay(released_meanwhile("moved", 0))


def test_what_has_been_released_is_not_recorded_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    said = refusal("0.1.0", {"0.2.0": "unreleased", "0.1.0": "2026-12-01"})
    assert said is not None
    assert said.startswith("0.1.0 was released on 2026-12-01: subscriptions live that it decided")
    assert refusal("0.2.0", {"0.2.0": "unreleased", "0.1.0": "2026-12-01"}) is None
    monkeypatch.setattr("tests.replay.record.releases", lambda: {present(): "2026-12-01"})
    before = {path: path.stat().st_mtime_ns for path in NOW.glob("*.json")}
    assert main(["--again"]) == 2
    assert {path: path.stat().st_mtime_ns for path in NOW.glob("*.json")} == before
