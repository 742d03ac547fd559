"""Bank entries in the books, and what an invoice's references lead to."""

import asyncio
from dataclasses import replace
from datetime import date

import pytest

from adapters.bank.creditor_reference import creditor_reference
from adapters.postgres.bank import BankBooks, Decided, EntryFacts, Kept
from adapters.postgres.books import Books
from adapters.postgres.pool import Pool
from domain.letters import Addressee
from domain.matching import Found, Part, StatementEntry, clues, squeezed
from tests.postgres.lives import HOSTING, played

DAY = date(2026, 3, 18)
SAID = StatementEntry("bank/a", "DE1", "credit", 3100, "EUR", DAY, DAY, bank_reference="B-1", end_to_end_id="E-1")
FACTS = EntryFacts("payer-1", "reference", "a.xml", "camt.053")
PARTS = (Part("s-1", "s-1-0001", 3000), Part("s-2", None, 100))


@pytest.fixture
async def bank(books: Books, pool: Pool) -> BankBooks:
    """Books in which subscription s-1 of Ada Example (K100) owes 31.00 EUR."""
    life = played(HOSTING | {"gateway": [{"method": "primary", "from": "2026-01-01", "outcome": "declined"}]})
    await books.register(Addressee("c-1", "K100", "Ada  Example", "ada@example.com", "en"), "s-1")
    for batch in life.batches[:3]:
        await books.write(batch)
    return BankBooks(pool)


async def found(bank: BankBooks, text: str, **more: object) -> Found:
    """What the books find for a text."""
    said = replace(SAID, text=text, end_to_end_id="", **more)  # type: ignore[arg-type]
    return await bank.found(said, clues(said))


async def test_what_was_decided_first_stands_whoever_decides_again(bank: BankBooks) -> None:
    assert await bank.entry("bank/a") is None
    decided = [Decided("applied", f"reason {n}", PARTS[: 1 + n % 2], "K-100") for n in range(8)]
    kept = await asyncio.gather(*(bank.decide(SAID, FACTS, one) for one in decided))
    assert len(set(kept)) == 1
    assert kept[0] == await bank.entry("bank/a")
    assert kept[0].decided in decided
    assert not kept[0].done


async def test_an_entry_is_done_once_its_effects_were_had(bank: BankBooks) -> None:
    await bank.decide(SAID, FACTS, Decided("applied", "why", PARTS))
    await bank.done("bank/a", "unapplied", "could not be told")
    assert await bank.entry("bank/a") == Kept(
        "bank/a", 3100, "EUR", DAY, Decided("unapplied", "could not be told", PARTS), done=True
    )


@pytest.mark.parametrize(
    ("text", "invoices", "clients"),
    [
        (creditor_reference("s-1-0001"), ["s-1-0001"], []),
        ("re S1 0001", ["s-1-0001"], []),
        ("k100 please", [], ["s-1"]),
        ("s-1-0001 K-100", ["s-1-0001"], ["s-1"]),
        ("s-1-0002", [], []),
        ("", [], []),
    ],
)
async def test_invoices_and_clients_are_found_as_they_are_written(
    bank: BankBooks, text: str, invoices: list[str], clients: list[str]
) -> None:
    there = await found(bank, text)
    assert [owed.invoice for owed in there.invoices] == invoices
    assert [client.subscription_id for client in there.clients] == clients


async def test_an_invoice_tells_what_matching_needs_of_it(bank: BankBooks) -> None:
    [owed] = (await found(bank, "s-1-0001")).invoices
    assert (owed.client_number, owed.name, owed.currency) == ("K100", "Ada  Example", "EUR")
    assert (owed.minor, owed.open_minor, owed.ended) == (3100, 3100, False)


@pytest.mark.parametrize(
    ("name", "minor", "there"),
    [
        ("EXAMPLE, ADA", 3100, ["s-1-0001"]),
        ("ada example", 3100, ["s-1-0001"]),
        ("Ada Example", 3099, []),
        ("", 3100, []),
    ],
)
async def test_a_name_is_looked_for_with_the_exact_amount_alone(
    bank: BankBooks, name: str, minor: int, there: list[str]
) -> None:
    assert [owed.invoice for owed in (await found(bank, "", name=name, minor=minor)).same_name] == there


async def test_every_look_up_by_reference_uses_an_index(bank: BankBooks, pool: Pool) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("set local enable_seqscan = off")
        for question in (
            "select from invoice where substring(sha256(decode(number, 'escape')) for 10) = any ('{}'::bytea[])"
            " or squeezed(number) = any ('{}'::text[])",
            "select from subscription where squeezed(client_number) = any ('{}'::text[])",
            "select from customer where name_key = any ('{}'::text[])",
        ):
            plan = "\n".join(row[0] for row in await connection.fetch(f"explain {question}"))
            assert "Seq Scan" not in plan, plan
            assert "Index" in plan, plan


async def test_paying_an_invoice_touches_none_of_the_banks_indexes(bank: BankBooks, pool: Pool) -> None:
    await pool.execute("update invoice set open_minor = 100 where number = 's-1-0001'")
    await pool.execute("select pg_stat_force_next_flush()")
    async with pool.acquire() as connection:
        hot = await connection.fetchval(
            "select pg_stat_get_xact_tuples_hot_updated('invoice'::regclass)"
            " + pg_stat_get_tuples_hot_updated('invoice'::regclass)"
        )
    assert hot >= 1


@pytest.mark.parametrize(
    ("change", "facts", "twin"),
    [
        ({}, {"format": "mt940"}, True),
        ({"end_to_end_id": ""}, {"keyed_by": "content"}, True),
        ({"end_to_end_id": "", "fingerprint": "f"}, {"format": "mt940", "payer": "payer-2"}, False),
        ({}, {}, False),
        ({"minor": 3101}, {"format": "mt940"}, False),
        ({"booked_on": date(2026, 3, 19)}, {"format": "mt940"}, False),
        ({"account": "DE2"}, {"format": "mt940"}, False),
        ({}, {"format": "mt940", "file": "a.xml"}, False),
    ],
)
async def test_a_transfer_that_was_reported_in_another_way_is_noticed(
    bank: BankBooks, change: dict[str, object], facts: dict[str, str], twin: bool
) -> None:
    await bank.decide(SAID, FACTS, Decided("applied", "why"))
    other = replace(SAID, key="bank/b", **change)  # type: ignore[arg-type]
    about = replace(FACTS, **({"file": "b.sta"} | facts))  # type: ignore[arg-type]
    assert await bank.twin(other, about) == ("bank/a" if twin else None)


async def test_a_return_finds_no_transfer_where_two_owners_fit_and_the_latest_where_one_does(bank: BankBooks) -> None:
    back = replace(SAID, key="bank/z", kind="return_of_credit", bank_reference="", end_to_end_id="")
    for n, whose in ((1, "s-1"), (2, "s-1"), (3, "s-2")):
        said = replace(SAID, key=f"bank/{n}", bank_reference=f"B-{n}", booked_on=date(2026, 3, n))
        await bank.decide(said, FACTS, Decided("applied", "why", (Part(whose, None, 3100),)))
        assert await bank.returned_transfer(back, "payer-1") == (None if whose == "s-2" else f"bank/{n}")
    assert await bank.returned_transfer(replace(back, booked_on=date(2026, 3, 2)), "payer-1") == "bank/2"
    assert await bank.returned_transfer(replace(back, bank_reference="B-3"), "") == "bank/3"
    await bank.decide(replace(back, key="bank/y"), FACTS, Decided("returned", "why", returns="bank/3"))
    assert await bank.returned_transfer(back, "payer-1") == "bank/2"
    assert await bank.returned_transfer(replace(back, booked_on=date(2028, 1, 1)), "payer-1") is None


@pytest.mark.parametrize(
    "said", ["s-1-0001", "S_1.0001", " K 100 ", "", "Größe 7", "Ünïcode-É1", "a\\b'c\"d", "日本1", "A" * 200]
)
async def test_the_books_squeeze_a_number_as_the_domain_does(pool: Pool, said: str) -> None:
    assert await pool.fetchval("select squeezed($1)", said) == squeezed(said)
