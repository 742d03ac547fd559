"""What a run is begun with, whichever code wrote it: taken up by this code as a whole, or not at all."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload

from domain.run import DEPLOY, SCHEMA, STEPS, NotTakenUp, Run, Said, taken_up
from engine.convert import DATA_CONVERTER, read, written
from tests.replay.commands import STARTED
from tests.replay.fingerprint import histories
from tests.replay.fingerprint import read as read_history

CONTINUED = "workflowExecutionContinuedAsNewEventAttributes"
FILES = [path for _, path in histories()]


def arguments(path: Path) -> Iterator[bytes]:
    """What the recorded run was begun with, and what it handed on."""
    for event in read_history(path)["events"]:
        for kind in (STARTED, CONTINUED):
            if kind in event:
                (payload,) = event[kind]["input"]["payloads"]
                yield base64.b64decode(payload["data"])


def recorded(name: str) -> dict[str, Any]:
    """The first argument of a recorded history, as JSON."""
    path = next(path for path in FILES if path.stem == name)
    said: dict[str, Any] = json.loads(next(arguments(path)))
    return said


def dumped(said: object) -> bytes:
    return json.dumps(said).encode()


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_state_that_was_ever_recorded_is_taken_up_and_nothing_of_it_is_lost(path: Path) -> None:
    for data in arguments(path):
        run, said = read(data), json.loads(data)
        assert (run.state.id, run.turns) == (said["state"]["id"], said.get("turns", 0))
        assert read(written(run)) == run
        if said.get("schema", 1) == SCHEMA:
            assert json.loads(written(run)) == said


def test_every_schema_has_the_step_to_the_next() -> None:
    assert set(STEPS) == set(range(1, SCHEMA))


def test_the_first_schema_is_not_written_down() -> None:
    run = read(dumped(recorded("active")))
    assert SCHEMA > 1 or b"schema" not in written(run)


def in_words(said: Said) -> Said:
    """A step from schema 1 that renames a field."""
    return {("batches" if name == "turns" else name): value for name, value in said.items()}


def by_kind(said: Said) -> Said:
    """A step from schema 2 that gives a field another shape."""
    return {**said, "batches": {"written": said.get("batches", 0)}}


STEPS_OF_ANOTHER = {1: in_words, 2: by_kind}


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        ({"state": {"id": "s"}, "turns": 7}, {"state": {"id": "s"}, "batches": {"written": 7}}),
        ({"state": {"id": "s"}}, {"state": {"id": "s"}, "batches": {"written": 0}}),
        ({"schema": 1, "state": {"id": "s"}, "turns": 7}, {"state": {"id": "s"}, "batches": {"written": 7}}),
        ({"schema": 2, "state": {"id": "s"}, "batches": 7}, {"state": {"id": "s"}, "batches": {"written": 7}}),
        (
            {"schema": 3, "state": {"id": "s"}, "batches": {"written": 7}},
            {"state": {"id": "s"}, "batches": {"written": 7}},
        ),
    ],
)
def test_an_older_state_goes_through_every_step_that_it_lacks_in_order(said: Said, taken: Said) -> None:
    before = json.dumps(said)
    assert taken_up(said, 3, STEPS_OF_ANOTHER) == taken
    assert json.dumps(said) == before


def test_a_newer_state_is_refused_with_what_to_deploy() -> None:
    newer = dumped({"schema": SCHEMA + 1, **recorded("locked")})
    with pytest.raises(NotTakenUp) as refused:
        read(newer)
    assert str(refused.value) == (
        f"the state of subscription locked has schema {SCHEMA + 1}, and this worker reads schemas up to {SCHEMA}: a "
        f"newer one wrote it. Nothing was decided and no money moved. {DEPLOY}"
    )


@pytest.mark.parametrize("schema", [0, -1, True, "1", 1.0, None, [1]])
def test_a_schema_that_is_none_is_refused(schema: object) -> None:
    with pytest.raises(NotTakenUp, match="expected a whole number from 1"):
        read(dumped({"schema": schema, **recorded("locked")}))


@pytest.mark.parametrize(
    ("where", "name", "value"),
    [
        ((), "courtesy", "x"),
        (("state",), "language", "de"),
        (("state", "invoices", 0), "disputed", True),
        (("state", "episode"), "phase", 2),
        (("state",), "standing", "paused"),
    ],
)
def test_what_only_newer_code_knows_is_never_dropped(where: tuple[str | int, ...], name: str, value: object) -> None:
    run = recorded("locked")
    within: Any = run
    for step in where:
        within = within[step]
    within[name] = value
    payload = Payload(metadata={"encoding": b"json/plain"}, data=dumped(run))
    with pytest.raises(NotTakenUp) as refused:
        DATA_CONVERTER.payload_converter.from_payload(payload, Run)
    said = str(refused.value)
    assert said.startswith("the state of subscription locked holds what this worker does not know")
    assert f"{'.'.join(map(str, (*where, name)))}: " in said
    assert said.endswith(f"Nothing was decided and no money moved. {DEPLOY}")


def test_what_is_no_state_at_all_is_refused() -> None:
    with pytest.raises(NotTakenUp, match="a run's argument is list, not an object"):
        read(b"[]")
    with pytest.raises(NotTakenUp, match="the state of a subscription without a name holds"):
        read(b"{}")
