"""What lies around one subscription: the customer's others, unapplied money, and the policy it lives under."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.client import WorkflowUpdateFailedError

from domain.moving import Move
from domain.periods import first_instant
from domain.policy import Policy
from domain.published import publish
from engine.stage import Stage
from engine.virtual_time import VirtualTime
from policies.load import load, load_file
from tests.workflows.conftest import Begin
from tests.workflows.lives import LEAD, Life, declined, load_world, terms_of
from workflows.subscription import SubscriptionWorkflow

MONTHLY = Path(__file__).parents[2] / "policies" / "photo-monthly.yaml"


def changed(folder: Path, *changes: tuple[str, str]) -> Policy:
    """The monthly policy with its text changed."""
    text = MONTHLY.read_text(encoding="utf-8")
    for found, wanted in changes:
        assert found in text
        text = text.replace(found, wanted)
    file = folder / "policy.yaml"
    file.write_text(text, encoding="utf-8")
    return load_file(file)


async def lives_of_one_customer(house: Stage, policy: Policy, *ids: str) -> list[Life]:
    """Subscriptions of the same customer; only the first one's cards are declined."""
    publish(policy)
    lives = []
    for id_ in ids:
        terms = terms_of("photo-monthly", id_, "2026-01-15")
        terms = replace(terms, customer=replace(terms.customer, id=f"c-{ids[0]}", client_number=f"K-{ids[0]}"))
        life = Life(house, VirtualTime(house.client), terms, policy)
        if id_ == ids[0]:
            await load_world(house.pool, id_, declined("2026-02-01"))
        begins_at = first_instant(terms.starts_on, terms.customer.timezone) - LEAD
        life.offset_seconds = (begins_at - datetime.now(UTC)).total_seconds()
        await life.begin()
        lives.append(life)
    return lives


async def test_a_lock_of_one_product_blocks_the_others_where_the_policy_says_so(house: Stage, tmp_path: Path) -> None:
    strict = changed(
        tmp_path, ("policy: photo-monthly", "policy: photo-strict"), ("announcement_days: 5", "scope: customer")
    )
    owing, paying = await lives_of_one_customer(house, strict, "strict-1", "strict-2")
    await paying.until("2026-02-19T12:00")
    await owing.until("2026-02-19T12:00")
    assert ("2026-02-18", "locked") in await owing.told("standing")
    await paying.settled()
    assert [command for _, command in await paying.told("platform")] == [
        "block_uploads",
        "block_archive",
        "deactivate_sites",
    ]
    assert (await paying.state()).standing == "active"
    await owing.tell("payment-received", amount="49.00", channel="bank_transfer", reference="strict-r-1")
    await paying.settled()
    assert [command for _, command in await paying.told("platform")][3:] == [
        "allow_uploads",
        "allow_archive",
        "activate_sites",
    ]
    for life in (owing, paying):
        assert await house.books.audit(life.id) == []


async def test_a_lock_of_one_product_leaves_the_others_alone_otherwise(house: Stage) -> None:
    owing, paying = await lives_of_one_customer(house, load("photo-monthly"), "mild-1", "mild-2")
    await paying.until("2026-02-19T12:00")
    await owing.until("2026-02-19T12:00")
    assert ("2026-02-18", "locked") in await owing.told("standing")
    assert await paying.told("platform") == []


async def test_unapplied_money_that_may_be_the_customers_keeps_the_lock_back_until_it_is_returned(live: Begin) -> None:
    life = await live("photo-monthly", "evidence", world=declined("2026-02-01"))
    await life.until("2026-02-16T12:00")
    money = await life.stage.books.keep_unapplied(
        source="bank",
        reference="statement-7/3",
        minor=4900,
        currency="USD",
        channel="bank_transfer",
        at=datetime.now(UTC),
        client_number=life.terms.customer.client_number,
    )
    assert money is not None
    await life.until("2026-02-20T12:00")
    assert await life.told("standing") == [("2026-02-15", "past_due")]
    assert [date for date, _ in await life.told("evidence_hold")] == ["2026-02-18"]
    assert any("unapplied bank money" in remark for remark in (await life.state()).attention)
    await life.stage.books.resolve_unapplied(
        money, "returned", by="support:kim", reason="not ours", at=datetime.now(UTC) + timedelta(seconds=1)
    )
    await life.until("2026-02-22T12:00")
    assert await life.told("standing") == [("2026-02-15", "past_due"), ("2026-02-21", "locked")]


async def test_a_running_subscription_keeps_its_policy_until_it_is_moved_on_purpose(
    live: Begin, tmp_path: Path
) -> None:
    life = await live("photo-monthly", "moved", world=declined("2026-02-01"))
    second = changed(tmp_path, ("version: 1", "version: 2"), ("days_unpaid: 3", "days_unpaid: 5"))
    publish(second)
    await life.until("2026-02-16T12:00")
    assert (await life.state()).policy.version == 1
    answer = await life.handle.execute_update(
        SubscriptionWorkflow.move_policy, Move("photo-monthly", 2, "support:kim", "the new terms")
    )
    assert answer.accepted
    await life.until("2026-02-19T12:00")
    assert await life.told("standing") == [("2026-02-15", "past_due")]
    await life.until("2026-02-21T12:00")
    assert ("2026-02-20", "locked") in await life.told("standing")
    assert [(entry.by, entry.because) for entry in await life.entries("policy_moved")] == [
        ("support:kim", "the new terms")
    ]
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await life.handle.execute_update(SubscriptionWorkflow.move_policy, Move("photo-monthly", 9, "support:kim", "?"))
    assert "version 9" in str(refused.value.cause)
