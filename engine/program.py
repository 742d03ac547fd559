"""Programs that serve until they are told to stop: the worker, and the doors."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import NoReturn

import settings
from adapters.postgres.migrate import MigrationFailed
from engine.connect import Unreachable
from engine.leaving import IMPOSSIBLE, INVALID, leave
from policies.load import InvalidPolicy
from settings import Settings


def told_to_stop() -> asyncio.Event:
    """Set by SIGINT and SIGTERM."""
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    return stop


def serve(serving: Callable[[Settings], Coroutine[None, None, None]]) -> NoReturn:
    """Run what serves until it is told to stop, by the settings; say what kept it from serving, and end."""
    try:
        asyncio.run(serving(settings.load()))
    except (settings.InvalidSettings, InvalidPolicy) as error:
        print(error, file=sys.stderr)
        leave(INVALID)
    except (Unreachable, MigrationFailed, OSError) as error:
        print(error, file=sys.stderr)
        leave(IMPOSSIBLE)
    leave()
