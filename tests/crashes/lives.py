"""A customer's life played through the real activities on real books, by workers that die at chosen points.

What is played here in miniature is Temporal's part: the decision survives, and the same activity is tried again with
the same request by a worker that has nothing of the dead one. The parties survive, too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from temporalio.exceptions import ApplicationError

from activities.access import AccessActivities
from activities.agency import AgencyActivities
from activities.delivery import ORDER, UNDELIVERED, Deliveries
from activities.ledger import LedgerActivities
from activities.notices import NoticeActivities
from activities.payments import PaymentActivities
from adapters.postgres.books import Books
from adapters.postgres.pool import Pool
from adapters.simulated.world import load_world
from domain.errands import DELIVERIES, HEARTBEAT_TIMEOUT
from domain.events import Event
from domain.letters import Addressee
from domain.opening import opened
from domain.policy import Policy
from domain.subscription import Subscription
from tests.activities.parts import Shell
from tests.crashes.dying import Died, Watch, Watched, WatchedPool
from tests.crashes.outside import Away, Clock, Outside
from tests.crashes.stories import Story
from workflows.perform import BOOKS, PARTIES

TRIES = 6  # a killed courier keeps others off for 35 s: 10 s, 20 s and 40 s later it has lapsed


@dataclass(frozen=True, slots=True)
class Manner:
    """How a life is lived, apart from where it is cut."""

    name: str
    parties_away: bool = False
    """Nobody can be told beside a decision: each party is told by a delivery of its own."""
    couriers_wait: bool = False
    """Deliveries come after everything that was due at that instant, not at once."""
    after_heartbeat: bool = False
    """Temporal misses a heartbeat before it tries again, so that what the dead one was sending is free again."""


@dataclass(frozen=True, slots=True)
class Point:
    """Where a worker dies: at the n-th point of an activity.

    Activities are counted from 1 within their life; a courier has the number of what it was sent after.
    """

    activity: str
    place: int
    name: str

    def __str__(self) -> str:
        return f"{self.activity}: {self.place:02d} {self.name}"


@dataclass(slots=True)
class Life:
    """One telling of a story under a subscription of its own. `dies_at` says at which point an activity's first try."""

    story: Story
    id: str
    manner: Manner
    pool: Pool
    """Where workers get connections from. A dead one's is cut; those that nobody used mean nothing to the server."""
    outside: Outside
    dies_at: Callable[[str], int | None] = lambda _: None
    passed: list[Point] = field(default_factory=list)
    """Every point of every first try, in order; where the worker died, those until then."""
    died: list[Point] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    """Parties that a courier is to be sent to."""
    activities: int = 0

    async def live(self) -> Subscription:
        """Live the story to its end; gives the last state."""
        told, policy = self.story.scenario(self.id), self.story.policy()
        who = told.terms.customer
        books = Books(self.outside.pool)
        for id_ in (self.id, *(f"{self.id}-{other}" for other in self.story.siblings)):
            await books.register(Addressee(who.id, who.client_number, who.name, who.email, who.locale), id_)
        await load_world(self.outside.pool, self.id, told.world)
        state = self.story.prepared(opened(told.terms, policy))
        return await _Retold(self, told, policy, state).play()

    async def do(self, name: str, call: Callable[[_Worker], Awaitable[Any]]) -> Any:
        """Carry an activity out as Temporal would: tried again until it answers."""
        delivery = name in DELIVERIES.values()
        self.activities += not delivery
        label = f"{self.activities:02d} {name}"
        retries = PARTIES if delivery else BOOKS
        die_at, clock = self.dies_at(label), Clock(self.outside.pool, self.id)
        for tried in range(TRIES):
            watch = Watch(die_at if tried == 0 else None)
            try:
                answer = await call(_Worker(self.pool, watch, self._parties(delivery)))
                watch.pass_by("after the answer, which nobody heard")
            except Died:
                self.died.append(Point(label, len(watch.passed) - 1, watch.passed[-1]))
                if self.manner.after_heartbeat:
                    await clock.move(HEARTBEAT_TIMEOUT.total_seconds())
            except ApplicationError as error:
                if error.type != UNDELIVERED:
                    raise
            else:
                return answer
            finally:
                if tried == 0:
                    self.passed += [Point(label, place, point) for place, point in enumerate(watch.passed)]
            await clock.move(retries.initial_interval.total_seconds() * retries.backoff_coefficient**tried)
        raise AssertionError(f"{self.id}: {label} was tried {TRIES} times; its parties still are not told")

    async def send_couriers(self, now: datetime) -> None:
        """Deliver what could not be told beside a decision."""
        while self.waiting:
            party = self.waiting.pop(0)
            name = DELIVERIES[party]
            await self.do(name, lambda worker, name=name: worker.couriers[name](self.id, now))

    def _parties(self, delivery: bool) -> Outside | Away:
        return Away(self.outside) if self.manner.parties_away and not delivery else self.outside


class _Worker:
    """Every activity, as a worker process has it: made anew for each try."""

    def __init__(self, pool: Pool, watch: Watch, outside: Outside | Away) -> None:
        books = Watched("books", Books(WatchedPool(pool, watch)), watch)
        seen = partial(Watched, watch=watch)
        deliveries = Deliveries(
            books,
            platform=seen("platform", outside.platform),
            agency=seen("agency", outside.agency),
            siblings=seen("siblings", outside.siblings),
            mailer=seen("mailer", outside.mailer),
        )
        self.ledger = LedgerActivities(books, deliveries)
        self.payments = PaymentActivities(books, seen("gateway", outside.gateway), deliveries)
        access, agency, notices = (
            AccessActivities(deliveries),
            AgencyActivities(deliveries),
            NoticeActivities(deliveries),
        )
        self.couriers = {
            "deliver_commands": access.deliver_commands,
            "tell_siblings": access.tell_siblings,
            "deliver_to_agency": agency.deliver_to_agency,
            "deliver_mails": notices.deliver_mails,
        }


class _Retold(Shell):
    """The workflow in miniature, whose activities are carried out by workers that may die."""

    def __init__(self, life: Life, told: Any, policy: Policy, state: Subscription) -> None:
        self.life = life
        self.parts = self
        self.ledger = _Errands(self, "ledger", ("carry_out", "read_facts", "look_up_payment", "look_up_message"))
        self.payments = _Errands(self, "payments", ("charge", "look_up_charge"))
        self.scenario = told
        self.policy = policy
        self.state = state
        self.turns = 0
        self.at = told.begins_at

    async def play(self) -> Subscription:
        """Also sees the last deliveries out."""
        state = await super().play()
        await self.life.send_couriers(self.at)
        return state

    async def turn(self, event: Event) -> datetime | None:
        """Couriers that wait come back before the clock moves on."""
        if event.at > self.at:
            await self.life.send_couriers(self.at)
            self.at = event.at
        return await super().turn(event)


class _Errands:
    """Some of a worker's activities, by name."""

    def __init__(self, shell: _Retold, room: str, names: tuple[str, ...]) -> None:
        self._shell = shell
        self._room = room
        self._names = names

    def __getattr__(self, name: str) -> Callable[[Any], Awaitable[Any]]:
        if name not in self._names:
            raise AttributeError(name)
        return partial(self._carried_out, name)

    async def _carried_out(self, name: str, request: Any) -> Any:
        life = self._shell.life
        answer = await life.do(name, lambda worker: getattr(getattr(worker, self._room), name)(request))
        undelivered = getattr(answer, "undelivered", ())
        life.waiting += [party for party in ORDER if party in undelivered and party not in life.waiting]
        if not life.manner.couriers_wait:
            await life.send_couriers(self._shell.at)
        return answer
