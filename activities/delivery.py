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
    FieldValue,
    PlaceWithAgency,
    RecallFromAgency,
    SendMail,
    TellPlatform,
    TellSiblings,
    Tiding,
    View,
)
from domain.errands import Delivered
from domain.gateways import DeliveryRefused
from domain.letters import Addressee, Letter
from domain.subscription import Invoice
from domain.witnesses import Obeys

Party = Literal["platform", "agency", "siblings", "mail"]

ORDER: tuple[Party, ...] = ("platform", "agency", "siblings", "mail")
"""Access and money before mail."""

INLINE_SECONDS = 5.0  # for one party, beside a decision: four dead parties delay a decision by 20 s at most
PATIENT_SECONDS = 30.0  # for one party in a delivery of its own, which Temporal tries again
WAITS = "waits for its hour"
UNDELIVERED = "Undelivered"  # the type of the error that asks Temporal to try again, for retry policies and alerts
LEASE_MARGIN_SECONDS = 5.0  # a sender that was killed keeps others off for its time and this


class Outbox(Protocol):
    """What is to be told, and what deliveries need to know of the subscription."""

    async def pending_tidings(self, subscription_id: str) -> Mapping[str, Sequence[Tiding]]: ...
    async def begin_try(self, key: str, seconds: float) -> int | None: ...
    async def mark_delivered(self, key: str) -> None: ...
    async def mark_failed_try(self, key: str, error: str) -> None: ...
    async def mark_refused(self, key: str, error: str) -> None: ...
    async def ask_support(self, key: str, subscription_id: str | None, kind: str, text: str) -> None: ...
    async def customer_of(self, subscription_id: str) -> Addressee | None: ...
    async def open_invoices(self, subscription_id: str, also: str | None = None) -> Sequence[Invoice]: ...
    async def siblings(self, subscription_id: str) -> Sequence[str]: ...
    async def timeline(self, subscription_id: str) -> Sequence[Entry]: ...
    async def view(self, subscription_id: str) -> View | None: ...


class Mailer(Protocol):
    """Sends one mail; the same key is the same mail. Raises DeliveryRefused for an address that will never work."""

    async def send(self, letter: Letter) -> None: ...


class Platform(Protocol):
    """Instructs the platform, and tells it what happened; returning is its acknowledgement.

    The same key is the same command. `place` grows with everything told of one subscription, so that a receiver can
    tell what came late. Raises DeliveryRefused for what the platform has read and will never take.
    """

    async def command(
        self, key: str, command: str, *, subscription_id: str, place: int, at: datetime, because: str
    ) -> None: ...

    async def event(
        self,
        key: str,
        what: str,
        *,
        subscription_id: str,
        place: int,
        fields: Mapping[str, FieldValue],
        at: datetime,
        by: str,
        because: str,
    ) -> None: ...

    async def state(self, key: str, *, subscription_id: str, at: datetime) -> Obeys | None:
        """What it has obeyed, and what is in force there; None where it does not tell."""


class Agency(Protocol):
    """Hands debts over and takes amounts back; the same key is the same placement or recall.

    Raises DeliveryRefused for what the agency has read and will never take.
    """

    async def place(
        self,
        key: str,
        *,
        subscription_id: str,
        debtor: Addressee,
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
        self,
        subscription_id: str,
        parties: Sequence[Party] = ORDER,
        *,
        seconds: float = INLINE_SECONDS,
        now: datetime | None = None,
    ) -> dict[str, str]:
        """Deliver everything pending to these parties; gives each party that has anything left, with the reason.

        A mail that has to wait for its hour goes out once `now` (business time) has reached it; without `now` it waits.
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
            ready = [tiding for tiding in waiting if _ready(tiding, now)]
            failure = await self._tell(subscription_id, ready, seconds, now)
            if failure is not None:
                left[party] = failure
            elif len(ready) < len(waiting):
                left[party] = WAITS
        return left

    async def deliver_all(self, subscription_id: str, party: Party, now: datetime | None = None) -> Delivered:
        """Deliver everything pending to one party, with more patience; gives when to come again for what has to wait.

        `now` is business time. Raises a retryable ApplicationError of type `Undelivered` where anything is left that
        need not wait: Temporal tries again.
        """
        left = await self.deliver(subscription_id, (party,), seconds=PATIENT_SECONDS, now=now)
        if left.get(party) == WAITS:
            pending = await self._outbox.pending_tidings(subscription_id)
            hours = [t.not_before for t in pending.get(party, ()) if isinstance(t, SendMail) and t.not_before]
            return Delivered(min(hours, default=None))
        if party in left:
            raise ApplicationError(
                f"subscription {subscription_id}: {party} could not be told everything ({left[party]}). No money "
                "moved; it is tried again from there. What waits is in table outbox.",
                type=UNDELIVERED,
            )
        return Delivered()

    async def _tell(
        self, subscription_id: str, waiting: Sequence[Tiding], seconds: float, now: datetime | None
    ) -> str | None:
        """Tell one party in order; gives why it stopped, or None where everything was told."""
        until = asyncio.get_running_loop().time() + seconds
        for tiding in waiting:
            place = await self._outbox.begin_try(tiding.key, seconds + LEASE_MARGIN_SECONDS)
            if place is None:
                if await self._still_pending(subscription_id, tiding.key):
                    return f"{tiding.key}: another worker is sending it"
                continue
            try:
                async with asyncio.timeout_at(until):
                    await self._send(subscription_id, tiding, place, now)
            except DeliveryRefused as refusal:
                # asked first: whoever is killed in between asks again, and nobody is asked twice under one key
                await self._outbox.ask_support(
                    f"refused/{tiding.key}", subscription_id, "dead letter", _dead_letter(tiding, refusal)
                )
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

    async def _send(self, subscription_id: str, tiding: Tiding, place: int, now: datetime | None) -> None:
        match tiding:
            case CommandPlatform(key, command, at, because):
                await self._platform.command(
                    key, command, subscription_id=subscription_id, place=place, at=at, because=because
                )
            case TellPlatform(key, what, fields, at, by, because):
                await self._platform.event(
                    key,
                    what,
                    subscription_id=subscription_id,
                    place=place,
                    fields=fields,
                    at=at,
                    by=by,
                    because=because,
                )
            case SendMail(key, template, at, about):
                to, view = await self._addressee(subscription_id), await self._view(subscription_id)
                invoices = await self._outbox.open_invoices(subscription_id, about.get("invoice"))
                await self._mailer.send(Letter(key, template, at, about, to, view, tuple(invoices), now))
            case PlaceWithAgency(key, _, invoices, at):
                debtor = await self._addressee(subscription_id)
                await self._agency.place(
                    key,
                    subscription_id=subscription_id,
                    debtor=debtor,
                    currency=(await self._view(subscription_id)).currency,
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
                    currency=(await self._view(subscription_id)).currency,
                    because=because,
                    at=at,
                )
            case TellSiblings(key, signal, reason, at):
                for sibling in await self._outbox.siblings(subscription_id):
                    await self._siblings.tell(key, subscription_id=sibling, signal=signal, reason=reason, at=at)

    async def _addressee(self, subscription_id: str) -> Addressee:
        addressee = await self._outbox.customer_of(subscription_id)
        if addressee is None:
            raise LookupError(f"subscription {subscription_id}: no customer is registered, so there is no address")
        return addressee

    async def _view(self, subscription_id: str) -> View:
        view = await self._outbox.view(subscription_id)
        if view is None:
            raise LookupError(f"subscription {subscription_id}: the books do not know it")
        return view


def _ready(tiding: Tiding, now: datetime | None) -> bool:
    """Whether a tiding may go out now."""
    if not isinstance(tiding, SendMail) or tiding.not_before is None:
        return True
    return now is not None and tiding.not_before <= now


def _dead_letter(tiding: Tiding, refusal: DeliveryRefused) -> str:
    """What support reads. The texts of refusals name no person; the mail's address stays in the customer's record."""
    return (
        f"{tiding.kind} {tiding.key} will not be taken as it is and is not sent again by itself: {refusal}. "
        "No money moved. See `cli.py dead-letters`; mend the cause, then `cli.py replay` or `cli.py discard`."
    )


def _text(error: Exception) -> str:
    """An error in one line of at most 300 characters; a timeout has no text of its own."""
    return f"{type(error).__name__}: {str(error) or 'no answer in time'}"[:300]
