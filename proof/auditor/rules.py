"""The auditor's own reading of a policy: straight from what YAML gives, without the language's model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import time
from typing import Any

SEVERITY = ("active", "past_due", "locked", "account_locked", "cancelled", "in_collections")


def severity(standing: str) -> int:
    """How bad a standing is; a review counts as none."""
    return SEVERITY.index(standing) if standing in SEVERITY else 0


def listed(value: Any) -> list[Any]:
    """One or more, as a list; nothing as an empty one."""
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]


@dataclass(frozen=True)
class Stage:
    """A rung: its trigger and number, its conditions, and what follows, one pair of word and value for each effect."""

    order: int
    name: str
    why: str
    trigger: str
    number: int
    conditions: Mapping[str, Any]
    then: tuple[tuple[str, Any], ...]
    warns: bool
    after_warning: int | None

    @property
    def harsh(self) -> bool:
        """Kept back by an announced transfer and by evidence of money: all but a plain mail or an attempt."""
        return self.warns or any(word not in ("email", "charge") for word, _ in self.then)


@dataclass(frozen=True)
class Rules:
    """One policy. `said` is its whole text as YAML reads it."""

    said: Mapping[str, Any]
    stages: tuple[Stage, ...]

    @property
    def in_advance(self) -> bool:
        return bool(self.said["bill"]["in"] == "advance")

    @property
    def billing_time(self) -> time:
        return time.fromisoformat(self.said["bill"]["at"])

    @property
    def grace_days(self) -> int:
        return int(self.said["grace_days"])

    @property
    def keep_trying(self) -> Mapping[str, Any]:
        """The weekly schedule; empty where there is none."""
        return self.said.get("keep_trying") or {}

    @property
    def channels(self) -> Mapping[str, Any]:
        return self.said.get("channels") or {}

    @property
    def ending(self) -> Mapping[str, Any]:
        return dict(self.said["when_cancelled"])

    @property
    def undo(self) -> Mapping[str, str]:
        """By command: its counterpart."""
        return dict(self.said["access"]["undo"])

    @property
    def committed(self) -> bool:
        """Whether a plan under it is a commitment of instalments."""
        return bool(self.keep_trying) or any(word == "terminate" for s in self.stages for word, _ in s.then)

    def terms_days(self, *, new_customer: bool) -> int:
        """Days from issue to due."""
        bill = self.said["bill"]
        days = bill.get("new_customer_due_after_days") if new_customer else None
        return int(bill["due_after_days"] if days is None else days)

    def mails(self, section: str) -> list[str]:
        """The templates of `when_declined` or `when_no_method_can_be_charged`."""
        return [item["email"] for item in self.said.get(section) or []]


def read(said: Mapping[str, Any]) -> Rules:
    """The rules in a policy's text, which has been accepted by its own loader before."""
    return Rules(said, tuple(_stage(order, rung) for order, rung in enumerate(said["ladder"])))


def _stage(order: int, rung: Mapping[str, Any]) -> Stage:
    when = rung["when"]
    trigger, number = (when, 0) if isinstance(when, str) else next(iter(when.items()))
    return Stage(
        order=order,
        name=rung["rung"],
        why=rung["why"],
        trigger=trigger,
        number=int(number),
        conditions=rung.get("if") or {},
        then=tuple(_effects(rung["then"])),
        warns=bool(rung.get("warns")),
        after_warning=rung.get("days_after_warning"),
    )


def _effects(then: list[Mapping[str, Any]]) -> Iterator[tuple[str, Any]]:
    for effect in then:
        word, value = next(iter(effect.items()))
        for one in listed(value):
            yield word, one
