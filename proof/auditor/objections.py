"""What the auditor says when a promise is broken, and the list it keeps of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Objection:
    """A broken promise: which one, at which instant (UTC), and what was seen."""

    promise: str
    at: datetime
    text: str

    def __str__(self) -> str:
        return f"{self.promise} ({self.at.isoformat()}): {self.text}"


@dataclass
class Objections:
    """All that was objected to in one life, oldest first. `at` is the instant of the step that is being looked at."""

    at: datetime
    listed: list[Objection] = field(default_factory=list)

    def __call__(self, promise: str, text: str) -> None:
        self.listed.append(Objection(promise, self.at, text))

    def unless(self, kept: object, promise: str, text: str) -> None:
        """Object unless the promise was kept."""
        if not kept:
            self(promise, text)
