"""A sign of life from every activity that takes long: a worker that was killed is missed within seconds."""

from __future__ import annotations

import asyncio
from typing import Any

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from domain.errands import HEARTBEAT_TIMEOUT

BEAT_SECONDS = HEARTBEAT_TIMEOUT.total_seconds() / 4
"""An activity takes well under this, so that a healthy month has no beat and pays for none."""


class Heartbeats(Interceptor):
    """Beats for every activity of a worker, for as long as it runs."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        """Called by the SDK."""
        return _Beating(super().intercept_activity(next))


class _Beating(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002  # the SDK's name
        beating = asyncio.create_task(_beat())
        try:
            return await super().execute_activity(input)
        finally:
            beating.cancel()


async def _beat() -> None:
    while True:
        await asyncio.sleep(BEAT_SECONDS)
        activity.heartbeat()
