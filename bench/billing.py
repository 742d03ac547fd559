"""What a recorded history costs: billable actions by kind, events and bytes.

The rules are Temporal Cloud's (https://docs.temporal.io/evaluate/cloud/actions, read in November 2026). What leaves no
event is not seen here: queries, heartbeats that reach the server, rejected updates. Perennial has none of them in a
month that nobody looks at. Signals count where they arrive, starts and continue-as-news at the run that they begin.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent

FREE_ATTRIBUTES = {"TemporalChangeVersion"}

ONE_ACTION: dict[EventType.ValueType, str] = {
    EventType.EVENT_TYPE_TIMER_STARTED: "timer",
    EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED: "activity",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED: "signal",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED: "update",
    EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED: "child",  # its start counts in its own history
    EventType.EVENT_TYPE_NEXUS_OPERATION_SCHEDULED: "nexus",
    EventType.EVENT_TYPE_NEXUS_OPERATION_CANCEL_REQUESTED: "nexus",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED: "options",
}


@dataclass(frozen=True, slots=True)
class Bill:
    """What some events cost. `size` is bytes as the server stores them: the events, serialized."""

    kinds: Counter[str] = field(default_factory=Counter)
    events: int = 0
    size: int = 0

    @property
    def actions(self) -> int:
        """All that is billed."""
        return self.kinds.total()


def billed(events: Sequence[HistoryEvent]) -> Bill:
    """The bill of any stretch of a history, or of several that follow each other."""
    real = [_as_in_production(event) for event in events if not _of_virtual_time(event)]
    kinds: Counter[str] = Counter()
    for event in real:
        for kind, number in _kinds(event):
            kinds[kind] += number
    kinds["marker"] = _tasks_with_markers(real)
    return Bill(+kinds, len(real), sum(event.ByteSize() for event in real))


def _kinds(event: HistoryEvent) -> Iterable[tuple[str, int]]:
    """What one event counts for, as (kind, actions)."""
    kind = event.event_type
    if kind in ONE_ACTION:
        yield ONE_ACTION[kind], 1
    elif kind == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
        began = event.workflow_execution_started_event_attributes
        yield "continue-as-new" if began.continued_execution_run_id else "start", 1
    elif kind == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED:
        yield "activity retry", event.activity_task_started_event_attributes.attempt - 1
    elif kind == EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES:
        upsert = event.upsert_workflow_search_attributes_event_attributes
        yield "upsert", int(not set(upsert.search_attributes.indexed_fields) <= FREE_ATTRIBUTES)
    elif kind == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
        metered = event.workflow_task_completed_event_attributes.metering_metadata
        yield "local activity retry", metered.nonfirst_local_activity_execution_attempts
    elif kind == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
        cause = event.workflow_task_failed_event_attributes.cause
        yield "reset", int(cause == WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW)


def _tasks_with_markers(events: Iterable[HistoryEvent]) -> int:
    """All markers of one workflow task, local activities among them, count as one."""
    return len(
        {
            event.marker_recorded_event_attributes.workflow_task_completed_event_id
            for event in events
            if event.event_type == EventType.EVENT_TYPE_MARKER_RECORDED
        }
    )


def _of_virtual_time(event: HistoryEvent) -> bool:
    """Whether only moving a clock wrote it: no production history has such an event."""
    if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED:
        return event.workflow_execution_options_updated_event_attributes.time_skipping_config_updated
    return event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIME_SKIPPING_TRANSITIONED


def _as_in_production(event: HistoryEvent) -> HistoryEvent:
    """The event without the configuration of its virtual clock."""
    plain = HistoryEvent()
    if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED:
        plain.CopyFrom(event)
        plain.workflow_execution_options_updated_event_attributes.ClearField("time_skipping_config")
    elif event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
        plain.CopyFrom(event)
        for name in ("time_skipping_config", "time_skipping_state_propagation"):
            plain.workflow_execution_started_event_attributes.ClearField(name)
    else:
        return event
    return plain
