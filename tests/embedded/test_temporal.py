"""Temporal's server out of a wheel: it comes up, it remembers, it skips time, and it ends with its owner."""

import asyncio
import socket
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.testing import TimeSkipper, TimeSkippingConfig
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from embedded.child import ServerFailed
from embedded.ownership import AlreadyOwned
from embedded.temporal import temporal
from tests.embedded.deaths import BOUND_SECONDS, Watch, owner

STANDING = SearchAttributeKey.for_keyword("Standing")
NEXT_AT = SearchAttributeKey.for_datetime("NextAt")
ATTRIBUTES = {"Standing": "Keyword", "NextAt": "Datetime"}


@workflow.defn
class Sleeper:
    """Sleeps months of 30 days, each in a run of its own, and gives how many days all of it took by its clock."""

    @workflow.run
    async def run(self, months: int, slept_days: float) -> float:
        began_at = workflow.now()
        await workflow.sleep(timedelta(days=30))
        slept_days += (workflow.now() - began_at) / timedelta(days=1)
        if months > 1:
            workflow.continue_as_new(args=[months - 1, slept_days])
        return slept_days


async def test_search_attributes_are_there_at_once_and_stay_over_a_restart(tmp_path: Path) -> None:
    due = datetime(2027, 1, 31, tzinfo=UTC)
    attributes = TypedSearchAttributes([SearchAttributePair(STANDING, "past_due"), SearchAttributePair(NEXT_AT, due)])
    async with temporal(tmp_path, search_attributes=ATTRIBUTES) as first:
        client = await Client.connect(first.address)
        await client.start_workflow("Any", id="subscription/1", task_queue="nobody", search_attributes=attributes)
    async with temporal(tmp_path, search_attributes=ATTRIBUTES | {"Rung": "Int"}) as second:
        client = await Client.connect(second.address)
        found = await client.get_workflow_handle("subscription/1").describe()
        assert found.typed_search_attributes.get(STANDING) == "past_due"
        assert found.typed_search_attributes.get(NEXT_AT) == due
        rung = TypedSearchAttributes([SearchAttributePair(SearchAttributeKey.for_int("Rung"), 2)])
        await client.start_workflow("Any", id="subscription/2", task_queue="nobody", search_attributes=rung)
    with pytest.raises(ServerFailed, match="Standing exists as Keyword, not as Text"):
        async with temporal(tmp_path, search_attributes={"Standing": "Text"}):
            pass


async def test_a_type_that_temporal_does_not_have_is_refused_with_those_it_has() -> None:
    with pytest.raises(ValueError, match=r"Standing has type 'keyword'.*Keyword.*KeywordList"):
        async with temporal(search_attributes={"Standing": "keyword"}):
            pass


async def test_months_pass_in_virtual_time_over_continue_as_new() -> None:
    async with asyncio.timeout(BOUND_SECONDS), temporal() as server:
        skipper = TimeSkipper(await Client.connect(server.address), config=TimeSkippingConfig(enabled=False))
        runner = (
            UnsandboxedWorkflowRunner()
        )  # the sandbox would import this file once more; it holds nothing to protect
        async with Worker(skipper.client, task_queue="months", workflows=[Sleeper], workflow_runner=runner):
            started = await skipper.client.start_workflow(
                Sleeper.run, args=[12, 0.0], id="sleeper", task_queue="months"
            )
            any_run = skipper.client.get_workflow_handle(started.id, result_type=float)
            assert not await skipper.fast_forward(any_run, timedelta(days=400)), "it ends before that"
            slept_days = await any_run.result()
    assert 360 <= slept_days < 361


async def test_the_ui_is_served_beside_the_server() -> None:
    async with temporal(ui=True) as server:
        assert server.ui_address is not None
        assert server.ui_address.startswith("http://127.0.0.1:")
        with await asyncio.to_thread(urllib.request.urlopen, server.ui_address, timeout=30) as page:
            assert b"<html" in page.read()


async def test_a_second_owner_is_refused_and_told_who_the_first_is(tmp_path: Path) -> None:
    async with owner("temporal", tmp_path) as first:
        with pytest.raises(AlreadyOwned, match=f"in use by process {first.pid}"):
            async with temporal(tmp_path):
                pass


async def test_the_server_of_a_killed_owner_ends_and_the_next_start_finds_its_workflows(tmp_path: Path) -> None:
    async with owner("temporal", tmp_path) as first:
        client = await Client.connect(first.address)
        await client.start_workflow("Any", id="subscription/1", task_queue="nobody")
        watch = Watch(first.server_pid)
        first.kill()
        assert watch.ended()
    async with temporal(tmp_path) as second:
        client = await Client.connect(second.address)
        assert (await client.get_workflow_handle("subscription/1").describe()).id == "subscription/1"


async def test_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServerFailed, match=f"port {port} of 127.0.0.1 cannot be had"):
            async with temporal(port=port):
                pass
