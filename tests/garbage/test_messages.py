"""The doors of a real workflow: whatever comes in is refused with its reason, and the subscription lives on."""

from __future__ import annotations

import asyncio
import json
from random import Random
from typing import Any
from uuid import uuid4

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.client import WorkflowUpdateFailedError
from temporalio.common import RawValue

from domain.messages import SIGNALS, Refused, parse
from domain.moving import read_move
from domain.opening import opened
from domain.periods import parse_local
from domain.quoting import legible
from domain.run import Heard, Run
from engine.convert import DATA_CONVERTER
from engine.speak import MessageRefused, tell
from policies.load import load
from tests.garbage.clear import Tally, assert_clear
from tests.garbage.mutations import BENT_TEXTS, CARD, DEEP, mutant, nested, strange
from tests.wire.lives_on_the_wire import Town, WiredLife, begun_in
from tests.workflows.lives import PATIENCE, events, replayed, terms_of
from workflows.doors import taken

pytestmark = pytest.mark.slow

SIGNALLED, ASKED, TAKEN = 100, 60, 30
NOW = parse_local("2026-02-16T12:00", "Europe/Berlin")
WHO = {"by": "support:kim", "reason": "asked"}
VALID: dict[str, dict[str, Any]] = {
    "payment-received": {"amount": "31.00", "channel": "bank_transfer", "reference": "r-1", "invoice": "s-1-0001"},
    "payment-reversed": {"amount": "31.00", "reference": "r-1", "reason": "chargeback"},
    "payment-method-updated": {"role": "primary", "method": "card", "state": "usable"},
    "retry-payment": {"by": "support:kim"},
    "cancel": WHO | {"when": "period_end"},
    "promise-to-pay": {"by": "support:kim", "until": "2026-03-01"},
    "payment-announced": {"amount": "31.00", "invoices": ["s-1-0001"], "client_number": "K-1"},
    "reactivation-requested": {"reason": "please"},
    "choose-at-month-end": {"by": "support:kim", "choice": "cancel"},
    "agency-update": {"status": "returned"},
}
SAMPLES = {signal: VALID.get(signal, WHO) | {"id": "m-1", "at": "2026-02-16T10:00"} for signal in SIGNALS}
MOVE = {"name": "photo-monthly", "version": 1, "by": "support:kim", "reason": "asked"}


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _payload(random: Random, value: object) -> Payload:
    """A value as a program writes it, or what a program never should."""
    how = random.random()
    if how < 0.85:
        return Payload(metadata={"encoding": b"json/plain"}, data=_json(value))
    data = random.choice(
        [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"nul", b'{"a": 1' + b"0" * 6_000 + b"}", random.randbytes(50)]
    )
    encoding = random.choice([b"json/plain", b"binary/plain", b"binary/null", b"json/protobuf", b"own", b"\xff", b""])
    return Payload(metadata={"encoding": encoding} if encoding else {}, data=random.choice([data, _json(value)]))


def _understood(signal: str, payloads: list[Payload]) -> bool:
    """Whether the message can be meant, so that it is refused for its sense alone, or has an effect."""
    if len(payloads) != 1 or dict(payloads[0].metadata) != {"encoding": b"json/plain"}:
        return False
    try:
        parse(signal, (json.loads(payloads[0].data),), "EUR", "Europe/Berlin", NOW)
    except (Refused, ValueError, RecursionError):
        return False
    return True


def _spoilt(random: Random) -> tuple[str, list[Payload]]:
    """A message that cannot be meant: its name and its payloads."""
    while True:
        signal = random.choice(SIGNALS)
        payloads = [_payload(random, mutant(SAMPLES[signal], random, 2).value)]
        how = random.random()
        if how < 0.05:
            payloads = []
        elif how < 0.10:
            payloads *= random.randint(2, 12)
        elif how < 0.15:
            payloads = [_payload(random, strange(random))]
        elif how < 0.20:
            signal = (
                random.choice([*BENT_TEXTS, signal.upper(), "x" * 900]).encode("utf-8", "replace").decode()[:900] or "x"
            )
        if not _understood(signal, payloads):
            return signal, payloads


async def _owing(town: Town, id_: str) -> WiredLife:
    """A subscription that owes 31.00 EUR since its card was declined."""
    life = await begun_in(town, "hosting", f"{id_}-{uuid4().hex[:8]}", card="pm_card_chargeCustomerFail")
    await life.until("2026-02-16T12:00")
    return life


async def _works(life: WiredLife) -> None:
    """It answers a message that can be meant, its books agree, and its histories can be replayed."""
    answer = await life.ask("payment-received", amount="31.00", channel="bank_transfer", reference=uuid4().hex)
    assert (answer.accepted, answer.balance) == (True, "0.00")
    assert await life.stage.books.audit(life.id) == []
    await replayed(await life.runs())


@pytest.mark.parametrize("times", [SIGNALLED, pytest.param(1_000, marks=pytest.mark.exhaustive)], ids=["some", "many"])
async def test_spoilt_signals_are_each_written_down_as_refused_and_the_subscription_lives_on(
    town: Town, times: int
) -> None:
    life, door, random = await _owing(town, "signals"), Tally("signals"), Random(20_260_216)
    sent = [_spoilt(random) for _ in range(times)]
    async with asyncio.timeout(PATIENCE):
        for signal, payloads in sent:
            await life.signal_raw(signal, *payloads)
    state = await life.state()
    refused = await life.entries("refused")
    assert len(refused) == len(sent)
    for entry, (signal, payloads) in zip(refused, sent, strict=True):
        door.refuse(str(entry.fields["why"]), (signal, payloads))
        assert len(str(entry.fields["signal"])) <= 200
        assert CARD not in str(entry.fields["signal"])
    for remark in state.attention:
        assert_clear(remark)
    assert (state.open_minor, state.credit_minor, state.standing) == (3100, 0, "active")
    assert len(await life.entries("payment_received", "payment_reversed", "cancelled", "hold", "promise_to_pay")) == 0
    await _works(life)
    door.closed(refused=times, accepted=0, kinds=20)


async def test_spoilt_updates_are_refused_in_clear_words_and_leave_no_event(town: Town) -> None:
    life, door, random = await _owing(town, "updates"), Tally("updates"), Random(20_260_217)
    before = len(events((await life.runs())[-1]))
    async with asyncio.timeout(PATIENCE):
        for number in range(ASKED):
            signal, payloads = _spoilt(random)
            if signal not in SIGNALS:
                signal = SIGNALS[number % len(SIGNALS)]
                payloads *= 2
            with pytest.raises(WorkflowUpdateFailedError) as failed:
                await life.handle.execute_update(signal, args=[RawValue(payload) for payload in payloads])
            door.refuse(str(failed.value.cause), (signal, payloads))
    assert len(events((await life.runs())[-1])) == before
    await _works(life)
    door.closed(refused=ASKED, accepted=0, kinds=15)


async def test_a_spoilt_move_to_another_policy_is_refused_in_clear_words(town: Town) -> None:
    """A reason with a zero byte, once taken in, could never be written down: the batch would be tried for ever."""
    life, door, random = await _owing(town, "moves"), Tally("moves"), Random(20_260_218)
    awkward: list[object] = [
        MOVE | {"reason": text} for text in BENT_TEXTS if not text.isprintable() or not text.strip()
    ]
    awkward += [
        MOVE | {"by": CARD},
        MOVE | {"version": True},
        MOVE | {"version": "1"},
        [MOVE],
        "hosting",
        None,
        nested(DEEP),
    ]
    awkward += [mutant(MOVE, random).value for _ in range(ASKED)]
    async with asyncio.timeout(PATIENCE):
        for said in awkward:
            try:
                read_move((json.loads(_json(said)),))
            except Refused:
                pass
            else:
                if isinstance(said, dict) and said["name"] == MOVE["name"] and said["version"] == 1:
                    door.accept()  # it can be meant
                    continue
            payload = Payload(metadata={"encoding": b"json/plain"}, data=_json(said))
            with pytest.raises(WorkflowUpdateFailedError) as failed:
                await life.handle.execute_update("move-policy", args=[RawValue(payload)])
            door.refuse(str(failed.value.cause), said)
        with pytest.raises(WorkflowUpdateFailedError):
            await life.handle.execute_update("move-policy")
    assert (await life.state()).policy.name == "hosting"
    await _works(life)
    door.closed(refused=ASKED // 2, accepted=1, kinds=8)


async def test_odd_messages_that_can_be_meant_leave_the_books_whole(town: Town) -> None:
    """Spoilt, and yet good: whatever they do, entries balance and the workflow answers or has ended."""
    life, random = await _owing(town, "odd"), Random(20_260_219)
    taken = 0
    while taken < TAKEN:
        signal = random.choice(SIGNALS)
        said = mutant(SAMPLES[signal] | {"id": uuid4().hex}, random, 1).value
        if _understood(signal, [Payload(metadata={"encoding": b"json/plain"}, data=_json(said))]):
            await life.signal_raw(signal, Payload(metadata={"encoding": b"json/plain"}, data=_json(said)))
            taken += 1
    seen = await life.settled()
    assert seen is None or not seen.busy
    assert await life.stage.books.audit(life.id) == []
    await replayed(await life.runs())


async def test_queries_do_not_mind_what_they_are_asked_with(town: Town) -> None:
    life, random = await _owing(town, "queries"), Random(20_260_220)
    async with asyncio.timeout(PATIENCE):
        for query in ("state", "timeline", "forecast") * 4:
            with_what = RawValue(_payload(random, strange(random)))
            answer = await life.handle.query(query, with_what)
            assert answer is not None
    await _works(life)


def test_whatever_waits_in_the_inbox_travels_into_the_next_run() -> None:
    """What could not be written into the next run's argument would fail the task that continues as new, for ever."""
    random, odd = Random(20_260_221), 0
    converter = DATA_CONVERTER.payload_converter
    state = opened(terms_of("hosting", "s-1", "2026-01-15"), load("hosting"))
    for _ in range(1_000):
        signal, payloads = _spoilt(random)
        heard = Heard(legible(signal), taken(converter.from_payloads(payloads)), NOW.isoformat())
        (back,) = converter.from_payloads(converter.to_payloads([Run(state, inbox=(heard,))]), [Run])
        assert len(back.inbox) == 1
        assert len(back.inbox[0].payloads) == min(3, len(payloads))
        odd += back.inbox[0].payloads != heard.payloads
    assert odd < 50  # NaN and infinity, which JSON has not


async def test_what_could_not_even_be_sent_is_refused_by_who_sends(town: Town) -> None:
    life = await _owing(town, "sent")
    for payload in (WHO | {"reason": "\udcff"}, WHO | {"\ud800": "x"}, WHO | {"reason": "x" * 3_000_000}):
        with pytest.raises(MessageRefused) as refused:
            await tell(life.time.client, life.stage.books, life.id, "hold-dunning", payload)
        assert_clear(str(refused.value))
    assert await life.entries("refused") == []
    await _works(life)
