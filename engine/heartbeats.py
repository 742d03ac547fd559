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
        beats = _Beats(self._every_seconds)
        try:
            return await super().execute_activity(input)
        finally:
            beats.end()


class _Beats:
    """Beats from now on, for the activity in whose context it was made; a call of the loop is cheaper than a task."""

    def __init__(self, every_seconds: float) -> None:
        self._every_seconds = every_seconds
        self._loop = asyncio.get_running_loop()
        self._next = self._loop.call_later(every_seconds, self._beat)

    def _beat(self) -> None:
        activity.heartbeat()
        self._next = self._loop.call_later(self._every_seconds, self._beat)

    def end(self) -> None:
        """No further beat."""
        self._next.cancel()
