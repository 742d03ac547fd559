"""The doors by which messages come in: for each name of spec section 8 a signal and an update, and one for the rest.

A door only takes in. It accepts anything at all, because a handler that insists on a shape drops or wedges what does
not fit it; `decide` refuses with a reason what cannot be meant, and writes that down.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

from temporalio import workflow
from temporalio.common import RawValue

with workflow.unsafe.imports_passed_through():
    from domain import messages
    from domain.messages import DESCRIPTIONS
    from domain.run import Answer

PAYLOAD_LIMIT = 8_000  # characters of JSON; the largest honest message, an announcement, has 5,000
SHOWN = 60


class Listener(Protocol):
    """What stands behind the doors."""

    def take_in(self, signal: str, payloads: tuple[object, ...]) -> None: ...

    async def ask(self, signal: str, payload: object) -> Answer: ...

    def judge(self, signal: str, payload: object) -> None: ...


L = TypeVar("L", bound=type)


def with_doors(cls: L) -> L:
    """Give a workflow class its signal and update handlers."""
    for name, handler in HANDLERS.items():
        setattr(cls, name, handler)
    return cls


F = TypeVar("F", bound=Callable[..., Any])


def _as_method(function: F) -> F:
    """Take the annotation off `self`: the SDK counts an annotated one among a handler's own arguments."""
    function.__annotations__.pop("self", None)
    return function


def plain(payload: object) -> object:
    """A payload that can travel in the state: JSON of bounded size, or a short text that says what it was instead."""
    try:
        if len(json.dumps(payload)) <= PAYLOAD_LIMIT:
            return payload
        return f"{type(payload).__name__} of more than {PAYLOAD_LIMIT} characters"
    except (TypeError, ValueError, RecursionError):
        return f"{type(payload).__name__}: {repr(payload)[:SHOWN]}"


def legible(name: str) -> str:
    """A signal's name, bounded, as it may stand in books and pages: PostgreSQL refuses a text with a zero byte."""
    return "".join(c if c.isprintable() else "\ufffd" for c in name[: messages.TEXT_LIMIT])


def _signal(signal: str) -> Callable[..., None]:
    def take_in(self: Listener, *payload: object) -> None:
        self.take_in(signal, payload)

    return take_in


def _update(signal: str) -> Callable[[Any, dict[str, Any]], Awaitable[Answer]]:
    async def ask(self: Listener, payload: dict[str, Any]) -> Answer:
        return await self.ask(signal, payload)

    return ask


def _validator(signal: str) -> Callable[[Any, dict[str, Any]], None]:
    def judge(self: Listener, payload: dict[str, Any]) -> None:
        self.judge(signal, payload)

    return judge


def _unknown(self: Listener, name: str, args: Sequence[RawValue]) -> None:
    self.take_in(name, tuple(f"{len(value.payload.data)} bytes" for value in args))


def _handlers() -> dict[str, object]:
    handlers: dict[str, object] = {}
    for signal, description in DESCRIPTIONS.items():
        heard = workflow.signal(name=signal, description=description)(_as_method(_signal(signal)))
        handlers[f"signal_{signal}"] = heard
        update = workflow.update(name=signal, description=description)(_as_method(_update(signal)))
        update.validator(_as_method(_validator(signal)))
        handlers[f"update_{signal}"] = update
    handlers["signal_unknown"] = workflow.signal(dynamic=True)(_as_method(_unknown))
    return handlers


HANDLERS = _handlers()
"""Made once a process and passed through the sandbox: making them takes longer than replaying a month."""
