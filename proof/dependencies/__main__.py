"""`make audit`: every pinned package against published advisories, by pip-audit.

    python -m proof.dependencies [requirements-dev.txt] [--osv-url URL]

pip-audit alone calls a package that its source does not know "skipped" and ends with 0, so that where no advisory can
be had it would look as if there were none. Here that is told apart: what was audited is counted.

Exit status: 0 nothing known that could be mended, or nobody could be asked (one line says so); 1 a newer version mends
what is known; 2 the requirements could not be read.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ANSWER_SECONDS = 5  # for one answer of a source of advisories
SOURCE_SECONDS = 60  # for all of one source's answers; eighty packages take ten
SHOWN = 10
SOURCES = ("pypi", "osv")
"""The package index's own advisories, else the open database of them."""


@dataclass(frozen=True, slots=True)
class Found:
    """What one source said: how many packages it knew and how many it did not, and what it knows of them."""

    audited: int
    unknown: tuple[str, ...]
    mendable: tuple[str, ...]
    unmendable: tuple[str, ...]


class Unreadable(Exception):
    """The requirements are not as pip-audit takes them; nothing was asked."""


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m proof.dependencies", description="Audit the pinned packages.")
    parser.add_argument("requirements", nargs="?", type=Path, default=Path("requirements-dev.txt"))
    parser.add_argument("--osv-url", default="", help="another source that speaks OSV's protocol; it alone is asked")
    said = parser.parse_args(words)
    sources = [["osv", "--osv-url", said.osv_url]] if said.osv_url else [[name] for name in SOURCES]
    try:
        found = next((each for each in (asked(said.requirements, source) for source in sources) if each), None)
    except Unreadable as error:
        print(f"not audited: {error}", file=sys.stderr)
        return 2
    if found is None:
        print("not audited: advisory data cannot be had here (no source answered for any package)")
        return 0
    return told(found)


def asked(requirements: Path, source: list[str]) -> Found | None:
    """What a source knows; None where it cannot be reached, or knows no package. Raises Unreadable."""
    if not requirements.is_file():
        raise Unreadable(f"{requirements} does not exist")
    command = [
        *(sys.executable, "-m", "pip_audit", "--requirement", str(requirements), "--require-hashes", "--disable-pip"),
        *("--format", "json", "--progress-spinner", "off", "--timeout", str(ANSWER_SECONDS)),
        *("--vulnerability-service", *source),
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SOURCE_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return None
    try:
        answer = json.loads(done.stdout)
    except ValueError:  # it broke off; its text names the host that could not be reached, so it is not repeated
        if "requirement" in done.stderr.lower() and "http" not in done.stderr.lower():
            raise Unreadable(done.stderr.strip().splitlines()[-1][:200]) from None
        return None
    return counted(answer)


def counted(answer: dict[str, Any]) -> Found | None:
    """pip-audit's answer as numbers; None where no package was audited."""
    audited, unknown, mendable, unmendable = 0, [], [], []
    for package in answer["dependencies"]:
        if "skip_reason" in package:
            unknown.append(str(package["name"]))
            continue
        audited += 1
        for each in package["vulns"]:
            name = f"{package['name']} {package['version']}: {each['id']}"
            if each["fix_versions"]:
                mendable.append(f"{name}, mended in {', '.join(each['fix_versions'])}")
            else:
                unmendable.append(f"{name}, not mended in any version yet")
    return Found(audited, tuple(unknown), tuple(mendable), tuple(unmendable)) if audited else None


def told(found: Found) -> int:
    """Say it, and give the exit status."""
    for line in (*found.mendable, *found.unmendable):
        print(line)
    print(f"{found.audited} packages audited: {len(found.mendable)} vulnerabilities that a newer version mends", end="")
    print(f", {len(found.unmendable)} that none does yet")
    if found.unknown:
        more = " ..." if len(found.unknown) > SHOWN else ""
        print(f"not audited, since the source does not know them: {', '.join(found.unknown[:SHOWN])}{more}")
    if found.mendable:
        print("Raise the versions in requirements*.in, then: make pins")
    return 1 if found.mendable else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
