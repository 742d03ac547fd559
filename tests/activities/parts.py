"""The activities on real books with simulated parties, and a workflow in miniature that plays scenarios by them."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from activities.access import AccessActivities
from activities.agency import AgencyActivities
from activities.delivery import Deliveries, Mailer, Platform
from activities.ledger import LedgerActivities
from activities.notices import NoticeActivities
from activities.payments import Gateway, PaymentActivities
from adapters.postgres.books import Books
from adapters.postgres.pool import Pool
from adapters.simulated.agency import SimulatedAgency
from adapters.simulated.gateway import SimulatedGateway
from adapters.simulated.mailbox import Mailbox
from adapters.simulated.platform import SimulatedPlatform
from adapters.simulated.world import load_world
from domain.decide import decide
from domain.effects import (
    Charge,
    Effect,
    LookUpCharge,
    LookUpMessage,
    LookUpPayment,
    Question,
    ReadFacts,
    condensed,
)
from domain.errands import (
    ChargeRequest,
    FactsRequest,
    LookUpRequest,
    MessageRequest,
    PaymentRequest,
)
from domain.events import (
    ChargeAnswered,
    ChargeLookedUp,
    DeadlinePassed,
    Event,
    FactsRead,
    MessageLookedUp,
    MessageReceived,
    PaymentLookedUp,
)
from domain.letters import Addressee
from domain.opening import opened
from domain.policy import Policy
from domain.scenario import Scenario
from domain.subscription import Subscription
from policies.load import load
from tests.postgres.lives import batch_of


@dataclass(slots=True)
class Told:
    """Remembers what siblings were told."""

    heard: list[tuple[str, str, str]] = field(default_factory=list)

    async def tell(
        self,
        key: str,
        *,
        subscription_id: str,
        signal: Literal["block-access", "unblock-access"],
        reason: str,
        at: datetime,
    ) -> None:
        self.heard.append((subscription_id, signal, reason))


class Parts:
    """Everything wired together as worker.py would, with simulated parties; any of them can be replaced."""

    def __init__(
        self,
        pool: Pool,
        *,
        gateway: Gateway | None = None,
        platform: Platform | None = None,
        mailer: Mailer | None = None,
    ) -> None:
        self.pool = pool
        self.books = Books(pool)
        self.gateway = SimulatedGateway(pool)
        self.mailbox = Mailbox(pool)
        self.platform = SimulatedPlatform(pool)
        self.agency = SimulatedAgency(pool)
        self.siblings = Told()
        self.deliveries = Deliveries(
            self.books,
            platform=platform or self.platform,
            agency=self.agency,
            siblings=self.siblings,
            mailer=mailer or self.mailbox,
        )
        self.ledger = LedgerActivities(self.books, self.deliveries)
        self.payments = PaymentActivities(self.books, gateway or self.gateway, self.deliveries)
        self.notices = NoticeActivities(self.deliveries)
        self.access = AccessActivities(self.deliveries)
        self.agencies = AgencyActivities(self.deliveries)

    async def open(self, scenario: Scenario) -> None:
        """Register the customer and script the world, as a starter would."""
        customer = scenario.terms.customer
        await self.books.register(
            Addressee(customer.id, customer.client_number, customer.name, customer.email, customer.locale),
            scenario.terms.id,
        )
        await load_world(self.pool, scenario.terms.id, scenario.world)


class Shell:
    """The workflow in miniature: decide, carry out, ask, decide; in virtual time, without Temporal."""

    def __init__(self, parts: Parts, scenario: Scenario) -> None:
        self.parts = parts
        self.policy: Policy = load(scenario.policy)
        self.state: Subscription = opened(scenario.terms, self.policy)
        self.scenario = scenario
        self.turns = 0

    async def play(self) -> Subscription:
        """Play the scenario to its end; gives the last state."""
        coming = [m for m in self.scenario.messages if m.at < self.scenario.until]
        wake_at = await self.turn(DeadlinePassed(self.scenario.begins_at))
        while True:
            due = wake_at if wake_at and wake_at < self.scenario.until else None
            if coming and (due is None or coming[0].at <= due):
                message = coming.pop(0)
                wake_at = await self.turn(MessageReceived(message.signal, (message.payload,), message.at))
            elif due is not None:
                wake_at = await self.turn(DeadlinePassed(due))
            else:
                return self.state

    async def turn(self, event: Event) -> datetime | None:
        """One event and all that its questions lead to; gives when to wake."""
        waiting: list[Effect] = []
        decision = decide(self.state, event, self.policy)
        while True:
            self.state = decision.subscription
            waiting += decision.effects
            if decision.question is None:
                break
            answer = await self.ask(decision.question, waiting, event.at)
            waiting.clear()
            decision = decide(self.state, answer, self.policy)
            if isinstance(answer, ChargeAnswered) and answer.outcome == "approved" and decision.question is None:
                self.state = decision.subscription
                break
        if waiting:
            self.turns += 1
            await self.parts.ledger.carry_out(batch_of(self.state, self.policy, self.turns, condensed(waiting)))
        return decision.wake_at

    async def ask(self, question: Question, waiting: list[Effect], now: datetime) -> Event:
        """Put a question, with what waits to be recorded."""
        parts, s = self.parts, self.state
        self.turns += 2
        batch = batch_of(s, self.policy, self.turns - 1, condensed(waiting)) if waiting else None
        match question:
            case Charge():
                approved = decide(s, ChargeAnswered("approved", None, now), self.policy)
                written = None
                if approved.question is None:
                    written = batch_of(approved.subscription, self.policy, self.turns, condensed(approved.effects))
                charged = await parts.payments.charge(ChargeRequest(s.id, s.timezone, batch, question, written))
                return ChargeAnswered(charged.outcome, charged.reason, now)
            case LookUpCharge():
                found = await parts.payments.look_up_charge(LookUpRequest(s.id, s.timezone, batch, question))
                return ChargeLookedUp(found.outcome, found.reason, now)
            case ReadFacts():
                facts = await parts.ledger.read_facts(FactsRequest(s.id, batch, question))
                return FactsRead(facts.used, facts.evidence, now)
            case LookUpPayment(reference):
                return PaymentLookedUp(await parts.ledger.look_up_payment(PaymentRequest(s.id, batch, reference)), now)
            case LookUpMessage(digests):
                known = await parts.ledger.look_up_message(MessageRequest(s.id, batch, digests))
                return MessageLookedUp(known, now)
