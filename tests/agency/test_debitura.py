"""What Debitura gets of a placement and of a recall, and what happens when it will not take them."""

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.agency.debitura_models import minor_of, new_case, read_json
from adapters.agency.needs import AgencyAway, AgencyCase
from adapters.agency.placement import REFERENCE_LIMIT, placed_lines, reference_of
from domain.currencies import DECIMALS
from domain.gateways import DeliveryRefused
from domain.letters import Addressee
from domain.money import LIMIT_MINOR
from domain.subscription import Invoice
from tests.agency.bench import DebituraBench
from tests.contracts.agency import AT, DEBTOR, PERSONAL, PLACEMENT, RECALL, SUBSCRIPTION, a_history, an_invoice

NOWHERE: Mapping[str, str] = {}


async def place(
    bench: DebituraBench, *invoices: Invoice, debtor: Addressee = DEBTOR, key: str = PLACEMENT, currency: str = "EUR"
) -> None:
    """Hand over these invoices, or one of 49.10 EUR."""
    wanted = invoices or (an_invoice(),)
    await bench.agency.place(
        key,
        subscription_id=SUBSCRIPTION,
        debtor=debtor,
        currency=currency,
        invoices=wanted,
        history=a_history(*(invoice.number for invoice in wanted)),
        at=AT,
    )


async def recall(bench: DebituraBench, minor: int = 4910, key: str = RECALL) -> None:
    """Take back an amount of the first invoice."""
    await bench.agency.recall(
        key,
        subscription_id=SUBSCRIPTION,
        invoice="s-1-0001",
        minor=minor,
        currency="EUR",
        because="paid by card",
        at=AT,
    )


async def tasks(bench: DebituraBench) -> list[tuple[str, str]]:
    return [(task.key, task.kind) for task in await bench.books.tasks(SUBSCRIPTION)]


# What it gets


async def test_debitura_gets_who_owes_what_since_when(bench: DebituraBench) -> None:
    await place(bench, an_invoice(), an_invoice("s-1-0002", 3005))
    (case,) = bench.party.partner.cases()
    assert case["debtor"] == {
        "type": "Private",
        "name": "Ada Example",
        "address": "Hauptstr. 1",
        "zipCode": "10115",
        "city": "Berlin",
        "countryAlpha2": "DE",
        "email": "ada@example.com",
        "phone": "+49 30 901820",
    }
    assert (case["grossAmount"], case["currency"], case["isTestCase"]) == (79.15, "EUR", True)
    assert (case["date"], case["dueDate"]) == ("2026-02-01", "2026-02-15"), "the customer's dates, not those in UTC"
    assert case["claimDescription"].splitlines() == [
        "Invoice s-1-0001 for 2026-01-01 to 2026-02-01, due 2026-02-15: 49.10 EUR",
        "Invoice s-1-0002 for 2026-01-01 to 2026-02-01, due 2026-02-15: 30.05 EUR",
    ]


async def test_its_documents_say_what_is_claimed_and_nothing_that_is_not_its_business(bench: DebituraBench) -> None:
    await place(bench)
    (case,) = bench.party.partner.cases()
    documents = bench.party.partner.documents(case["id"])
    reference = reference_of(PLACEMENT)
    assert set(documents) == {f"statement-{reference}.txt", f"history-{reference}.csv"}
    statement, history = (
        documents[f"{name}-{reference}.{kind}"] for name, kind in (("statement", "txt"), ("history", "csv"))
    )
    assert b"s-1-0001" in statement
    assert b"Claimed in all: 49.10 EUR" in statement
    assert b"invoice_issued,60.00,s-1-0001,2026-02-15" in history
    assert b"hospital" not in statement + history
    assert b"dunning_held" not in history
    assert not [told for told in PERSONAL if told.encode() in statement + history]


async def test_what_was_uploaded_before_a_crash_is_not_uploaded_again(bench: DebituraBench) -> None:
    await bench.break_("lost_after", "documents")
    with pytest.raises(AgencyAway):
        await place(bench)
    await place(bench)
    uploads = [seen for seen in bench.party.wire.requests if seen.method == "POST" and seen.path.endswith("/files")]
    assert len(uploads) == 2


async def test_a_document_that_is_not_taken_holds_up_no_placement_and_asks_support(bench: DebituraBench) -> None:
    bench.party.wire.break_(r"POST /cases/[^/]+/files", "status", status=415)
    await place(bench)
    assert list(await bench.placements()) == [4910]
    assert [kind for _, kind in await tasks(bench)] == ["document not taken by debitura"]


# What it will not take


async def test_without_an_address_support_is_asked_and_the_refusal_names_fields_and_no_values(
    bench: DebituraBench,
) -> None:
    with pytest.raises(DeliveryRefused, match=r"400.*debtor\.address, debtor\.city, debtor\.countryAlpha2") as refused:
        await place(bench, debtor=replace(DEBTOR, address=NOWHERE))
    assert not [told for told in PERSONAL if told in str(refused.value)]
    assert await tasks(bench) == [(f"address/{PLACEMENT}", "the agency needs the debtor's address")]
    await place(bench)
    assert list(await bench.placements()) == [4910]


async def test_a_country_without_a_partner_is_refused_and_taken_once_the_address_is_mended(
    bench: DebituraBench,
) -> None:
    with pytest.raises(DeliveryRefused, match=r"422.*NoPartnerAvailable"):
        await place(bench, debtor=replace(DEBTOR, address={**DEBTOR.address, "country": "GL"}))
    await place(bench)  # its key is bound to the body that was refused: the body that is right needs another
    assert list(await bench.placements()) == [4910]


async def test_a_key_in_use_for_a_case_that_is_there_is_no_failure(bench: DebituraBench) -> None:
    bench.party.wire.break_(r"GET /cases/by-creditor-reference/", "status", status=404)
    await place(bench)
    async with bench.pool.acquire() as connection:  # a worker whose memory of the case was lost
        await connection.execute("delete from agency_case_line")
        await connection.execute("delete from agency_case")
    bench.party.wire.break_(r"GET /cases/by-creditor-reference/", "status", status=404)
    await place(bench, debtor=replace(DEBTOR, phone="+49 30 1"))
    assert list(await bench.placements()) == [4910]


async def test_a_reference_that_is_in_use_is_found_or_worth_trying_again(bench: DebituraBench) -> None:
    body = new_case(
        reference=reference_of(PLACEMENT),
        debtor=DEBTOR,
        currency="EUR",
        lines=placed_lines([an_invoice()], a_history("s-1-0001")),
        kind="test",
        tag="t",
    )
    made = await bench.api.create(body, "the key of a colleague", "r")
    bench.party.wire.break_(r"GET /cases/by-creditor-reference/", "status", status=404, times=2)
    with pytest.raises(AgencyAway, match="does not show it yet"):
        await place(bench)
    await place(bench)
    case = await bench.cases.of_placement(PLACEMENT)
    assert case is not None
    assert (case.case_id, list(await bench.placements())) == (made.id, [4910])


async def test_a_case_under_our_reference_about_another_amount_is_refused_with_both(bench: DebituraBench) -> None:
    await place(bench)
    async with bench.pool.acquire() as connection:
        await connection.execute("delete from agency_case_line")
        await connection.execute("delete from agency_case")
    with pytest.raises(DeliveryRefused, match=r"49\.10 EUR.*expected 49\.11 EUR"):
        await place(bench, an_invoice(placed_minor=4911))


# Taking back


async def test_a_recall_is_a_message_to_the_agency_and_a_task_for_support(bench: DebituraBench) -> None:
    await place(bench)
    await recall(bench, 1010)
    (case,) = bench.party.partner.cases()
    (message,) = bench.party.partner.messages(case["id"])
    assert "Please do not collect 10.10 EUR of invoice s-1-0001 any more." in message
    assert "paid by card" in message
    assert message.endswith(f"Our reference: {reference_of(RECALL)}")
    assert await tasks(bench) == [(f"recall/{RECALL}", "recall at debitura")]


async def test_a_recall_goes_to_the_newest_case_of_its_invoice(bench: DebituraBench) -> None:
    await place(bench)
    await place(bench, an_invoice(placed_minor=700), key="s-1/000020/agency")
    await recall(bench, 700)
    old, new = bench.party.partner.cases()
    assert bench.party.partner.messages(old["id"]) == []
    assert len(bench.party.partner.messages(new["id"])) == 1


async def test_two_recalls_whose_references_begin_alike_are_both_told(bench: DebituraBench) -> None:
    await place(bench)
    await recall(bench, 100, key="recall-10")
    await recall(bench, 200, key="recall-1")
    assert list(await bench.recalls()) == [100, 200]


async def test_a_recall_that_no_case_is_known_for_asks_support(bench: DebituraBench) -> None:
    await recall(bench)
    assert await tasks(bench) == [(f"recall/{RECALL}", "recall without a case")]
    assert [seen.method for seen in bench.party.wire.requests] == []


async def test_a_refused_placement_that_is_sent_again_after_the_money_came_places_what_is_left(
    bench: DebituraBench,
) -> None:
    with pytest.raises(DeliveryRefused):
        await place(bench, debtor=replace(DEBTOR, address=NOWHERE))
    await recall(bench, 1010)
    await place(bench)
    assert list(await bench.placements()) == [3900]


async def test_a_refused_placement_of_a_debt_that_was_paid_since_is_not_made_at_all(bench: DebituraBench) -> None:
    with pytest.raises(DeliveryRefused):
        await place(bench, debtor=replace(DEBTOR, address=NOWHERE))
    await recall(bench, 4910)
    await place(bench)
    assert list(await bench.placements()) == []


async def test_a_sender_who_is_not_of_our_team_is_refused_and_support_is_asked_all_the_same(
    bench: DebituraBench,
) -> None:
    await place(bench)
    bench.agency = bench.over(bench.api, sender_email="nobody@example.com")
    with pytest.raises(DeliveryRefused, match=r"400.*userEmail"):
        await recall(bench)
    assert [kind for _, kind in await tasks(bench)] == ["recall at debitura"]


# Names and numbers


@given(st.text(min_size=1, max_size=120))
def test_a_reference_is_short_safe_and_always_the_same(key: str) -> None:
    reference = reference_of(key)
    assert reference == reference_of(key)
    assert 0 < len(reference) <= REFERENCE_LIMIT
    assert set(reference) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


@given(st.text(min_size=1, max_size=60), st.text(min_size=1, max_size=60))
def test_two_keys_never_share_a_reference(one: str, other: str) -> None:
    assert one == other or reference_of(one) != reference_of(other)


@given(st.integers(min_value=1, max_value=LIMIT_MINOR - 1), st.sampled_from(sorted(DECIMALS)))
def test_every_amount_survives_the_way_through_json(minor: int, currency: str) -> None:
    lines = placed_lines([an_invoice(placed_minor=minor)], a_history("s-1-0001"))
    body = new_case(reference="r", debtor=DEBTOR, currency=currency, lines=lines, kind="real", tag="")
    sent = read_json(body)
    assert isinstance(sent, dict)
    assert minor_of(Decimal(str(sent["amountToRecover"])), currency) == minor
    assert "isTest" not in sent


@pytest.mark.parametrize(("said", "minor"), [("49.1", 4910), ("49.099999999999994", 4910), ("49", 4900), ("0.07", 7)])
def test_a_binary_fraction_of_theirs_is_read_as_what_was_meant(said: str, minor: int) -> None:
    assert minor_of(Decimal(said), "EUR") == minor


def test_a_fraction_of_a_cent_is_no_amount() -> None:
    with pytest.raises(ValueError, match=r"49\.105: EUR has 2 decimals"):
        minor_of(Decimal("49.105"), "EUR")


def test_a_claim_of_very_many_invoices_is_described_within_the_limit_and_says_that_there_are_more() -> None:
    numbers = [f"s-1-{n:04d}" for n in range(1, 200)]
    lines = placed_lines([an_invoice(number) for number in numbers], a_history(*numbers))
    body = json.loads(new_case(reference="r", debtor=DEBTOR, currency="EUR", lines=lines, kind="test", tag="t"))
    assert len(body["claimDescription"]) <= 4000
    assert body["claimDescription"].endswith("more; see the statement")
    assert body["amountToRecover"] == 199 * 49.10


async def test_what_was_kept_of_a_case_first_stands(bench: DebituraBench) -> None:
    kept = AgencyCase(PLACEMENT, "debitura", "c-1", SUBSCRIPTION, "EUR", {"s-1-0001": 4910})
    assert await bench.cases.keep(kept) == kept
    assert await bench.cases.keep(replace(kept, case_id="c-2", lines={"s-1-0001": 1})) == kept
