"""Say something to a subscription: as a signal, or as an update that answers. The one door for CLI and services.

A message to one that has ended is refused and written down, and money that still comes is kept as unapplied money.
"""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from temporalio.client import (
    Client,
    RPCError,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCStatusCode

from adapters.postgres.books import Books
from domain import cards
from domain.decide import refused_after_the_end
from domain.effects import Batch, Entry, KeepMessage
from domain.events import MessageReceived
from domain.keys import is_identifier
from domain.published import any_version
from domain.quoting import quoted
from domain.run import ASK_AGAIN, Answer
from engine.begin import handle_of
from workflows.doors import PAYLOAD_LIMIT

TRIES = 10  # an update that meets continue-as-new is told so and applied nowhere; the same id is asked again
PAUSE_SECONDS = 0.1  # before the second try, and so much longer before each further one: 4.5 s in all
NOT_DONE = (ASK_AGAIN, "AcceptedUpdateCompletedWorkflow")  # the latter is the server's word for a run that is over

UNSENT = "Nothing was sent and no money moved."
IDENTIFIERS = "1 to 100 letters, digits, '-', '_' or '.'"


class UnknownSubscription(Exception):
    """No subscription of that id was ever started here. Nothing was done and no money moved."""


class MessageRefused(Exception):
    """The message was refused; the text says why. Nothing was done and no money moved."""


async def tell(client: Client, books: Books, subscription_id: str, signal: str, payload: dict[str, Any]) -> bool:
    """Send a message as a signal: durable as soon as this returns, also while no worker is up.

    False where the subscription has ended: the message was refused there, and money kept as unapplied money.
    Raises MessageRefused for what cannot be sent, and for a card number: that must not even enter history.
    """
    _sendable(subscription_id, signal, payload)
    try:
        await handle_of(client, subscription_id).signal(signal, payload)
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:
            raise
        await after_the_end(books, subscription_id, signal, payload, datetime.now(UTC))
        return False
    return True


async def ask(client: Client, books: Books, subscription_id: str, signal: str, payload: dict[str, Any]) -> Answer:
    """Send a message as an update and give what happened.

    A message that names neither an `id` nor a `reference` is given an id, so that trying again has no second effect.
    Raises MessageRefused where it makes no sense, UnknownSubscription where there is none, and after the last try what
    kept it from being answered: RPCError, WorkflowUpdateRPCTimeoutOrCancelledError or WorkflowUpdateFailedError.
    """
    _sendable(subscription_id, signal, payload)
    said_once = str(uuid4())
    if payload.get("id") is None and payload.get("reference") is None:
        payload = payload | {"id": said_once}
    for attempt in range(1, TRIES + 1):
        try:
            answer: Answer = await handle_of(client, subscription_id).execute_update(
                signal, payload, id=said_once, result_type=Answer
            )
        except WorkflowUpdateFailedError as failed:
            if not (isinstance(failed.cause, ApplicationError) and failed.cause.type in NOT_DONE):
                raise MessageRefused(str(failed.cause)) from None
            if attempt == TRIES:
                raise
        except WorkflowUpdateRPCTimeoutOrCancelledError as lost:
            if (task := asyncio.current_task()) and task.cancelling():
                raise asyncio.CancelledError from lost  # the caller has stopped waiting; the client hides that
            if attempt == TRIES:
                raise
        except RPCError as error:
            if error.status == RPCStatusCode.NOT_FOUND:
                entries = await after_the_end(books, subscription_id, signal, payload, datetime.now(UTC))
                raise MessageRefused("; ".join(str(e.fields.get("why", e.what)) for e in entries)) from None
            if attempt == TRIES:
                raise
        else:
            return answer
        await asyncio.sleep(PAUSE_SECONDS * attempt)
    raise AssertionError("unreachable")


def _sendable(subscription_id: str, signal: str, payload: dict[str, Any]) -> None:
    if not is_identifier(subscription_id):
        raise UnknownSubscription(f"subscription {quoted(subscription_id)}: expected an id, {IDENTIFIERS}. {UNSENT}")
    try:
        length = len(json.dumps(payload, ensure_ascii=False).encode())
    except (ValueError, TypeError, RecursionError):
        raise MessageRefused(f"{signal}: holds what is no text or number; expected UTF-8. {UNSENT}") from None
    if length > PAYLOAD_LIMIT:
        raise MessageRefused(f"{signal}: {length} bytes; expected at most {PAYLOAD_LIMIT}. {UNSENT}")
    name = cards.field_with_card_number(payload)
    if name is not None:
        raise MessageRefused(f"{signal}: field {name!r} {cards.REFUSED}. {UNSENT}")


async def after_the_end(
    books: Books, subscription_id: str, signal: str, payload: dict[str, Any], now: datetime
) -> list[Entry]:
    """Refuse a message to a subscription that has ended, and write that down. Raises UnknownSubscription."""
    view = await books.view(subscription_id)
    if view is None or not view.ended:
        raise UnknownSubscription(
            f"subscription {subscription_id!r} is not running here. Nothing was done and no money moved. "
            "Look for its id in the list of subscriptions (`cli.py find`), or start it."
        )
    entries = await books.timeline(subscription_id)
    event = MessageReceived(signal, (payload,), now)
    effects = refused_after_the_end(view, len(entries), event, any_version(view.policy, view.policy_version))
    digests = tuple(effect.digest for effect in effects if isinstance(effect, KeepMessage))
    if digests and await books.known_messages(subscription_id, digests):
        return []
    await books.write(Batch(f"{subscription_id}/after/{len(entries):06d}", view, effects))
    return [effect for effect in effects if isinstance(effect, Entry)]
