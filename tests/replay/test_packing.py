"""What workflows ask for is packed on its way into a history, comes out as it was, and is read in clear, too."""

import base64
import json
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from pydantic import TypeAdapter
from temporalio.api.common.v1 import Payload

from domain.effects import (
    Batch,
    Charge,
    CommandPlatform,
    Effect,
    Entry,
    KeepInvoice,
    KeepMessage,
    KeepPayment,
    KeepUnapplied,
    LedgerEntry,
    PlaceWithAgency,
    Posting,
    ReadFacts,
    RecallFromAgency,
    SendMail,
    TellPlatform,
    TellSiblings,
    View,
    WithdrawMails,
)
from domain.errands import ChargeRequest, FactsRequest
from domain.subscription import Invoice, PaidPart
from engine.convert import DATA_CONVERTER
from engine.encryption import Codec, keys_of
from engine.packing import FIELD, CannotUnpack, plain
from settings import Encryption

AT = datetime(2026, 3, 15, 4, tzinfo=UTC)
ON = date(2026, 3, 15)
PARTS = (PaidPart("r-1", 4900),)
INVOICE = Invoice("s-1-0003", 3, "period", 2, ON, date(2026, 4, 15), 4900, 0, AT, AT, ON, paid_by=PARTS)
VIEW = View(
    *("s-1", "c-1", "K-1", "photo-monthly", 1, "pro", "USD", "UTC", "active", 0, 4900, 0, 0, None, "", ("look",), False)
)
EFFECTS: tuple[Effect, ...] = (
    Entry(1, AT, "charge", {"amount": "49.00", "late": True, "days": 3, "of": ["a"]}, "policy", "because"),
    LedgerEntry("s-1/1", AT, "paid", (Posting("cash:card", 4900, "r-1"), Posting("credit", -4900)), "policy", "due"),
    KeepInvoice(INVOICE),
    KeepPayment("r-1", 4900, "card", AT),
    KeepUnapplied("r-2", 100, "card", AT),
    KeepMessage("abc", "payment-received", AT),
    SendMail("s-1/1/mail", "receipt", AT, {"open": "0.00"}, AT),
    WithdrawMails(AT, ("payment_declined",)),
    CommandPlatform("s-1/2/platform", "lock_server", AT, "unpaid"),
    PlaceWithAgency("s-1/3/agency", 4900, (INVOICE,), AT),
    RecallFromAgency("s-1/4/agency", 4900, "s-1-0003", AT, "paid"),
    TellSiblings("s-1/5/siblings", "block-access", "unpaid", AT),
    TellPlatform("s-1/6/event", "charge", {"amount": "49.00"}, AT, "policy", "due"),
)
BATCH = Batch("s-1/000005", VIEW, EFFECTS)
CHARGE = Charge("s-1-0003/1/primary", "s-1-0003", "primary", "card", 4900, "USD", AT)
REQUEST = ChargeRequest("s-1", "UTC", BATCH, CHARGE, replace(BATCH, key="s-1/000006/approved"))
CONVERTER = DATA_CONVERTER.payload_converter


def payload(data: bytes) -> Payload:
    return Payload(metadata={"encoding": b"json/plain"}, data=data)


def in_history(value: object) -> Payload:
    (made,) = CONVERTER.to_payloads([value])
    return made


def read(data: Payload, kind: Any) -> object:
    (value,) = CONVERTER.from_payloads([data], [kind])
    return value


@pytest.mark.parametrize("value", [BATCH, REQUEST, *(Batch("s-1/000007", VIEW, (each,) * 3) for each in EFFECTS)])
def test_what_goes_in_comes_out_whether_packed_or_in_clear(value: object) -> None:
    packed, clear = in_history(value), TypeAdapter(type(value)).dump_json(value)
    assert read(packed, type(value)) == value
    assert read(payload(clear), type(value)) == value
    assert len(packed.data) < len(clear)
    assert json.loads(plain(packed.data)) == json.loads(clear)


def test_which_charge_and_how_much_stays_readable() -> None:
    said = json.loads(in_history(REQUEST).data)
    assert set(said) == {"charge", FIELD}
    assert said["charge"] == json.loads(TypeAdapter(Charge).dump_json(CHARGE))
    assert json.loads(in_history(BATCH).data)["key"] == "s-1/000005"


async def test_people_with_the_keys_are_shown_it_in_clear() -> None:
    codec = Codec(keys_of(Encryption(keys="k:" + base64.b64encode(bytes(32)).decode())))
    packed = in_history(REQUEST)
    for kept in (packed, *await codec.encode([packed])):
        assert json.loads(codec.readable(kept).data) == json.loads(TypeAdapter(ChargeRequest).dump_json(REQUEST))
    broken = payload(b'{"key": "s-1/000005", "packed": "1:%%%"}')
    assert codec.readable(broken) is broken


def test_a_question_without_a_batch_is_left_alone() -> None:
    asked = FactsRequest("s-1", None, ReadFacts(AT, ON, ON))
    assert json.loads(in_history(asked).data)["batch"] is None
    assert read(in_history(asked), FactsRequest) == asked


@pytest.mark.parametrize(
    ("packed", "why"),
    [
        ("2:abcd", "Deploy the newer worker"),
        ("", "Deploy the newer worker"),
        ("1:%%%", "cannot be read"),
        ("1:AAAA", "cannot be read"),
        (7, "Deploy the newer worker"),
    ],
)
def test_what_cannot_be_unpacked_says_so(packed: object, why: str) -> None:
    with pytest.raises(CannotUnpack, match=why):
        plain(json.dumps({"key": "s-1/000005", FIELD: packed}).encode())


def test_what_is_cut_off_is_not_taken_for_the_whole() -> None:
    said = json.loads(in_history(BATCH).data)
    said[FIELD] = said[FIELD][: len(said[FIELD]) // 8 * 4]
    with pytest.raises(CannotUnpack):
        plain(json.dumps(said).encode())


def test_what_another_program_wrote_under_that_name_is_no_batch() -> None:
    assert plain(b'["packed"]') == b'["packed"]'
    assert plain(b'{"key": "packed"}') == b'{"key": "packed"}'


def test_the_dictionary_is_the_one_that_histories_were_written_with() -> None:
    kept = payload(
        b'{"key":"s-1/000001","packed":"1:'
        b"WKRms4g17Zg9b8IwEIb/i+dasRODxNyxK4wMEBUJCdEK6IAQ/71nX2T7jL8SdagQG0qUs+84v/f4vWWI58zlA/T0+Czgng/zdIJi"
        b"wcktiNZq+T6JfNRC/DH8GFZldbonhwZsRTvnouNythSqRgKtrqgFXivwQgJ3O5hB5jqrR/XXTu9nw9Y53Bl+JUkH/t5GsqqN6t4b"
        b"pQhYfXcITtAgBTkIPilxT14GYrgD+XIYtt1k7HE1CgEI3yh8Q1EI0wqY3OehROUtIyXe+9xENjaCoMR/ICiqZiejJF7tKqXsrRAm"
        b"NSUT1Y1MThq+deHl1Og/R0CXw/4T/SPrnG22Paswz/KxnaFGjnvE6jBxvy+FsNYF8U2PwLIobQlNjFt2nbx7lrGw/DTbuLNHvafc"
        b"LkI7kUUdP7dg10Ctj/017LmhPelseAnR8wjRuk5GdCpBy6h8y9A2qetV2qlwrgF6g1VnzXm/PZgZ7kmMsbw5zGYQDeZ5a7b5K3K0"
        b"cemC80abG5cxzHMv5FsDBLgoAO4vEMNRQA=="
        b'"}'
    )
    assert read(kept, Batch) == Batch("s-1/000001", VIEW, EFFECTS)
