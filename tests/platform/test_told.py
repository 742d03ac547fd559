"""What the platform hears of a life: commands and, between them, the events it asked for; of a good month nothing."""

import ast
from pathlib import Path

from aiohttp import ClientSession

from adapters.platform.webhooks import TOLD_BY_DEFAULT
from adapters.postgres.books import Books
from adapters.postgres.pool import Pool
from domain.effects import CommandPlatform, Entry
from standins.platform import PATH
from tests.platform.lines import Line, command
from tests.postgres.lives import HOSTING, played, scenario

DOMAIN = Path(__file__).parents[2] / "domain"


async def _live(line: Line, pool: Pool, said: dict[str, object]) -> str:
    """Write a life into books that tell events, deliver all of it; gives the subscription's id."""
    life = played(said)
    books = Books(pool, TOLD_BY_DEFAULT)
    for batch in life.batches:
        await books.write(batch)
    assert "platform" not in await line.parts.deliveries.deliver(life.state.id, ("platform",))
    return life.state.id


async def test_commands_and_events_come_in_the_order_of_the_timeline(line: Line, pool: Pool) -> None:
    said = scenario("monthly-retry-after-new-card")
    subscription_id = await _live(line, pool, said)
    told = [heard.what for heard in line.stand_in.told(subscription_id)]
    expected = [
        str(entry.fields["command"]) if entry.what == "platform" else entry.what
        for entry in played(said).entries
        if entry.what == "platform" or entry.what in TOLD_BY_DEFAULT
    ]
    assert told == expected
    assert told.count("standing") >= 3
    assert {heard.verdict for heard in line.stand_in.told(subscription_id)} == {"obeyed", "noted"}


async def test_months_in_which_all_goes_well_cost_no_request(line: Line, pool: Pool) -> None:
    subscription_id = await _live(line, pool, HOSTING)
    life = played(HOSTING)
    assert len(life.effects(Entry)) > 10
    assert life.effects(CommandPlatform) == []
    assert line.stand_in.told(subscription_id) == []
    assert not line.stand_in.wire.requests


def test_every_kind_told_by_default_is_one_that_the_domain_says() -> None:
    said = {
        str(call.args[0].value)
        for file in DOMAIN.glob("*.py")
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr == "say"
        and isinstance(call.args[0], ast.Constant)
    }
    assert said >= TOLD_BY_DEFAULT


async def test_no_name_and_no_address_goes_to_the_platform(line: Line, pool: Pool) -> None:
    await _live(line, pool, scenario("monthly-retry-after-new-card"))
    sent = b"".join(seen.body for seen in line.stand_in.wire.requests).lower()
    customer = played(scenario("monthly-retry-after-new-card")).scenario.terms.customer
    assert b"standing" in sent
    for personal in (customer.name, customer.email, customer.client_number):
        assert personal.lower().encode() not in sent


async def test_the_page_shows_what_was_told_and_takes_none_of_it_for_markup(line: Line) -> None:
    await line.decide(1, command(1, "block_uploads", because="<b>unpaid</b>"), command(2, "deactivate_sites"))
    await line.deliver()
    async with ClientSession() as browser, browser.get(line.url.removesuffix(PATH)) as answer:
        page = await answer.text()
    assert page.index("block_uploads") < page.index("deactivate_sites")
    assert "&lt;b&gt;unpaid&lt;/b&gt;" in page
    assert "<b>" not in page
