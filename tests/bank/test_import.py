"""A statement taken in: whom it is told to, what waits for support, and that no money ever counts twice."""

import pytest

from adapters.bank.creditor_reference import creditor_reference
from adapters.bank.lines import BadStatement
from engine.bank import CutOff
from tests.bank.conftest import NOW, Bank, owes
from tests.bank.samples import ACCOUNT, Transfer, example, statement

RF_1 = creditor_reference("s-1-0001")
RF_2 = creditor_reference("s-2-0001")


async def test_a_transfer_with_a_creditor_reference_pays_its_invoice(till: Bank) -> None:
    imported = await till.take(Transfer("31.00", RF_1, "B-1"))
    [(whose, signal, payload)] = till.door.told
    assert (whose, signal) == ("s-1", "payment-received")
    key = imported.entries[0].key
    assert payload == {
        "id": key,
        "amount": "31.00",
        "channel": "bank_transfer",
        "reference": key,
        "by": "bank",
        "reason": "transfer booked on 2026-03-18",
        "invoice": "s-1-0001",
    }
    assert imported.counts == {"applied": 1}
    assert str(imported) == "day.xml (camt.053): 1 applied"
    assert str(imported.entries[0]) == (
        f"{key}  2026-03-18         31.00 EUR  applied: creditor reference of invoice s-1-0001"
    )
    assert await till.texts() == []


async def test_the_same_file_twice_and_a_statement_that_overlaps_count_each_transfer_once(till: Bank) -> None:
    await till.take(Transfer("31.00", RF_1, "B-1"), name="note.xml")
    again = await till.take(Transfer("31.00", RF_1, "B-1"), name="note.xml")
    assert again.counts == {"known": 1}
    wider = await till.take(Transfer("31.00", RF_1, "B-1"), Transfer("31.00", RF_2, "B-2"), name="day.xml")
    assert wider.counts == {"applied": 1, "known": 1}
    assert [whose for whose, _, _ in till.door.told] == ["s-1", "s-2"]


async def test_two_equal_transfers_of_one_day_are_two_payments(till: Bank) -> None:
    await till.take(Transfer("10.00", RF_1), name="noon.xml")
    await till.take(Transfer("10.00", RF_1), Transfer("10.00", RF_1), name="day.xml")
    assert len(till.door.once) == 2


async def test_an_import_that_is_cut_off_between_two_invoices_is_gone_on_with(till: Bank) -> None:
    await owes(till.books, "s-3", "K-300", "Carl")
    both = Transfer("62.00", f"s-1-0001 s-3-0001 {RF_1} {creditor_reference('s-3-0001')}", "B-1")
    till.door.breaks_after = 1
    with pytest.raises(ConnectionError):
        await till.take(both)
    assert await till.bank.undone(NOW.replace(year=2100)) == ["day.xml"]
    # Meanwhile what was told has paid its invoice: judged anew, the sums would not fit any more.
    await till.pool.execute("update invoice set open_minor = 0, status = 'paid' where number = 's-1-0001'")
    till.door.breaks_after = None
    await till.take(both)
    assert sorted(till.door.once.values()) == [
        ("s-1", "payment-received", "31.00", "s-1-0001"),
        ("s-3", "payment-received", "31.00", "s-3-0001"),
    ]
    assert await till.bank.undone(NOW.replace(year=2100)) == []


async def test_likely_money_waits_and_support_is_given_the_command(till: Bank) -> None:
    assert not await till.books.possible_money("s-1")
    imported = await till.take(Transfer("25.00", "payment K-100", "B-1", name="Somebody"))
    assert imported.counts == {"proposed": 1}
    assert till.door.told == []
    [money] = await till.books.unapplied_money()
    assert (money.minor, money.client_number, money.reference) == (2500, "K-100", imported.entries[0].key)
    assert await till.books.possible_money("s-1")
    assert not await till.books.possible_money("s-2")
    [task] = await till.books.tasks("s-1")
    assert task.text.startswith("25.00 EUR booked on 2026-03-18, bank's reference B-1: client number K-100 alone.")
    assert f"`cli.py assign {money.id} s-1 --by support:<you> --reason" in task.text
    assert f"`cli.py return-money {money.id} " in task.text
    assert "Somebody" not in task.text
    assert await till.books.audit() == []


async def test_money_that_names_nobody_is_kept_and_counts_as_evidence_by_its_amount(till: Bank) -> None:
    await till.take(Transfer("31.00", "rent", name="Somebody"))
    assert await till.books.possible_money("s-1")
    [task] = await till.books.tasks()
    assert task.subscription_id is None
    assert "assign 1 <subscription>" in task.text


async def test_a_name_and_an_exact_amount_are_proposed_however_the_bank_spells_the_name(till: Bank) -> None:
    imported = await till.take(Transfer("31.00", "danke", name="GROSS, JUERGEN"))
    assert imported.entries[0].why == "the name and the exact open amount of invoice s-2-0001"


async def test_a_likely_transfer_imported_again_is_kept_and_asked_once(till: Bank) -> None:
    for _ in range(2):
        await till.take(Transfer("25.00", "K-100", "B-1"))
    assert len(await till.books.unapplied_money()) == len(await till.books.tasks()) == 1


async def test_money_in_another_currency_is_kept_for_support(till: Bank) -> None:
    imported = await till.take(Transfer("31.00", RF_1, currency="USD"))
    assert imported.counts == {"unapplied": 1}
    assert "in USD, but billed in EUR" in (await till.texts())[0]
    assert await till.books.possible_money("s-1"), "it names its client"


async def test_money_for_a_subscription_that_has_ended_goes_through_the_door_and_support_hears_of_it(
    till: Bank,
) -> None:
    await owes(till.books, "s-9", "K-900", "Eve", ended=True)
    view = await till.books.view("s-9")
    assert view is not None
    assert view.ended
    imported = await till.take(Transfer("31.00", creditor_reference("s-9-0001"), "B-1"))
    assert imported.counts == {"unapplied": 1}
    assert [whose for whose, _, _ in till.door.told] == ["s-9"]
    assert "has ended, so the money is kept" in (await till.texts())[0]


async def test_money_for_a_subscription_that_cannot_be_told_is_kept(till: Bank) -> None:
    till.door.unknown = frozenset({"s-1"})
    imported = await till.take(Transfer("31.00", RF_1, "B-1"))
    assert imported.counts == {"unapplied": 1}
    [money] = await till.books.unapplied_money()
    assert (money.minor, money.client_number) == (3100, "K-100")
    assert "s-1 could not be told; 31.00 EUR of it is kept" in (await till.texts())[0]


async def test_a_returned_transfer_takes_back_each_payment_it_made(till: Bank) -> None:
    there = Transfer("62.00", f"{RF_1} {RF_2}", "B-1", end_to_end_id="E-1")
    back = Transfer("62.00", "account closed", "B-9", end_to_end_id="E-1", side="DBIT", returned=True)
    imported = await till.take(back, there)
    assert imported.counts == {"applied": 1, "returned": 1}
    key = imported.entries[0].key
    told = [(s, signal, p["reference"], p["amount"], p.get("reason")) for s, signal, p in till.door.told[2:]]
    assert told == [
        ("s-1", "payment-reversed", f"{key}/1", "31.00", "bounced"),
        ("s-2", "payment-reversed", f"{key}/2", "31.00", "bounced"),
    ]
    assert len({p["id"] for _, _, p in till.door.told}) == 4
    again = await till.take(back, there)
    assert again.counts == {"known": 2}
    assert len(till.door.told) == 4


@pytest.mark.parametrize(
    "back",
    [
        Transfer("31.00", reference="B-1", side="DBIT", returned=True, name="Other"),
        Transfer("31.00", reference="B-7", end_to_end_id="E-1", side="DBIT", returned=True, name="Other"),
        Transfer("31.00", reference="B-7", side="DBIT", returned=True),
        Transfer("11.00", reference="B-7", end_to_end_id="E-1", side="DBIT", returned=True),
    ],
)
async def test_a_return_finds_its_transfer_by_reference_or_by_who_paid_how_much(till: Bank, back: Transfer) -> None:
    there = await till.take(Transfer("31.00", RF_1, "B-1", end_to_end_id="E-1"))
    await till.take(back, name="later.xml")
    whose, signal, payload = till.door.told[-1]
    assert (whose, signal) == ("s-1", "payment-reversed")
    assert (payload["reference"], payload["amount"]) == (there.entries[0].key, back.amount)


async def test_a_return_of_money_that_still_waits_closes_it(till: Bank) -> None:
    await till.take(Transfer("25.00", "K-100", "B-1", end_to_end_id="E-1"))
    imported = await till.take(
        Transfer("25.00", "", "B-2", end_to_end_id="E-1", side="DBIT", returned=True), name="b.xml"
    )
    assert imported.counts == {"returned": 1}
    assert await till.books.unapplied_money() == []
    assert not await till.books.possible_money("s-1")
    assert till.door.told == []
    assert await till.pool.fetchval("select sum(minor) from posting where account = 'unapplied'") == 0


async def test_a_return_that_fits_nothing_or_was_taken_back_before_is_supports(till: Bank) -> None:
    await till.take(Transfer("31.00", RF_1, "B-1", end_to_end_id="E-1"))
    back = [
        Transfer(
            "31.00", reference=f"B-{n}", end_to_end_id="E-1", side="DBIT", returned=True, booked_on=f"2026-03-2{n}"
        )
        for n in (1, 2)
    ]
    imported = await till.take(*back, name="b.xml")
    assert [entry.outcome for entry in imported.entries] == ["returned", "proposed"]
    assert len(till.door.told) == 2
    assert "none that was taken in fits" in (await till.texts())[0]


async def test_a_return_of_a_transfer_whose_import_was_cut_off_waits_for_it(till: Bank) -> None:
    till.door.breaks_after = 0
    with pytest.raises(ConnectionError):
        await till.take(Transfer("31.00", RF_1, "B-1", end_to_end_id="E-1"), name="a.xml")
    back = Transfer("31.00", reference="B-2", end_to_end_id="E-1", side="DBIT", returned=True)
    till.door.breaks_after = None
    with pytest.raises(CutOff, match="Import the file of that transfer again"):
        await till.take(back, name="b.xml")
    await till.take(Transfer("31.00", RF_1, "B-1", end_to_end_id="E-1"), name="a.xml")
    await till.take(back, name="b.xml")
    assert [signal for _, signal, _ in till.door.told] == ["payment-received", "payment-reversed"]


async def test_the_sum_of_a_booking_is_not_taken_in_beside_its_transfers(till: Bank) -> None:
    first = await till.take_file("ntf.xml", example("camt054-v08-dutch.xml"))
    assert first.counts == {"applied": 2}
    assert sorted(value for value in till.door.once.values()) == [
        ("s-1", "payment-received", "31.00", "s-1-0001"),
        ("s-1", "payment-received", "31.00", "s-1-0001"),
        ("s-2", "payment-received", "31.00", "s-2-0001"),
    ]
    day = await till.take_file("day.xml", example("camt053-v08-dutch.xml"))
    assert [(e.outcome, e.why.split(" bank/")[0]) for e in day.entries] == [
        ("ignored", "its transfers have been taken in one by one"),
        ("returned", "takes back"),
    ]
    assert [signal for _, signal, _ in till.door.told[3:]] == ["payment-reversed"] * 2


async def test_a_sum_without_its_transfers_is_asked_about_and_its_transfers_count_when_they_come(till: Bank) -> None:
    day = example("camt053-v08-dutch.xml")
    await till.take_file("day.xml", day)
    assert "2 transfers that it does not list; import the notification" in (await till.texts())[0]
    assert await till.books.unapplied_money() == []
    assert (await till.take_file("ntf.xml", example("camt054-v08-dutch.xml"))).counts == {"applied": 2}


async def test_the_same_transfer_in_another_format_is_asked_about_and_not_applied(till: Bank) -> None:
    german = example("mt940-german.sta")
    first = await till.take_file("a.sta", german)
    assert [e.outcome for e in first.entries] == ["applied", "ignored", "proposed"]
    iban = b"<DbtrAcct><Id><IBAN>DE02120300000000202051</IBAN></Id></DbtrAcct></RltdPties>"
    in_xml = statement(Transfer("31.00", "Rechnung s-1-0001 Kunde K100", "NEW-1", booked_on="2026-03-19"))
    second = await till.take_file("a.xml", in_xml.replace(b"</RltdPties>", iban))
    assert second.counts == {"proposed": 1}
    assert "reported in another way; nothing was applied" in second.entries[0].why
    assert len(till.door.once) == 1


async def test_nothing_of_a_file_that_is_not_whole_is_taken_in(till: Bank) -> None:
    with pytest.raises(BadStatement, match="entry 2"):
        await till.take(Transfer("31.00", RF_1, "B-1"), Transfer("1,00"))
    assert till.door.told == []
    assert await till.pool.fetchval("select count(*) from bank_entry") == 0


async def test_the_books_keep_no_name_account_or_text_of_a_payer(till: Bank) -> None:
    await till.take_file("a.xml", example("camt053-v02-german.xml"))
    for table in ("bank_entry", "bank_entry_part", "support_task"):
        kept = await till.pool.fetchval(f"select string_agg({table}::text, ' ') from {table}")
        assert "bank/" in kept
        for said in ("EXAMPLE", "Mustermann", "DE02120300000000202051", "Danke", "Hosting"):
            assert said not in kept


async def test_a_part_that_comes_back_of_several_payments_or_of_waiting_money_is_supports(till: Bank) -> None:
    await till.take(
        Transfer("62.00", f"{RF_1} {RF_2}", "B-1", end_to_end_id="E-1"),
        Transfer("25.00", "K-100", "B-2", end_to_end_id="E-2"),
    )
    back = [Transfer("10.00", "", f"B-{n + 2}", end_to_end_id=f"E-{n}", side="DBIT", returned=True) for n in (1, 2)]
    imported = await till.take(*back, name="later.xml")
    assert imported.counts == {"proposed": 2}
    assert len(till.door.told) == 2, "nothing was reversed"
    assert [money.minor for money in await till.books.unapplied_money()] == [2500]
    assert "which paid several; which one is not said" in (await till.texts())[1]
    assert "only a part came back. Find out whose it was" in (await till.texts())[2]


async def test_a_transfer_of_a_booking_that_was_taken_in_as_one_is_supports(till: Bank) -> None:
    ntf = example("camt054-v08-dutch.xml")
    account = b"<IBAN>NL91ABNA0417164300</IBAN>"
    as_one = statement(Transfer("93.00", RF_1, "BATCH-20260320-7", name="Various")).replace(
        b"<IBAN>DE89370400440532013000</IBAN>", account
    )
    assert (await till.take_file("day.xml", as_one)).counts == {"applied": 1}
    assert (await till.take_file("ntf.xml", ntf)).counts == {"proposed": 2}
    assert len(till.door.told) == 1


async def test_money_that_came_back_from_somebody_we_paid_is_supports(till: Bank) -> None:
    imported = await till.take(Transfer("31.00", RF_1, "B-1", returned=True))
    assert imported.counts == {"proposed": 1}
    assert (till.door.told, await till.books.unapplied_money()) == ([], [])
    assert "a transfer of ours came back" in (await till.texts())[0]


async def test_the_sum_of_a_booking_that_is_told_like_one_transfer_is_not_taken_in_beside_its_transfers(
    till: Bank,
) -> None:
    await till.take_file("ntf.xml", example("camt054-v08-dutch.xml"))
    said = len(till.door.told)
    day_of_that_account = statement(Transfer("93.00", "", "BATCH-20260320-7")).replace(
        ACCOUNT.encode(), b"NL91ABNA0417164300"
    )
    day = await till.take_file("day.xml", day_of_that_account)
    assert [(e.outcome, e.why) for e in day.entries] == [
        ("ignored", "its transfers, of booking BATCH-20260320-7, have been taken in one by one")
    ]
    assert (len(till.door.told), await till.books.unapplied_money()) == (said, [])
