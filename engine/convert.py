"""JSON on the wire: pydantic's converter, with its type adapters shared and a subscription's state kept short.

Every party must use this one converter. A reader accepts both the long and the short form.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter
from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import PydanticJSONPlainPayloadConverter
from temporalio.converter import (
    CompositePayloadConverter,
    DataConverter,
    DefaultPayloadConverter,
    JSONPlainPayloadConverter,
)

from domain.run import Run

SHORT: tuple[type, ...] = (Run,)
"""Written without the fields that have their default: two thirds of a healthy state."""


@lru_cache(maxsize=1024)
def _adapter(kind: Any) -> TypeAdapter[Any]:
    """Shared by all workflows of a process: building one for a state takes longer than replaying a month."""
    return TypeAdapter(kind)


class JsonConverter(PydanticJSONPlainPayloadConverter):
    """One JSON form for every value."""

    def to_payload(self, value: Any) -> Payload | None:
        """JSON of a value."""
        if isinstance(value, SHORT):
            data = _adapter(type(value)).dump_json(value, exclude_defaults=True)
            return Payload(metadata={"encoding": self.encoding.encode()}, data=data)
        return super().to_payload(value)

    def from_payload(self, payload: Payload, type_hint: type | None = None) -> Any:
        """The value of JSON, by its type."""
        return _adapter(Any if type_hint is None else type_hint).validate_json(payload.data)


class Converter(CompositePayloadConverter):
    """Temporal's own converters, with JSON by pydantic."""

    def __init__(self) -> None:
        json = JsonConverter()
        parts = DefaultPayloadConverter.default_encoding_payload_converters
        super().__init__(*(json if isinstance(part, JSONPlainPayloadConverter) else part for part in parts))


DATA_CONVERTER = DataConverter(payload_converter_class=Converter)
