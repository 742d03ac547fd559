"""Carrying decisions out, and asking the books: what is recorded is recorded before anybody is told of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from temporalio import activity

from activities.delivery import Deliveries
from domain.effects import Batch, ReadFacts
from domain.events import PaymentFacts


class Books(Protocol):
    """What is written down, and what a decision may ask of it. A batch whose key is known is not written again."""

    async def write(self, batch: Batch) -> bool: ...
    async def payment(self, subscription_id: str, reference: str) -> PaymentFacts | None: ...
    async def known_messages(self, subscription_id: str, digests: Sequence[str]) -> tuple[str, ...]: ...
    async def used_between(self, subscription_id: str, start: date, end: date) -> bool: ...
    async def possible_money(self, subscription_id: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class CarriedOut:
    """`undelivered` names the parties (platform, agency, siblings, mail) that have anything left to be told."""

    undelivered: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PaymentQuestion:
    """Which payment to look up; `batch`, where given, is carried out first."""

    batch: Batch | None
    subscription_id: str
    reference: str


@dataclass(frozen=True, slots=True)
class MessageQuestion:
    """Which digests to look up; `batch`, where given, is carried out first."""

    batch: Batch | None
    subscription_id: str
    digests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FactsQuestion:
    """Which facts to read; `batch`, where given, is carried out first."""

    batch: Batch | None
    subscription_id: str
    question: ReadFacts


@dataclass(frozen=True, slots=True)
class FactsAnswer:
    """Whether anything was used in the month asked for, and whether unapplied bank money may be this customer's."""

    used: bool
    evidence: bool


class LedgerActivities:
    """All fail only where the database does, and may then be tried again; nothing is half written."""

    def __init__(self, books: Books, deliveries: Deliveries) -> None:
        self._books = books
        self._deliveries = deliveries

    @activity.defn(name="carry_out")
    async def carry_out(self, batch: Batch) -> CarriedOut:
        """Record what a decision wants and tell everyone at once; what cannot be told now stays in the outbox."""
        await self._books.write(batch)
        left = await self._deliveries.deliver(batch.view.subscription_id)
        return CarriedOut(tuple(left))

    @activity.defn(name="look_up_payment")
    async def look_up_payment(self, question: PaymentQuestion) -> PaymentFacts | None:
        """A payment and what it pays now; None where the books know none of that reference."""
        await self._first(question.batch)
        return await self._books.payment(question.subscription_id, question.reference)

    @activity.defn(name="look_up_message")
    async def look_up_message(self, question: MessageQuestion) -> tuple[str, ...]:
        """Those of the digests that were taken in before."""
        await self._first(question.batch)
        return await self._books.known_messages(question.subscription_id, question.digests)

    @activity.defn(name="read_facts")
    async def read_facts(self, question: FactsQuestion) -> FactsAnswer:
        """What a rung's conditions need. `used` is False where no month is asked for."""
        await self._first(question.batch)
        asked, used = question.question, False
        if asked.month_start is not None and asked.month_end is not None:
            used = await self._books.used_between(question.subscription_id, asked.month_start, asked.month_end)
        return FactsAnswer(used, await self._books.possible_money(question.subscription_id))

    async def _first(self, batch: Batch | None) -> None:
        if batch is not None:
            await self.carry_out(batch)
