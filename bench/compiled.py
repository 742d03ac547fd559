"""The core compiled: the very sources of `domain`, to measure what it costs that they are interpreted.

    python -m bench.compiled FOLDER LIVES

Cython translates each module to C, and the C compiler of the `ziglang` wheel makes a library of it: no file is changed,
and nothing but this bench uses them. As a program it plays lives of the book as `bench.book` does, and writes what it
found to its output, as JSON. It must be the process's own program: what of `domain` was imported before stays as it is.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from shutil import rmtree
from typing import Any

import domain

ROOT = Path(__file__).resolve().parent.parent
BUILDS = ROOT / ".bench" / "compiled"
MODULES = (
    "access", "agenda", "debts", "decide", "declines", "effects", "ending", "events", "keys", "ladder", "ledger",
    "mail_hours", "messages", "money", "office", "opening", "outlook", "periods", "policy", "quoting", "rounds",
    "simulate", "subscription", "support", "turn", "values", "world",
)  # fmt: skip
"""All that a life passes through."""
TOOLS = ("cython", "ziglang")
CYTHON = ("-m", "cython", "-3", "-X", "annotation_typing=False")
"""Annotations stay what they are to Python; as types for C they would refuse a subclass."""
COMPILER = ("-m", "ziglang", "cc", "-O2", "-g0", "-DNDEBUG", "-shared", "-fPIC")


class NotCompiled(RuntimeError):
    """The core could not be compiled here; says what was missing, or what the compiler said."""


def compiled() -> Path:
    """Compile the core, unless that was done with these very sources and tools; gives its folder.

    Raises NotCompiled.
    """
    headers = Path(sysconfig.get_path("include"))
    if not (headers / "Python.h").exists():
        raise NotCompiled(f"no Python.h in {headers}: expected the headers of this Python; Debian: python3-dev")
    sources = [ROOT / "domain" / f"{name}.py" for name in MODULES]
    digest = hashlib.sha256(json.dumps([sys.version, COMPILER, CYTHON, _versions()]).encode())
    for source in sources:
        digest.update(source.read_bytes())
    folder = BUILDS / digest.hexdigest()[:16]
    if folder.exists():
        return folder
    rmtree(BUILDS, ignore_errors=True)  # those of older sources
    making = BUILDS / "making"
    making.mkdir(parents=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda source: _library(source, making, headers), sources))
    making.rename(folder)  # a build that was cut short is never taken for one
    return folder


def use(folder: str) -> None:
    """Find modules of `domain` there from now on. Raises NotCompiled where one was imported already, interpreted."""
    known = sorted(name for name in sys.modules if name.startswith("domain."))
    if known:
        raise NotCompiled(f"{known[0]} was imported before the compiled core was asked for")
    domain.__path__.insert(0, folder)


def _versions() -> list[str]:
    try:
        return [importlib.metadata.version(name) for name in TOOLS]
    except importlib.metadata.PackageNotFoundError as missing:
        raise NotCompiled(f"{missing.name} is not installed: `make bench` installs bench/requirements.txt") from None


def _library(source: Path, folder: Path, headers: Path) -> None:
    """One module, as a library that Python can import in its place."""
    code = folder / f"{source.stem}.c"
    _run([*CYTHON, "--module-name", f"domain.{source.stem}", str(source), "-o", str(code)], folder)
    library = folder / f"{source.stem}{sysconfig.get_config_var('EXT_SUFFIX')}"
    _run([*COMPILER, f"-I{headers}", str(code), "-o", str(library)], folder)
    code.unlink()


def _run(arguments: Sequence[str], folder: Path) -> None:
    caches = {"ZIG_GLOBAL_CACHE_DIR": str(BUILDS / "zig"), "ZIG_LOCAL_CACHE_DIR": str(BUILDS / "zig")}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=os.environ | caches, text=True, capture_output=True
    )
    if done.returncode:
        raise NotCompiled(f"{' '.join(arguments[1:3])}: {done.stderr.strip()[-2_000:]}")


def played(folder: Path, lives: int) -> dict[str, Any]:
    """What the program below finds of so many lives, in a process of its own. Raises NotCompiled where it fails."""
    program = [sys.executable, "-m", "bench.compiled", str(folder), str(lives)]
    done = subprocess.run(program, cwd=ROOT, text=True, stdout=subprocess.PIPE)
    if done.returncode:
        raise NotCompiled(f"playing {lives} lives with it ended with status {done.returncode}; it says why above")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> None:
    """Play lives with the compiled core."""
    folder, lives = sys.argv[1], int(sys.argv[2])
    use(folder)
    book = importlib.import_module("bench.book")  # only now: what it imports is found compiled
    stray = [name for name in MODULES if Path(str(sys.modules[f"domain.{name}"].__file__)).parent != Path(folder)]
    if stray:
        raise NotCompiled(f"{', '.join(stray)}: found interpreted beside the compiled core in {folder}")
    tally, seconds = book.on_every_core(book.chunk, lives, os.cpu_count() or 1, "lives, compiled", partial(use, folder))
    said = {"seconds": seconds, "cpu_seconds": tally.cpu_seconds, "counts": tally.counts}
    print(json.dumps(said | {"decisions": book.digest()}))


if __name__ == "__main__":
    main()
