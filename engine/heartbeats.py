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

    def __init__(self, every_seconds: float = BEAT_SECONDS) -> None:
        self._every_seconds = every_seconds

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        """Called by the SDK."""
        return _Beating(super().intercept_activity(next), self._every_seconds)


class _Beating(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, every_seconds: float) -> None:  # noqa: A002
        super().__init__(next)
        self._every_seconds = every_seconds

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002  # the SDK's name
        beating = asyncio.create_task(_beat(self._every_seconds))
        try:
            return await super().execute_activity(input)
        finally:
            beating.cancel()


async def _beat(every_seconds: float) -> None:
    while True:
        await asyncio.sleep(every_seconds)
        activity.heartbeat()
