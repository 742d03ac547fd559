"""Makes a life that was objected to as small as it can be while the same promise is still broken."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from domain.opening import InvalidTerms
from domain.scenario import InvalidScenario
from proof.auditor.objections import Objection
from proof.simulation.lives import lived
from proof.simulation.scripts import Script

TRIES = 400  # lives played while shrinking one; at 100 ms each it is done in a minute
LISTS = ("messages", "gateway", "usage")

Objecting = Callable[[Script], Objection | None]


def objection_to(script: Script) -> Objection | None:
    """The first objection to a life that is played as a whole, or None. A life that cannot be played has none."""
    try:
        return lived(script).objection
    except (InvalidScenario, InvalidTerms):
        return None


@dataclass
class Shrinking:
    """Tries smaller scripts. `left` counts the lives that may still be played."""

    promise: str
    objecting: Objecting = objection_to
    left: int = TRIES

    def shrink(self, script: Script) -> Script:
        """The smallest script found; the one given where none is smaller."""
        script = self._shorter(script)
        before = None
        while before != _size(script) and self.left > 0:
            before = _size(script)
            for name in LISTS:
                script = self._fewer(script, name)
            script = self._without_extras(script)
            script = self._plainer(script)
        return self._shorter(script)

    def _still(self, script: Script) -> bool:
        if self.left <= 0:
            return False
        self.left -= 1
        objection = self.objecting(script)
        return objection is not None and objection.promise == self.promise

    def _first(self, candidates: Iterator[Script], script: Script) -> Script:
        return next((smaller for smaller in candidates if self._still(smaller)), script)

    def _shorter(self, script: Script) -> Script:
        """End the day after the objection, and say nothing later than that."""
        objection = self.objecting(script)
        if objection is None or objection.promise != self.promise:
            return script
        over = objection.at.date() + timedelta(days=2)
        if date.fromisoformat(script.scenario["until"]) <= over:
            return script
        messages = [m for m in script.scenario["messages"] if m["at"] < over.isoformat()]
        return self._first(iter([_changed(script, until=over.isoformat(), messages=messages)]), script)

    def _fewer(self, script: Script, name: str) -> Script:
        """Drop as many items of a list as can be spared: halves first, then single ones."""
        items: list[Any] = script.scenario.get(name) or []
        chunk = len(items)
        while chunk >= 1:
            begin = 0
            while begin < len(items):
                fewer = items[:begin] + items[begin + chunk :]
                smaller = _changed(script, **{name: fewer})
                if self._still(smaller):
                    script, items = smaller, fewer
                else:
                    begin += chunk
            chunk //= 2
        return script

    def _without_extras(self, script: Script) -> Script:
        for name in list(script.extras):
            less = {key: value for key, value in script.extras.items() if key != name}
            script = self._first(iter([Script(script.scenario, less)]), script)
        return script

    def _plainer(self, script: Script) -> Script:
        """A plain zone, currency, price and customer."""
        for change in (_zone, _currency, _methods, _tags, _ids):
            candidate = Script(change(copy.deepcopy(script.scenario)), script.extras)
            if candidate.scenario != script.scenario and self._still(candidate):
                script = candidate
        return script


def _size(script: Script) -> int:
    return sum(len(script.scenario.get(name) or []) for name in LISTS) + len(script.extras)


def _changed(script: Script, **fields: Any) -> Script:
    return Script({**script.scenario, **fields}, script.extras)


def _zone(said: dict[str, Any]) -> dict[str, Any]:
    said["subscription"]["customer"]["timezone"] = "UTC"
    return said


def _currency(said: dict[str, Any]) -> dict[str, Any]:
    plan = said["subscription"]["plan"]
    if plan["currency"] != "USD":
        plan |= {"currency": "USD", "price": "49.00"}
    return said


def _methods(said: dict[str, Any]) -> dict[str, Any]:
    said["subscription"]["payment_methods"] = {"primary": "card"}
    return said


def _tags(said: dict[str, Any]) -> dict[str, Any]:
    said["subscription"].pop("tags", None)
    said["subscription"]["customer"].pop("since", None)
    return said


def _ids(said: dict[str, Any]) -> dict[str, Any]:
    for message in said["messages"]:
        message.pop("id", None)
    return said
