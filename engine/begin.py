"""Start subscriptions: one workflow each, once, however often it is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.common import Priority, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from adapters.postgres.books import Books
from domain.agenda import next_item
from domain.keys import workflow_id
from domain.letters import Addressee
from domain.money import decimal_text
from domain.opening import Contact, Terms, opened
from domain.policy import Policy
from domain.run import Run
from workflows.attributes import attributes
from workflows.subscription import SubscriptionWorkflow

FAIRNESS_KEY_LIMIT = 64  # bytes, by the server; tenants are ASCII, and those alike in so many share a share

NO_CONTACT = Contact()


@dataclass(frozen=True, slots=True)
class Started:
    """`how`: started now, running already, or ended before (and not started again)."""

    id: str
    how: Literal["started", "running", "ended"]


async def begin(
    client: Client,
    books: Books,
    task_queue: str,
    terms: Terms,
    policy: Policy,
    offset_seconds: float = 0.0,
    contact: Contact = NO_CONTACT,
) -> Started:
    """Start one subscription under a policy. Starting it again changes nothing but the customer's name and address and
    vaulted payment methods, which are kept as they were said last; an ended id is not used again.

    Personal data goes to the books and not into the workflow. Raises InvalidTerms where terms and policy do not fit.
    """
    state = opened(terms, policy)
    known = await books.view(terms.id)
    if known is not None and known.ended:
        return Started(terms.id, "ended")
    who = terms.customer
    addressee = Addressee(
        who.id, who.client_number, who.name, who.email, who.locale, contact.phone, contact.address, contact.tenant
    )
    await books.register(addressee, terms.id)
    for role, method in contact.vault.items():
        await books.keep_vaulted(terms.id, role, method)
    price = f"{decimal_text(terms.price_minor, terms.currency)} {terms.currency}"
    try:
        await client.start_workflow(
            SubscriptionWorkflow.run,
            Run(state, offset_seconds),
            id=workflow_id(terms.id),
            task_queue=task_queue,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
            priority=Priority(fairness_key=contact.tenant[:FAIRNESS_KEY_LIMIT] or None),
            search_attributes=attributes(state, next_item(state, policy)),
            static_summary=f"{policy.title}: {terms.plan}, {price} from {terms.starts_on}",
        )
    except WorkflowAlreadyStartedError:
        described = await handle_of(client, terms.id).describe()
        return Started(terms.id, "running" if described.status == WorkflowExecutionStatus.RUNNING else "ended")
    return Started(terms.id, "started")


def handle_of(client: Client, subscription_id: str) -> WorkflowHandle[SubscriptionWorkflow, str]:
    """The handle by which a subscription is spoken to, whichever run is the present one."""
    return client.get_workflow_handle_for(SubscriptionWorkflow.run, workflow_id(subscription_id))
