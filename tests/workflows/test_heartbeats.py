"""Every activity gives signs of life while it runs, and its workflow has it missed where it gives none."""

import asyncio
from datetime import timedelta
from uuid import uuid4

from temporalio import activity, workflow
from temporalio.api.enums.v1 import EventType
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from domain.errands import HEARTBEAT_TIMEOUT
from engine.heartbeats import Heartbeats
from engine.stage import Stage
from tests.workflows.conftest import Begin
from tests.workflows.lives import PATIENCE, events

QUEUE = "heartbeats"
POLL_SECONDS = 0.02  # of real time, between two looks at the server
PATIENT = timedelta(seconds=PATIENCE)


@workflow.defn
class Waiting:
    @workflow.run
    async def run(self) -> str:
        said: str = await workflow.execute_activity("wait", start_to_close_timeout=PATIENT, heartbeat_timeout=PATIENT)
        return said


async def test_an_activity_that_only_waits_gives_signs_of_life(house: Stage) -> None:
    heard = asyncio.Event()

    @activity.defn
    async def wait() -> str:
        await heard.wait()
        return "heard"

    worker = Worker(
        house.client,
        task_queue=QUEUE,
        workflows=[Waiting],
        activities=[wait],
        interceptors=[Heartbeats(every_seconds=POLL_SECONDS)],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    async with asyncio.timeout(PATIENCE), worker:
        handle = await house.client.start_workflow(Waiting.run, id=f"waiting-{uuid4()}", task_queue=QUEUE)
        while not heard.is_set():
            pending = (await handle.describe()).raw_description.pending_activities
            if any(each.HasField("last_heartbeat_time") for each in pending):
                heard.set()
            await asyncio.sleep(POLL_SECONDS)
        assert await handle.result() == "heard"


async def test_every_activity_of_a_subscription_is_missed_within_the_time_that_is_promised(live: Begin) -> None:
    life = await live("photo-monthly", "missed-soon")
    await life.until("2026-02-20T12:00")
    asked = [
        event.activity_task_scheduled_event_attributes
        for run in await life.runs()
        for event in events(run, EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED)
    ]
    assert asked
    assert {each.heartbeat_timeout.ToTimedelta() for each in asked} == {HEARTBEAT_TIMEOUT}
