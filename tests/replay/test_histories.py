"""Lives that were decided by earlier code must be decided the same by this code: every recorded history replays.

The recorded ones are telling moments, one for each standing at least; `record.py` says how they were made.
"""

import asyncio
import json
from pathlib import Path
from typing import Any, get_args

import pytest
from temporalio.client import WorkflowHistory
from temporalio.workflow import NondeterminismError

from domain.policy import Standing
from domain.published import publish
from policies.load import load, shipped
from tests.replay.record import HISTORIES, MOMENTS
from tests.workflows.lives import replayed

FILES = sorted(HISTORIES.glob("*.json"))
STARTED = "workflowExecutionStartedEventAttributes"
SIZE_LIMIT = 100_000  # bytes; a period with thirty messages has half of that
MACHINE = ("/home/", "/tmp/", "/usr/", "site-packages", "@")


@pytest.fixture(autouse=True)
def policies() -> None:
    publish(*(load(name) for name in shipped()))


def recorded(path: Path) -> dict[str, Any]:
    history: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return history


async def replay(history: dict[str, Any]) -> None:
    workflow_id = history["events"][0][STARTED]["workflowId"]
    async with asyncio.timeout(60):
        await replayed([WorkflowHistory.from_json(workflow_id, history)])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
async def test_what_was_decided_before_is_decided_the_same_now(path: Path) -> None:
    await replay(recorded(path))


def test_every_moment_and_so_every_standing_has_been_recorded() -> None:
    assert {path.stem for path in FILES} == set(MOMENTS)
    assert set(MOMENTS) >= set(get_args(Standing))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
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
    history = recorded(HISTORIES / f"{name}.json")
    event = next(event for event in history["events"] if kind in event)
    event[kind][field] = other
    with pytest.raises(NondeterminismError):
        await replay(history)
