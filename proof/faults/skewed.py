"""A worker, or the doors, on a machine whose clock is wrong: python -m proof.faults.skewed SECONDS worker|api

Every look at the clock by our own Python code is off by so many seconds: `datetime.now` in the rooms that ask for it,
and `time.time` everywhere. Not covered: what Temporal's own core does, whose clock is the machine's, and the database,
which has its own.
"""

from __future__ import annotations

import sys
import time
from datetime import datetime, timedelta, tzinfo
from typing import Any

OURS = ("activities.", "adapters.", "api.", "engine.")


def skew_time(seconds: float) -> None:
    """Set `time.time` wrong; before anything is imported that keeps it."""
    right = time.time

    def wrong() -> float:
        return right() + seconds

    time.time = wrong


def skew_datetime(seconds: float) -> None:
    """Set `datetime.now` wrong in all of our modules that are loaded."""

    class Kind(type(datetime)):  # type: ignore[misc]  # values made elsewhere are datetimes here, too
        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, datetime)

    class Wrong(datetime, metaclass=Kind):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return datetime.now(tz) + timedelta(seconds=seconds)

    for name, module in list(sys.modules.items()):
        if name.startswith(OURS) and getattr(module, "datetime", None) is datetime:
            module.datetime = Wrong  # type: ignore[attr-defined]


def main() -> None:
    """Serve like the program itself."""
    seconds, which = float(sys.argv[1]), sys.argv[2]
    skew_time(seconds)
    from api.__main__ import listen
    from engine.program import serve
    from worker import work

    skew_datetime(seconds)
    serve(work if which == "worker" else listen)


if __name__ == "__main__":
    main()
