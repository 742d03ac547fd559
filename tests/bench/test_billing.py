"""Temporal's rules of what is billed, one row each: https://docs.temporal.io/evaluate/cloud/actions."""

from collections import Counter
from collections.abc import Sequence

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent

from bench.billing import billed
from bench.prices import TIERS, ActiveAndRetained, actions_usd, storage_usd


def event(name: str, **attributes: object) -> HistoryEvent:
    made = HistoryEvent(event_type=EventType.Value(f"EVENT_TYPE_{name}"))
    holder = getattr(made, f"{name.lower()}_event_attributes")
    holder.SetInParent()
    for field, value in attributes.items():
        setattr(holder, field, value)
    return made


def started(**attributes: object) -> HistoryEvent:
    return event("WORKFLOW_EXECUTION_STARTED", **attributes)


def upsert(*names: str) -> HistoryEvent:
    made = event("UPSERT_WORKFLOW_SEARCH_ATTRIBUTES")
    fields = made.upsert_workflow_search_attributes_event_attributes.search_attributes.indexed_fields
    for name in names:
        fields[name].CopyFrom(Payload(data=b"1"))
    return made


def of_a_clock() -> HistoryEvent:
    made = event("WORKFLOW_EXECUTION_OPTIONS_UPDATED")
    made.workflow_execution_options_updated_event_attributes.time_skipping_config.enabled = True
    made.workflow_execution_options_updated_event_attributes.time_skipping_config_updated = True
    return made


def of_a_place(priority: int, *, clock: bool) -> HistoryEvent:
    made = event("WORKFLOW_EXECUTION_OPTIONS_UPDATED")
    made.workflow_execution_options_updated_event_attributes.priority.priority_key = priority
    if clock:  # an execution with a virtual clock tells of it in every such event
        made.workflow_execution_options_updated_event_attributes.time_skipping_config.enabled = True
    return made


def retried_locally(times: int) -> HistoryEvent:
    made = event("WORKFLOW_TASK_COMPLETED")
    metered = made.workflow_task_completed_event_attributes.metering_metadata
    metered.nonfirst_local_activity_execution_attempts = times
    return made


RESET = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW


@pytest.mark.parametrize(
    ("events", "actions"),
    [
        ([started()], {"start": 1}),
        ([started(continued_execution_run_id="r")], {"continue-as-new": 1}),
        ([event("WORKFLOW_EXECUTION_CONTINUED_AS_NEW")], {}),
        ([event("TIMER_STARTED"), event("TIMER_FIRED")], {"timer": 1}),
        ([event("TIMER_STARTED"), event("TIMER_CANCELED")], {"timer": 1}),
        ([event("WORKFLOW_EXECUTION_SIGNALED")], {"signal": 1}),
        (
            [event("WORKFLOW_EXECUTION_UPDATE_ACCEPTED"), event("WORKFLOW_EXECUTION_UPDATE_COMPLETED")],
            {"update": 1},
        ),
        ([event("ACTIVITY_TASK_SCHEDULED"), event("ACTIVITY_TASK_STARTED", attempt=1)], {"activity": 1}),
        (
            [event("ACTIVITY_TASK_SCHEDULED"), event("ACTIVITY_TASK_STARTED", attempt=4)],
            {"activity": 1, "activity retry": 3},
        ),
        ([upsert("SubStanding", "SubNextAt")], {"upsert": 1}),
        ([upsert("TemporalChangeVersion")], {}),
        ([event("MARKER_RECORDED", workflow_task_completed_event_id=4)] * 3, {"marker": 1}),
        (
            [event("MARKER_RECORDED", workflow_task_completed_event_id=number) for number in (4, 4, 9)],
            {"marker": 2},
        ),
        ([retried_locally(2)], {"local activity retry": 2}),
        ([event("START_CHILD_WORKFLOW_EXECUTION_INITIATED")], {"child": 1}),
        ([event("WORKFLOW_TASK_FAILED", cause=RESET)], {"reset": 1}),
        ([event("WORKFLOW_TASK_FAILED")], {}),
        ([event("WORKFLOW_EXECUTION_OPTIONS_UPDATED")], {"options": 1}),
        ([of_a_clock()], {}),
        ([of_a_place(1, clock=True)], {"options": 1}),
        ([event("WORKFLOW_TASK_SCHEDULED"), event("WORKFLOW_TASK_STARTED")], {}),
    ],
)
def test_what_is_billed(events: Sequence[HistoryEvent], actions: dict[str, int]) -> None:
    assert billed(events).kinds == Counter(actions)


def test_what_only_a_moved_clock_writes_is_neither_counted_nor_weighed() -> None:
    skipped = HistoryEvent(event_type=EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIME_SKIPPING_TRANSITIONED)
    moved = started(workflow_id="s")
    moved.workflow_execution_started_event_attributes.time_skipping_config.enabled = True
    assert billed([moved, skipped, of_a_clock()]) == billed([started(workflow_id="s")])
    assert billed([of_a_place(1, clock=True)]) == billed([of_a_place(1, clock=False)])
    assert moved.workflow_execution_started_event_attributes.time_skipping_config.enabled, "the history stays as it was"


def test_the_list_prices() -> None:
    assert actions_usd(11.25e6) == 525  # Temporal's own example
    assert actions_usd(0) == 0
    assert storage_usd(ActiveAndRetained(1e9 / 730, 0), 720) == pytest.approx(30.24)
    assert storage_usd(ActiveAndRetained(0, 1e9 / 730), 3_600) == pytest.approx(3.78)
    with pytest.raises(ValueError, match="no list price"):
        actions_usd(TIERS[-1][0] + 1)
