"""Deliveries to parties that could not be told at once: one activity at a time for each, until nothing is left."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    import workflows.perform as perform
    from domain.errands import DELIVERIES
    from domain.timeline import local_text


class Couriers:
    """One courier for each party, while it has something left to deliver for a subscription."""

    def __init__(
        self, subscription_id: str, timezone: str, *, clock: Callable[[], datetime], changed: Callable[[], None]
    ) -> None:
        """`clock` gives business time; `changed` is called whenever a courier has come back."""
        self._subscription_id = subscription_id
        self._timezone = timezone
        self._clock = clock
        self._changed = changed
        self._out: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._waiting: set[str] = set()
        self._given_up: set[str] = set()

    def send(self, parties: Sequence[str]) -> None:
        """Keep delivering to parties that have not acknowledged."""
        for party in parties:
            if party in self._out:
                self._again.add(party)
            elif party in DELIVERIES:
                self._out[party] = asyncio.create_task(self._deliver(party))

    def undelivered(self) -> tuple[str, ...]:
        """The parties that a courier is out for."""
        return tuple(party for party in DELIVERIES if party in self._out)

    def under_way(self) -> tuple[str, ...]:
        """Those of them that can be delivered to now: a mail that waits for its hour is none."""
        return tuple(party for party in self.undelivered() if party not in self._waiting)

    def still_to_reach(self) -> tuple[str, ...]:
        """Those that have something left, whether or not a courier is out: what the next run goes on with."""
        return tuple(party for party in DELIVERIES if party in self._given_up or party in self._out)

    async def _deliver(self, party: str) -> None:
        while True:
            self._again.discard(party)
            try:
                delivered = await perform.deliver(party, self._subscription_id, self._clock())
            except ActivityError as failed:
                workflow.logger.error("delivery to %s was given up in this run: %s", party, failed.cause)
                self._given_up.add(party)
                break
            if delivered is not None and delivered.again_at is not None:
                await self._until_its_hour(party, delivered.again_at)
            elif party not in self._again:
                break
        del self._out[party]
        self._changed()

    async def _until_its_hour(self, party: str, again_at: datetime) -> None:
        """Wait until a mail may go out, or another tiding for the party has come."""
        self._waiting.add(party)
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: party in self._again,
                timeout=max(again_at - self._clock(), timedelta(milliseconds=1)),
                timeout_summary=f"{party}: quiet until {local_text(again_at, self._timezone)[:16]}",
            )
        self._waiting.discard(party)
