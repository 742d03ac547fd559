"""The fingerprint of the workflow's commands: two texts that people review, and a check with advice.

`commands.txt`: what each recorded history commands. `outline.txt`: where the source issues commands.
`python -m tests.replay.fingerprint` checks both, and that this code still commands what the histories hold;
`--write` writes the texts again; names of moments check the histories of these alone. Status 1 with advice where they
differ.
"""

from __future__ import annotations

import asyncio
import difflib
import json
import os
import sys
import textwrap
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from domain.published import publish
from tests.replay.commands import advice, decided, parting, recorded
from tests.replay.moments import carried
from tests.replay.outline import outline
from tests.replay.record import HISTORIES, PINNED, releases

HERE = Path(__file__).parent
WIDTH = 118

OUTLINE_ADVICE = """\
Where workflows/ issues commands has changed (tests/replay/outline.txt), and no recorded history shows it; a living
subscription may. Look at each line above: would a run that is open, replayed by this code, come to the same commands
in the same order? If so, or if only new runs come there: python -m tests.replay.fingerprint --write, and commit it.
If not: `workflow.patched("what-it-does")`, or a worker version of its own. docs/upgrading.md says more.
"""
COMMANDS_ADVICE = """\
The histories are not those that tests/replay/commands.txt tells of. Where they were recorded on purpose:
python -m tests.replay.fingerprint --write, and read in the difference what they command now.
"""


def histories() -> Iterator[tuple[str, Path]]:
    """Every recorded history with its release, oldest release first."""
    for folder in sorted(HISTORIES.iterdir(), key=lambda each: [int(part) for part in each.name.split(".")]):
        for path in sorted(folder.glob("*.json")):
            yield folder.name, path


def read(path: Path) -> dict[str, Any]:
    """A recorded history."""
    history: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return history


def commands() -> str:
    """What every history commands, for people: `3x charge` is three in a row."""
    lines: list[str] = []
    for release, found in groupby(histories(), key=lambda each: each[0]):
        lines += [f"# {release}"]
        for _, path in found:
            told = [(what, len(list(run))) for what, run in groupby(each.what for each in recorded(read(path)))]
            text = ", ".join(f"{times}x {what}" if times > 1 else what for what, times in told)
            lines += ["", path.stem, *textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="  ")]
    return "\n".join(lines) + "\n"


TEXTS = {HERE / "commands.txt": (commands, COMMANDS_ADVICE), HERE / "outline.txt": (outline, OUTLINE_ADVICE)}


def differences() -> Iterator[str]:
    """Where the texts are not what they would be written as, with advice."""
    for path, (make, why) in TEXTS.items():
        was = path.read_text(encoding="utf-8") if path.exists() else ""
        lines = list(difflib.unified_diff(was.splitlines(), make().splitlines(), path.name, "now", lineterm="", n=2))
        if lines:
            yield "\n".join([*lines, "", why])


async def partings(*moments: str) -> list[str]:
    """Where this code commands something else than was recorded, with advice; of some moments, or of all."""
    publish(*carried())
    known = releases()
    found = []
    for release, path in histories():
        if release in PINNED or (moments and path.stem not in moments):
            continue
        history = read(path)
        if where := parting(recorded(history), await decided(history)):
            name = path.relative_to(HERE.parents[1]).as_posix()
            found.append(advice(name, release, where, released=known.get(release, "unreleased") != "unreleased"))
    return found


def main(words: list[str]) -> int:
    """0 as it was, or written; 1 with advice."""
    if "--write" in words:
        for path, (make, _) in TEXTS.items():
            path.write_text(make(), encoding="utf-8")
    moments = [word for word in words if not word.startswith("--")]
    said = [*asyncio.run(partings(*moments)), *differences()]
    print("\n\n".join(said) if said else "every history is commanded as it was recorded")
    return 1 if said else 0


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(status)  # an interpreter's own teardown can crash after a worker (temporalio #300)
