"""Play a scenario through the real thing: workflow, activities, ledger, on a Temporal server in virtual time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from temporalio.service import RPCError, RPCStatusCode

from adapters.simulated.world import load_world
from domain.effects import Entry, view_of
from domain.opening import opened
from domain.policy import Policy
from domain.published import publish
from domain.scenario import Scenario
from domain.timeline import final
from engine.begin import begin, handle_of
from engine.speak import after_the_end
from engine.stage import TASK_QUEUE, Stage
from engine.virtual_time import TIE, VirtualTime

LEAD = timedelta(hours=1)  # the life begins this long before the first thing that happens in it


async def play(stage: Stage, scenario: Scenario, policy: Policy) -> tuple[list[Entry], dict[str, object]]:
    """Play a scenario; gives its timeline and final figures as read back from the database."""
    publish(policy)
    time = VirtualTime(stage.client)
    id_ = scenario.terms.id
    await load_world(stage.pool, id_, scenario.world)
    offset = (scenario.begins_at - LEAD - datetime.now(UTC)).total_seconds()
    await begin(time.client, stage.books, TASK_QUEUE, scenario.terms, policy, offset)
    for said in scenario.messages:
        if said.at >= scenario.until:
            break
        await time.hop(id_, said.at - TIE)
        try:
            await handle_of(time.client, id_).signal(said.signal, said.payload)
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise
            await after_the_end(stage.books, id_, said.signal, said.payload, said.at)
    await time.hop(id_, scenario.until - TIE)
    view = await stage.books.view(id_)
    if view is None:  # nothing has happened yet, so nothing has been written
        view = view_of(opened(scenario.terms, policy), None, "")
    return await stage.books.timeline(id_), final(view)
