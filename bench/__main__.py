"""Measure what Perennial costs, one part after another: python -m bench [--full] [PART ...]

Writes bench/results.json (all figures, flat), docs/performance.md and its plots. Where parts are named, the others keep
what was last found here; the page says of each when it was measured.

Exit status 0 measured; 1 where a part could not be measured.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

from bench import report

PARTS = ("months", "renewals", "race", "idle", "memory", "herd", "capacity", "book", "replay", "reading")
ROOT = Path(__file__).resolve().parent.parent
FOUND = ROOT / ".bench"
"""Each part's finding as it was last measured."""


def main() -> int:
    """Run them one by one: each is a process of its own, and has the machine to itself."""
    asked = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    asked.add_argument("--full", action="store_true", help="larger counts; takes hours")
    asked.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all where none is named")
    said = asked.parse_args()
    unknown = [part for part in said.parts if part not in PARTS]
    if unknown:
        asked.error(f"{unknown[0]}: no part of the bench; expected any of {', '.join(PARTS)}")
    FOUND.mkdir(exist_ok=True)
    if not said.parts:  # one run, one page: nothing older stays
        for old in FOUND.glob("*.json"):
            old.unlink()
    chosen = [part for part in PARTS if part in said.parts or not said.parts]
    failed = []
    for number, part in enumerate(chosen, 1):
        began = time.monotonic()
        print(f"[{number}/{len(chosen)}] {part}", file=sys.stderr, flush=True)
        command = [sys.executable, "-m", f"bench.{part}", "--out", str(FOUND / f"{part}.json")]
        done = subprocess.run([*command, *(["--full"] if said.full else [])], stdout=subprocess.DEVNULL, cwd=ROOT)
        print(f"        {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        if done.returncode:
            failed.append(part)
    report.write([FOUND / f"{part}.json" for part in PARTS if (FOUND / f"{part}.json").exists()])
    if failed:
        print(f"could not be measured: {', '.join(failed)}; the reasons stand above", file=sys.stderr)
        return 1
    print(f"written: {report.PAGE.relative_to(ROOT)}, {report.RESULTS.relative_to(ROOT)}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
