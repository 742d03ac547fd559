"""What a subscription's workflow is started with, and what it answers. Plain JSON, also for the Temporal UI."""

from __future__ import annotations

from dataclasses import dataclass, field

from domain.effects import Entry, FieldValue
from domain.subscription import Subscription


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
