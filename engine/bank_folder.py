"""A folder into which a bank's files are put: each is imported once it is whole, and then moved out of the way.

`taken-in/` has what was imported, `refused/` what is no statement, each with a `.why.txt` beside it. A file is moved
after its import, and importing one again is no harm; so a crash at any moment leaves nothing half done for good.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from adapters.bank.files import BYTES_LIMIT
from adapters.bank.lines import BadStatement
from domain.quoting import legible
from engine.bank import Imported

TAKEN_IN = "taken-in"
REFUSED = "refused"
UNFINISHED = (".part", ".tmp", ".filepart", ".crdownload")  # what transfer programs call a file until it is whole
NAMES_LIMIT = 10_000  # files of one name that are kept; the same daily file for 27 years

Import = Callable[[str, bytes], Awaitable[Imported]]

log = logging.getLogger(__name__)


async def watch_folder(folder: Path, import_: Import, *, stop: asyncio.Event, poll_seconds: float = 10.0) -> None:
    """Import what comes into a folder, in the order of the names, until `stop` is set; a file begun is finished.

    A file counts as whole once two looks, `poll_seconds` apart, find the same size and time of change. What cannot be
    imported because something is away stays and is tried at the next look. Raises OSError where the folder cannot be
    read.
    """
    for name in (TAKEN_IN, REFUSED):
        (folder / name).mkdir(parents=True, exist_ok=True)
    before: dict[Path, tuple[int, int]] = {}
    while not stop.is_set():
        now = _looked_at(folder)
        for path in sorted(path for path, looks in now.items() if before.get(path) == looks):
            if stop.is_set():
                return
            await _take_in(path, now[path], import_)
        before = now
        try:
            await asyncio.wait_for(stop.wait(), poll_seconds)
        except TimeoutError:
            continue


async def _take_in(path: Path, looks: tuple[int, int], import_: Import) -> None:
    try:
        data = await asyncio.to_thread(_read, path)
        if _look(path) != looks:  # it grows after all; the next look begins anew
            return
        imported = await import_(path.name, data)
    except BadStatement as error:
        log.warning("%s was refused: %s", legible(path.name), error)
        _move(path, REFUSED, why=str(error))
    except Exception as error:  # one file, or a database that is away, must not end the watch over the others
        log.warning("%s was not imported (%s); it is tried again", legible(path.name), type(error).__name__)
    else:
        log.info("%s", imported)
        _move(path, TAKEN_IN)


def _looked_at(folder: Path) -> dict[Path, tuple[int, int]]:
    looks = {}
    for path in folder.iterdir():
        if path.name.startswith(".") or path.suffix.lower() in UNFINISHED or path.is_symlink() or not path.is_file():
            continue
        with contextlib.suppress(FileNotFoundError):  # renamed or taken away meanwhile
            looks[path] = _look(path)
    return looks


def _look(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def _read(path: Path) -> bytes:
    """A file's bytes, and no more of them than tell that it is too large."""
    with path.open("rb") as file:
        return file.read(BYTES_LIMIT + 1)


def _move(path: Path, to: str, why: str = "") -> None:
    """Move a file under its own name, or `<name>.2`, `<name>.3` where there is one of that name already."""
    names = (path.name, *(f"{path.name}.{n}" for n in range(2, NAMES_LIMIT)))
    target = next(t for name in names if not (t := path.parent / to / name).exists())
    if why:
        target.with_name(f"{target.name}.why.txt").write_text(why + "\n", encoding="utf-8")
    path.rename(target)
