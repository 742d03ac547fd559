"""What a subscription's workflow is started with, and what it answers. Plain JSON, also for the Temporal UI."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from domain.effects import Entry, FieldValue
from domain.keys import is_identifier
from domain.quoting import quoted
from domain.subscription import Subscription

ASK_AGAIN = "AskAgain"
"""The type of the error by which an update is told that its message was not taken in; the same is to be asked again."""

NOT_TAKEN_IN = "a new run begins before its turn. Nothing was done and no money moved. Ask the same again."

AS_IT_WAS = "Nothing was decided and no money moved."
DEPLOY = "Deploy the newer worker, or make its version current again; the task is tried again by itself."

Said = dict[str, Any]
"""A run's argument as it is written, before it is read as a `Run`."""

SCHEMA = 1
"""Which shape of `Run` this code writes, and the newest that it reads. Schema 1 is not written down: it is the first.

A new field with a default that means what was before needs no new schema. A field that is renamed, removed or comes to
mean something else does: raise this number by one and add the step that leads there (docs/upgrading.md).
"""

STEPS: Mapping[int, Callable[[Said], Said]] = {}
"""From each schema to the next one: `STEPS[1]` makes schema 2 of schema 1. Pure, and never changed once released:
a run that is open is read by it at every replay. What was written leaves out the fields that had their default."""


class NotTakenUp(ValueError):
    """A run whose argument this worker cannot read as a whole; says who can. Nothing was decided, no money moved."""


def taken_up(said: Said, schema: int = SCHEMA, steps: Mapping[int, Callable[[Said], Said]] = STEPS) -> Said:
    """A run's argument in the newest shape, whichever code wrote it, without the number of its schema.

    Gives `said` itself where nothing is to be done. Raises NotTakenUp for what newer code wrote.
    """
    written = said.get("schema", 1)
    if not isinstance(written, int) or isinstance(written, bool) or written < 1:
        raise NotTakenUp(f"{whose(said)} has schema {quoted(written)}; expected a whole number from 1. {AS_IT_WAS}")
    if written > schema:
        raise NotTakenUp(
            f"{whose(said)} has schema {written}, and this worker reads schemas up to {schema}: a newer one wrote it. "
            f"{AS_IT_WAS} {DEPLOY}"
        )
    taken = {name: value for name, value in said.items() if name != "schema"} if "schema" in said else said
    for number in range(written, schema):
        taken = steps[number](taken)
    return taken


def whose(said: Said) -> str:
    """The subscription that an argument belongs to, for texts of errors."""
    state = said.get("state")
    if not isinstance(state, dict) or "id" not in state:
        return "the state of a subscription without a name"
    id_ = state["id"]
    return f"the state of subscription {id_ if isinstance(id_, str) and is_identifier(id_) else quoted(id_)}"


@dataclass(frozen=True, slots=True)
class Heard:
    """A message taken in and not yet acted on. `at` is business time, ISO 8601 with offset."""

    signal: str
    payloads: tuple[object, ...]
    at: str


@dataclass(frozen=True, slots=True)
class Run:
    """One run's argument: the state, and everything pending, so that it may continue as new at any moment.

    `offset_seconds` is what business time is ahead of the workflow's clock; zero in production, constant for a life.
    """

    state: Subscription
    offset_seconds: float = 0.0
    turns: int = 0
    """How many batches have been written; part of the next one's key."""
    inbox: tuple[Heard, ...] = ()
    undelivered: tuple[str, ...] = ()
    """Parties with tidings still pending in the outbox."""


@dataclass(frozen=True, slots=True)
class Told:
    """One line of the timeline, for answers: local time, what, its fields, who and why."""

    at: str
    what: str
    fields: dict[str, FieldValue]
    by: str
    because: str

    @classmethod
    def of(cls, entry: Entry, at: str) -> Told:
        """The entry with its instant already made local."""
        return cls(at, entry.what, entry.fields, entry.by, entry.because)


@dataclass(frozen=True, slots=True)
class Answer:
    """What an update did. `accepted` is False where the message was refused or repeated; `happened` says why."""

    accepted: bool
    standing: str
    balance: str
    happened: list[Told] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Seen:
    """The `state` query: the state, the business clock, and whether anything is still being worked on."""

    state: Subscription
    clock: str
    """Business time of the latest task; the server's clock may have moved on since."""
    offset_seconds: float
    next_at: str | None
    next_what: str
    busy: bool
    undelivered: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Futures:
    """The `forecast` query."""

    if_nothing_is_paid: list[Told]
    if_everything_is: list[Told]
