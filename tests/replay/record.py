"""Record the histories of a release, which `test_histories.py` replays for ever after: `make histories`.

The release is the one that pyproject.toml names. What it has is kept; what it lacks is recorded. With `--again` all of
it is recorded anew, which is refused once CHANGELOG.md says when it was released: subscriptions live that it decided.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowHistory

from domain.published import publish
from engine.stage import stage
from tests.replay.moments import LAST, MOMENTS, carried

ROOT = Path(__file__).parents[2]
HISTORIES = Path(__file__).with_name("histories")
PINNED: frozenset[str] = frozenset()
"""Releases whose open runs stay with workers of their own version: not replayed by this code, only taken up by it."""
HEADING = re.compile(r"^## \[([^\]]+)\] - (\S+)", re.MULTILINE)


def present(root: Path = ROOT) -> str:
    """The release that this tree is, or will be."""
    said: str = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    return said


def releases(root: Path = ROOT) -> dict[str, str]:
    """Every release that CHANGELOG.md names: when it was released, or `unreleased`."""
    return dict(HEADING.findall((root / "CHANGELOG.md").read_text(encoding="utf-8")))


def refusal(release: str, known: dict[str, str]) -> str | None:
    """Why the histories of a release may not be recorded anew, or None."""
    if known.get(release, "unreleased") == "unreleased":
        return None
    return (
        f"{release} was released on {known[release]}: subscriptions live that it decided, and its histories are what "
        "they will be replayed from. They stay as they are. Raise the version in pyproject.toml, or mend the code."
    )


def scrubbed(value: Any) -> Any:
    """Without what tells of the machine: who worked, and where its files lie."""
    if isinstance(value, list):
        return [scrubbed(item) for item in value]
    if not isinstance(value, dict):
        return value
    sticky = value.get("kind") == "TASK_QUEUE_KIND_STICKY"
    hidden = {"identity": "a worker", "stackTrace": "", **({"name": "sticky"} if sticky else {})}
    return {key: hidden[key] if key in hidden else scrubbed(item) for key, item in value.items()}


def telling(name: str, runs: list[WorkflowHistory]) -> WorkflowHistory:
    """Which run of a moment's life is recorded."""
    return runs[-1] if name in LAST else max(runs[-2:], key=lambda run: len(run.events))


async def record(names: list[str], folder: Path) -> None:
    """Play moments, and write one run of each: one event a line."""
    publish(*carried())
    async with stage() as parts:
        lives = {name: await MOMENTS[name](parts) for name in names}
        histories = {name: telling(name, await life.runs()) for name, life in lives.items()}
    folder.mkdir(parents=True, exist_ok=True)
    for name, history in histories.items():
        lines = ",\n".join(json.dumps(scrubbed(event)) for event in history.to_json_dict()["events"])
        (folder / f"{name}.json").write_text(f'{{"events": [\n{lines}\n]}}\n', encoding="utf-8")
        print(f"{folder.name}/{name}: {len(history.events)} events")


def main(words: list[str]) -> int:
    """Status 0 recorded, or nothing lacked; 2 refused."""
    release, again = present(), "--again" in words
    folder = HISTORIES / release
    if again and (why := refusal(release, releases())):
        print(why, file=sys.stderr)
        return 2
    names = [name for name in MOMENTS if again or not (folder / f"{name}.json").exists()]
    if names:
        asyncio.run(record(names, folder))
    return 0


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(status)  # an interpreter's own teardown can crash after a worker (temporalio #300)
