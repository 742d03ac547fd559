"""The steps of a life as the auditor is shown them, to be told to another auditor with something changed."""

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from domain.scenario import read_scenario
from proof.auditor.auditor import Auditor
from proof.auditor.objections import Objection
from proof.auditor.steps import Premises, Step
from proof.simulation.lives import Life
from proof.simulation.scripts import Script

EXAMPLES = Path(__file__).parents[2] / "examples" / "scenarios"


class Recorded(Life):
    """A life that keeps its steps."""

    def __init__(self, script: Script) -> None:
        self.steps: list[Step] = []
        super().__init__(script)

    def _show(self, step: Step) -> None:
        self.steps.append(step)
        super()._show(step)


@dataclass
class Story:
    """What was shown of a life: enough for another auditor to judge it."""

    premises: Premises
    begins_at: datetime
    until: datetime
    steps: list[Step]
    took: dict[str, int]

    def objections(self, expected: tuple[datetime, ...] = ()) -> list[Objection]:
        """What a fresh auditor says to it."""
        auditor = Auditor(self.premises, self.begins_at)
        for at in expected:
            auditor.will_hear(at)
        for step in self.steps:
            auditor.see(step)
        auditor.close(self.until, self.took)
        return list(auditor.objections)

    def without(self, *, what: str, nth: int = 0, **fields: Any) -> "Story":
        """The story without the n-th entry like this."""
        return self._edited(lambda things, index: things.pop(index), what, nth, fields)

    def twice(self, *, what: str, nth: int = 0, **fields: Any) -> "Story":
        """The story with the n-th entry like this told twice."""
        return self._edited(lambda things, index: things.insert(index, things[index]), what, nth, fields)

    def changed(self, is_: str, nth: int = 0, **fields: Any) -> "Story":
        """The story with other fields in the n-th thing of that kind."""

        def change(things: list[Any], index: int) -> None:
            things[index] = {**things[index], **fields}

        return self._edited(change, None, nth, {}, is_)

    def _edited(
        self,
        edit: Callable[[list[Any], int], Any],
        what: str | None,
        nth: int,
        fields: dict[str, Any],
        is_: str = "entry",
    ) -> "Story":
        left, steps = nth, list(self.steps)
        for number, step in enumerate(steps):
            for index, thing in enumerate(step.happened):
                alike = thing["is"] == is_ and (what is None or thing["what"] == what)
                if not alike or not fields.items() <= dict(thing.get("fields", {})).items():
                    continue
                if left:
                    left -= 1
                    continue
                things = list(copy.deepcopy(list(step.happened)))
                edit(things, index)
                steps[number] = replace(step, happened=things)
                return replace(self, steps=steps)
        raise AssertionError(f"no {what or is_} {fields} in the story")


@cache
def story(name: str) -> Story:
    """The story of an example scenario."""
    script = Script({"messages": [], **json.loads((EXAMPLES / f"{name}.json").read_text(encoding="utf-8"))})
    life = Recorded(script)
    life.advance(
        life.scenario.until, [m for m in read_scenario(script.scenario).messages if m.at < life.scenario.until]
    )
    assert life.objection is None
    return Story(life.premises, life.scenario.begins_at, life.scenario.until, life.steps, life.gateway.taken)
