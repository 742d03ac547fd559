"""Plant one defect into a copy of the project, and see whether a command finds it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "*.pyc", "images")
SECONDS_LIMIT = 600  # of one command; the slowest takes two minutes on two busy cores


@dataclass(frozen=True, slots=True)
class Defect:
    """An edit that somebody might make. `find` stands once in `file`, `put` takes its place."""

    name: str
    promise: str
    """What it breaks, as docs/promises.md names it."""
    file: str
    find: str
    put: str
    found_by: tuple[str, ...]
    """The arguments of Python: what must end with status 1."""
    says: str
    """What the command must say, so that it is known to have failed for this reason."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a defect was found, in how many seconds, and the line that says so; else the end of what was said."""

    found: bool
    seconds: float
    said: str


class DoesNotFit(Exception):
    """The text that a defect replaces is not there, or is there more than once: the defect must be written anew."""


def planted(defect: Defect) -> Verdict:
    """Plant a defect and run what must find it. The project itself is not touched. Raises DoesNotFit."""
    with tempfile.TemporaryDirectory(prefix="perennial-defect-") as folder:
        copy = Path(folder) / "project"
        shutil.copytree(ROOT, copy, ignore=LEFT_OUT)
        _plant(defect, copy / defect.file)
        began = time.monotonic()
        try:
            done = subprocess.run(
                [sys.executable, *defect.found_by],
                cwd=copy,
                env={**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": ""},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=SECONDS_LIMIT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Verdict(False, time.monotonic() - began, f"no end within {SECONDS_LIMIT} s")
        said = next((line.strip() for line in done.stdout.splitlines() if defect.says in line), "")
        found = done.returncode == 1 and bool(said)
        last = " | ".join(done.stdout.strip().splitlines()[-3:])
        return Verdict(found, time.monotonic() - began, said if found else f"status {done.returncode}: {last}")


def _plant(defect: Defect, file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    times = text.count(defect.find)
    if times != 1:
        raise DoesNotFit(
            f"defect {defect.name!r}: {defect.file} holds the text that it replaces {times} times, expected once: "
            f"{defect.find[:80]!r}. Nothing was planted; say in proof/defects/catalogue.py where it stands now."
        )
    file.write_text(text.replace(defect.find, defect.put), encoding="utf-8")
