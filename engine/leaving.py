"""How programs end: with a status, and without the interpreter's own teardown, which can crash (temporalio #300)."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

DONE, IMPOSSIBLE, INVALID = 0, 1, 2
"""Exit statuses: done, or stopped; refused or not possible now; settings, policy, input or command line are wrong."""


def leave(status: int = DONE) -> NoReturn:
    """End at once, once everything printed has been written."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def leave_as(done: SystemExit) -> NoReturn:
    """End with the status that a command-line library has chosen."""
    leave(done.code if isinstance(done.code, int) else int(done.code is not None))
