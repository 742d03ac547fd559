"""What was injected: each fault with its number, its instants and its target."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Injected:
    """`subject` is the subscription, the charge or the batch that it hit; empty where it hit everybody."""

    number: int
    seconds: float
    """Real time since the run began."""
    what: str
    target: str
    subject: str


@dataclass(slots=True)
class FaultLog:
    """Every fault that has struck, in order. `told` hears of each at once."""

    told: Callable[[Injected], None]
    struck: list[Injected] = field(default_factory=list)
    not_here: list[str] = field(default_factory=list)
    """Faults that this machine does not allow, with the reason."""
    _began: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Since the run began."""
        return time.monotonic() - self._began

    def note(self, what: str, target: str, subject: str = "") -> None:
        """Note that a fault has struck."""
        injected = Injected(len(self.struck) + 1, self.seconds, what, target, subject)
        self.struck.append(injected)
        self.told(injected)

    def hits(self) -> Counter[str]:
        """How often each was hit that has a name."""
        return Counter(injected.subject for injected in self.struck if injected.subject)

    def counts(self) -> list[tuple[str, int]]:
        """How often each kind has struck, in the order in which they struck first."""
        return list(Counter(injected.what for injected in self.struck).items())
