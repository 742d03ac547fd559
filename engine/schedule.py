"""The schedule of the reconciliation: made, changed or taken away as the settings say, however many workers start."""

from __future__ import annotations

from datetime import timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError, RPCStatusCode

from settings import Settings
from workflows.reconciliation import ReconciliationWorkflow

SCHEDULE = "reconciliation"
BY = "schedule"
CATCH_UP = timedelta(hours=24)  # an outage of a day is followed by one run, not by all that it has swallowed
JITTER = timedelta(minutes=5)
OFF = ("", "off")


async def scheduled(client: Client, settings: Settings) -> str:
    """Have the reconciliation run as the settings say; gives a line for people.

    Starting it again changes nothing but what the settings change. A pause set by hand stays, unless it was asked for
    in the very moment in which this runs: the server acts on it after its answer. A run that still goes on is not
    overtaken. Where the schedule cannot be set the line says so, and nothing else comes of it: billing must not wait
    for a nightly check.
    """
    handle = client.get_schedule_handle(SCHEDULE)
    try:
        if settings.reconcile in OFF:
            await handle.delete()
            return "reconciliation: off"
        wanted = _schedule(settings)
        try:
            await client.create_schedule(SCHEDULE, wanted)
        except ScheduleAlreadyRunningError:

            def changed(known: ScheduleUpdateInput) -> ScheduleUpdate:
                wanted.state = known.description.schedule.state  # who has paused it by hand keeps it paused
                return ScheduleUpdate(wanted)

            await handle.update(changed)
    except RPCError as error:
        if settings.reconcile in OFF and error.status == RPCStatusCode.NOT_FOUND:
            return "reconciliation: off"
        return (
            f"reconciliation: the schedule {SCHEDULE!r} could not be set in namespace {client.namespace!r}: {error}. "
            "Everything else is served. Let this worker write schedules, or run `cli.py reconcile` by a timer of yours."
        )
    return f"reconciliation: {settings.reconcile} (UTC)"


def _schedule(settings: Settings) -> Schedule:
    return Schedule(
        action=ScheduleActionStartWorkflow(ReconciliationWorkflow.run, BY, id=SCHEDULE, task_queue=settings.task_queue),
        spec=ScheduleSpec(cron_expressions=[settings.reconcile], jitter=JITTER),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=CATCH_UP),
    )
