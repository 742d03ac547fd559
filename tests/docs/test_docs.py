"""The documents hold what they promise: commands print what is shown, links lead somewhere, every room is described."""

import difflib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.messages import SIGNALS

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("0*.md"))

RUNS = re.compile(r"<!-- runs -->\n```console\n(.*?)\n```", re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
TICKED = re.compile(r"`([\w.-]+(?:/[\w.*-]+)*/?)`")
PROGRAM = re.compile(r"python (?:-m )?([\w./]+)")
PATH_ENDS = (".py", ".md", ".yaml", ".yml", ".json", ".toml", ".txt", ".in", ".png", "/")
ANY_LINES = "..."
DECISION_LINES = 45
BOUND_SECONDS = 60

EXAMPLES = {"published/photo-monthly-1.yaml", "perennial.toml", ".perennial/", "examples/scenarios/my-story.json"}
"""Paths that a reader makes, and that must not be here."""


def blocks() -> Iterator[tuple[str, str]]:
    """Each block that is marked as run: where it stands, and its text."""
    for page in PAGES:
        for found in RUNS.finditer(page.read_text(encoding="utf-8")):
            yield f"{page.relative_to(ROOT)}: {found[1].splitlines()[0]}", found[1]


BLOCKS = dict(blocks())


def said(command: str) -> str:
    """What a command prints, errors too, as it would at the top of a clone."""
    words = command.split()
    assert words[0] == "python", f"only python is run from the documents, not {words[0]!r}"
    environment = {"PATH": os.defpath, "HOME": str(ROOT), "COLUMNS": "120"}
    done = subprocess.run(
        [sys.executable, *words[1:]],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=BOUND_SECONDS,
        check=False,
    )
    return done.stdout.replace(f"{ROOT}{os.sep}", "").strip("\n")


def fits(expected: list[str], actual: list[str]) -> bool:
    """Whether the lines are those expected, where a line of three dots stands for any number of lines."""
    pattern = "".join(r"(?:.*\n)*" if line == ANY_LINES else re.escape(line) + "\n" for line in expected)
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in actual)) is not None


def anchors(page: Path) -> set[str]:
    """The fragments that a page's headings can be linked by."""
    prose = FENCE.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@pytest.mark.parametrize("where", BLOCKS)
def test_a_command_prints_what_is_shown(where: str) -> None:
    for part in re.split(r"^\$ ", BLOCKS[where], flags=re.MULTILINE)[1:]:
        command, *expected = part.rstrip("\n").split("\n")
        actual = said(command).split("\n")
        assert fits(expected, actual), "\n".join(difflib.unified_diff(expected, actual, "shown", "printed", n=1))


def test_the_readme_shows_something_that_is_run() -> None:
    assert any(where.startswith("README.md") for where in BLOCKS)


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        if "://" in link:
            continue
        path, _, fragment = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.relative_to(ROOT)} links to {link}, which is not there"
        if fragment:
            assert fragment in anchors(target), f"{page.relative_to(ROOT)} links to {link}: no such heading"


@each_page
def test_paths_that_are_named_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = [name for name in TICKED.findall(FENCE.sub("", text)) if name.endswith(PATH_ENDS) and "*" not in name]
    named += [name for name in PROGRAM.findall(text) if name.endswith(".py")]
    for name in set(named) - EXAMPLES:
        places = (ROOT / name, page.parent / name)
        assert any(place.exists() for place in places), f"{page.relative_to(ROOT)} names {name}, which is not there"


def test_every_room_is_in_the_architecture() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    rooms = [f"{p.name}/" for p in ROOT.iterdir() if p.is_dir() and p.name.isidentifier() and p.name != "__pycache__"]
    programs = [p.name for p in ROOT.glob("*.py")]
    for name in rooms + programs:
        assert f"`{name}`" in text, f"ARCHITECTURE.md does not say what {name} is"


def test_every_decision_is_in_their_list_and_in_four_parts() -> None:
    listed = (ROOT / "docs" / "decisions" / "README.md").read_text(encoding="utf-8")
    for number, path in enumerate(DECISIONS, start=1):
        text = path.read_text(encoding="utf-8")
        parts = re.findall(r"^## (.+)$", text, re.MULTILINE)
        assert path.name.startswith(f"{number:04d}-"), f"{path.name}: expected number {number:04d}"
        assert parts == ["Context", "Decision", "Consequences", "Alternatives"], f"{path.name}: {parts}"
        assert len(text.splitlines()) <= DECISION_LINES, f"{path.name}: longer than {DECISION_LINES} lines"
        quote = re.findall(r"^\*\*(.+?)\*\*$", text, re.DOTALL | re.MULTILINE)
        assert len(quote) == 1, f"{path.name}: expected one line in bold"
        assert f"({path.name})" in listed, f"{path.name} is not in the list of decisions"
        assert " ".join(quote[0].split()) in listed, f"{path.name}: its line in the list is another"


def test_refusals_in_the_documents_are_those_of_the_code() -> None:
    code = "".join((ROOT / "domain" / f"{n}.py").read_text(encoding="utf-8") for n in ("messages", "support"))
    page = (ROOT / "docs" / "messages.md").read_text(encoding="utf-8")
    table = page.partition("## What is refused")[2].partition("\n## ")[0]
    for row in (line for line in table.splitlines() if line.startswith("| ") and "`" in line):
        subject, texts = row.strip("| ").split(" | ")
        assert not subject.startswith("`") or subject.strip("`") in SIGNALS, f"{subject} is no message"
        for text in re.findall(r"`([^`]+)`", texts):
            for piece in text.split("..."):
                assert piece.strip() in code, f"docs/messages.md: nothing in the code says {text!r}"


def test_a_version_has_its_change_log() -> None:
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert version is not None
    assert f"## [{version[1]}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
