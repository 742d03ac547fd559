"""Running the programs at the top as a person does: in a process of their own, with nothing from this environment."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
BOUND_SECONDS = 240  # a whole demo on a loaded machine takes a minute; a test that meets this has failed


@dataclass(frozen=True, slots=True)
class Said:
    """What a program said, and how it ended."""

    status: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


def environment(data: Path) -> dict[str, str]:
    """A bare environment, with the servers' files in `data`."""
    return {"PERENNIAL_DATA": str(data), "PATH": os.defpath, "HOME": str(data), "COLUMNS": "120"}


def program(data: Path, *words: str) -> Said:
    """Run one to its end."""
    done = subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env=environment(data),
        capture_output=True,
        text=True,
        timeout=BOUND_SECONDS,
        check=False,
    )
    return Said(done.returncode, done.stdout, done.stderr)


@contextlib.asynccontextmanager
async def running(data: Path, *words: str, until: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run one and wait until it has said `until`; it is interrupted with the block."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *words), cwd=ROOT, env=environment(data), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(BOUND_SECONDS):
            while until not in (line := (await process.stdout.readline()).decode()):
                assert line, "it ended before it said so"
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)
        async with asyncio.timeout(BOUND_SECONDS):
            await process.communicate()


def children(pid: int) -> list[int]:
    """The processes that a process has started, theirs included."""
    found = [int(child) for path in Path(f"/proc/{pid}/task").glob("*/children") for child in path.read_text().split()]
    return found + [grandchild for child in found for grandchild in children(child)]
