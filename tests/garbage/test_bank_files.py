"""The door for a bank's files: taken in as a whole or refused as a whole, with what, where and what was expected."""

from __future__ import annotations

import logging
from random import Random

import pytest

from adapters.bank.files import read_statement
from adapters.bank.lines import BadStatement
from domain.money import LIMIT_MINOR
from tests.bank.samples import EXAMPLES, Transfer, statement
from tests.garbage.clear import Tally, assert_clear
from tests.garbage.mutations import bent, torn
from tests.garbage.trying import TIMES, each

VALID = [path.read_bytes() for path in sorted(EXAMPLES.iterdir())] + [
    statement(Transfer("31.00", text="s-1-0001 K-100", reference="R1"), Transfer("12.50", side="DBIT", returned=True)),
    statement(Transfer("5.00"), body="BkToCstmrDbtCdtNtfctn", version="camt.054.001.08"),
]
NAMES = ("day.xml", "", "x" * 5_000, "a\0b.xml", "\udcff.sta", "4111 1111 1111 1111.xml")


@TIMES
def test_a_spoilt_bank_file_is_refused_clearly_or_read_whole(times: int, caplog: pytest.LogCaptureFixture) -> None:
    door, told = Tally("bank files"), set[bool]()

    def try_one(random: Random) -> None:
        data = random.choice(VALID)
        data = bent(data, random) if random.random() < 0.5 else torn(data, random).value
        try:
            file = read_statement(random.choice(NAMES), data)
        except BadStatement as refused:
            door.refuse(str(refused), data[:80])
            told.add(str(refused).endswith("Nothing of the file was taken in and no money moved."))
            return
        door.accept()
        assert len(file.name) <= 100
        for entry in file.entries:
            assert 0 < entry.minor < LIMIT_MINOR
            for text in (entry.name, entry.text, entry.iban, entry.account, entry.bank_reference, entry.end_to_end_id):
                assert "\0" not in text
                text.encode()  # PostgreSQL takes neither a zero byte nor half a character

    with caplog.at_level(logging.DEBUG):
        each(times, try_one)
    assert [record.name for record in caplog.records if record.name.startswith("mt940")] == []
    assert told == {True}
    door.closed(refused=times // 4, accepted=times // 10, kinds=10)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b'<!DOCTYPE a [<!ENTITY b "c">]><Document>&b;</Document>', "declares a document type or entities"),
        (b'<?xml version="1.0" encoding="x-none"?><Document/>', "encoding"),
        (statement(Transfer("31.00", status="x" * 5_000)), "has the status 'xxx"),
        (statement(Transfer("31.00", side="4111 1111 1111 1111")), "(what looks like a card number)"),
        (statement(Transfer("1" * 40)), "expected a decimal string"),
        (statement(Transfer("31.00", currency="XXX")), "currency 'XXX'"),
        (statement(Transfer("31.00", booked_on="2026-02-30")), "'2026-02-30'; expected such as '2026-03-18'"),
        (b"<" * 100_000, "not well-formed XML"),
        (b"\0" * 100, "begins neither as XML nor as MT940"),
    ],
)
def test_what_is_wrong_in_a_statement_is_named(data: bytes, why: str) -> None:
    with pytest.raises(BadStatement) as refused:
        read_statement("day.xml", data)
    assert why in str(refused.value)
    assert_clear(str(refused.value))


def test_a_field_of_mt940_with_a_name_in_it_is_named_and_not_repeated(caplog: pytest.LogCaptureFixture) -> None:
    data = (EXAMPLES / "mt940-german.sta").read_bytes().replace(b":61:26", b":61:Ada Example", 1)
    with (
        pytest.raises(BadStatement, match="a field :61: that cannot be read") as refused,
        caplog.at_level(logging.DEBUG),
    ):
        read_statement("day.sta", data)
    assert "Ada" not in str(refused.value)
    assert "Ada" not in caplog.text


def test_control_characters_of_mt940_are_no_part_of_any_text() -> None:
    data = (EXAMPLES / "mt940-german.sta").read_bytes()
    spoilt = b"\x01{1:F01BANKDEFF}\r\n" + data.replace(b"?20", b"?20\x00\x1b", 1) + b"\x03\x1a"
    assert read_statement("a.sta", spoilt).entries == read_statement("a.sta", data).entries
