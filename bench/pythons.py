"""What of a figure is the interpreter's: how this Python was built, and the same work by another build of it.

    python -m bench.pythons

Prints how many microseconds of a core a month of the book takes here.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = (*os.get_exec_path(), "/usr/local/bin", "/usr/bin")
ROUNDS = 3  # of each, in turn; the fastest counts
ASKED = """
import json, platform, sys, sysconfig
print(json.dumps([sys.base_prefix, platform.python_version(), sysconfig.get_config_var("CONFIG_ARGS")]))
"""
NO_ANSWER = (OSError, subprocess.SubprocessError, ValueError)


@dataclass(frozen=True, slots=True)
class Build:
    """One Python of this machine: the program, its version and how it was made."""

    program: str
    version: str
    made: str


def built(configured: object = None) -> str:
    """How a Python was built, by what its build was configured with; this one where nothing is said."""
    said = str(configured or sysconfig.get_config_var("CONFIG_ARGS"))
    return f"built {'with' if '--enable-optimizations' in said else 'without'} profile-guided optimisation"


def others() -> Iterator[Build]:
    """Other builds of this 3.N: they can load the packages that are installed here."""
    seen = {sys.base_prefix}
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for folder in FOLDERS:
        program = shutil.which(name, path=folder)
        if program is None:
            continue
        try:
            said = subprocess.run([program, "-I", "-c", ASKED], capture_output=True, check=True, timeout=20)
            prefix, version, configured = json.loads(said.stdout)
        except NO_ANSWER:
            continue  # no such Python after all, such as a shim without one behind it
        if prefix not in seen:
            seen.add(prefix)
            yield Build(program, version, built(configured))


def months(builds: list[Build]) -> dict[str, float]:
    """Microseconds of a core for a month of the book, by program: this Python first, then the others, in turn."""
    programs = [sys.executable, *(build.program for build in builds)]
    best = dict.fromkeys(programs, float("inf"))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(ROOT), sysconfig.get_path("purelib")))}
    for _ in range(ROUNDS):
        for program in programs:
            said = subprocess.run(
                [program, "-m", "bench.pythons"], capture_output=True, check=True, cwd=ROOT, env=environment, text=True
            )
            best[program] = min(best[program], float(said.stdout))
    return best


if __name__ == "__main__":
    from bench.book import chunk
    from bench.decisions import SAMPLE

    chunk(0, SAMPLE // 10)  # what is remembered is remembered, and what is compiled is compiled
    tally = chunk(0, SAMPLE)
    print(tally.cpu_seconds / tally.counts["bills"] * 1e6)
