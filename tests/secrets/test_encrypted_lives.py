"""Lives of which Temporal can read nothing: on a real server, with keys that come, change, are missing and go."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from uuid import uuid4

import pytest
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHistory

from engine.connect import connect
from engine.encryption import ENCODING, KEY_ID, Codec, converter, keys_of
from engine.keys_in_use import keys_in_use, names_in
from settings import Encryption
from tests.secrets.houses import NEW, OLD, House, keys, on
from tests.workflows.lives import PATIENCE, Life, begun, declined, json_payload, replayed

pytestmark = pytest.mark.slow

PLAIN = Encryption()


def named(histories: Sequence[WorkflowHistory]) -> set[str | None]:
    return {name for history in histories for event in history.events for name in names_in(event)}


async def failed_tasks(life: Life) -> list[str]:
    """What the present run's failed workflow tasks say to whoever has no key."""
    history = (await life.runs())[-1]
    return [
        event.workflow_task_failed_event_attributes.failure.message
        for event in history.events
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
    ]


async def words(life: Life) -> list[str]:
    """The reasons given in these tests, as the audit trail tells them."""
    return [entry.because for entry in await life.entries() if entry.because.startswith("word ")]


async def decrypted(message: Message, codec: Codec) -> str:
    """All that the payloads of a message say, to one who has the keys."""
    if isinstance(message, Payload):
        return codec.readable(message).data.decode("utf-8", "replace")
    inner = [value for field, value in message.ListFields() if field.message_type is not None]
    said = [await decrypted(each, codec) for value in inner for each in _messages(value)]
    return "\n".join(said)


def _messages(value: object) -> list[Message]:
    if isinstance(value, Message):
        return [value]
    values = value.values() if hasattr(value, "values") else value
    return [each for each in values if isinstance(each, Message)]  # type: ignore[attr-defined]


async def test_temporal_keeps_nothing_readable_but_names_ids_and_search_attributes(house: House) -> None:
    said = keys(NEW)
    async with house.at_work(said) as stage:
        life = await begun(stage, "hosting", f"hidden-{uuid4().hex[:8]}", world=declined("2026-02-15", "2026-03-10"))
        await life.until("2026-02-25T12:00")
        await life.tell("hold-dunning", by="support:kim", reason="prefers letters")
        answer = await life.ask("release-dunning", by="support:kim", reason="has them now")
        assert answer.accepted
        await life.signal_raw("no-such-thing", json_payload({"x": 1}))
        await life.until("2026-03-20T12:00")
        runs = await life.runs()
        page = (await life.metadata()).current_details
        described = await life.handle.describe()
        await replayed(runs, converter(keys_of(said)))
    assert f"{life.id}-0001" in page, "who has the keys reads the page"
    codec = Codec(keys_of(said))
    readable = "\n".join([await decrypted(event, codec) for run in runs for event in run.events])
    raw = "\n".join(MessageToJson(event) for run in runs for event in run.events)
    raw += b"".join(event.SerializeToString() for run in runs for event in run.events).decode("latin-1")
    raw += str(described.raw_description)
    for secret in (f"{life.id}-0001", f"K-{life.id}", "insufficient_funds", "prefers letters", "31.00"):
        alone = re.compile(rf"(?<!:){re.escape(secret)}(?!\d)")  # 23:01:31.000872 is no amount
        assert alone.search(readable), "else nothing would be proved"
        assert not alone.search(raw)
    # what somebody sent by hand, without our converter, is as readable as he sent it; all of ours is under the key
    assert named(runs) == {"new", None}
    ours = [
        event
        for run in runs
        for event in run.events
        if event.workflow_execution_signaled_event_attributes.signal_name != "no-such-thing"
    ]
    assert {name for event in ours for name in names_in(event)} == {"new"}
    (refused,) = await life.entries("refused")
    assert "no-such-thing" in json.dumps(refused.fields), "it was taken in, and refused"


async def test_a_key_is_changed_in_mid_life_and_an_old_one_is_missed_only_while_it_is_needed(house: House) -> None:
    id_ = f"turned-{uuid4().hex[:8]}"
    async with house.at_work(PLAIN) as stage:
        life = await begun(stage, "hosting", id_)
        await life.until("2026-01-20T12:00")
        assert named(await life.runs()) == {None}
    async with house.at_work(keys(OLD)) as stage:  # switched on: what was plain is read
        life = on(stage, life)
        await life.until("2026-02-20T12:00")
        assert "old" in named((await life.runs())[-1:])
    async with house.at_work(keys(OLD, NEW)) as stage:  # 1: everybody can read what the new key will write
        life = on(stage, life)
        await life.tell("hold-dunning", by="support:kim", reason="word one")
    async with house.at_work(keys(NEW, OLD)) as stage:  # 2: it writes
        life = on(stage, life)
        await life.tell("release-dunning", by="support:kim", reason="word two")
        assert {"old", "new"} <= named((await life.runs())[-1:])
        assert (await keys_in_use(stage.client)).runs.get("old") == 1, "it may not be taken away yet"
    async with house.at_work(keys(NEW)) as stage:  # too early
        async with asyncio.timeout(PATIENCE):
            early = on(stage, life)
            await early.handle.signal("hold-dunning", {"by": "support:kim", "reason": "word three"})
            while not (said := await failed_tasks(early)):  # noqa: ASYNC110  # the server writes it
                await asyncio.sleep(0.1)
        assert "under key 'old', which this program was not given" in said[0]
        assert "nothing is lost" in said[0]
    async with house.at_work(keys(NEW, OLD)) as stage:  # put back: it goes on, and knows what was said meanwhile
        life = on(stage, life)
        await life.settled()
        assert await words(life) == ["word one", "word two", "word three"]
        await life.until("2026-03-20T12:00")
        assert (await keys_in_use(stage.client)).runs.get("old") is None, "no running one needs it any more"
    async with house.at_work(keys(NEW)) as stage:  # 3: taken away
        life = on(stage, life)
        await life.until("2026-04-20T12:00")
        assert [entry.fields["outcome"] for entry in await life.entries("charge")] == ["approved"] * 3
        assert await stage.books.audit(id_) == []
        await replayed((await life.runs())[-1:], converter(keys_of(keys(NEW))))


async def test_garbage_that_says_it_is_encrypted_is_refused_and_holds_nobody_up(house: House) -> None:
    async with house.at_work(keys(NEW)) as stage:
        life = await begun(stage, "hosting", f"pestered-{uuid4().hex[:8]}")
        for metadata in ({"encoding": ENCODING, KEY_ID: b"new"}, {"encoding": ENCODING}):
            await life.signal_raw("payment-received", Payload(metadata=metadata, data=b"x" * 60))
        await life.until("2026-01-20T12:00")
        refused = await life.entries("refused")
        assert len(refused) == 2
        assert all("binary/encrypted" in json.dumps(entry.fields) for entry in refused)


@pytest.mark.exhaustive
async def test_a_worker_without_keys_waits_for_them_instead_of_refusing_what_it_cannot_read(house: House) -> None:
    async with house.at_work(keys(NEW)) as stage:
        life = await begun(stage, "hosting", f"waiting-{uuid4().hex[:8]}")
        await life.until("2026-01-20T12:00")
    async with house.at_work(PLAIN) as stage:
        client = await connect(house.address, "default", encryption=keys(NEW))
        await client.get_workflow_handle(life.handle.id).signal(
            "hold-dunning", {"by": "support:kim", "reason": "word meanwhile"}
        )
        async with asyncio.timeout(PATIENCE):
            while not (said := await failed_tasks(on(stage, life))):  # noqa: ASYNC110  # the server writes it
                await asyncio.sleep(0.1)
        assert "(it has: none)" in said[0]
    async with house.at_work(keys(NEW)) as stage:
        life = on(stage, life)
        await life.settled()
        assert await words(life) == ["word meanwhile"]
        assert await life.entries("refused") == []
