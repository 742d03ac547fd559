"""camt.053 and camt.054 as several banks write them, and what is refused."""

import re
from datetime import date

import pytest

from adapters.bank.files import BYTES_LIMIT, keyed_by, payer, read_statement
from adapters.bank.lines import BadStatement
from domain.matching import Stated
from tests.bank.samples import ACCOUNT, Transfer, example, statement


def test_a_german_day_is_read_with_its_lines_healed_and_what_is_pending_left_out() -> None:
    file = read_statement("german.xml", example("camt053-v02-german.xml"))
    assert (file.format, file.pending) == ("camt.053", 1)
    first, one, two, rent = file.entries
    assert (first.kind, first.minor, first.currency, first.account) == ("credit", 3100, "EUR", ACCOUNT)
    assert (first.booked_on, first.value_on) == (date(2026, 3, 18), date(2026, 3, 18))
    assert (first.bank_reference, first.end_to_end_id) == ("2026031800001000", "")
    assert (first.name, first.iban) == ("EXAMPLE, ADA", "DE02120300000000202051")
    assert first.text == "Danke fuer alles RF26 SYIG E57Z OD4P 75PZ"
    assert one.fingerprint == two.fingerprint
    assert one.key != two.key
    assert (keyed_by(first), keyed_by(one)) == ("reference", "content")
    assert (rent.kind, rent.minor) == ("debit", 80000)


def test_a_booking_of_several_transfers_is_taken_apart() -> None:
    bakery, jansen = read_statement("ntf.xml", example("camt054-v08-dutch.xml")).entries
    assert bakery.stated == (Stated("s-1-0001", 3100), Stated("s-2-0001", 3100))
    assert (bakery.minor, bakery.bank_reference, bakery.end_to_end_id) == (6200, "TX-71", "ORDER-88")
    assert jansen.stated == (Stated("RF26SYIGE57ZOD4P75PZ"),)
    assert (jansen.minor, jansen.name, jansen.group_reference) == (3100, "J. Jansen", "BATCH-20260320-7")


def test_a_sum_that_is_not_listed_is_a_lump_and_a_return_is_a_return() -> None:
    lump, returned = read_statement("stm.xml", example("camt053-v08-dutch.xml")).entries
    assert (lump.kind, lump.minor, lump.bank_reference) == ("lump", 9300, "BATCH-20260320-7")
    assert (returned.kind, returned.minor, returned.end_to_end_id) == ("return_of_credit", 6200, "ORDER-88")


def test_a_booking_whose_transfers_do_not_sum_to_it_is_not_taken_apart() -> None:
    file = read_statement("ntf.xml", example("camt054-v08-dutch.xml").replace(b'"EUR">93.00<', b'"EUR">92.00<'))
    assert [(e.kind, e.minor) for e in file.entries] == [("lump", 9200)]


@pytest.mark.parametrize(
    "version", ["camt.053.001.02", "camt.053.001.04", "camt.053.001.06", "camt.053.001.08", "camt.053.001.13"]
)
@pytest.mark.parametrize("status", ["<Cd>BOOK</Cd>", "BOOK"])
def test_the_version_of_the_message_does_not_matter(version: str, status: str) -> None:
    file = read_statement("a.xml", statement(Transfer("1.00", status=status), version=version))
    assert [e.minor for e in file.entries] == [100]


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("31", "EUR", 3100),
        ("31.5", "EUR", 3150),
        ("31.00000", "EUR", 3100),
        ("500", "JPY", 500),
        ("1.234", "KWD", 1234),
    ],
)
def test_amounts_are_minor_units_of_their_currency(amount: str, currency: str, minor: int) -> None:
    file = read_statement("a.xml", statement(Transfer(amount, currency=currency)))
    assert [e.minor for e in file.entries] == [minor]


def test_an_entry_of_nothing_is_no_transfer() -> None:
    assert read_statement("a.xml", statement(Transfer("0.00"))).entries == ()


@pytest.mark.parametrize(
    ("side", "returned", "kind"),
    [
        ("CRDT", False, "credit"),
        ("DBIT", True, "return_of_credit"),
        ("DBIT", False, "debit"),
        ("CRDT", True, "return_of_debit"),
    ],
)
def test_the_direction_and_the_return_make_the_kind(side: str, returned: bool, kind: str) -> None:
    assert read_statement("a.xml", statement(Transfer("1.00", side=side, returned=returned))).entries[0].kind == kind


def test_a_reversal_indicator_makes_a_return() -> None:
    said = statement(Transfer("1.00", side="DBIT")).replace(b"<Sts>", b"<RvslInd>true</RvslInd><Sts>")
    assert read_statement("a.xml", said).entries[0].kind == "return_of_credit"


def test_the_same_transfer_has_the_same_key_in_a_notification_and_in_the_statement() -> None:
    told = Transfer("31.00", "first wording", reference="R-1")
    day = read_statement("day.xml", statement(Transfer("8.00", reference="R-0"), told))
    note = read_statement(
        "note.xml",
        statement(
            Transfer("31.00", "another wording", reference="R-1"),
            body="BkToCstmrDbtCdtNtfctn",
            version="camt.054.001.04",
        ),
    )
    assert note.entries[0].key == day.entries[1].key


def test_equal_transfers_are_counted_within_a_file_and_the_count_is_the_same_in_the_next() -> None:
    one = Transfer("12.50", "Hosting")
    first = [e.key for e in read_statement("a.xml", statement(one)).entries]
    later = [e.key for e in read_statement("b.xml", statement(one, one)).entries]
    assert later[0] == first[0]
    assert later[1] != first[0]


def test_a_reference_that_a_bank_gives_to_several_transfers_does_not_make_them_one() -> None:
    same = [Transfer("12.50", reference="R"), Transfer("12.50", reference="R"), Transfer("13.00", reference="R")]
    assert len({e.key for e in read_statement("a.xml", statement(*same)).entries}) == 3


def test_a_reversal_under_the_transfers_own_reference_is_another_entry() -> None:
    told = [Transfer("12.50", reference="R"), Transfer("12.50", reference="R", side="DBIT", returned=True)]
    there, back = read_statement("a.xml", statement(*told)).entries
    assert there.key != back.key
    assert payer(there) == payer(back) != ""


@pytest.mark.parametrize(
    ("data", "where", "what"),
    [
        (b"<Document", "the file", "not well-formed XML"),
        (b"hello", "the file", "neither as XML nor as MT940"),
        (b"", "the file", "neither as XML nor as MT940"),
        (b"<Document><Other/></Document>", "Document", "holds no BkToCstmrStmt"),
        (b"<Document><BkToCstmrAcctRpt/></Document>", "BkToCstmrAcctRpt", "camt.052"),
        (b"<Document><BkToCstmrStmt/></Document>", "camt.053", "no statement"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><Document>&b;</Document>', "the file", "declares a document type"),
        (statement(Transfer("1.00")).replace(ACCOUNT.encode(), b""), "statement 1", "names no account"),
        (statement(Transfer("1.00"), Transfer("1,00")), "statement 1, entry 2", "expected a decimal string"),
        (statement(Transfer("1.001")), "statement 1, entry 1", "EUR has 2 decimals"),
        (statement(Transfer("-1.00")), "statement 1, entry 1", "expected zero or more"),
        (statement(Transfer("1.00", currency="XXX")), "statement 1, entry 1", "ISO 4217"),
        (statement(Transfer("1.00", status="ODD")), "statement 1, entry 1", "expected BOOK"),
        (statement(Transfer("1.00", side="BOTH")), "statement 1, entry 1", "expected CRDT or DBIT"),
        (statement(Transfer("1.00", booked_on="18.03.2026")), "statement 1, entry 1", "expected such as '2026-03-18'"),
        (b"<" + b" " * BYTES_LIMIT, "the file", "expected at most"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_whole_is_refused_as_a_whole(data: bytes, where: str, what: str) -> None:
    with pytest.raises(BadStatement, match=re.escape(what)) as refused:
        read_statement("bad.xml", data)
    assert str(refused.value).startswith(f"bad.xml: {where}")
    assert "Nothing of the file was taken in and no money moved" in str(refused.value)
