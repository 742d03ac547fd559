"""The doors by which messages come in: for each name of spec section 8 a signal and an update, and one for the rest.

A door only takes in. It accepts anything at all, because a handler that insists on a shape drops or wedges what does
not fit it; `decide` refuses with a reason what cannot be meant, and writes that down.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

from temporalio import workflow
from temporalio.common import RawValue

with workflow.unsafe.imports_passed_through():
    from domain.messages import DESCRIPTIONS
    from domain.quoting import Unread, described
    from domain.run import Answer

PAYLOAD_LIMIT = 8_000  # characters of JSON; the largest honest message, an announcement, has 5,000
DEPTH_LIMIT = 8  # honest ones have one; 190 can be read here and not in the next run, where they stand six deeper


class Listener(Protocol):
    """What stands behind the doors."""

    def take_in(self, signal: str, payloads: tuple[object, ...]) -> None: ...

    async def ask(self, signal: str, payloads: tuple[object, ...]) -> Answer: ...

    def judge(self, signal: str, payloads: tuple[object, ...]) -> None: ...


L = TypeVar("L", bound=type)


def with_doors(cls: L) -> L:
    """Give a workflow class its signal and update handlers."""
    for name, handler in HANDLERS.items():
        setattr(cls, name, handler)
    return cls


F = TypeVar("F", bound=Callable[..., Any])


def _as_method(function: F) -> F:
    """Take the annotation off `self`: the SDK counts an annotated one among a handler's own arguments.

    The signature is kept: the SDK asks for it again for every workflow that a worker takes up.
    """
    function.__annotations__.pop("self", None)
    function.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    return function


def plain(payload: object) -> object:
    """A payload that can travel in the state: JSON of bounded size, or a short text that says what it was instead.

    No message is a text: one that comes is not kept, for it may say anything about anybody.
    """
    if isinstance(payload, Unread):
        return str(payload)
    if isinstance(payload, str):
        return described(payload)
    if _deeper(payload, DEPTH_LIMIT):
        return f"{described(payload)}, nested deeper than {DEPTH_LIMIT}"
    try:
        if len(json.dumps(payload)) <= PAYLOAD_LIMIT:
            return payload
        return f"{described(payload)}, more than {PAYLOAD_LIMIT} characters of JSON"
    except (TypeError, ValueError, RecursionError):
        return described(payload)


def _deeper(value: object, levels: int) -> bool:
    """Whether lists and objects stand in each other deeper than so many levels."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels < 0 or any(_deeper(each, levels - 1) for each in inner)


def taken(payloads: Sequence[object]) -> tuple[object, ...]:
    """A message's payloads as they may travel: of more than three, three are as wrong as all."""
    return tuple(plain(payload) for payload in payloads[:3])


def _signal(signal: str) -> Callable[..., None]:
    def take_in(self: Listener, *payload: object) -> None:
        self.take_in(signal, payload)

    return take_in


def _update(signal: str) -> Callable[..., Awaitable[Answer]]:
    async def ask(self: Listener, *payload: object) -> Answer:
        return await self.ask(signal, payload)

    return ask


def _validator(signal: str) -> Callable[..., None]:
    def judge(self: Listener, *payload: object) -> None:
        self.judge(signal, payload)

    return judge


def _unknown(self: Listener, name: str, args: Sequence[RawValue]) -> None:
    self.take_in(name, tuple(Unread(f"{len(value.payload.data)} bytes") for value in args))


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
