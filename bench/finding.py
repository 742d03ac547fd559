"""What one part of the bench found: figures, the text that explains them, and what is drawn of them.

A part is a module that runs by itself, as a process of its own: `python -m bench.<part> [--full] [--out FILE]`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench.processor import Span, loop_ms
from engine.leaving import leave


@dataclass(frozen=True, slots=True)
class Plot:
    """Lines over a common axis; `series` gives each line's points, in ascending x."""

    name: str
    """Of the file, without its ending."""
    title: str
    x: str
    y: str
    series: dict[str, list[tuple[float, float]]]
    logarithmic_x: bool = False
    goal: float | None = None
    """A line across, where something is to be reached or kept under."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`figures` is flat: a name that ends in its unit, or in `_ratio`, and a number. `text` is Markdown.

    The text quotes nothing that was not measured in this very run, and says of each ratio what it is a ratio to, and
    of how many.
    """

    part: str
    title: str
    text: str
    figures: dict[str, float]
    plots: list[Plot] = field(default_factory=list)


Part = Callable[[bool], Awaitable[Finding]]
"""Measures; is told whether it may take long (`make bench FULL=1`)."""


def tell(progress: str) -> None:
    """Say how far a part is, to the person who waits."""
    print(f"  {time.strftime('%H:%M:%S')}  {progress}", file=sys.stderr, flush=True)


def measured(part: Part, says: str | None) -> None:
    """Run one part as a program. Exit status 0 measured, 1 it could not be measured (the reason is said)."""
    asked = argparse.ArgumentParser(description=says)
    asked.add_argument("--full", action="store_true", help="larger counts, for the published table")
    asked.add_argument("--out", type=Path, help="write the finding there, as JSON")
    said = asked.parse_args()
    span, before = Span.begin(), loop_ms()
    try:
        finding = asyncio.run(_awaited(part, said.full))
    except KeyboardInterrupt:
        leave(130)
    loops, stolen = (before, loop_ms()), span.stolen()
    tell(
        f"a fixed loop: {loops[0]:.0f} ms before, {loops[1]:.0f} ms after; {stolen:.0%} of the cores taken by the host"
    )
    if said.out:
        meanwhile = {"measured_at": int(time.time()), "full": said.full, "stolen": stolen, "loop_ms": loops}
        said.out.write_text(json.dumps(meanwhile | asdict(finding), indent=1) + "\n")
    print(f"## {finding.title}\n\n{finding.text}\n")
    for name, figure in finding.figures.items():
        print(f"{name:42s} {figure:12,.3f}")
    leave(0)


async def _awaited(part: Part, full: bool) -> Finding:
    return await part(full)


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table; all columns but the first are figures, and set to the right."""
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])
