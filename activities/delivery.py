"""Delivering tidings: the one place from which platform, agency, siblings and customer are told anything.

Every party has its own queue in the outbox, told in the order of its keys, and its own failures: a dead mail server
never blocks an unlock. Right before each is sent it is looked at once more, because a debt may have been settled since.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, Protocol

from temporalio.exceptions import ApplicationError

from domain.effects import (
    CommandPlatform,
    Entry,
    PlaceWithAgency,
    RecallFromAgency,
    SendMail,
    TellSiblings,
    Tiding,
    View,
)
from domain.gateways import DeliveryRefused
from domain.subscription import Invoice

Party = Literal["platform", "agency", "siblings", "mail"]

ORDER: tuple[Party, ...] = ("platform", "agency", "siblings", "mail")
"""Access and money before mail."""

INLINE_SECONDS = 5.0  # for one party, beside a decision: four dead parties delay a decision by 20 s at most
PATIENT_SECONDS = 30.0  # for one party in a delivery of its own, which Temporal tries again
UNDELIVERED = "Undelivered"  # the type of the error that asks Temporal to try again, for retry policies and alerts
LEASE_MARGIN_SECONDS = 5.0  # a sender that was killed keeps others off for its time and this


class Recipient(Protocol):
    """Who is written to."""

    @property
    def client_number(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def email(self) -> str: ...
    @property
    def locale(self) -> str: ...


class Outbox(Protocol):
    """What is to be told, and what deliveries need to know of the subscription."""

    async def pending_tidings(self, subscription_id: str) -> Mapping[str, Sequence[Tiding]]: ...
    async def begin_try(self, key: str, seconds: float) -> bool: ...
    async def mark_delivered(self, key: str) -> None: ...
    async def mark_failed_try(self, key: str, error: str) -> None: ...
    async def mark_refused(self, key: str, error: str) -> None: ...
    async def customer_of(self, subscription_id: str) -> Recipient | None: ...
    async def siblings(self, subscription_id: str) -> Sequence[str]: ...
    async def timeline(self, subscription_id: str) -> Sequence[Entry]: ...
    async def view(self, subscription_id: str) -> View | None: ...


class Mailer(Protocol):
    """Sends one mail; the same key is the same mail. Raises DeliveryRefused for an address that will never work."""

    async def send(
        self,
        key: str,
        template: str,
        *,
        subscription_id: str,
        name: str,
        email: str,
        locale: str,
        about: Mapping[str, str],
        at: datetime,
    ) -> None: ...


class Platform(Protocol):
    """Instructs the platform; returning is its acknowledgement. The same key is the same command."""

    async def command(self, key: str, command: str, *, subscription_id: str, at: datetime, because: str) -> None: ...


class Agency(Protocol):
    """Hands debts over and takes amounts back; the same key is the same placement or recall."""

    async def place(
        self,
        key: str,
        *,
        subscription_id: str,
        name: str,
        email: str,
        client_number: str,
        currency: str,
        invoices: Sequence[Invoice],
        history: Sequence[Entry],
        at: datetime,
    ) -> None: ...

    async def recall(
        self, key: str, *, subscription_id: str, invoice: str, minor: int, currency: str, because: str, at: datetime
    ) -> None: ...


class Siblings(Protocol):
    """Sends `block-access` or `unblock-access` to another subscription of the customer; `key` is the message's id."""

    async def tell(
        self,
        key: str,
        *,
        subscription_id: str,
        signal: Literal["block-access", "unblock-access"],
        reason: str,
        at: datetime,
    ) -> None: ...


class Deliveries:
    """Delivers what is pending of a subscription, party by party."""

    def __init__(
        self, outbox: Outbox, *, platform: Platform, agency: Agency, siblings: Siblings, mailer: Mailer
    ) -> None:
        self._outbox = outbox
        self._platform = platform
        self._agency = agency
        self._siblings = siblings
        self._mailer = mailer

    async def deliver(
        self, subscription_id: str, parties: Sequence[Party] = ORDER, *, seconds: float = INLINE_SECONDS
    ) -> dict[str, str]:
        """Deliver everything pending to these parties; gives each party that has anything left, with the reason.

        A party stops at its first failure, so that its order is kept; the others are told all the same. `seconds` is
        how long all of one party may take. Only the outbox's own failures are raised.
        """
        pending = await self._outbox.pending_tidings(subscription_id)
        left: dict[str, str] = {}
        for party in ORDER:
            waiting = pending.get(party, ())
            if not waiting:
                continue
            if party not in parties:
                left[party] = "not its turn"
                continue
            failure = await self._tell(subscription_id, waiting, seconds)
            if failure is not None:
                left[party] = failure
        return left

    async def deliver_all(self, subscription_id: str, party: Party) -> None:
        """Deliver everything pending to one party, with more patience.

        Raises a retryable ApplicationError of type `Undelivered` where anything is left: Temporal tries again.
        """
        left = await self.deliver(subscription_id, (party,), seconds=PATIENT_SECONDS)
        if party in left:
            raise ApplicationError(
                f"subscription {subscription_id}: {party} could not be told everything ({left[party]}). No money "
                "moved; it is tried again from there. What waits is in table outbox.",
                type=UNDELIVERED,
            )

    async def _tell(self, subscription_id: str, waiting: Sequence[Tiding], seconds: float) -> str | None:
        """Tell one party in order; gives why it stopped, or None where everything was told."""
        until = asyncio.get_running_loop().time() + seconds
        for tiding in waiting:
            if not await self._outbox.begin_try(tiding.key, seconds + LEASE_MARGIN_SECONDS):
                if await self._still_pending(subscription_id, tiding.key):
                    return f"{tiding.key}: another worker is sending it"
                continue
            try:
                async with asyncio.timeout_at(until):
                    await self._send(subscription_id, tiding)
            except DeliveryRefused as refusal:
                if not isinstance(tiding, SendMail):
                    return await self._failed(tiding.key, refusal)
                await self._outbox.mark_refused(tiding.key, _text(refusal))
            except Exception as error:
                return await self._failed(tiding.key, error)
            else:
                await self._outbox.mark_delivered(tiding.key)
        return None

    async def _failed(self, key: str, error: Exception) -> str:
        await self._outbox.mark_failed_try(key, _text(error))
        return f"{key}: {_text(error)}"

    async def _still_pending(self, subscription_id: str, key: str) -> bool:
        pending = await self._outbox.pending_tidings(subscription_id)
        return any(tiding.key == key for tidings in pending.values() for tiding in tidings)

    async def _send(self, subscription_id: str, tiding: Tiding) -> None:
        match tiding:
            case CommandPlatform(key, command, at, because):
                await self._platform.command(key, command, subscription_id=subscription_id, at=at, because=because)
            case SendMail(key, template, at, about):
                to = await self._recipient(subscription_id)
                await self._mailer.send(
                    key,
                    template,
                    subscription_id=subscription_id,
                    name=to.name,
                    email=to.email,
                    locale=to.locale,
                    about=about,
                    at=at,
                )
            case PlaceWithAgency(key, _, invoices, at):
                debtor = await self._recipient(subscription_id)
                await self._agency.place(
                    key,
                    subscription_id=subscription_id,
                    name=debtor.name,
                    email=debtor.email,
                    client_number=debtor.client_number,
                    currency=await self._currency(subscription_id),
                    invoices=invoices,
                    history=await self._outbox.timeline(subscription_id),
                    at=at,
                )
            case RecallFromAgency(key, minor, invoice, at, because):
                await self._agency.recall(
                    key,
                    subscription_id=subscription_id,
                    invoice=invoice,
                    minor=minor,
                    currency=await self._currency(subscription_id),
                    because=because,
                    at=at,
                )
            case TellSiblings(key, signal, reason, at):
                for sibling in await self._outbox.siblings(subscription_id):
                    await self._siblings.tell(key, subscription_id=sibling, signal=signal, reason=reason, at=at)

    async def _recipient(self, subscription_id: str) -> Recipient:
        recipient = await self._outbox.customer_of(subscription_id)
        if recipient is None:
            raise LookupError(f"subscription {subscription_id}: no customer is registered, so there is no address")
        return recipient

    async def _currency(self, subscription_id: str) -> str:
        view = await self._outbox.view(subscription_id)
        if view is None:
            raise LookupError(f"subscription {subscription_id}: the books do not know it")
        return view.currency


def _text(error: Exception) -> str:
    """An error in one line of at most 300 characters; a timeout has no text of its own."""
    return f"{type(error).__name__}: {str(error) or 'no answer in time'}"[:300]
