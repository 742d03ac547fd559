"""Whose money a transfer is: one row for each way in which payers write, and the reason that is given for it."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import iso11649

from adapters.bank.creditor_reference import creditor_reference, printed
from domain.matching import (
    Client,
    Found,
    Owed,
    Part,
    Stated,
    StatementEntry,
    clues,
    match,
    number_digest,
    same_name,
    squeezed,
)

DAY = date(2026, 3, 18)
OURS = Owed("s-1-0001", "s-1", "K-100", "Ada Example", "EUR", 3100, 3100, False)
NEXT = Owed("s-1-0002", "s-1", "K-100", "Ada Example", "EUR", 3100, 3100, False)
THEIRS = Owed("s-2-0001", "s-2", "K-200", "Bob Other", "EUR", 4900, 4900, False)
PAID = replace(OURS, open_minor=0)
ENDED = replace(OURS, ended=True)
DOLLARS = replace(OURS, currency="USD")
K100 = Client("s-1", "K-100", "Ada Example", "EUR", 6200, False)
K200 = Client("s-2", "K-200", "Bob Other", "EUR", 4900, False)
RF = creditor_reference("s-1-0001")
RF_NEXT = creditor_reference("s-1-0002")
RF_THEIRS = creditor_reference("s-2-0001")


def entry(text: str = "", minor: int = 3100, name: str = "", *stated: Stated) -> StatementEntry:
    """A transfer in EUR."""
    return StatementEntry("bank/x", "DE1", "credit", minor, "EUR", DAY, DAY, text=text, name=name, stated=stated)


def known(said: StatementEntry, *all_of: Owed, clients: tuple[Client, ...] = ()) -> Found:
    """What the books would find of an entry's clues, had they these invoices and clients and nothing else."""
    looked_up = clues(said)
    return Found(
        tuple(
            o
            for o in all_of
            if number_digest(o.invoice) in looked_up.digests | looked_up.mistyped
            or squeezed(o.invoice) in looked_up.numbers
        ),
        tuple(c for c in clients if squeezed(c.client_number) in looked_up.numbers),
        tuple(o for o in all_of if o.open_minor == said.minor and said.name),
    )


WHOLE = (("s-1", "s-1-0001", 3100),)


@pytest.mark.parametrize(
    ("said", "owed", "certainty", "parts", "why"),
    [
        (entry(RF), (OURS,), "certain", WHOLE, "creditor reference of invoice s-1-0001"),
        (entry(f"danke!{printed(RF).lower()}."), (OURS,), "certain", WHOLE, "creditor reference"),
        (entry("", 3100, "", Stated(RF)), (OURS,), "certain", WHOLE, "creditor reference"),
        (entry(RF[:9] + " " + RF[9:], 3100, "Somebody Else"), (OURS,), "certain", WHOLE, "creditor reference"),
        (entry(RF, 1000), (OURS,), "certain", (("s-1", "s-1-0001", 1000),), "pays a part of it"),
        (entry(RF, 5000), (OURS,), "certain", (("s-1", "s-1-0001", 5000),), "the rest is credit"),
        (entry(RF, 31000), (OURS,), "certain", (("s-1", "s-1-0001", 31000),), "the rest is credit"),
        (entry(RF, 31001), (OURS,), "likely", (("s-1", "s-1-0001", 31001),), "far more than it"),
        (entry(RF), (PAID,), "certain", WHOLE, "nothing of it is open"),
        (entry(RF), (DOLLARS,), "none", (), "in EUR, but billed in USD"),
        (entry("inv. s-1-0001, client K-100", 500), (OURS,), "certain", (("s-1", "s-1-0001", 500),), "client number"),
        (entry("S1 0001 k100", 500), (OURS,), "certain", (("s-1", "s-1-0001", 500),), "client number"),
        (entry("re s-1-00 01"), (OURS,), "certain", WHOLE, "exact open amount"),
        (entry("s-1-0001", 500, "EXAMPLE, ADA"), (OURS,), "certain", (("s-1", "s-1-0001", 500),), "customer's name"),
        (entry("s-1-0001", 500, "Bob"), (OURS,), "likely", (("s-1", "s-1-0001", 500),), "another amount"),
        (entry("s-1-0001 K-200"), (OURS,), "likely", WHOLE, "client number of another customer"),
        (entry("s-1-0001 K-100", 31001), (OURS,), "likely", (("s-1", "s-1-0001", 31001),), "far more than it"),
        (entry("s-1-00011"), (OURS,), "none", (), "nothing in it"),
        (entry("K-100"), (OURS,), "likely", (("s-1", None, 3100),), "client number K-100 alone"),
        (entry("rent", 3100, "Ada Example"), (OURS,), "likely", WHOLE, "the name and the exact open amount"),
        (entry("rent", 3101, "Ada Example"), (OURS,), "none", (), "nothing in it"),
        (entry("rent", 3100, "Bob"), (OURS,), "none", (), "nothing in it"),
        (entry("rent"), (OURS,), "none", (), "nothing in it"),
        (entry(RF.replace("S", "T", 1)), (OURS,), "likely", WHOLE, "mistyped creditor reference"),
        (entry("RF27" + RF[4:]), (OURS,), "likely", WHOLE, "mistyped creditor reference"),
        (entry(creditor_reference("s-9-0001")), (OURS,), "none", (), "nothing in it"),
        (entry(f"{RF} {RF_NEXT}", 6200), (OURS, NEXT), "certain",
         (("s-1", "s-1-0001", 3100), ("s-1", "s-1-0002", 3100)), "open amounts sum to it"),
        (entry(f"{RF} {RF_THEIRS}", 8000), (OURS, THEIRS), "certain",
         (("s-1", "s-1-0001", 3100), ("s-2", "s-2-0001", 4900)), "open amounts sum to it"),
        (entry("s-1-0001 and s-1-0002", 6200), (OURS, NEXT), "certain",
         (("s-1", "s-1-0001", 3100), ("s-1", "s-1-0002", 3100)), "open amounts sum to it"),
        (entry(f"{RF} {RF_NEXT}", 5000), (OURS, NEXT), "certain", (("s-1", None, 5000),), "do not sum"),
        (entry("s-1-0001 s-1-0002 K-100", 5000), (OURS, NEXT), "certain", (("s-1", None, 5000),), "do not sum"),
        (entry("s-1-0001 s-1-0002", 5000), (OURS, NEXT), "likely", (("s-1", "s-1-0001", 5000),), "do not sum"),
        (entry(f"{RF} {RF_THEIRS}", 7000), (OURS, THEIRS), "likely", (("s-1", "s-1-0001", 7000),), "do not sum"),
        (entry(f"{RF} {RF_NEXT}", 62001), (OURS, NEXT), "likely", (("s-1", "s-1-0001", 62001),), "far more"),
        (entry("", 5000, "", Stated(RF, 2000), Stated("s-2-0001", 3000)), (OURS, THEIRS), "certain",
         (("s-1", "s-1-0001", 2000), ("s-2", "s-2-0001", 3000)), "named with amounts"),
        (entry("", 5000, "", Stated(RF, 2000), Stated("s-2-0001", 2000)), (OURS, THEIRS), "likely",
         (("s-1", "s-1-0001", 5000),), "do not sum"),
        (entry("", 5000, "", Stated(RF, 2000), Stated("unknown-1", 3000)), (OURS,), "certain",
         (("s-1", "s-1-0001", 5000),), "the rest is credit"),
    ],
)  # fmt: skip
def test_a_transfer_is_matched_by_what_the_payer_wrote(
    said: StatementEntry, owed: tuple[Owed, ...], certainty: str, parts: tuple[tuple[object, ...], ...], why: str
) -> None:
    judged = match(said, known(said, *owed, clients=(K100, K200)))
    assert (judged.certainty, judged.parts) == (certainty, tuple(Part(*part) for part in parts))  # type: ignore[arg-type]
    assert why in judged.why


def test_likely_money_carries_the_client_number_that_the_evidence_hold_needs() -> None:
    said = entry("client K-100", 1)
    assert match(said, known(said, OURS, clients=(K100,))).client_number == "K-100"
    said = entry("s-1-0001", 1)
    assert match(said, known(said, OURS)).client_number == "K-100"
    said = entry(RF)
    assert match(said, known(said, DOLLARS)).client_number == "K-100"
    assert match(entry("rent"), Found()).client_number is None


def test_a_client_of_several_subscriptions_is_proposed_the_one_that_owes_just_that() -> None:
    said = entry("K-100", 700)
    clients = (K100, replace(K100, subscription_id="s-3", open_minor=700), replace(K100, subscription_id="s-4"))
    assert match(said, known(said, clients=clients)).parts == (Part("s-3", None, 700),)


def test_two_invoices_that_differ_only_in_signs_are_told_apart_by_the_client_or_by_support() -> None:
    other = Owed("s-10-001", "s-10", "K-900", "Carl", "EUR", 3100, 3100, False)
    said = entry("s-1-0001")
    judged = match(said, known(said, OURS, other))
    assert (judged.certainty, judged.why) == ("likely", "an invoice number that may be s-1-0001 or s-10-001")
    said = entry("s-1-0001 K-100")
    assert match(said, known(said, OURS, other, clients=(K100,))).parts == (Part("s-1", "s-1-0001", 3100),)


def test_money_for_a_subscription_that_has_ended_is_marked() -> None:
    said = entry(RF)
    assert match(said, known(said, ENDED)).ended
    assert not match(said, known(said, OURS)).ended


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Ada Example", "EXAMPLE, ADA", True),
        ("Dr. Jürgen Groß", "Juergen Gross", True),
        ("Jürgen Größe", "JURGEN GROSSE", True),
        ("Bakkerij Voorbeeld B.V.", "bakkerij voorbeeld b v", True),
        ("José Núñez", "Jose Nunez", True),
        ("Ada Example", "Ada Examples", False),
        ("Ada", "Ada Example", False),
        ("", "", False),
        ("Dr.", "Frau", False),
    ],
)
def test_a_name_is_compared_as_banks_write_it(one: str, other: str, same: bool) -> None:
    assert same_name(one, other) is same
    assert same_name(other, one) is same


@given(st.text(alphabet="abcXYZ019._-", min_size=1, max_size=100), st.integers(0, 1))
def test_every_reference_is_found_again_in_whatever_is_written_around_it(number: str, spaced: int) -> None:
    reference = creditor_reference(number)
    written = f"Rechnung RF 12 {printed(reference) if spaced else reference.lower()} danke 2026"
    assert number_digest(number) in clues(entry(written)).digests


@given(st.integers(0, 500), st.integers(2, 19), st.sampled_from("ABCDEFGHJKLMNPQRSTUVWXYZ2345679"))
def test_one_wrong_character_is_never_certain_and_always_proposed(number: int, place: int, character: str) -> None:
    invoice = f"s-{number}-0001"
    right = creditor_reference(invoice)
    wrong = right[:place] + character + right[place + 1 :]
    looked_up = clues(entry(wrong))
    if wrong == right:
        assert number_digest(invoice) in looked_up.digests
    elif iso11649.is_valid(wrong):  # a letter counts as two digits, so that one for a digit can pass the check
        assert number_digest(invoice) not in looked_up.digests
    elif "9" not in wrong[4:]:  # which the alphabet lacks and resembles nothing of it
        assert number_digest(invoice) not in looked_up.digests
        assert number_digest(invoice) in looked_up.mistyped


@given(st.text(max_size=3000))
def test_no_text_takes_more_than_a_bounded_look(text: str) -> None:
    looked_up = clues(entry(text))
    assert len(looked_up.numbers) <= 2 * 4 * 200
    assert len(looked_up.mistyped) <= 3 * (16 * 31 + 1)
