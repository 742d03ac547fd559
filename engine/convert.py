"""JSON on the wire: pydantic's converter, with its type adapters shared, and what every month repeats kept short.

Every party must use this one converter. A reader accepts both the long and the short form.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from functools import lru_cache
from typing import Annotated, Any

from pydantic import ConfigDict, Discriminator, TypeAdapter, ValidationError, with_config
from pydantic_core import ErrorDetails, from_json, to_json
from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import PydanticJSONPlainPayloadConverter
from temporalio.converter import (
    CompositePayloadConverter,
    DataConverter,
    DefaultPayloadConverter,
    JSONPlainPayloadConverter,
)

from domain.effects import Batch, Effect
from domain.quoting import Unread, named
from domain.run import AS_IT_WAS, DEPLOY, SCHEMA, NotTakenUp, Run, taken_up, whose
from engine.packing import carries_batch, dumped, plain

with_config(ConfigDict(extra="forbid"))(Run)  # and all within it: what this worker does not know, it must not drop
for _held in fields(Batch):
    if _held.name == "effects":  # by its kind: else each is tried as all of them, and a batch takes 1.1 ms, not 0.1
        _held.type = tuple[Annotated[Effect, Discriminator("kind")], ...]

LISTED = 5  # fields, in the text of an error
SHOWN = 40  # characters of what a stranger wrote


@lru_cache(maxsize=1024)
def _adapter(kind: Any) -> TypeAdapter[Any]:
    """Shared by all workflows of a process: building one for a state takes longer than replaying a month."""
    return TypeAdapter(kind)


def written(run: Run) -> bytes:
    """A run's argument, without the fields that have their default: two thirds of a healthy state.

    So a default of `Subscription` must never change its meaning: states written before are read with it.
    """
    data = _adapter(Run).dump_json(run, exclude_defaults=True)
    return data if SCHEMA == 1 else b'{"schema":%d,' % SCHEMA + data[1:]


def read(data: bytes) -> Run:
    """A run's argument in whichever shape it was written, as a whole.

    Raises NotTakenUp for one that has what this code does not know; ValueError for what is no JSON.
    """
    said = from_json(data)
    if not isinstance(said, dict):
        raise NotTakenUp(f"a run's argument is {type(said).__name__}, not an object. {AS_IT_WAS}")
    taken = taken_up(said)
    try:
        run: Run = _adapter(Run).validate_json(data if taken is said else to_json(taken))
    except ValidationError as error:
        strange = [
            f"{'.'.join(str(n) if isinstance(n, int) else named(n) for n in e['loc'])}: {_plainly(e)}"
            for e in error.errors()[:LISTED]
        ]
        raise NotTakenUp(
            f"{whose(said)} holds what this worker does not know, so a newer one may have written it: "
            f"{'; '.join(strange)}. {AS_IT_WAS} {DEPLOY}"
        ) from None
    return run


def _plainly(fault: ErrorDetails) -> str:
    return "unknown field" if fault["type"] == "unexpected_keyword_argument" else fault["msg"]


class JsonConverter(PydanticJSONPlainPayloadConverter):
    """One JSON form for every value."""

    def to_payload(self, value: Any) -> Payload | None:
        """JSON of a value."""
        if isinstance(value, Run):
            return Payload(metadata={"encoding": self.encoding.encode()}, data=written(value))
        kind: Any = type(value)
        if carries_batch(kind):
            return Payload(metadata={"encoding": self.encoding.encode()}, data=dumped(value, _adapter(kind)))
        return super().to_payload(value)

    def from_payload(self, payload: Payload, type_hint: type | None = None) -> Any:
        """The value of JSON, by its type. Raises NotTakenUp for a run that a newer worker wrote."""
        if type_hint is Run:
            return read(payload.data)
        data = plain(payload.data) if carries_batch(type_hint) else payload.data
        return _adapter(Any if type_hint is None else type_hint).validate_json(data)


class Converter(CompositePayloadConverter):
    """Temporal's own converters, with JSON by pydantic."""

    def __init__(self) -> None:
        json = JsonConverter()
        parts = DefaultPayloadConverter.default_encoding_payload_converters
        super().__init__(*(json if isinstance(part, JSONPlainPayloadConverter) else part for part in parts))

    def from_payloads(self, payloads: Sequence[Payload], type_hints: list[type] | None = None) -> list[Any]:
        """The values; where no type is asked for, what cannot be read is given as a text that says so.

        Only signals are read without a type, and the SDK drops a signal that it cannot read, with a line in the
        worker's log. It must come in and be refused.
        """
        if type_hints:
            return super().from_payloads(payloads, type_hints)
        return [self._anything(payload) for payload in payloads]

    def _anything(self, payload: Payload) -> Any:
        try:
            return super().from_payloads([payload])[0]
        except Exception:  # whatever a converter raises: a message that vanishes is worse than any of them
            encoding = payload.metadata.get("encoding", b"none")[:SHOWN].decode(errors="replace")
            return Unread(f"{len(payload.data)} bytes that cannot be read, encoding {encoding!r}")


DATA_CONVERTER = DataConverter(payload_converter_class=Converter)
