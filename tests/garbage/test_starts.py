"""Workflows started by hand with nonsense: the task fails and says why, nothing is decided, nothing is written."""

from __future__ import annotations

import asyncio
import gc
from typing import Any
from uuid import uuid4

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.api.failure.v1 import Failure
from temporalio.common import RawValue

from domain.opening import opened
from domain.run import Run
from engine.convert import DATA_CONVERTER
from engine.stage import TASK_QUEUE
from policies.load import load
from tests.garbage.clear import assert_clear
from tests.wire.lives_on_the_wire import Town
from tests.workflows.lives import PATIENCE, json_payload, terms_of

pytestmark = [
    pytest.mark.slow,
    # temporalio leaves the run of a workflow that could not even be made un-awaited, to be found by the collector
    pytest.mark.filterwarnings("ignore:.*run_workflow:pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:coroutine .*run_workflow:RuntimeWarning"),
]

FAILED = EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED


def _run(id_: str, **changes: Any) -> dict[str, Any]:
    """A good run's argument, with fields of its state changed."""
    run = Run(opened(terms_of("hosting", "s-1", "2026-01-15"), load("hosting")))
    (payload,) = DATA_CONVERTER.payload_converter.to_payloads([run])
    (said,) = DATA_CONVERTER.payload_converter.from_payloads([payload])
    assert isinstance(said, dict)
    said["state"] |= {"id": id_} | changes
    return said


STARTS: dict[str, tuple[list[Any], str]] = {
    "nothing": ([], "argument"),
    "a text": (["hello"], "not an object"),
    "a list": ([[1, 2]], "not an object"),
    "an empty object": ([{}], "state"),
    "a state that is none": ([{"state": {"id": "x"}}], "state"),
    "an unknown field": ([_run("{id}") | {"rich": True}], "rich"),
    "another one's id": ([_run("somebody-else")], "expected the one in the workflow's id"),
    "an id that is none": ([_run("a/b")], "expected letters"),
    "a zone that is none": ([_run("{id}", timezone="Mars/Olympus")], "expected an IANA name"),
    "a currency that is none": ([_run("{id}", currency="XXX")], "expected an ISO 4217 code"),
    "a price below zero": ([_run("{id}", price_minor=-1)], "expected 0 or more"),
    "a plan with a zero byte": ([_run("{id}", plan="a\0b")], "expected printable characters"),
    "a policy that nobody has": ([_run("{id}", policy={"name": "x", "version": 1, "digest": "y"})], "is not carried"),
}


def _named(said: Any, id_: str) -> Any:
    if isinstance(said, dict) and isinstance(said.get("state"), dict) and said["state"].get("id") == "{id}":
        return said | {"state": said["state"] | {"id": id_}}
    return said


def _causes(failure: Failure) -> str:
    """What the Temporal UI shows of a failed task: its message and those of its causes."""
    return failure.message + (f": {_causes(failure.cause)}" if failure.HasField("cause") else "")


@pytest.mark.parametrize(("arguments", "why"), list(STARTS.values()), ids=list(STARTS))
async def test_a_workflow_started_with_nonsense_says_so_and_does_nothing(
    town: Town, arguments: list[Any], why: str
) -> None:
    id_ = f"start-{uuid4().hex[:8]}"
    raw = [RawValue(json_payload(_named(said, id_))) for said in arguments]
    handle = await town.stage.client.start_workflow(
        "subscription", args=raw, id=f"subscription/{id_}", task_queue=TASK_QUEUE
    )
    told = ""
    async with asyncio.timeout(PATIENCE):
        while not told:
            for event in (await handle.fetch_history()).events:
                if event.event_type == FAILED:
                    told = _causes(event.workflow_task_failed_event_attributes.failure)
            await asyncio.sleep(0.02)
    assert why in told
    if arguments:  # that nothing was given is told by Python itself
        assert_clear(told)
    history = await handle.fetch_history()
    assert {e.event_type for e in history.events} <= {
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
        EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED,
        EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED,
        FAILED,
    }  # one failure is in the history; the tries after it, ever rarer, are counted beside it and leave no event
    for table in ("subscription", "timeline", "ledger_entry", "outbox"):
        column = "id" if table == "subscription" else "subscription_id"
        assert await town.stage.pool.fetchval(f"select count(*) from {table} where {column} = $1", id_) == 0
    await handle.terminate("garbage")
    gc.collect()
