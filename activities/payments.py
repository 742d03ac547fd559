"""Asking a gateway for money, at most once for each charge, whatever breaks on the way.

A decline is a value. An answer that was not heard is a value, too: `unknown`, to be looked up by key before anything
else is charged. Only what never reached the gateway is an error, and Temporal tries that again under the same key.
"""

from __future__ import annotations

import asyncio
from typing import Literal, Protocol

from temporalio import activity

from activities.delivery import Deliveries
from domain import errands
from domain.effects import Batch, Charge, Tiding
from domain.errands import ChargeOutcome, ChargeRequest, LookUpOutcome, LookUpRequest
from domain.gateways import GatewayAnswer, GatewaySilent, GatewayUnavailable
from domain.subscription import MethodKind

TRIES_WHILE_AWAY = 4  # some 15 s; a payment that comes meanwhile must not wait for a gateway's outage to end
ANSWER_SECONDS = 30.0  # a gateway answers within 10 s or so; after this the outcome is unknown, not declined


class Attempt(Protocol):
    """A charge as the books know it: new, started, approved, declined or unknown."""

    @property
    def state(self) -> Literal["new", "started", "approved", "declined", "unknown"]: ...
    @property
    def reason(self) -> str | None: ...
    @property
    def may_tell(self) -> bool:
        """Whether anything may wait to be told; False only where somebody has looked."""
        ...


class AttemptBook(Protocol):
    """What is written down before and after a gateway is asked; a batch goes into the same transaction."""

    async def write(self, batch: Batch) -> bool: ...
    async def begin_attempt(self, charge: Charge, subscription_id: str, batch: Batch | None = None) -> Attempt: ...
    async def complete_attempt(
        self,
        charge_key: str,
        state: Literal["approved", "declined", "unknown"],
        reason: str | None,
        if_approved: Batch | None = None,
    ) -> Attempt: ...
    async def note_absent(self, charge_key: str) -> None: ...
    async def attempt(self, charge_key: str) -> Attempt | None: ...


class Gateway(Protocol):
    """Takes money. The same key is the same charge.

    Raises GatewaySilent where a request was sent and no answer came, GatewayUnavailable where it could not be sent.
    """

    async def charge(self, charge: Charge, *, subscription_id: str, timezone: str) -> GatewayAnswer: ...
    async def look_up(self, charge_key: str, *, subscription_id: str, method: MethodKind) -> GatewayAnswer: ...


class PaymentActivities:
    """Both may be tried again at any point: the attempt is written down before the gateway is asked."""

    def __init__(self, books: AttemptBook, gateway: Gateway, deliveries: Deliveries) -> None:
        self._books = books
        self._gateway = gateway
        self._deliveries = deliveries

    @activity.defn(name=errands.CHARGE)
    async def charge(self, request: ChargeRequest) -> ChargeOutcome:
        """Charge once. A call that comes again gives the answer that was given, without asking the gateway again.

        Raises GatewayUnavailable where the request could not be sent: no money moved, trying again is safe. After
        TRIES_WHILE_AWAY of these the answer is `unknown`.
        """
        charge, subscription_id = request.charge, request.subscription_id
        attempt = await self._books.begin_attempt(charge, subscription_id, request.batch)
        if _tells(request.batch):
            await self._deliveries.deliver(subscription_id)  # a gateway that is away must not keep back a lock
        state, reason = attempt.state, attempt.reason
        if state == "new":
            state, reason = await self._ask(request)
        elif state == "started":
            state, reason = await self._find_or_ask(request)
        stands = await self._books.complete_attempt(charge.charge_key, state, reason, request.if_approved)
        left = await self._deliveries.deliver(subscription_id) if stands.may_tell else {}
        match stands.state:
            case "approved" | "declined" | "unknown" as outcome:
                return ChargeOutcome(outcome, stands.reason, tuple(left))
            case unfinished:
                raise AssertionError(f"charge {charge.charge_key}: completed, yet {unfinished}; look at table attempt")

    @activity.defn(name=errands.LOOK_UP_CHARGE)
    async def look_up_charge(self, request: LookUpRequest) -> LookUpOutcome:
        """What became of a charge. Raises GatewayUnavailable where the gateway could not be asked."""
        key, subscription_id = request.question.charge_key, request.subscription_id
        if request.batch is not None:
            await self._books.write(request.batch)
        left = tuple(await self._deliveries.deliver(subscription_id))
        known = await self._books.attempt(key)
        if known is not None and known.state in ("approved", "declined"):
            return LookUpOutcome("approved" if known.state == "approved" else "declined", known.reason, left)
        answer = await self._look_up(key, subscription_id, request.question.method)
        if answer is None:
            return LookUpOutcome("unknown", None, left)
        if known is not None:
            if answer.outcome == "not_found":
                await self._books.note_absent(key)
            else:
                await self._books.complete_attempt(key, answer.outcome, answer.reason)
        return LookUpOutcome(answer.outcome, answer.reason, left)

    async def _find_or_ask(
        self, request: ChargeRequest
    ) -> tuple[Literal["approved", "declined", "unknown"], str | None]:
        """Somebody began this charge and may have asked: look it up, and ask only where it never arrived."""
        charge = request.charge
        answer = await self._look_up(charge.charge_key, request.subscription_id, charge.method)
        if answer is None:
            return "unknown", None
        if answer.outcome == "not_found":
            return await self._ask(request)
        return answer.outcome, answer.reason

    async def _ask(self, request: ChargeRequest) -> tuple[Literal["approved", "declined", "unknown"], str | None]:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await self._gateway.charge(
                    request.charge, subscription_id=request.subscription_id, timezone=request.timezone
                )
        except (GatewaySilent, TimeoutError):
            return "unknown", None
        except GatewayUnavailable:
            if not _out_of_patience():
                raise
            return "unknown", None
        if answer.outcome == "not_found":
            raise ValueError(
                f"charge {request.charge.charge_key}: a gateway answered not_found to a charge; adapter fault"
            )
        return answer.outcome, answer.reason

    async def _look_up(self, charge_key: str, subscription_id: str, method: MethodKind) -> GatewayAnswer | None:
        """The gateway's answer, or None where it gave none in time."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._gateway.look_up(charge_key, subscription_id=subscription_id, method=method)
        except (GatewaySilent, TimeoutError):
            return None
        except GatewayUnavailable:
            if not _out_of_patience():
                raise
            return None


def _out_of_patience() -> bool:
    """True once a gateway that is away has been tried often enough: the subscription has other things to attend to.

    The outcome is then `unknown`, and the charge is looked up by its key before it is asked for again.
    """
    return activity.in_activity() and activity.info().attempt >= TRIES_WHILE_AWAY


def _tells(batch: Batch | None) -> bool:
    """Whether a batch has anything to tell."""
    return batch is not None and any(isinstance(effect, Tiding) for effect in batch.effects)
