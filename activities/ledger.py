"""Carrying decisions out, and asking the books: what is recorded is recorded before anybody is told of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Protocol

from temporalio import activity

from activities.delivery import Deliveries
from domain import errands
from domain.effects import Batch
from domain.errands import CarriedOut, FactsAnswer, FactsRequest, MessageRequest, PaymentRequest
from domain.events import PaymentFacts


class Books(Protocol):
    """What is written down, and what a decision may ask of it. A batch whose key is known is not written again."""

    async def write(self, batch: Batch) -> bool: ...
    async def payment(self, subscription_id: str, reference: str) -> PaymentFacts | None: ...
    async def known_messages(self, subscription_id: str, digests: Sequence[str]) -> tuple[str, ...]: ...
    async def used_between(self, subscription_id: str, start: date, end: date) -> bool: ...
    async def possible_money(self, subscription_id: str) -> bool: ...


class LedgerActivities:
    """All fail only where the database does, and may then be tried again; nothing is half written."""

    def __init__(self, books: Books, deliveries: Deliveries) -> None:
        self._books = books
        self._deliveries = deliveries

    @activity.defn(name=errands.CARRY_OUT)
    async def carry_out(self, batch: Batch) -> CarriedOut:
        """Record what a decision wants and tell everyone at once; what cannot be told now stays in the outbox."""
        await self._books.write(batch)
        left = await self._deliveries.deliver(batch.view.subscription_id)
        return CarriedOut(tuple(left))

    @activity.defn(name=errands.LOOK_UP_PAYMENT)
    async def look_up_payment(self, request: PaymentRequest) -> PaymentFacts | None:
        """A payment and what it pays now; None where the books know none of that reference."""
        await self._first(request.batch)
        return await self._books.payment(request.subscription_id, request.reference)

    @activity.defn(name=errands.LOOK_UP_MESSAGE)
    async def look_up_message(self, request: MessageRequest) -> tuple[str, ...]:
        """Those of the digests that were taken in before."""
        await self._first(request.batch)
        return await self._books.known_messages(request.subscription_id, request.digests)

    @activity.defn(name=errands.READ_FACTS)
    async def read_facts(self, request: FactsRequest) -> FactsAnswer:
        """What a rung's conditions need. `used` is False where no month is asked for."""
        left = await self._first(request.batch)
        asked, used = request.question, False
        if asked.month_start is not None and asked.month_end is not None:
            used = await self._books.used_between(request.subscription_id, asked.month_start, asked.month_end)
        return FactsAnswer(used, await self._books.possible_money(request.subscription_id), left)

    async def _first(self, batch: Batch | None) -> tuple[str, ...]:
        """Carry out what waits to be recorded; gives the parties that have anything left to be told."""
        return (await self.carry_out(batch)).undelivered if batch is not None else ()
