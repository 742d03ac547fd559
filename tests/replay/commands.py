"""What a run commands: as a history has it, as this code decides it on replay, and where the two part.

A command is named by what replay compares: an activity by its type, a timer, an upsert, an update's acceptance and its
answer, a patch, the end of the run. Durations, arguments, summaries and options are no part of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_commands import WorkflowCommand
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, WorkflowInstance, WorkflowInstanceDetails, WorkflowRunner
from temporalio.workflow import NondeterminismError

from engine.convert import DATA_CONVERTER
from engine.crew import runner
from workflows.subscription import SubscriptionWorkflow

STARTED = "workflowExecutionStartedEventAttributes"
SCHEDULED = "activityTaskScheduledEventAttributes"
SHOWN = 4  # commands before the one that differs

RECORDED = {
    "TIMER_STARTED": "timer",
    "TIMER_CANCELED": "cancel timer",
    "UPSERT_WORKFLOW_SEARCH_ATTRIBUTES": "upsert",
    "WORKFLOW_EXECUTION_UPDATE_ACCEPTED": "accept update",
    "WORKFLOW_EXECUTION_UPDATE_COMPLETED": "answer update",
    "MARKER_RECORDED": "patch",
    "WORKFLOW_EXECUTION_CONTINUED_AS_NEW": "continue as new",
    "WORKFLOW_EXECUTION_COMPLETED": "complete",
    "WORKFLOW_EXECUTION_FAILED": "fail",
}
DECIDED = {
    "start_timer": "timer",
    "cancel_timer": "cancel timer",
    "upsert_workflow_search_attributes": "upsert",
    "set_patch_marker": "patch",
    "continue_as_new_workflow_execution": "continue as new",
    "complete_workflow_execution": "complete",
    "fail_workflow_execution": "fail",
}


@dataclass(frozen=True, slots=True)
class Command:
    """`event` is the id of the event that recorded it."""

    event: int
    what: str


@dataclass(frozen=True, slots=True)
class Parting:
    """The first command that differs; None where one side has no more."""

    before: tuple[str, ...]
    recorded: Command | None
    decided: str | None


def recorded(history: dict[str, Any]) -> list[Command]:
    """The commands that a history holds."""
    found: list[Command] = []
    for event in history["events"]:
        kind, number = event["eventType"].removeprefix("EVENT_TYPE_"), int(event["eventId"])
        if SCHEDULED in event:
            found.append(Command(number, event[SCHEDULED]["activityType"]["name"]))
        elif kind in RECORDED:
            found.append(Command(number, RECORDED[kind]))
    return found


async def decided(history: dict[str, Any]) -> list[str]:
    """The commands that this code decides when the history is replayed, up to where replay refuses to go on.

    Raises what else keeps the history from being replayed.
    """
    heard: list[str] = []
    replayer = Replayer(
        workflows=[SubscriptionWorkflow], workflow_runner=Listening(heard), data_converter=DATA_CONVERTER
    )
    told = WorkflowHistory.from_json(history["events"][0][STARTED]["workflowId"], history)
    result = await replayer.replay_workflow(told, raise_on_replay_failure=False)
    if result.replay_failure and not isinstance(result.replay_failure, NondeterminismError):
        raise result.replay_failure
    return heard


def parting(commands: Sequence[Command], heard: Sequence[str]) -> Parting | None:
    """Where a history and what this code decides part, or None."""
    for place, (command, said) in enumerate(zip_longest(commands, heard)):
        if command is None or command.what != said:
            before = tuple(each.what for each in commands[max(0, place - SHOWN) : place])
            return Parting(before, command, said)
    return None


def advice(name: str, release: str, found: Parting, *, released: bool) -> str:
    """What a difference means for those who live, and what may be done about it; for people."""
    event = f"event {found.recorded.event}" if found.recorded else "its end"
    before = ", ".join(("...", *found.before))
    lines = [
        f"{name}: what this code commands is not what release {release} recorded, from {event} on:",
        f"  recorded   {before}, [{found.recorded.what if found.recorded else 'nothing more'}]",
        f"  this code  {before}, [{found.decided or 'nothing more'}]",
        f"A subscription whose run was begun by {release} replays it when it wakes. With this code it would come to",
        "another command than the server holds, and its tasks would fail (NondeterminismError): it would stand still,",
        "deadlines passing, until code that agrees is deployed. No money would move meanwhile. Choose:",
        "  1. It was not meant: mend it. What differs is decided in the task before that event.",
        '  2. It is meant: the new way behind `if workflow.patched("what-it-does"):`, the old way after `else:`.',
        "  3. It is meant, and workers are versioned: release it as a version of its own (PERENNIAL_BUILD). Runs end",
        f"     on the version that began them; say so by adding {release!r} to PINNED in tests/replay/record.py.",
    ]
    if released:
        lines.append(
            f"  Recording anew is no choice: {release} has been released, and subscriptions live that it decided."
        )
    else:
        lines.append(f"  4. {release} was never released: python -m tests.replay.record --again")
    return "\n".join([*lines, "docs/upgrading.md says more."])


class Listening(WorkflowRunner):
    """The sandbox that workers use, with the commands of every task written down."""

    def __init__(self, heard: list[str]) -> None:
        self._heard = heard
        self._inner = runner()

    def prepare_workflow(self, defn: Any) -> None:
        self._inner.prepare_workflow(defn)

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        return Overheard(self._inner.create_instance(det), self._heard)

    def set_worker_level_failure_exception_types(self, types: Sequence[type[BaseException]]) -> None:
        self._inner.set_worker_level_failure_exception_types(types)


class Overheard(WorkflowInstance):
    """One workflow, whose commands are written down."""

    def __init__(self, inner: WorkflowInstance, heard: list[str]) -> None:
        self._inner = inner
        self._heard = heard

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        completion = self._inner.activate(act)
        for command in completion.successful.commands:
            self._heard.extend(_named(command))
        return completion

    def get_serialization_context(self, command_info: Any) -> Any:
        return self._inner.get_serialization_context(command_info)

    def get_external_store_context(self, command_info: Any) -> Any:
        return self._inner.get_external_store_context(command_info)

    def get_info(self) -> Any:
        return self._inner.get_info()


def _named(command: WorkflowCommand) -> Iterator[str]:
    kind = command.WhichOneof("variant")
    if kind == "schedule_activity":
        yield command.schedule_activity.activity_type
    elif kind == "update_response":
        response = command.update_response.WhichOneof("response")
        if response != "rejected":  # which leaves nothing in a history
            yield "accept update" if response == "accepted" else "answer update"
    elif kind != "respond_to_query":
        yield DECIDED.get(str(kind), str(kind))
