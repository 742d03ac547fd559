"""Each kind of difference, planted: told once, with both figures and what to do, and gone when it is gone."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import ScheduleDescription, ScheduleHandle, ScheduleOverlapPolicy

from adapters.postgres.reconciliation import Reconciled
from domain.reconciliation import Difference
from engine.begin import handle_of
from engine.connect import connect
from engine.schedule import SCHEDULE, scheduled
from engine.stage import TASK_QUEUE
from settings import Settings
from tests.reconciliation.harbour import Harbour, fresh
from tests.wire.lives_on_the_wire import WiredLife, begun_in
from tests.workflows.lives import PATIENCE

pytestmark = pytest.mark.slow


async def _life(harbour: Harbour, name: str, until: str = "2026-01-20T12:00", card: str = "pm_card_visa") -> WiredLife:
    life = await begun_in(harbour.town, "photo-monthly", fresh(name), card=card)
    await life.until(until)
    return life


async def _only(harbour: Harbour, life: WiredLife, pair: str) -> Difference:
    """The one difference of a pair, told to support once however often it is seen."""
    (found,) = [d for d in await harbour.found(life.id) if d.pair == pair]
    await harbour.run(life.id)
    assert [task.text for task in await harbour.asked(life.id)].count(found.text) == 1
    return found


async def _gone(harbour: Harbour, life: WiredLife) -> None:
    assert await harbour.found(life.id) == []
    assert await harbour.asked(life.id) == []


async def test_a_payment_of_another_amount_than_the_gateway_took(harbour: Harbour) -> None:
    life = await _life(harbour, "amount")
    await harbour.tamper(f"update payment set minor = 4000 where subscription_id = '{life.id}'")
    found = await _only(harbour, life, "gateways")
    assert found.kind == "charge_amount"
    assert "stripe: 49.00 USD; the ledger: 40.00 USD" in found.text
    assert "Money was taken" in found.text
    assert f"`cli.py payment-received {life.id} --amount 49.00" in found.text
    assert "books_disagree" in await harbour.kinds(life.id)
    await harbour.tamper(f"update payment set minor = 4900 where subscription_id = '{life.id}'")
    await _gone(harbour, life)


async def test_a_difference_that_comes_back_is_asked_about_again(harbour: Harbour) -> None:
    life = await _life(harbour, "again")
    for minor in (4000, 4900, 4000):
        await harbour.tamper(f"update payment set minor = {minor} where subscription_id = '{life.id}'")
        await harbour.run(life.id)
    (again,) = [
        d for d in await harbour.book.differences(1000) if d.subscription_id == life.id and d.pair == "gateways"
    ]
    assert again.times == 2
    assert [task.key for task in await harbour.asked(life.id) if "charge_amount" in task.key] == [
        f"reconciliation/{again.key}/2"
    ]
    await harbour.tamper(f"update payment set minor = 4900 where subscription_id = '{life.id}'")
    await _gone(harbour, life)


async def test_a_payment_that_the_gateway_never_took(harbour: Harbour) -> None:
    life = await _life(harbour, "untaken", card="pm_card_chargeCustomerFail")
    key = await harbour.stage.pool.fetchval(
        "select charge_key from attempt where subscription_id = $1 limit 1", life.id
    )
    await harbour.tamper(
        f"update attempt set state = 'approved', reason = null where charge_key = '{key}'",
        f"insert into payment values ('{life.id}', '{key}', 4900, 'card', now())",
    )
    found = await _only(harbour, life, "gateways")
    assert found.kind == "payment_untaken"
    assert "the ledger: 49.00 USD received" in found.text
    assert "declined" in found.text
    assert f"`cli.py payment-reversed {life.id} --amount 49.00 --reference {key} --reason bounced`" in found.text
    await harbour.tamper(
        f"update attempt set state = 'declined', reason = 'generic_decline' where charge_key = '{key}'",
        f"delete from payment where subscription_id = '{life.id}'",
    )
    await _gone(harbour, life)


async def test_a_charge_under_a_key_that_the_books_do_not_know_until_it_is_given_back(harbour: Harbour) -> None:
    life = await _life(harbour, "unknown")
    stripe = harbour.town.stripe.books
    paid = stripe.pay_by_link(life.id, 900, "usd")
    intent = stripe.get("payment_intent", paid["id"])
    charge = stripe.get("charge", intent["latest_charge"])
    about = {"subscription": life.id, "charge_key": f"{life.id}-0009/1/primary"}
    for thing in (intent, charge):  # as another deployment that uses the same account would have made it
        stripe.shelf.put(thing["object"], thing["id"], thing | {"metadata": about})
    for event in [*stripe.shelf.all("event")]:
        if event["data"]["object"].get("id") == paid["id"]:
            event["data"]["object"]["metadata"] = about
            stripe.shelf.put("event", event["id"], event)
    found = await _only(harbour, life, "gateways")
    assert found.kind == "charge_unknown"
    assert found.subject == paid["id"]
    assert "Money was taken and is counted nowhere here." in found.text
    stripe.refund({"charge": charge["id"]})
    await _gone(harbour, life)


async def test_a_second_charge_under_one_key(harbour: Harbour) -> None:
    life = await _life(harbour, "twice")
    stripe = harbour.town.stripe.books
    (first,) = [c for c in harbour.town.stripe.charges() if c.metadata.get("subscription") == life.id]
    paid = stripe.pay_by_link(life.id, 4900, "usd")
    for kind, id_ in (
        ("payment_intent", paid["id"]),
        ("charge", stripe.get("payment_intent", paid["id"])["latest_charge"]),
    ):
        stripe.shelf.put(kind, id_, stripe.get(kind, id_) | {"metadata": first.metadata})
    for event in [*stripe.shelf.all("event")]:
        if event["data"]["object"].get("id") == paid["id"]:
            event["data"]["object"]["metadata"] = first.metadata
            stripe.shelf.put("event", event["id"], event)
    found = await _only(harbour, life, "gateways")
    assert found.kind == "charge_twice"
    assert first.payment_intent in found.text
    assert f"give back {paid['id']}" in found.text
    stripe.refund({"charge": stripe.get("payment_intent", paid["id"])["latest_charge"]})
    await _gone(harbour, life)


async def test_a_reversal_that_the_gateway_does_not_know(harbour: Harbour) -> None:
    life = await _life(harbour, "reversal")
    key = await harbour.stage.pool.fetchval("select charge_key from attempt where subscription_id = $1", life.id)
    await life.tell("payment-reversed", amount="10.00", reference=key, reason="refund", id="by-hand")
    found = await _only(harbour, life, "gateways")
    assert found.kind == "reversal_amount"
    assert "stripe: 0.00 USD taken back; the ledger: 10.00 USD reversed" in found.text
    (charge,) = [c for c in harbour.town.stripe.charges() if c.metadata.get("subscription") == life.id]
    harbour.town.stripe.books.refund({"charge": charge.id, "amount": "1000"})  # its webhook is lost
    await _gone(harbour, life)
    reversed_ = await harbour.stage.pool.fetch(
        "select at from timeline where subscription_id = $1 and what = 'payment_reversed'", life.id
    )
    assert len(reversed_) == 1, "what support had recorded by hand was counted again"


async def test_a_charge_without_an_outcome_for_hours(harbour: Harbour) -> None:
    life = await _life(harbour, "unresolved")
    await harbour.tamper(
        "update attempt set state = 'unknown', started_at = now() - interval '3 hours'"
        f" where subscription_id = '{life.id}'",
        f"delete from payment where subscription_id = '{life.id}'",
    )
    found = await _only(harbour, life, "gateways")
    assert found.kind == "charge_unresolved"
    assert "The money was taken and is not booked yet." in found.text
    assert "Do not record it by hand" in found.text
    await harbour.tamper(
        f"update attempt set state = 'approved' where subscription_id = '{life.id}'",
        "insert into payment (subscription_id, reference, minor, channel, at) select subscription_id, charge_key,"
        f" minor, method, started_at from attempt where subscription_id = '{life.id}'",
    )
    await _gone(harbour, life)


async def test_a_projection_that_somebody_changed(harbour: Harbour) -> None:
    life = await _life(harbour, "projection")
    await harbour.tamper(f"update subscription set standing = 'locked', credit_minor = 100 where id = '{life.id}'")
    found = await _only(harbour, life, "workflows")
    assert found.kind == "life_and_projection"
    assert (
        "its workflow: standing active, credit_minor 0; the projection: standing locked, credit_minor 100" in found.text
    )
    assert (await harbour.kinds(life.id)).count("books_disagree") == 1
    await harbour.tamper(f"update subscription set standing = 'active', credit_minor = 0 where id = '{life.id}'")
    await _gone(harbour, life)


async def test_a_workflow_that_was_ended_by_hand_and_what_it_still_had_to_deliver(harbour: Harbour) -> None:
    life = await _life(harbour, "ended", card="pm_card_chargeCustomerFail")
    await harbour.tamper(
        "update outbox set state = 'pending', delivered_at = null, put_at = now() - interval '2 hours'"
        f" where subscription_id = '{life.id}' and party = 'mail'"
    )
    assert await harbour.kinds(life.id) == []
    assert len(life.mails()) == 4, "nobody was telling them, so each was sent again, under its key"
    await handle_of(life.time.client, life.id).terminate("by hand")
    found = await _only(harbour, life, "workflows")
    assert found.kind == "life_closed"
    assert "its workflow: terminated; the projection: locked, and not ended" in found.text
    assert "49.00 USD are open" in found.text
    await harbour.tamper(f"update subscription set standing = 'ended', ended = true where id = '{life.id}'")
    assert "life_closed" not in await harbour.kinds(life.id)


async def test_a_subscription_that_was_registered_and_never_started(harbour: Harbour) -> None:
    id_ = fresh("missing")
    await harbour.tamper(f"insert into subscription (id, customer_id, client_number) values ('{id_}', 'c', 'K')")
    (found,) = await harbour.found(id_)
    assert found.kind == "life_missing"
    assert "`starter.py start`" in found.text
    await harbour.tamper(f"delete from subscription where id = '{id_}'")
    assert await harbour.found(id_) == []


async def test_what_a_person_was_to_see_to_and_nobody_does(harbour: Harbour) -> None:
    life = await _life(harbour, "forgotten", card="pm_card_chargeCustomerFail")
    key = await harbour.stage.pool.fetchval(
        "select min(key) from outbox where subscription_id = $1 and party = 'mail'", life.id
    )
    await harbour.stage.books.ask_support(f"refused/{key}", life.id, "dead letter", "its address does not exist")
    await harbour.tamper(f"update outbox set state = 'failed', delivered_at = null where key = '{key}'")
    assert await harbour.kinds(life.id) == [], "its own task is open"
    (task,) = [t for t in await harbour.stage.books.tasks(life.id) if t.kind == "dead letter"]
    await harbour.stage.books.task_done(task.id, by="support:kim", reason="later")
    long_ago = datetime.now(UTC) - timedelta(days=30)
    await harbour.stage.pool.execute(
        "insert into report (source, id, what, subscription_id, signal, note, state, times, received_at)"
        " values ('stripe', $1, 'refund.created', $2, 'payment-reversed', '', 'seen', 9, $3)",
        f"refund/{life.id}",
        life.id,
        long_ago,
    )
    await harbour.stage.books.keep_unapplied(
        source="a bank", reference="late", minor=500, currency="USD", channel="card", at=long_ago
    )
    await harbour.tamper(f"update unapplied set subscription_id = '{life.id}' where reference = 'late'")
    found = await harbour.found(life.id)
    kinds = [d.kind for d in found if d.pair == "deliveries"]
    assert kinds == ["dead_letter_forgotten", "money_waiting", "report_waiting"]
    assert f"`cli.py replay {key}`" in found[0].text
    assert "5.00 USD, unapplied since" in found[1].text
    assert "heard 9 times" in found[2].text


async def test_a_case_of_another_amount_at_the_agency(harbour: Harbour) -> None:
    life = await begun_in(harbour.town, "hosting", fresh("case"), card="pm_card_chargeCustomerFail")
    await life.until("2026-04-03T12:00")
    partner = harbour.town.debitura.partner
    (case,) = [c for c in partner.cases() if life.id in str(c["claimDescription"])]
    partner._shelf.put("case", case["id"], case | {"grossAmount": 97.0})
    found = await _only(harbour, life, "agency")
    assert found.kind == "case_amount"
    assert "debitura: made for 97.00 EUR; the books: 67.00 EUR placed" in found.text
    partner._shelf.put("case", case["id"], case)
    await _gone(harbour, life)
    await harbour.tamper(
        f"update agency_case_line set minor = minor + 500 where placement_key like '{life.id}/%' "
        " and invoice like '%-0001'"
    )
    kinds = await harbour.kinds(life.id)
    assert kinds == ["case_amount", "placement_amount"]


async def test_a_platform_that_acknowledged_and_did_not_obey(harbour: Harbour) -> None:
    life = await _life(harbour, "disobeyed", card="pm_card_chargeCustomerFail")
    platform = harbour.town.platform
    last = [heard for heard in platform.told(life.id) if heard.verdict == "obeyed"][-1]
    platform.forget(life.id, last.key)
    found = [d for d in await harbour.found(life.id) if d.pair == "platform"]
    assert [d.kind for d in found] == ["command_not_obeyed", "commands_in_force"]
    assert f"acknowledged {last.what} at place {last.place}" in found[0].text
    assert last.what not in found[1].sides[0].says
    platform.tells = False
    looked = (await harbour.run(life.id))["platform"]
    assert (looked.differences, looked.notes) == ((), ("the platform does not tell what it has obeyed",))
    assert len([t for t in await harbour.asked(life.id) if "command" in t.key]) == 2, "not told is not gone"
    platform.tells = True


async def test_who_is_away_is_said_and_the_others_are_compared(harbour: Harbour) -> None:
    life = await _life(harbour, "away")
    harbour.town.stripe.wire.break_("GET /v1/", "status", status=503, times=9)
    looked = await harbour.run(life.id)
    harbour.town.mended()
    assert len(looked["gateways"].away) == 1
    assert "stripe: Stripe does not show its events" in looked["gateways"].away[0]
    assert looked["workflows"].compared == 1
    assert looked["books"].compared == 1
    (run,) = await harbour.book.runs(1)
    assert run.finished_at is not None


async def test_the_schedule_runs_it_and_can_be_set_again_and_taken_away(harbour: Harbour) -> None:
    client, said = harbour.stage.client, Settings(task_queue=TASK_QUEUE, reconcile="0 3 * * *")
    assert await scheduled(client, said) == "reconciliation: 0 3 * * * (UTC)"
    await scheduled(client, said)
    schedule = client.get_schedule_handle(SCHEDULE)
    await schedule.pause(note="a migration")
    await _told(schedule, paused=True)  # the server answers before it has done so
    await scheduled(client, Settings(task_queue=TASK_QUEUE, reconcile="0 4 * * *"))
    described = await _told(schedule, hour=4)
    assert described.schedule.state.paused, "who has paused it keeps it paused"
    assert described.schedule.policy.overlap == ScheduleOverlapPolicy.SKIP
    before = next((run.id for run in await harbour.book.runs(1)), "")
    await schedule.trigger()
    async for started in await client.list_schedules():
        assert started.id == SCHEDULE
    run = await _ran_since(harbour, before)
    assert run.asked_by == "schedule"
    assert [pair.pair for pair in run.pairs] == ["gateways", "books", "workflows", "deliveries", "agency", "platform"]
    assert await scheduled(client, Settings(reconcile="off")) == "reconciliation: off"
    assert await scheduled(client, Settings(reconcile="")) == "reconciliation: off"


async def test_a_schedule_that_cannot_be_set_is_said_and_keeps_no_worker_from_serving(harbour: Harbour) -> None:
    nowhere = await connect(harbour.stage.address, "no-such-namespace")
    said = await scheduled(nowhere, Settings(reconcile="0 3 * * *"))
    assert "could not be set in namespace 'no-such-namespace'" in said
    assert "Everything else is served." in said


async def _told(schedule: ScheduleHandle, *, paused: bool = False, hour: int = 3) -> ScheduleDescription:
    """The schedule once the server tells it so: what is asked of it is done after the answer."""
    async with asyncio.timeout(PATIENCE):
        while True:
            described = await schedule.describe()
            hours = {each.start for calendar in described.schedule.spec.calendars for each in calendar.hour}
            if hours == {hour} and described.schedule.state.paused >= paused:
                return described
            await asyncio.sleep(0.05)


async def _ran_since(harbour: Harbour, before: str) -> Reconciled:
    """The run after another one, once it is over."""
    async with asyncio.timeout(PATIENCE):
        while True:
            for newest in await harbour.book.runs(1):
                if newest.id != before and newest.finished_at is not None:
                    return newest
            await asyncio.sleep(0.05)
