"""A worker that does not carry a subscription's policy stops and says so; one that does carries on."""

import asyncio
import gc
import logging
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHandle
from temporalio.testing import TimeSkipper

from domain import published
from domain.periods import parse_local
from domain.policy import Policy
from domain.published import publish
from engine import virtual_time
from engine.stage import stage
from engine.virtual_time import NotSettled, VirtualTime
from policies.load import load
from tests.workflows.lives import PATIENCE, Life, begun, events, json_payload

PAID = {"amount": "49.00", "channel": "bank_transfer", "reference": "r-1"}
POLL_SECONDS = 0.05  # of real time: the server's own clock says when the task fails


def text_of_another_digest(digit: str) -> Policy:
    """The shipped policy, as if its text were another one."""
    return replace(load("photo-monthly"), digest=digit * 64)


async def complaint(life: Life) -> str:
    """What the first failed task says."""
    async with asyncio.timeout(PATIENCE):
        while True:
            failed = events((await life.runs())[-1], EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED)
            if failed:
                return failed[0].workflow_task_failed_event_attributes.failure.message
            await asyncio.sleep(POLL_SECONDS)


@pytest.mark.slow  # the server waits ten seconds before it tries the task again
async def test_an_unknown_policy_stops_the_task_and_the_subscription_goes_on_once_it_is_carried(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL, logger="temporalio.worker")  # a kept record keeps the failed workflow
    missing = text_of_another_digest("f")
    async with stage() as house:
        life = await begun(house, "photo-monthly", "stopped", rules=missing, carried=False)
        said = await complaint(life)
        for expected in ("photo-monthly version 1 (ffffffffffff)", "no money moved", "Deploy a worker"):
            assert expected in said
        await life.signal_raw("payment-received", json_payload(PAID))
        publish(missing)
        state = await life.state()
        assert state.credit_minor == 4900
        await life.until("2026-01-16T12:00")
        assert [e.what for e in await life.entries("invoice_issued", "refused")] == ["invoice_issued"]
        assert await house.books.audit(life.id) == []
    gc.collect()  # the SDK leaves the coroutine of a workflow that could not be made; its warning belongs here


class Withdrawn(TimeSkipper):
    """A worker that is given another release in the moment in which time begins to be skipped."""

    async def fast_forward(
        self, handle: WorkflowHandle[Any, Any], duration: timedelta | float | None = None, /
    ) -> bool:
        published._published.clear()
        return await super().fast_forward(handle, duration)


@pytest.mark.slow  # the limits are of real time
async def test_a_hop_over_a_task_that_always_fails_ends_and_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The server skips no time while a task is tried again, and its answer would be waited for without end."""
    caplog.set_level(logging.CRITICAL, logger="temporalio.worker")
    monkeypatch.setattr(published, "_published", {})
    monkeypatch.setattr(virtual_time, "SKIP_SECONDS", 3.0)
    monkeypatch.setattr(virtual_time, "SETTLE_SECONDS", 3.0)
    async with stage(cached_workflows=0) as house:
        life = await begun(house, "photo-monthly", "withdrawn")
        await life.settled()
        time = VirtualTime(house.client, Withdrawn)
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(NotSettled, match="did not come to rest within 3 s: it works on a task"):
                await time.hop(life.id, parse_local("2026-01-16T12:00", life.terms.customer.timezone))
    gc.collect()  # as above
