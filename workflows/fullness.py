"""When a run has to end though not everything said to it has been worked on: a history has a hard limit of its own.

The server ends a workflow for good at 51,200 events, and refuses an argument of more than 2 MiB.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from domain.run import Heard

DRAIN_FACTOR = 2  # times the length at which the server first suggested to go on in a new run: 8,192 events by default
TRAVEL_LIMIT = 1_500_000  # characters of JSON that an inbox may have to travel along; the state takes some thousands


class Fullness:
    """How far beyond the server's suggestion a run has grown."""

    def __init__(self) -> None:
        self._suggested_at = 0

    def overdrawn(self) -> bool:
        """Whether the run has twice the length at which it was suggested to end it."""
        info = workflow.info()
        length = info.get_current_history_length()
        if not self._suggested_at and info.is_continue_as_new_suggested():
            self._suggested_at = length
        return bool(self._suggested_at) and length > DRAIN_FACTOR * self._suggested_at


def can_travel(inbox: Iterable[Heard]) -> bool:
    """Whether an inbox is small enough to be part of the next run's argument."""
    room = TRAVEL_LIMIT
    for heard in inbox:
        room -= len(json.dumps(heard.payloads)) + len(heard.signal) + len(heard.at)
        if room < 0:
            return False
    return True
