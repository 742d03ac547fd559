"""The clocks of the fleet: hops that survive restarts, and standstills, in which nobody's time is skipped."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from temporalio.api.workflowservice.v1 import UpdateWorkflowExecutionOptionsResponse
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from domain.run import Seen
from engine.begin import handle_of
from engine.virtual_time import SKIPS, ClockOvershot, NotSettled, VirtualTime
from workflows.subscription import SubscriptionWorkflow

LAG = timedelta(minutes=10)
"""How far a clock may run on while servers are away; stories have no deadline for longer than this after a message."""
TRIES = 60
AGAIN_SECONDS = 1.0


class _Gated(TimeSkipper):
    """Lets nobody begin to skip while the gate is shut, and can tell when the last who had begun to is heard."""

    def __init__(self, client: Client, *, config: TimeSkippingConfig) -> None:
        super().__init__(client, config=config)
        self.gate = asyncio.Event()
        self.gate.set()
        self._unheard = 0
        self._heard = asyncio.Event()
        self._heard.set()

    async def _update_time_skipping_config(
        self, handle: WorkflowHandle[Any, Any], config: TimeSkippingConfig
    ) -> UpdateWorkflowExecutionOptionsResponse:
        if config.enabled:
            await self.gate.wait()
        self._unheard += 1
        self._heard.clear()
        try:
            return await super()._update_time_skipping_config(handle, config)
        finally:
            self._unheard -= 1
            if not self._unheard:
                self._heard.set()

    async def shut(self) -> None:
        """Shut the gate; returns when the server has answered all who were on their way through it."""
        self.gate.clear()
        await self._heard.wait()


class Clocks(VirtualTime):
    """Virtual time for many lives. While they stand still, their clocks run as all clocks do."""

    skipper: _Gated

    def __init__(self, client: Client) -> None:
        super().__init__(client, _Gated)

    async def reach(self, subscription_id: str, to: datetime) -> Seen | None:
        """Hop to an instant, and go on hopping when a server is lost on the way.

        Raises ClockOvershot, and NotSettled after TRIES.
        """
        for _ in range(TRIES - 1):
            try:
                return await self.hop(subscription_id, to, LAG)
            except (RPCError, RuntimeError, NotSettled) as error:
                if isinstance(error, ClockOvershot):
                    raise
                await asyncio.sleep(AGAIN_SECONDS)
        return await self.hop(subscription_id, to, LAG)

    async def settled(self, handle: WorkflowHandle[SubscriptionWorkflow, str]) -> Seen | None:
        """As everywhere, but not while all stand still."""
        await self.skipper.gate.wait()
        return await super().settled(handle)

    @asynccontextmanager
    async def standstill(self, lives: Iterable[str]) -> AsyncIterator[None]:
        """Skip nobody's time while the block runs: an outage of seconds must not become one of hours.

        What is tried again waits in real time then, as it would in production.
        """
        try:
            await self.skipper.shut()
            await asyncio.gather(*(self._halt(each) for each in lives))
            yield
        finally:
            self.skipper.gate.set()

    async def _halt(self, subscription_id: str) -> None:
        with contextlib.suppress(RPCError):  # it has ended, or not begun
            await self.skipper._update_time_skipping_config(
                handle_of(self.client, subscription_id),
                TimeSkippingConfig(enabled=False, max_session_skip_count=SKIPS),
            )
