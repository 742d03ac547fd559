"""What the forecast said is what happened, as long as nothing came between (spec section 8)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from proof.auditor.objections import Objections
from proof.auditor.steps import Step, Thing

PROMISE = "what the forecast said is what happened"
BESIDE = ("reason",)
"""Fields that a forecast cannot know: why a gateway will decline."""


@dataclass
class Foretold:
    """One forecast: the entries that are still to come, and until when (exclusive) it can hold."""

    ahead: deque[Thing]
    until: datetime
    whole: bool
    """False where the forecast was cut at the number of entries that a page can show."""


class Forecasts:
    """Compares forecasts with what happens. `compared` counts the forecasts of which at least one entry was seen."""

    def __init__(self, objections: Objections) -> None:
        self.object = objections
        self.open: list[Foretold] = []
        self.compared = 0

    def told(self, entries: Iterable[Thing], until: datetime, *, whole: bool) -> None:
        """A forecast was made; nothing that the world does from now until `until` contradicts what it assumes."""
        self.open.append(Foretold(deque(entries), until, whole))

    def see(self, step: Step) -> None:
        """What happened next."""
        for foretold in list(self.open):
            if step.cause.kind != "deadline" or step.cause.due >= foretold.until:
                self._over(foretold, step.cause.at)
            else:
                self._compare(foretold, [t for t in step.happened if t["is"] == "entry"])

    def close(self, until: datetime) -> None:
        """The life is over."""
        for foretold in list(self.open):
            self._over(foretold, until)

    def _over(self, foretold: Foretold, at: datetime) -> None:
        self.open.remove(foretold)
        missing = foretold.ahead[0] if foretold.ahead else None
        if missing is not None and missing["at"] < min(at, foretold.until):
            self.object(PROMISE, f"{_shown(missing)} was foretold and did not happen")

    def _compare(self, foretold: Foretold, entries: list[Thing]) -> None:
        for entry in entries:
            if not foretold.ahead:
                if foretold.whole:
                    self.object(PROMISE, f"{_shown(entry)} happened and was not foretold")
                self.open.remove(foretold)
                return
            said = foretold.ahead.popleft()
            if _essence(said) != _essence(entry):
                self.object(PROMISE, f"{_shown(said)} was foretold, {_shown(entry)} happened")
                self.open.remove(foretold)
                return
        self.compared += bool(entries)


def _essence(entry: Thing) -> tuple[datetime, str, dict[str, Any]]:
    return entry["at"], entry["what"], {k: v for k, v in _fields(entry).items() if k not in BESIDE}


def _fields(entry: Thing) -> Mapping[str, Any]:
    return dict(entry["fields"])


def _shown(entry: Thing) -> str:
    said = " ".join(str(value) for value in _fields(entry).values())
    return f"{entry['what']} {said} at {entry['at'].isoformat()}"
