"""Who goes first when there is more to do than can be done at once."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from temporalio.api.common.v1 import Priority
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest

from adapters.simulated.gateway import SimulatedGateway
from adapters.simulated.world import load_world
from domain.effects import Charge
from domain.errands import gateway_queue
from domain.gateways import GatewayAnswer
from domain.opening import Contact
from domain.periods import parse_local
from domain.published import publish
from domain.subscription import MethodKind
from domain.world import World
from engine.begin import begin, handle_of
from engine.crew import Capacity, crew
from engine.outside import reached
from engine.speak import ask
from engine.stage import Stage
from engine.virtual_time import VirtualTime
from policies.load import load
from settings import Settings
from tests.workflows.conftest import Begin
from tests.workflows.lives import PATIENCE, Life, declined, terms_of

QUEUE = "precedence"
POLL_SECONDS = 0.02  # of real time, between two looks at the server


async def priority_of(life: Life) -> Priority:
    """What the server keeps for the execution as it is now."""
    return (await life.handle.describe()).raw_description.workflow_execution_info.priority


async def test_a_locked_customer_goes_first_until_the_next_bill_after_access_is_back(live: Begin, house: Stage) -> None:
    life = await live("photo-monthly", "first", starts_on="2026-03-01", world=declined("2026-03-01"))
    await life.until("2026-03-02T12:00")
    assert (await life.state()).standing == "past_due"
    assert (await priority_of(life)).priority_key in (0, 3)
    await life.until("2026-03-04T12:00")
    assert (await life.state()).standing == "locked"
    assert (await priority_of(life)).priority_key == 1
    await life.tell("payment-received", amount="49.00", channel="bank_transfer", reference="r-1")
    assert (await life.state()).standing == "active"
    assert (await priority_of(life)).priority_key == 1  # whoever paid is still to be answered
    await load_world(house.pool, life.id, World())
    await life.until("2026-04-02T12:00")
    assert (await priority_of(life)).priority_key == 3


async def test_who_stays_locked_out_keeps_the_place(live: Begin) -> None:
    life = await live("photo-monthly", "stays", starts_on="2026-03-01", world=declined("2026-03-01"))
    await life.until("2026-03-04T12:00")
    assert (await priority_of(life)).priority_key == 1
    await life.tell("retry-payment", id="again", by="support:kim")
    assert (await life.state()).standing == "locked"
    assert (await priority_of(life)).priority_key == 1


async def test_a_place_in_the_queue_travels_to_the_next_run(live: Begin) -> None:
    life = await live("photo-monthly", "travels", starts_on="2026-03-01", world=declined("2026-03-01"))
    await life.until("2026-03-04T12:00")
    before = (await life.handle.describe()).run_id
    await life.signal_raw("continue-as-new")
    await life.settled()
    assert (await life.handle.describe()).run_id != before
    assert (await priority_of(life)).priority_key == 1


class Slow:
    """A gateway that answers nobody until it is let, and remembers in which order it was asked."""

    def __init__(self, gateway: SimulatedGateway) -> None:
        self.asked: list[str] = []
        self.held = asyncio.Event()
        self.let = asyncio.Event()
        self._gateway = gateway

    async def charge(self, charge: Charge, *, subscription_id: str, timezone: str) -> GatewayAnswer:
        self.asked.append(subscription_id)
        self.held.set()
        await self.let.wait()
        return await self._gateway.charge(charge, subscription_id=subscription_id, timezone=timezone)

    async def look_up(self, charge_key: str, *, subscription_id: str, method: MethodKind) -> GatewayAnswer:
        return await self._gateway.look_up(charge_key, subscription_id=subscription_id, method=method)


async def in_line(stage: Stage, count: int) -> None:
    """Wait until so many activities wait for a worker at the gateway's queue."""
    asked = DescribeTaskQueueRequest(
        namespace=stage.client.namespace,
        task_queue=TaskQueue(name=gateway_queue(QUEUE, "card")),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
        report_stats=True,
    )
    while True:
        described = await stage.client.workflow_service.describe_task_queue(asked)
        if described.stats.approximate_backlog_count >= count:
            return
        await asyncio.sleep(POLL_SECONDS)


async def due(stage: Stage, time: VirtualTime, id_: str, tenant: str) -> None:
    """Begin a subscription whose first bill is due already."""
    terms = terms_of("photo-monthly", id_, "2026-03-01")
    ahead = parse_local("2026-03-01T01:00", terms.customer.timezone) - datetime.now(UTC)
    contact = Contact(tenant=tenant)
    policy = load("photo-monthly")
    await begin(time.client, stage.books, QUEUE, terms, policy, ahead.total_seconds(), contact=contact)


@pytest.mark.slow  # the server tells some seconds late how many wait
async def test_at_a_busy_gateway_a_waiting_customer_goes_first_and_tenants_share(house: Stage) -> None:
    publish(load("photo-monthly"))
    time, gateway = VirtualTime(house.client), Slow(SimulatedGateway(house.pool))
    small, large = [f"small-{n}" for n in range(2)], [f"large-{n}" for n in range(6)]
    async with asyncio.timeout(PATIENCE), reached(Settings(), house.pool) as outside:
        async with crew(house.client, replace(outside, gateway=gateway), QUEUE, Capacity(activity_slots=1)):
            gateway.let.set()
            await load_world(house.pool, "waiting", declined("2026-03-01"))
            await due(house, time, "waiting", "large")
            seen = await time.settled(handle_of(time.client, "waiting"))
            assert seen is not None
            assert seen.state.standing == "past_due"
            await load_world(house.pool, "waiting", World())
            gateway.let.clear()
            gateway.held.clear()
            gateway.asked.clear()
            await due(house, time, "blocks", "large")
            await gateway.held.wait()
            for id_ in (*large, *small):
                await due(house, time, id_, id_.split("-")[0])
            await in_line(house, len(large) + len(small))
            said = {"id": "again", "by": "support:kim"}
            paying = asyncio.create_task(ask(time.client, house.books, "waiting", "retry-payment", said))
            await in_line(house, len(large) + len(small) + 1)
            gateway.let.set()
            assert (await paying).standing == "active"
            for id_ in (*small, *large):
                await time.settled(handle_of(time.client, id_))
        assert gateway.asked[:2] == ["blocks", "waiting"]
        herd = gateway.asked[2:]
        assert sorted(herd) == sorted([*small, *large])
        of_the_large_before = herd[: max(herd.index(id_) for id_ in small)]
        assert sum(id_ in large for id_ in of_the_large_before) <= 3, herd
        assert await house.books.audit() == []
