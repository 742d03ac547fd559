"""Move a subscription's own clock, on development servers: in bounded hops, each checked where it landed.

The server skips time while nothing is in flight, so a hop lets every deadline on its way happen in its order. Two facts
of the server shape this (measured): an unbounded hop overshoots by years, and one that ends some hundredths of a second
after a continue-as-new by a month. So hops are bounded, end before a tie, and the clock is read back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle, WorkflowQueryFailedError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from domain.run import Seen
from engine.begin import handle_of
from workflows.subscription import SubscriptionWorkflow

STEP = timedelta(days=91)
SKIPS = 100_000  # per hop; the server's own limit of 200 would silently stop in the second year of a monthly life
TOLERANCE = timedelta(seconds=1)  # landings are 10 to 70 ms late
TIE = timedelta(seconds=2)  # a message due at a deadline's instant is delivered this long before it
SETTLE_SECONDS = 120.0  # real time; the slowest deadline, with retries, takes under a second
SKIP_SECONDS = 120.0  # real time, for one hop; then it is looked at again
POLL_SECONDS = 0.005
POLL_SECONDS_MOST = 0.1


class ClockOvershot(Exception):
    """The virtual clock went past where it was sent; what happened after that point must not be believed."""


class NotSettled(Exception):
    """The subscription did not come to rest; says what it was still doing."""


class VirtualTime:
    """Drives the clocks of subscriptions started through `client`, each its own."""

    def __init__(self, client: Client, skipper: type[TimeSkipper] = TimeSkipper) -> None:
        self.skipper = skipper(client, config=TimeSkippingConfig(enabled=False, max_session_skip_count=SKIPS))
        self.client = self.skipper.client

    async def hop(self, subscription_id: str, to: datetime, tolerance: timedelta = TOLERANCE) -> Seen | None:
        """Let everything happen that is due until business time `to`; gives the state there, None once it has ended.

        A `to` that lies in the past of its clock changes nothing. Raises NotSettled, and ClockOvershot where it landed
        later than `tolerance` after `to`.
        """
        handle = handle_of(self.client, subscription_id)
        while True:
            seen = await self.settled(handle)
            if seen is None:
                return None
            left = to - await self._clock(handle, seen)
            if left <= timedelta(0):
                return seen
            try:
                async with asyncio.timeout(SKIP_SECONDS):  # nothing is skipped while a task fails again and again
                    await self.skipper.fast_forward(handle, min(left, STEP))
            except TimeoutError:
                continue  # what it cannot come to rest from is said there
            except RPCError as error:
                if error.status in (RPCStatusCode.NOT_FOUND, RPCStatusCode.FAILED_PRECONDITION):
                    continue  # it ended, or continued as new under our hands; look again
                raise
            landed = await self._clock(handle, seen)
            if landed > to + tolerance:
                raise ClockOvershot(
                    f"subscription {subscription_id}: sent to {to.isoformat()}, landed at {landed.isoformat()}. "
                    "Play it again from the beginning."
                )

    async def _clock(self, handle: WorkflowHandle[SubscriptionWorkflow, str], seen: Seen) -> datetime:
        """Business time as the server has it; the workflow's own clock stands still between its tasks."""
        return await self.skipper.get_current_time(handle) + timedelta(seconds=seen.offset_seconds)

    async def _under_way(
        self, handle: WorkflowHandle[SubscriptionWorkflow, str], activities: Sequence[PendingActivityInfo]
    ) -> bool:
        """Whether any activity is being tried now. One that waits for its next try needs the clock to go on."""
        if not activities:
            return False
        clock = await self.skipper.get_current_time(handle)
        return not all(
            each.HasField("next_attempt_schedule_time")
            and each.next_attempt_schedule_time.ToDatetime(tzinfo=UTC) > clock
            for each in activities
        )

    async def settled(self, handle: WorkflowHandle[SubscriptionWorkflow, str]) -> Seen | None:
        """Wait until nothing is being worked on; gives the state, or None once the subscription has ended.

        The server is asked first, because asking the workflow itself costs a replay. A deadline that the server's clock
        has passed is still to be worked on, even while the workflow has not woken. Raises NotSettled after
        SETTLE_SECONDS.
        """
        last = "nothing was heard of it"
        clock = asyncio.get_running_loop().time
        pause, deadline = POLL_SECONDS, clock() + SETTLE_SECONDS
        while clock() < deadline:
            described = await handle.describe()
            if described.status == WorkflowExecutionStatus.COMPLETED:
                return None
            raw = described.raw_description
            if raw.HasField("pending_workflow_task"):
                last = "it works on a task"
            elif await self._under_way(handle, raw.pending_activities):
                last = "an activity is under way"
            else:
                try:
                    seen = await handle.query(SubscriptionWorkflow.seen)
                    overdue = seen.next_at and datetime.fromisoformat(seen.next_at) <= await self._clock(handle, seen)
                    at_rest = seen.undelivered or seen.state.standing != "ended"  # an ended one waits for parties only
                    if at_rest and not seen.busy and not overdue:
                        return seen
                    last = f"busy at {seen.clock}, next {seen.next_what!r} at {seen.next_at}"
                except (RPCError, WorkflowQueryFailedError) as error:  # between two runs there is nobody to ask
                    last = str(error)
            await asyncio.sleep(pause)
            pause = min(2 * pause, POLL_SECONDS_MOST)
        raise NotSettled(f"{handle.id} did not come to rest within {SETTLE_SECONDS:.0f} s: {last}")
