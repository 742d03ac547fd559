"""Many messages at once, against runs that end and begin anew under them.

`make messages` sends 10,000; here are a few hundred of the same, and what sending many has found.
"""

import asyncio
from collections.abc import AsyncIterator

import pytest

from engine.speak import ask, tell
from proof.messages.course import flooded
from proof.messages.town import Town, town

MESSAGES, SUBSCRIPTIONS, EVENTS = 300, 4, 60
WAITING = 60
KIM = {"by": "support:kim", "reason": "asked"}
PATIENCE = 120  # seconds of real time; what waits for a worker's return takes ten


@pytest.fixture(scope="module")
async def here() -> AsyncIterator[Town]:
    """Servers, and a worker that every test takes away and gives back."""
    async with town(EVENTS) as parts:
        yield parts


@pytest.mark.slow
async def test_none_of_many_messages_is_lost_doubled_or_wrongly_answered() -> None:
    course = await flooded(MESSAGES, 7, SUBSCRIPTIONS, EVENTS)
    verdict = course.verdict
    assert (verdict.lost, verdict.doubled, verdict.wrong) == ([], [], [])
    assert course.sent.total() == MESSAGES <= verdict.accepted + verdict.repeated + verdict.refused
    assert course.continued > SUBSCRIPTIONS
    assert verdict.paid_minor > 0


@pytest.mark.slow
async def test_an_update_is_judged_by_what_came_before_it_also_where_that_has_not_had_its_turn(here: Town) -> None:
    async with asyncio.timeout(PATIENCE):
        await here.open("judged")
        assert await here.at_rest("judged")
        await here.stop_worker()
        await tell(here.client, here.books, "judged", "hold-dunning", KIM)
        release = asyncio.create_task(ask(here.client, here.books, "judged", "release-dunning", KIM))
        await asyncio.wait({release}, timeout=1)  # it has reached the server, and nobody has looked at either
        await here.start_worker()
        answer = await release
    assert answer.accepted
    assert [told.what for told in answer.happened] == ["dunning_released"]


@pytest.mark.slow
async def test_what_waits_for_a_worker_is_more_than_a_run_can_take_and_goes_on_from_run_to_run(here: Town) -> None:
    async with asyncio.timeout(PATIENCE):
        await here.open("siege")
        assert await here.at_rest("siege")
        await here.stop_worker()
        for number in range(WAITING):
            await tell(here.client, here.books, "siege", "payment-received", _paid(f"s-{number:02d}"))
        asked = asyncio.create_task(ask(here.client, here.books, "siege", "payment-received", _paid("u-00")))
        await asyncio.wait({asked}, timeout=1)  # the one that waits at the end of the line, in the first of the runs
        await here.start_worker()
        answer = await asked
        assert await here.at_rest("siege")
        runs = await here.runs("siege")
        references = [
            row["reference"]
            for row in await here.pool.fetch("select reference from payment where subscription_id = 'siege'")
        ]
        told = await here.books.timeline("siege")
        assert await here.books.audit("siege") == []
    assert answer.accepted
    assert [each.fields["reference"] for each in answer.happened if each.what == "payment_received"] == ["u-00"]
    assert runs > 2
    in_order = [each.fields["reference"] for each in told if each.what == "payment_received"]
    assert in_order == [f"s-{number:02d}" for number in range(WAITING)] + ["u-00"]
    assert sorted(references) == sorted(in_order)


def _paid(reference: str) -> dict[str, object]:
    return {"amount": "1.00", "channel": "bank_transfer", "reference": reference}


@pytest.mark.slow
async def test_who_stops_waiting_for_an_answer_is_let_go_at_once(here: Town) -> None:
    async with asyncio.timeout(PATIENCE):
        await here.open("gone")
        assert await here.at_rest("gone")
        await here.stop_worker()
        waiting = asyncio.create_task(ask(here.client, here.books, "gone", "hold-dunning", KIM))
        await asyncio.wait({waiting}, timeout=0.5)  # nobody is there to answer it
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await here.start_worker()
