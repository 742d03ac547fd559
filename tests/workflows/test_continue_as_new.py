"""Each billing period is a run of its own: what pends travels along, and a run stays small, cheap and readable."""

import asyncio
import re

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import RPCError, WorkflowHistory, WorkflowUpdateFailedError

from adapters.simulated.mailbox import Mailbox
from adapters.simulated.platform import SimulatedPlatform
from adapters.simulated.refusals import refuse
from domain.effects import Entry
from tests.workflows.conftest import Begin
from tests.workflows.lives import KIM, declined, events, json_payload, summary
from workflows.attributes import (
    ATTENTION,
    CURRENCY,
    CUSTOMER,
    NEXT_AT,
    NEXT_STEP,
    OWED,
    POLICY,
    STANDING,
)

STARTED = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED
ACTIVITY = EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
TIMER = EventType.EVENT_TYPE_TIMER_STARTED

HEALTHY_EVENTS = 25
HEALTHY_BYTES = 2_000
BAD_BYTES = 8_000
SIGNALS = 60
UPDATES = 8
FOR_EVER = 1_000_000


def received(history: WorkflowHistory) -> int:
    """Bytes of the argument that a run was started with."""
    return sum(len(p.data) for p in history.events[0].workflow_execution_started_event_attributes.input.payloads)


async def test_a_run_is_one_billing_period(live: Begin) -> None:
    life = await live("photo-monthly", "periods")
    await life.until("2026-06-16T12:00")
    runs = await life.runs()
    assert len(await life.entries("invoice_issued")) == 6
    assert len(runs) == 7  # six that billed, and the present one
    assert [e.fields["outcome"] for e in await life.entries("charge")] == ["approved"] * 6


async def test_a_healthy_month_is_one_timer_one_activity_and_few_small_events(live: Begin) -> None:
    life = await live("photo-monthly", "healthy")
    await life.until("2026-06-16T12:00")
    month = (await life.runs())[-2]
    assert len(events(month)) < HEALTHY_EVENTS
    (timer,) = events(month, TIMER)
    assert re.fullmatch(r"invoice 6.*, due 2026-06-15", summary(timer))
    charge = events(month, ACTIVITY)
    assert [each.activity_task_scheduled_event_attributes.activity_type.name for each in charge] == ["charge"]
    assert [summary(each) for each in charge] == ["charge healthy-0006, primary: 49.00 USD"]
    assert events(month, EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES) == []
    assert received(month) < HEALTHY_BYTES


async def test_a_postpaid_month_is_small_too(live: Begin) -> None:
    life = await live("hosting", "healthy-host", starts_on="2026-01-01")
    await life.until("2026-06-02T12:00")
    month = (await life.runs())[-2]
    assert len(events(month)) < HEALTHY_EVENTS
    assert len(events(month, TIMER)) == len(events(month, ACTIVITY)) == 1
    assert received(month) < HEALTHY_BYTES


async def test_search_attributes_and_page_say_how_it_stands_and_what_comes_next(live: Begin) -> None:
    life = await live("photo-monthly", "shown", world=declined("2026-03-01"))
    await life.until("2026-02-20T12:00")
    listed = (await life.handle.describe()).typed_search_attributes
    assert {key: listed.get(key) for key in (STANDING, POLICY, CUSTOMER, CURRENCY, OWED, ATTENTION, NEXT_STEP)} == {
        STANDING: "active",
        POLICY: "photo-monthly 1",
        CUSTOMER: "c-shown",
        CURRENCY: "USD",
        OWED: 0,
        ATTENTION: False,
        NEXT_STEP: "invoice 3",
    }
    next_at = listed.get(NEXT_AT)
    assert next_at is not None
    assert next_at.isoformat() == "2026-03-15T04:00:00+00:00"
    page = (await life.metadata()).current_details
    assert "active" in page
    assert "2026-03-15 00:00 invoice 3" in page

    await life.until("2026-03-19T12:00")
    await life.tell("release-dunning", **KIM)
    listed = (await life.handle.describe()).typed_search_attributes
    said = [listed.get(key) for key in (STANDING, OWED, ATTENTION, NEXT_STEP)]
    assert said == ["locked", 4900, True, "cancel, month unused"]
    page = (await life.metadata()).current_details
    for expected in ("locked", "49.00 USD", "there is no hold", "2026-04-01 00:00 cancel"):
        assert expected in page
    assert "Ada" not in page
    assert "ada@" not in page


async def test_a_burst_of_messages_around_the_change_of_runs_is_taken_in_once_each(live: Begin) -> None:
    life = await live("photo-monthly", "burst")
    await life.until("2026-01-20T12:00")
    unanswered: list[str] = []

    async def signals() -> None:
        for number in range(SIGNALS):
            paid = {"amount": "1.00", "channel": "bank_transfer", "reference": f"r-{number:02d}"}
            await life.signal_raw("payment-received", json_payload(paid))
            if number % 3 == 0:
                await life.signal_raw("payment-received", json_payload(paid))

    async def updates() -> None:
        for number in range(UPDATES):
            try:
                await life.ask("block-access", by="support:kim", reason=f"reason {number}", id=f"u-{number}")
            except (RPCError, WorkflowUpdateFailedError):
                unanswered.append(f"reason {number}")

    await asyncio.gather(life.until("2026-02-16T12:00"), signals(), updates())
    await life.until("2026-03-16T12:00")
    state = await life.state()
    references = sorted(str(e.fields["reference"]) for e in await life.entries("payment_received"))
    assert [r for r in references if r.startswith("r-")] == [f"r-{n:02d}" for n in range(SIGNALS)]
    assert len(await life.entries("repeated")) == SIGNALS // 3
    blocked = [e.fields["reason"] for e in await life.entries("access_blocked")]
    assert sorted(blocked) == sorted(set(blocked)) == [f"reason {n}" for n in range(UPDATES)]
    assert unanswered == []
    assert len(await life.runs()) == 4
    assert len(await life.entries("invoice_issued")) == 3
    assert state.open_minor == 0
    by_card = sum(_minor(e) for e in await life.entries("charge") if e.fields["outcome"] == "approved")
    assert by_card + SIGNALS * 100 == 3 * 4900 + state.credit_minor


def _minor(entry: Entry) -> int:
    return int(str(entry.fields["amount"]).replace(".", ""))


async def test_a_message_repeated_in_a_later_run_has_no_second_effect(live: Begin) -> None:
    life = await live("photo-monthly", "again")
    await life.until("2026-01-20T12:00")
    paid = {"amount": "10.00", "channel": "bank_transfer", "reference": "r-1"}
    blocked = {"by": "support:kim", "reason": "abuse", "id": "m-1"}
    await life.tell("payment-received", **paid)
    await life.ask("block-access", **blocked)
    await life.ask("unblock-access", by="support:kim", reason="abuse")
    await life.until("2026-03-20T12:00")
    await life.tell("payment-received", **paid)
    answer = await life.ask("block-access", **blocked)
    assert not answer.accepted
    state = await life.state()
    assert (state.credit_minor, state.blocks) == (0, ())
    assert len(await life.entries("repeated")) == 2
    assert len([e for e in await life.entries("payment_received") if e.fields["reference"] == "r-1"]) == 1


async def test_what_the_state_has_forgotten_the_books_remember(live: Begin) -> None:
    life = await live("photo-monthly", "forgotten")
    await life.until("2026-01-20T12:00")
    first = {"amount": "1.00", "channel": "bank_transfer", "reference": "r-0"}
    for number in range(70):
        await life.signal_raw("payment-received", json_payload({**first, "reference": f"r-{number}"}))
    state = await life.state()
    assert state.forgotten == 6
    await life.tell("payment-received", **first)
    assert len([e for e in await life.entries("payment_received") if e.fields["reference"] == "r-0"]) == 1
    assert len(await life.entries("repeated")) == 1


async def test_parties_that_do_not_answer_travel_along_and_are_reached_later(live: Begin) -> None:
    life = await live("photo-monthly", "late-parties", world=declined("2026-01-01", "2026-02-01"))
    mailbox, platform = Mailbox(life.stage.pool), SimulatedPlatform(life.stage.pool)
    await refuse(life.stage.pool, "mail", life.id, FOR_EVER)
    await refuse(life.stage.pool, "platform", life.id, FOR_EVER)
    await life.until("2026-01-14T23:30")
    await life.tell("block-access", **KIM)
    seen = await life.until("2026-01-15T00:30")
    assert seen is not None
    assert seen.undelivered == ("platform", "mail")
    assert len(await life.runs()) == 2  # ten minutes after billing it continued as new without them
    assert "not yet delivered: platform, mail" in (await life.metadata()).current_details
    assert await platform.heard(life.id) == []
    assert await mailbox.letters(life.id) == []

    await refuse(life.stage.pool, "mail", life.id, 0)
    seen = await life.until("2026-01-15T01:30")
    assert seen is not None
    assert seen.undelivered == ("platform",)
    assert [letter.template for letter in await mailbox.letters(life.id)] == ["payment_declined"]

    await refuse(life.stage.pool, "platform", life.id, 0)
    seen = await life.until("2026-01-15T02:30")
    assert seen is not None
    assert seen.undelivered == ()
    heard = await platform.heard(life.id)
    assert [each.command for each in heard] == list(life.policy.access.block)
    assert {each.sent for each in heard} == {1}
    assert "not yet delivered" not in (await life.metadata()).current_details


async def test_a_dead_mailbox_never_holds_up_a_lock_or_an_unlock(live: Begin) -> None:
    life = await live("photo-monthly", "no-mail", world=declined("2026-01-01", "2026-02-01"))
    mailbox, platform = Mailbox(life.stage.pool), SimulatedPlatform(life.stage.pool)
    await life.until("2026-01-17T23:30")
    await refuse(life.stage.pool, "mail", life.id, FOR_EVER)
    seen = await life.until("2026-01-18T00:05")
    assert seen is not None
    assert (seen.state.standing, seen.undelivered) == ("locked", ("mail",))
    await life.tell("payment-received", amount="49.00", channel="bank_transfer", reference="r-1")
    assert (await life.state()).standing == "active"
    heard = [each.command for each in await platform.heard(life.id)]
    assert heard[:3] == ["block_uploads", "block_archive", "deactivate_sites"]
    assert heard[3:] == ["allow_uploads", "allow_archive", "activate_sites"]
    assert [letter.template for letter in await mailbox.letters(life.id)] == ["payment_declined"]

    await refuse(life.stage.pool, "mail", life.id, 0)
    await life.until("2026-01-18T01:05")
    late = [letter.template for letter in await mailbox.letters(life.id)]
    assert late == ["payment_declined", "account_unlocked"]  # nobody is told of a lock that is no more


async def test_an_ended_subscription_stays_open_until_everyone_has_been_told(live: Begin) -> None:
    life = await live("photo-monthly", "last-mail")
    await life.until("2026-01-20T12:00")
    await refuse(life.stage.pool, "mail", life.id, FOR_EVER)
    await life.tell("cancel", **KIM, when="now")
    seen = await life.until("2026-01-20T12:30")
    assert seen is not None
    assert (seen.state.standing, seen.undelivered) == ("ended", ("mail",))
    await life.tell("payment-received", amount="5.00", channel="card", reference="r-1")
    assert (await life.told("refused"))[-1][1] == "the subscription has ended"
    await refuse(life.stage.pool, "mail", life.id, 0)
    assert await life.until("2026-01-20T13:30") is None
    assert [letter.template for letter in await Mailbox(life.stage.pool).letters(life.id)] == ["subscription_cancelled"]


@pytest.mark.slow
async def test_the_state_stays_small_in_a_bad_life(live: Begin) -> None:
    life = await live("hosting", "bad", starts_on="2026-01-01", world=declined("2026-01-01"))
    await life.until("2026-02-02T12:00")
    await life.tell("hold-dunning", by="support:kim", reason="a dispute about everything " * 7)
    await life.until("2026-11-02T12:00")
    for number in range(40):
        await life.signal_raw(f"make-me-rich-{number}", json_payload({"n": number, "x": "y" * 300}))
        said = {"by": "support:kim", "reason": f"reason {number}"}
        await life.signal_raw("block-access", json_payload({**said, "id": f"m-{number}"}))
        await life.signal_raw("unblock-access", json_payload({**said, "id": f"n-{number}"}))
    await life.tell("payment-announced", amount="1.00", invoices=[], client_number="K-bad")
    await life.until("2026-12-02T12:00")
    state = await life.state()
    assert len(state.invoices) == 11
    assert len(state.seen) == 64
    assert len(state.attention) == 8
    assert max(received(run) for run in await life.runs()) < BAD_BYTES


async def test_the_state_stays_small_down_the_whole_ladder(live: Begin) -> None:
    life = await live("hosting", "never-pays", starts_on="2026-01-01", world=declined("2026-01-01"))
    seen = await life.until("2026-06-01T12:00")
    assert seen is not None
    assert seen.state.standing == "in_collections"
    assert max(received(run) for run in await life.runs()) < BAD_BYTES
