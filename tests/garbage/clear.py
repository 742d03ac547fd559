"""What every refusal must be: short, printable, of our own words, and a help to whoever reads it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from tests.garbage.mutations import CARD

LINE_LIMIT = 2_000  # characters; the longest honest line lists every setting
LINES_LIMIT = 100  # a policy has 50 rungs at most, and may have a fault in each

INSIDE = re.compile(
    r"Traceback|\bFile \"|NoneType|<class|<module| object at 0x|\b(Key|Type|Value|Attribute|Index|Unicode\w*|Overflow|"
    r"Recursion|Assertion|Lookup|JSONDecode|Validation)Error\b|pydantic|instance of [A-Z]|asyncpg|site-packages|"
    r"(?<!starter)(?<!cli)(?<!worker)\.py\b|has no attribute|not subscriptable|unhashable|positional argument|"
    r"keyword argument|invalid literal|codec can't|int_max_str_digits|recursion depth|literal_error|dictionary"
)
"""How it is made inside: of no use to who sent the input, and at times of use to who should not know."""

HELPS = re.compile(
    r"expected|missing|unknown|required|at most|at least|cannot be read|is no |no such|not permitted|already|"
    r"nothing (was|is)|should (be|have|match)|must be|stands twice|there is no|needs? |not carried|"
    r"is not (a|in|known) |requires|unexpected|more than",
    re.IGNORECASE,
)
"""One of these words tells what was expected, or what is not there."""

ANYTHING = re.compile("")
"""For what makes no sense now, rather than never: there the reason alone helps."""

ENDLESS = re.compile(r"(.)\1{130}", re.DOTALL)
"""A value that was repeated as long as it came."""


def faults_of(text: str, helps: re.Pattern[str] = HELPS) -> list[str]:
    """What keeps a refusal from being clear; empty where nothing does."""
    lines = text.split("\n")
    found = []
    if not text.strip():
        found.append("it says nothing")
    if len(lines) > LINES_LIMIT:
        found.append(f"{len(lines)} lines")
    if any(len(line) > LINE_LIMIT for line in lines):
        found.append(f"a line of {max(map(len, lines))} characters")
    if not all(line.isprintable() for line in lines):
        found.append("characters that cannot be shown")
    if inside := INSIDE.search(text):
        found.append(f"shows the inside: {inside[0]!r}")
    if not helps.search(text):
        found.append("does not say what was expected")
    if ENDLESS.search(text):
        found.append("repeats a value without end")
    if re.search(rf"(?<![0-9A-Za-z]){CARD.replace(' ', ' ?')}(?![0-9A-Za-z])", text):
        found.append("repeats a card number")
    return found


def assert_clear(text: str, about: object = "", helps: re.Pattern[str] = HELPS) -> None:
    """Fail where a refusal is not clear; `about` says which input it answers."""
    faults = faults_of(text, helps)
    assert not faults, f"{'; '.join(faults)}\n{text[:600]!r}\nfor {about!r:.300}"


@dataclass(slots=True)
class Tally:
    """How much garbage was tried at a door, and what became of it: one that only ever does one thing proves nothing."""

    door: str
    refused: int = 0
    accepted: int = 0
    kinds: set[str] = field(default_factory=set)
    """Refusals without their values: how many different things a door knows to say."""

    def refuse(self, text: str, about: object = "", helps: re.Pattern[str] = HELPS) -> None:
        assert_clear(text, about, helps)
        self.refused += 1
        self.kinds.add(re.sub(r"'[^']*'|\"[^\"]*\"|\d+", "_", text)[:80])

    def accept(self) -> None:
        self.accepted += 1

    def closed(self, *, refused: int, accepted: int, kinds: int = 1) -> None:
        """Print the counts, and fail below the least that each must reach."""
        tried = self.refused + self.accepted
        print(f"{self.door}: {tried} tried, {self.refused} refused in {len(self.kinds)} ways, {self.accepted} taken")
        assert self.refused >= refused, f"{self.door}: only {self.refused} refused"
        assert self.accepted >= accepted, f"{self.door}: only {self.accepted} accepted"
        assert len(self.kinds) >= kinds, f"{self.door}: only {len(self.kinds)} different refusals"
