"""Which encryption keys the histories of running subscriptions name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload, SearchAttributes
from temporalio.api.history.v1 import MarkerRecordedEventAttributes
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from engine.encryption import ENCODING, KEY_ID


@dataclass(frozen=True, slots=True)
class KeysInUse:
    """How many running subscriptions need each key, and how many hold anything that is not encrypted."""

    runs: dict[str, int]
    plain: int


async def keys_in_use(client: Client) -> KeysInUse:
    """Read the history of every running subscription. Closed runs are left out: what they hold only people read."""
    runs: Counter[str] = Counter()
    plain = 0
    async for each in client.list_workflows("ExecutionStatus = 'Running'"):
        try:
            history = await client.get_workflow_handle(each.id, run_id=each.run_id).fetch_history()
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:  # it has ended meanwhile and is forgotten
                raise
            continue
        named = {name for event in history.events for name in names_in(event)}
        plain += None in named
        runs.update(name for name in named if name is not None)
    return KeysInUse(dict(runs), plain)


def names_in(message: Message) -> set[str | None]:
    """The keys that the payloads of a message name; None for one that is not encrypted."""
    if isinstance(message, Payload):
        name = message.metadata.get(KEY_ID)
        encrypted = message.metadata.get("encoding") == ENCODING and name is not None
        return {name.decode("ascii", "replace") if encrypted and name else None}
    if isinstance(message, (SearchAttributes, MarkerRecordedEventAttributes)):
        return set()  # the server reads the one, the SDK's core writes the other: neither goes through a codec
    return {name for value in _inner(message) for name in names_in(value)}


def _inner(message: Message) -> Iterator[Message]:
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            yield from (each for each in value.values() if isinstance(each, Message))
        elif isinstance(value, Message):
            yield value
        else:
            yield from value
