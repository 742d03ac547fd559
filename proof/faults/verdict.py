"""What was lost, doubled or different: one party's books held against what should stand in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Fate = Literal["lost", "doubled", "different"]
FATES: tuple[Fate, ...] = ("lost", "doubled", "different")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be."""

    party: str
    subject: str
    fate: Fate
    text: str


@dataclass(slots=True)
class Verdict:
    """Everything that was compared, by party, and everything that was found."""

    compared: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)

    def hold(self, party: str, subject: str, expected: Sequence[str], found: Sequence[str]) -> None:
        """Hold what was found against what was expected, thing by thing and in order."""
        self.compared[party] += max(len(expected), len(found))
        wanted, had = Counter(expected), Counter(found)
        lost, more = wanted - had, had - wanted
        self._find(party, subject, "lost", lost)
        self._find(party, subject, "doubled", Counter({text: n for text, n in more.items() if text in wanted}))
        self._find(party, subject, "different", Counter({text: n for text, n in more.items() if text not in wanted}))
        if not lost and not more and list(expected) != list(found):
            place = next(i for i, (a, b) in enumerate(zip(expected, found, strict=True)) if a != b)
            text = f"in another order: {found[place]} came where {expected[place]} should"
            self.findings.append(Finding(party, subject, "different", text))

    def differs(self, party: str, subject: str, text: str, fate: Fate = "different") -> None:
        """Note something that is wrong by itself."""
        self.findings.append(Finding(party, subject, fate, text))

    def checked(self, party: str, things: int = 1) -> None:
        """Note that so much was looked at and found right, or noted as wrong by `differs`."""
        self.compared[party] += things

    def count(self, party: str, fate: Fate) -> int:
        """How many findings of a kind there are at a party."""
        return sum(finding.party == party and finding.fate == fate for finding in self.findings)

    def _find(self, party: str, subject: str, fate: Fate, texts: Counter[str]) -> None:
        self.findings += [Finding(party, subject, fate, text) for text in texts.elements()]
