"""A debt on its way to Debitura through the real outbox and deliveries, while the line breaks and money comes."""

from datetime import UTC, datetime

import pytest

from activities.delivery import Deliveries
from adapters.postgres.books import Books
from adapters.simulated.mailbox import Mailbox
from adapters.simulated.platform import SimulatedPlatform
from domain.effects import Batch, PlaceWithAgency, RecallFromAgency
from domain.letters import Addressee
from tests.activities.parts import Told
from tests.agency.bench import DebituraBench
from tests.postgres.lives import HOSTING, Written, played

UNPAID = HOSTING | {"gateway": [{"method": "primary", "from": "2026-01-01", "outcome": "declined"}]}
LATER = datetime(2026, 5, 2, tzinfo=UTC)
ADDRESS = {"street": "Hauptstr. 1", "postal_code": "10115", "city": "Berlin", "country": "DE"}


@pytest.fixture(scope="module")
def life() -> Written:
    """A hosting customer who never pays, down to the placement."""
    return played(UNPAID)


@pytest.fixture
async def deliveries(bench: DebituraBench, life: Written) -> Deliveries:
    """Deliveries to Debitura, with everything that was decided in the outbox and the customer registered."""
    view = life.batches[-1].view
    ada = Addressee(view.customer_id, "K100", "Ada Example", "ada@example.com", "de", "", ADDRESS)
    await bench.books.register(ada, "s-1")
    for batch in life.batches:
        await bench.books.write(batch)
    return Deliveries(
        bench.books,
        platform=SimulatedPlatform(bench.pool),
        agency=bench.agency,
        siblings=Told(),
        mailer=Mailbox(bench.pool),
    )


def _placement(life: Written) -> PlaceWithAgency:
    (placed,) = life.effects(PlaceWithAgency)
    assert isinstance(placed, PlaceWithAgency)
    return placed


async def _money_comes(books: Books, life: Written) -> list[int]:
    """Everything placed is settled elsewhere: what a decision would put into the outbox. Gives the amounts."""
    invoices = _placement(life).invoices
    recalls = tuple(
        RecallFromAgency(f"s-1/9{n:05d}/agency", i.placed_minor, i.number, LATER, "paid by bank_transfer")
        for n, i in enumerate(invoices)
    )
    await books.write(Batch("s-1/999", life.batches[-1].view, recalls))
    return [i.placed_minor for i in invoices]


async def _states(bench: DebituraBench) -> list[str]:
    async with bench.pool.acquire() as connection:
        rows = await connection.fetch("select state from outbox where party = 'agency' order by seq")
    return [row["state"] for row in rows]


async def test_money_between_a_placement_and_its_acknowledgement_is_taken_back_from_the_one_case(
    bench: DebituraBench, deliveries: Deliveries, life: Written
) -> None:
    placed = _placement(life).minor
    await bench.break_("lost_after", "create")
    left = await deliveries.deliver("s-1")
    assert "AgencyAway" in left["agency"]
    assert list(await bench.placements()) == [placed], "Debitura has it; we do not know"
    amounts = await _money_comes(bench.books, life)
    assert await deliveries.deliver("s-1") == {}
    assert list(await bench.placements()) == [placed]
    assert list(await bench.recalls()) == amounts
    assert sum(await bench.recalls()) == placed
    assert set(await _states(bench)) == {"delivered"}


async def test_money_before_anything_was_sent_leaves_the_agency_out_of_it(
    bench: DebituraBench, deliveries: Deliveries, life: Written
) -> None:
    await _money_comes(bench.books, life)
    assert await deliveries.deliver("s-1") == {}
    assert list(await bench.placements()) == []
    assert set(await _states(bench)) == {"withdrawn"}


async def test_a_placement_that_is_refused_is_a_dead_letter_with_a_task_and_its_recall_goes_on(
    bench: DebituraBench, deliveries: Deliveries, life: Written
) -> None:
    ada = Addressee(life.batches[-1].view.customer_id, "K100", "Ada Example", "ada@example.com", "de")
    await bench.books.register(ada, "s-1")
    assert await deliveries.deliver("s-1") == {}
    await _money_comes(bench.books, life)
    assert await deliveries.deliver("s-1") == {}
    assert (await _states(bench))[0] == "failed"
    kinds = {task.kind for task in await bench.books.tasks("s-1")}
    assert kinds == {"the agency needs the debtor's address", "dead letter", "recall without a case"}
    assert list(await bench.placements()) == []
