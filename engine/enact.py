"""Play a scenario through the real thing: workflow, activities, ledger, on a Temporal server in virtual time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from temporalio.service import RPCError, RPCStatusCode

from adapters.simulated.world import load_world
from domain.effects import Entry, view_of
from domain.opening import ROLES, Contact, opened
from domain.policy import Policy
from domain.published import publish
from domain.scenario import Said, Scenario
from domain.subscription import CHARGEABLE
from domain.timeline import final
from engine.begin import NO_CONTACT, begin, handle_of
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
    contact = _scripted(stage, scenario)
    await begin(time.client, stage.books, TASK_QUEUE, scenario.terms, policy, offset, contact)
    for said in scenario.messages:
        if said.at >= scenario.until:
            break
        await time.hop(id_, said.at - TIE)
        await _vault_new_method(stage, id_, said)
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


def _scripted(stage: Stage, scenario: Scenario) -> Contact:
    """On the wire: have the stand-ins answer by the scenario's world, and the customer's methods vaulted there."""
    if stage.stand_ins is None:
        return NO_CONTACT
    stage.stand_ins.worlds.script(scenario.terms.id, scenario.world, scenario.terms.customer.timezone)
    return stage.stand_ins.contact(scenario.terms)


async def _vault_new_method(stage: Stage, subscription_id: str, said: Said) -> None:
    """A platform vaults a new method first, and tells of it then."""
    if stage.stand_ins is None or said.signal != "payment-method-updated":
        return
    role = next((each for each in ROLES if each == said.payload.get("role")), None)
    method = next((each for each in CHARGEABLE if each == said.payload.get("method")), None)
    vaulted = stage.stand_ins.vault(method) if method else None
    if role is not None and vaulted is not None:
        await stage.books.keep_vaulted(subscription_id, role, vaulted)
