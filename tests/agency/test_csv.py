"""The agency that takes files: what it finds in its folder, and what its own files mean to us."""

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.agency.csv_drop import COLUMNS, FILE_MODE, CsvDrop
from adapters.agency.csv_returns import UnreadableFile, read_agency_file
from adapters.agency.placement import reference_of
from adapters.postgres.agency import AgencyCases
from adapters.postgres.books import Books
from adapters.postgres.pool import Pool
from domain.gateways import DeliveryRefused
from domain.letters import Addressee
from domain.reports import Report
from domain.subscription import Invoice
from tests.contracts.agency import AT, DEBTOR, PLACEMENT, RECALL, SUBSCRIPTION, a_history, an_invoice

REFERENCE = reference_of(PLACEMENT)
HEADER = "id,reference,kind,amount,currency\n"


@pytest.fixture
def cases(pool: Pool) -> AgencyCases:
    return AgencyCases(pool)


@pytest.fixture
def drop(tmp_path: Path, cases: AgencyCases, books: Books) -> CsvDrop:
    return CsvDrop(tmp_path, cases=cases, tasks=books)


async def place(drop: CsvDrop, *invoices: Invoice, debtor: Addressee = DEBTOR) -> None:
    await drop.place(
        PLACEMENT,
        subscription_id=SUBSCRIPTION,
        debtor=debtor,
        currency="EUR",
        invoices=invoices or (an_invoice(),),
        history=a_history(),
        at=AT,
    )


async def recall(drop: CsvDrop, minor: int = 1010) -> None:
    await drop.recall(
        RECALL,
        subscription_id=SUBSCRIPTION,
        invoice="s-1-0001",
        minor=minor,
        currency="EUR",
        because="paid by card",
        at=AT,
    )


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


async def said(cases: AgencyCases, *lines: str) -> Sequence[Report]:
    return await read_agency_file((HEADER + "\n".join(lines)).encode(), cases=cases)


# What the agency finds


async def test_a_placement_is_one_file_with_a_row_for_each_invoice(drop: CsvDrop, tmp_path: Path) -> None:
    await place(drop, an_invoice(), an_invoice("s-1-0002", 700))
    (file,) = (tmp_path / "out").iterdir()
    assert file.name == f"{REFERENCE}.csv"
    assert file.read_bytes().splitlines()[0].decode() == ",".join(COLUMNS)
    first, second = rows(file)
    assert (first["invoice"], first["amount"], first["due_on"]) == ("s-1-0001", "49.10", "2026-02-15")
    assert (second["invoice"], second["amount"], second["currency"]) == ("s-1-0002", "7.00", "EUR")
    assert (first["name"], first["city"], first["country"]) == ("Ada Example", "Berlin", "DE")


async def test_a_recall_names_the_placement_it_is_of_and_no_debtor(drop: CsvDrop, tmp_path: Path) -> None:
    await place(drop)
    await recall(drop)
    (row,) = rows(tmp_path / "out" / f"recall-{reference_of(RECALL)}.csv")
    assert (row["reference"], row["kind"], row["amount"]) == (REFERENCE, "recall", "10.10")
    assert (row["name"], row["email"]) == ("", "")


@pytest.mark.parametrize("name", ["=1+1", "+49", "-1", "@here", "\t=1"])
async def test_no_cell_is_a_formula_to_a_spreadsheet(drop: CsvDrop, tmp_path: Path, name: str) -> None:
    await place(drop, debtor=replace(DEBTOR, name=name))
    (row,) = rows(tmp_path / "out" / f"{REFERENCE}.csv")
    assert row["name"] == f"'{name}"


async def test_commas_quotes_and_line_breaks_stay_in_their_cell(drop: CsvDrop, tmp_path: Path) -> None:
    await place(drop, debtor=replace(DEBTOR, name='Ada "the\nfirst", Example'))
    (row,) = rows(tmp_path / "out" / f"{REFERENCE}.csv")
    assert row["name"] == 'Ada "the\nfirst", Example'


async def test_what_the_agency_has_taken_away_is_not_offered_again(drop: CsvDrop, tmp_path: Path) -> None:
    await place(drop)
    (tmp_path / "out" / f"{REFERENCE}.csv").unlink()
    await place(drop)
    assert list((tmp_path / "out").iterdir()) == []


async def test_after_a_crash_the_same_file_is_offered_whatever_the_debtor_is_called_by_then(
    drop: CsvDrop, tmp_path: Path, pool: Pool
) -> None:
    await place(drop)
    offered = tmp_path / "out" / f"{REFERENCE}.csv"
    before = offered.read_bytes()
    offered.unlink()
    await pool.execute("delete from agency_case_line")
    await pool.execute("delete from agency_case")  # it ended before it had noted the case
    await place(drop, debtor=replace(DEBTOR, name="Ada Married"))
    assert offered.read_bytes() == before


async def test_a_file_is_never_written_again_with_other_amounts(drop: CsvDrop, tmp_path: Path, pool: Pool) -> None:
    await place(drop)
    before = (tmp_path / "out" / f"{REFERENCE}.csv").read_bytes()
    await pool.execute("delete from agency_case_line")
    await pool.execute("delete from agency_case")
    with pytest.raises(DeliveryRefused, match="other amounts"):
        await place(drop, an_invoice(placed_minor=1))
    assert (tmp_path / "out" / f"{REFERENCE}.csv").read_bytes() == before


async def test_nothing_half_written_is_left_and_others_may_not_read(drop: CsvDrop, tmp_path: Path) -> None:
    await place(drop)
    files = [file for folder in ("out", "kept") for file in (tmp_path / folder).iterdir()]
    assert [file.name for file in files] == [f"{REFERENCE}.csv"] * 2
    assert {file.stat().st_mode & 0o777 for file in files} == {FILE_MODE}


async def test_without_an_address_it_is_placed_all_the_same_and_support_is_asked(
    drop: CsvDrop, tmp_path: Path, books: Books
) -> None:
    await place(drop, debtor=replace(DEBTOR, address={}))
    assert len(list((tmp_path / "out").iterdir())) == 1
    assert [task.kind for task in await books.tasks()] == ["the agency needs the debtor's address"]


# What the agency sends back


async def test_a_payment_row_is_money_through_the_agency(drop: CsvDrop, cases: AgencyCases) -> None:
    await place(drop)
    (report,) = await said(cases, f"p-1,{REFERENCE},payment,20.50,EUR")
    assert (report.id, report.subscription_id, report.signal) == ("payment/p-1", SUBSCRIPTION, "payment-received")
    assert report.payload == {
        "id": "agency-csv/payment/p-1",
        "amount": "20.50",
        "channel": "agency",
        "reference": "agency-csv/p-1",
        "invoice": "s-1-0001",
    }


async def test_the_same_file_twice_gives_the_same_reports(drop: CsvDrop, cases: AgencyCases) -> None:
    await place(drop)
    lines = (f"p-1,{REFERENCE},payment,20.50,EUR", f"p-2,{REFERENCE},payment,28.60,EUR", f"x,{REFERENCE},fee,1,EUR")
    assert await said(cases, *lines) == await said(cases, *lines)


@pytest.mark.parametrize("status", ["returned", "uncollectable", "disputed"])
async def test_a_case_that_is_given_up_or_disputed_says_so(drop: CsvDrop, cases: AgencyCases, status: str) -> None:
    await place(drop)
    (report,) = await said(cases, f"c-1,{REFERENCE},{status},,")
    assert (report.signal, report.payload) == (
        "agency-update",
        {"id": f"agency-csv/{status}/c-1", "status": status},
    )


async def test_a_case_returned_after_all_of_it_was_paid_changes_nothing(drop: CsvDrop, cases: AgencyCases) -> None:
    await place(drop)
    reports = await said(cases, f"p-1,{REFERENCE},payment,49.10,EUR", f"c-1,{REFERENCE},returned,,")
    assert [report.signal for report in reports] == ["payment-received", ""]


@pytest.mark.parametrize(
    "line",
    [
        "p-1,unknown,payment,20.50,EUR",
        f",{REFERENCE},payment,20.50,EUR",
        f"p-1,{REFERENCE},payment,20.505,EUR",
        f"p-1,{REFERENCE},payment,-20.50,EUR",
        f"p-1,{REFERENCE},payment,0,EUR",
        f"p-1,{REFERENCE},payment,20.50,USD",
        f'p-1,{REFERENCE},payment,"20,50",EUR',
        f"p-1,{REFERENCE},gift,20.50,EUR",
        f"p-1,{REFERENCE}",
    ],
)
async def test_a_row_that_cannot_be_booked_moves_nothing_and_asks_support(
    drop: CsvDrop, cases: AgencyCases, line: str
) -> None:
    await place(drop)
    (report,) = await said(cases, line)
    assert report.signal == ""
    assert report.task.startswith("Line 2 of an agency's file was not taken in")


async def test_rows_without_an_id_in_two_files_are_two_questions(drop: CsvDrop, cases: AgencyCases) -> None:
    await place(drop)
    (one,) = await said(cases, f",{REFERENCE},payment,20.50,EUR")
    (other,) = await said(cases, f",{REFERENCE},payment,20.51,EUR")
    assert one.id != other.id


async def test_an_amount_that_changed_since_it_was_reported_is_put_before_support(
    drop: CsvDrop, cases: AgencyCases
) -> None:
    await place(drop)
    await said(cases, f"p-1,{REFERENCE},payment,20.50,EUR")
    (report,) = await said(cases, f"p-1,{REFERENCE},payment,30.50,EUR")
    assert (report.signal, "another amount" in report.task) == ("", True)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\xff\xfe", "no UTF-8"),
        (b"", "column 'id' is missing"),
        (b"id,reference,kind,amount\n", "column 'currency' is missing"),
        (b'id,reference,kind,amount,currency\n"', "no CSV"),
    ],
)
async def test_a_file_that_is_none_of_an_agencys_is_refused_as_a_whole(
    cases: AgencyCases, data: bytes, why: str
) -> None:
    with pytest.raises(UnreadableFile, match=why):
        await read_agency_file(data, cases=cases)


async def test_a_byte_order_mark_and_other_columns_do_no_harm(drop: CsvDrop, cases: AgencyCases) -> None:
    await place(drop)
    data = f"\ufeffnote,currency,amount,kind,reference,id\r\nhello,EUR,20.50,payment,{REFERENCE},p-1\r\n".encode()
    (report,) = await read_agency_file(data, cases=cases)
    assert report.payload["amount"] == "20.50"
