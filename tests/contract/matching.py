"""How the scenario contract compares what happened with what must happen, re-expressed for use inside the tests.

An entry matches a wanted one if it agrees with it in every field that is named there: `on` with the local date of its
`at`, `at` with as much of its `at` as is written. Other fields, and other entries in between, are free.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Said = Mapping[str, Any]


def matches(actual: Said, wanted: Said) -> bool:
    """Whether an entry is what was wanted."""
    return all(_agrees(actual, name, value) for name, value in wanted.items())


def faults(scenario: Said, timeline: Sequence[Said], final: Said) -> Iterator[str]:
    """Each way in which a life falls short of its scenario's `expect`, `never`, `count` and `final`."""
    yield from _unexpected(scenario.get("expect", []), timeline)
    yield from _happened(scenario.get("never", []), timeline)
    for rule in scenario.get("count", []):
        found = sum(matches(entry, rule["match"]) for entry in timeline)
        if found != rule["is"]:
            yield f"expected {rule['is']} of {json.dumps(rule['match'])}, found {found}"
    for name, value in scenario.get("final", {}).items():
        if final.get(name) != value:
            yield f"final {name}: expected {value!r}, found {final.get(name)!r}"


def _unexpected(expect: Sequence[Said], timeline: Sequence[Said]) -> Iterator[str]:
    """Expected entries stand in their order; the first that does not is told, and the rest can mean nothing."""
    ahead = iter(timeline)
    for wanted in expect:
        if not any(matches(entry, wanted) for entry in ahead):
            yield f"expected, in order, but not found: {json.dumps(wanted)}"
            return


def _happened(never: Sequence[Said], timeline: Sequence[Said]) -> Iterator[str]:
    for banned in never:
        since, until = banned.get("from", ""), banned.get("until", "9999")
        wanted = {name: value for name, value in banned.items() if name not in ("from", "until")}
        for entry in timeline:
            if since <= entry["at"][:10] < until and matches(entry, wanted):
                yield f"must never happen: {json.dumps(banned)}; happened: {json.dumps(entry)}"


def _agrees(actual: Said, name: str, value: Any) -> bool:
    if name == "on":
        return bool(actual["at"][:10] == value)
    if name == "at":
        return bool(actual["at"][: len(value)] == value)
    return bool(actual.get(name) == value)
