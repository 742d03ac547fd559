"""MT940 as German and Dutch banks write it, and what is refused."""

from datetime import date

import pytest

from adapters.bank.files import read_statement
from adapters.bank.lines import BadStatement
from adapters.bank.mt940 import details
from tests.bank.samples import ACCOUNT, example


def plain(*lines: str, opening: str = "C260318EUR0,00", closing: str = "C260319EUR0,00") -> bytes:
    """A statement of those lines."""
    return "\r\n".join(
        [":20:X", f":25:{ACCOUNT}", ":28C:1/1", f":60F:{opening}", *lines, f":62F:{closing}", "-", ""]
    ).encode("latin-1")


def test_a_german_statement_is_read_field_by_field() -> None:
    file = read_statement("a.sta", example("mt940-german.sta"))
    assert file.format == "mt940"
    transfer, returned, fee = file.entries
    assert (transfer.kind, transfer.minor, transfer.currency, transfer.account) == ("credit", 3100, "EUR", ACCOUNT)
    assert (transfer.booked_on, transfer.bank_reference) == (date(2026, 3, 19), "2026031910001")
    assert transfer.text == "Rechnung s-1-0001 Kun de K100"
    assert (transfer.name, transfer.iban) == ("Ada Example", "DE02120300000000202051")
    assert transfer.end_to_end_id == ""
    assert (returned.kind, returned.minor, returned.end_to_end_id) == ("return_of_credit", 1250, "RENT-7")
    assert (fee.kind, fee.minor, fee.bank_reference) == ("debit", 990, "")
    assert not any("RF26" in entry.text for entry in file.entries), "a remark behind the closing balance is of no entry"


def test_a_dutch_statement_is_read_field_by_field() -> None:
    transfer, coffee = read_statement("a.sta", example("mt940-dutch.sta")).entries
    assert (transfer.account, transfer.minor, transfer.kind) == ("NL91ABNA0417164300", 4900, "credit")
    assert (transfer.name, transfer.iban) == ("J. JANSEN", "NL02ABNA0123456789")
    assert (transfer.text, transfer.bank_reference, transfer.end_to_end_id) == (
        "Factuur s-2-0001 klant K200", "B0320ABC", "",
    )  # fmt: skip
    assert coffee.kind == "debit"


def test_plain_text_is_read_in_whichever_encoding() -> None:
    said = plain(":61:2603190319C5,00NTRFNONREF", ":86:Jürgen Groß", "s-1-0001", closing="C260319EUR5,00")
    assert read_statement("a.sta", said).entries[0].text == "Jürgen Groß s-1-0001"


def test_several_statements_in_one_file_keep_their_own_accounts_and_the_turn_of_the_year_its_dates() -> None:
    one = plain(":61:2512311231C5,00NTRFNONREF//A", closing="C251231EUR5,00")
    two = plain(":61:2512310102C7,00NTRFNONREF//B", closing="C260102EUR7,00").replace(
        ACCOUNT.encode(), b"10020030/4711"
    )
    entries = read_statement("a.sta", one + two).entries
    assert [(e.account, e.booked_on, e.value_on) for e in entries] == [
        (ACCOUNT, date(2025, 12, 31), date(2025, 12, 31)),
        ("10020030/4711", date(2026, 1, 2), date(2025, 12, 31)),
    ]


@pytest.mark.parametrize(
    ("mark", "type_", "kind"),
    [
        ("C", "NTRF", "credit"),
        ("RC", "NTRF", "return_of_credit"),
        ("D", "NRTI", "return_of_credit"),
        ("D", "NTRF", "debit"),
        ("RD", "NTRF", "return_of_debit"),
    ],
)
def test_the_mark_makes_the_kind(mark: str, type_: str, kind: str) -> None:
    closing = "C260319EUR95,00" if mark in ("D", "RC") else "C260319EUR105,00"
    said = plain(f":61:2603190319{mark}5,00{type_}NONREF", opening="C260318EUR100,00", closing=closing)
    assert [e.kind for e in read_statement("a.sta", said).entries] == [kind]


def test_a_reference_that_comes_again_on_another_day_is_another_transfer() -> None:
    lines = [":61:2603190319C5,00NTRFNONREF//POS", ":61:2603200320C5,00NTRFNONREF//POS"]
    entries = read_statement("a.sta", plain(*lines, closing="C260320EUR10,00")).entries
    assert entries[0].key != entries[1].key


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("166?00X?20EREF+AB?21C-1?22SVWZ+s-1?230001?32Ada?33 Example", {"name": "Ada Example", "text": "s-1 0001",
                                                                       "end_to_end_id": "ABC-1"}),
        ("166?00X?20s-1-0001?60K100", {"text": "s-1-0001 K100"}),
        ("/EREF/X-1/REMI/a/b s-1-0001", {"text": "a/b s-1-0001", "end_to_end_id": "X-1"}),
        ("/CNTP/NL02ABNA0123456789/ABNANL2A/J. JANSEN//REMI/USTD//s-1", {"iban": "NL02ABNA0123456789",
                                                                         "name": "J. JANSEN", "text": "s-1"}),
        ("s-1-0001\nK100", {"text": "s-1-0001 K100"}),
    ],
)  # fmt: skip
def test_what_the_payer_wrote_is_found_in_each_style(written: str, said: dict[str, str]) -> None:
    assert {name: text for name, text in details(written).items() if text} == said


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (plain(":61:2603190319C5,00NTRFNONREF", closing="C260319EUR6,00"), "does not add up"),
        (plain(":61:not a line", closing="C260319EUR0,00"), "a field :61: that cannot be read"),
        (plain().replace(f":25:{ACCOUNT}\r\n".encode(), b""), "names no account"),
        (plain(":61:2603190319C5,00NTRFNONREF").replace(b":62F:", b":64:"), "no opening or closing balance"),
        (plain(":61:2603190319C5,001NTRFNONREF", closing="C260319EUR5,001"), "EUR has 2 decimals"),
    ],
)
def test_a_statement_that_is_not_whole_is_refused_as_a_whole(data: bytes, what: str) -> None:
    with pytest.raises(BadStatement, match=what) as refused:
        read_statement("bad.sta", data)
    assert str(refused.value).startswith("bad.sta: statement 1")
