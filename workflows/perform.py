"""From what a decision wants to the activity that does it: names, timeouts and retries, in one table."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import Priority, RetryPolicy
from temporalio.workflow import ActivityHandle

with workflow.unsafe.imports_passed_through():
    from domain import errands
    from domain.effects import Batch
    from domain.errands import (
        CarriedOut,
        ChargeOutcome,
        ChargeRequest,
        Delivered,
        FactsAnswer,
        FactsRequest,
        LookUpOutcome,
        LookUpRequest,
        MessageRequest,
        PaymentRequest,
    )
    from domain.events import PaymentFacts
    from domain.subscription import MethodKind

BOOKS = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=5))
"""The books must be written: retried until the database is back. A gateway's silence is an answer, not a failure."""

PARTIES = RetryPolicy(initial_interval=timedelta(seconds=10), maximum_interval=timedelta(minutes=30))
"""Mail, platform, agency: retried until acknowledged; an outage of a day costs some 50 attempts."""

WAITED_FOR = Priority(priority_key=2)
"""What a message leads to: somebody may sit in front of a locked product. The server gives it out before the rest."""

ROUTINE = Priority()
"""What a deadline leads to: on the first of the month thousands fall due at one instant, and nobody waits for them.

The same as the workflow's own: 3, and 1 for who is locked out (engine/precedence.py).
"""

BOOKS_TIMEOUT = timedelta(seconds=60)
CHARGE_TIMEOUT = timedelta(seconds=120)  # two transactions, and a gateway that answers within its own 30 s
SUMMARY_LIMIT = 200  # characters; the server refuses longer ones than 400 bytes
DELIVERY_TIMEOUT = timedelta(seconds=120)


async def carry_out(batch: Batch, summary: str, priority: Priority) -> CarriedOut:
    """Write a batch and try its deliveries once."""
    done: CarriedOut = await _do(errands.CARRY_OUT, batch, CarriedOut, BOOKS_TIMEOUT, summary, priority)
    return done


async def charge(request: ChargeRequest, summary: str, priority: Priority) -> ChargeOutcome:
    """Charge under a derived key, between two commits."""
    queue = _gateway_queue(request.charge.method)
    outcome: ChargeOutcome = await _do(errands.CHARGE, request, ChargeOutcome, CHARGE_TIMEOUT, summary, priority, queue)
    return outcome


async def look_up_charge(request: LookUpRequest, summary: str, priority: Priority) -> LookUpOutcome:
    """Ask what became of a charge, by its key."""
    queue = _gateway_queue(request.question.method)
    outcome: LookUpOutcome = await _do(
        errands.LOOK_UP_CHARGE, request, LookUpOutcome, CHARGE_TIMEOUT, summary, priority, queue
    )
    return outcome


async def read_facts(request: FactsRequest, summary: str, priority: Priority) -> FactsAnswer:
    """Read usage, and evidence of unapplied money."""
    facts: FactsAnswer = await _do(errands.READ_FACTS, request, FactsAnswer, BOOKS_TIMEOUT, summary, priority)
    return facts


async def look_up_payment(request: PaymentRequest, summary: str, priority: Priority) -> PaymentFacts | None:
    """Find a payment in the ledger."""
    found: PaymentFacts | None = await _do(
        errands.LOOK_UP_PAYMENT, request, PaymentFacts | None, BOOKS_TIMEOUT, summary, priority
    )
    return found


async def look_up_message(request: MessageRequest, summary: str, priority: Priority) -> tuple[str, ...]:
    """Find which messages have been taken in before."""
    known: tuple[str, ...] = await _do(
        errands.LOOK_UP_MESSAGE, request, tuple[str, ...], BOOKS_TIMEOUT, summary, priority
    )
    return known


def _gateway_queue(method: MethodKind) -> str:
    return errands.gateway_queue(workflow.info().task_queue, method)


async def _do(
    activity: str,
    request: object,
    answer: Any,
    timeout: timedelta,
    summary: str,
    priority: Priority,
    task_queue: str | None = None,
) -> Any:
    """Activities are called by name, so that no workflow module can reach what they reach."""
    return await workflow.execute_activity(
        activity,
        request,
        task_queue=task_queue,
        result_type=answer,
        start_to_close_timeout=timeout,
        heartbeat_timeout=errands.HEARTBEAT_TIMEOUT,
        retry_policy=BOOKS,
        summary=summary[:SUMMARY_LIMIT],
        priority=priority,
    )


def deliver(party: str, subscription_id: str, now: datetime) -> ActivityHandle[Delivered | None]:
    """Start delivering what is pending for a party; the handle ends when all that may go out has been acknowledged."""
    return workflow.start_activity(
        errands.DELIVERIES[party],
        args=[subscription_id, now],
        result_type=Delivered | None,  # type: ignore[arg-type]  # None: what a worker of an earlier release gives
        start_to_close_timeout=DELIVERY_TIMEOUT,
        heartbeat_timeout=errands.HEARTBEAT_TIMEOUT,
        retry_policy=PARTIES,
        summary=f"deliver: {party}",
    )
