"""One subscription's life for tests: told what is said and when, it plays what is due and keeps what happened.

`tell` and `play` are a punctual worker: everything due happens at its instant. `hear` and `wake` are a worker that
was down: what was due meanwhile happens when it comes back, messages first.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime

from domain.decide import decide
from domain.effects import Charge, Decision, Effect, Entry, LookUpCharge, SendMail
from domain.events import DeadlinePassed, Event, MessageReceived
from domain.forecast import Forecast, forecast
from domain.opening import Customer, Terms, opened
from domain.periods import first_instant, local, parse_local
from domain.policy import Policy
from domain.subscription import MethodKind, Subscription
from domain.timeline import told
from domain.world import Book, World, answer
from policies.load import load
from tests.domain.gateway import APPROVED, Fate, Gateway

TURNS_AT_ONE_INSTANT = 300  # the largest seen is 40: one rung after another, each its own turn
BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


def terms(
    *,
    price_minor: int = 4900,
    currency: str = "USD",
    instalments: int = 12,
    starts_on: str = "2026-01-15",
    timezone: str = "America/New_York",
    primary: MethodKind = "card",
    secondary: MethodKind | None = "card",
    tags: tuple[str, ...] = (),
    since: str | None = None,
) -> Terms:
    """The contract's customer and plan, with what a case changes of them."""
    customer = Customer(
        id="c-1",
        client_number="K100",
        name="Ada Example",
        email="ada@example.com",
        timezone=timezone,
        locale="en",
        since=date.fromisoformat(since) if since else None,
    )
    starts = date.fromisoformat(starts_on)
    return Terms("s-1", customer, "pro", price_minor, currency, instalments, starts, primary, secondary, tags)


Witness = Callable[[Subscription, Event, Decision], None]
"""Is shown every decision as it is taken: the state before, the event, the decision."""


class Life:
    """A subscription, its policy, its world and its books, from the first moment on."""

    def __init__(
        self,
        policy: Policy | str,
        terms: Terms,
        gateway: Gateway | None = None,
        world: World | None = None,
        witness: Witness | None = None,
    ) -> None:
        self.policy = load(policy) if isinstance(policy, str) else policy
        self.state = opened(terms, self.policy)
        self.gateway = gateway or Gateway.of()
        self.world = world or World()
        self.book = Book()
        self.effects: list[Effect] = []
        self.wake_at: datetime | None = None
        self.witness = witness
        self.happen(DeadlinePassed(BEFORE_ALL))

    @property
    def entries(self) -> list[Entry]:
        """The whole timeline."""
        return [e for e in self.effects if isinstance(e, Entry)]

    @property
    def mails(self) -> list[SendMail]:
        """Every mail that was sent."""
        return [e for e in self.effects if isinstance(e, SendMail)]

    def at(self, clock: str) -> datetime:
        """The instant of a local time such as `2026-03-18T10:00`, or of the beginning of a local date."""
        if "T" in clock:
            return parse_local(clock, self.state.timezone)
        return first_instant(date.fromisoformat(clock), self.state.timezone)

    def happen(self, event: Event) -> None:
        """One event, and all that its questions lead to. The world answers at the event's own instant."""
        asking: Event | None = event
        while asking is not None:
            before = self.state
            decision = decide(before, asking, self.policy)
            if self.witness:
                self.witness(before, asking, decision)
            self.state, self.wake_at = decision.subscription, decision.wake_at
            self.effects += decision.effects
            self.book.keep(decision.effects)
            question, now = decision.question, asking.at
            match question:
                case None:
                    asking = None
                case Charge():
                    asking = self.gateway.charge(question, now)
                case LookUpCharge():
                    asking = self.gateway.look_up(question, now)
                case _:
                    asking = answer(question, self.world, self.book, now, self.state.timezone)

    def play(self, until: str | datetime) -> "Life":
        """Everything due before `until`, each at its instant."""
        end = self.at(until) if isinstance(until, str) else until
        seen, turns = None, 0
        while self.wake_at is not None and self.wake_at < end:
            turns = turns + 1 if self.wake_at == seen else 1
            seen = self.wake_at
            assert turns <= TURNS_AT_ONE_INSTANT, f"it stands still at {seen.isoformat()}"
            self.happen(DeadlinePassed(self.wake_at))
        return self

    def tell(self, clock: str | datetime, signal: str, **fields: object) -> "Life":
        """Everything due before `clock`, then a message; what is due at the same instant comes after it."""
        now = self.at(clock) if isinstance(clock, str) else clock
        self.play(now)
        return self.hear(now, signal, **fields)

    def hear(self, clock: str | datetime, signal: str, **fields: object) -> "Life":
        """A message, whatever is due: a worker that was down takes messages in first."""
        now = self.at(clock) if isinstance(clock, str) else clock
        payload = {name: value for name, value in fields.items() if value is not None}
        self.happen(MessageReceived(signal, (payload,), now))
        return self

    def wake(self, clock: str | datetime) -> "Life":
        """The worker comes back: everything due by now happens now, in order."""
        now = self.at(clock) if isinstance(clock, str) else clock
        turns = 0
        while self.wake_at is not None and self.wake_at <= now:
            turns += 1
            assert turns <= TURNS_AT_ONE_INSTANT, f"it does not come past {self.wake_at.isoformat()}"
            self.happen(DeadlinePassed(now))
        return self

    def forecast(self, clock: str | datetime) -> Forecast:
        """Its two futures."""
        return forecast(self.state, self.policy, self.at(clock) if isinstance(clock, str) else clock)

    def story(self, *only: str, since: str = "0001-01-01", until: str = "9999-12-31") -> list[str]:
        """What happened from a local date until (exclusive) another: `03-18 00:00 standing locked`.

        `only` keeps entries of these kinds; without it all of them are told. Midnight is left out.
        """
        return list(self._lines(e for e in self.entries if not only or e.what in only)(since, until))

    def _lines(self, entries: Iterable[Entry]) -> Callable[[str, str], list[str]]:
        def between(since: str, until: str) -> list[str]:
            lines = []
            for entry in entries:
                at = local(entry.at, self.state.timezone)
                if since <= at.date().isoformat() < until:
                    what, amount, _ = told(entry)
                    clock = "" if (at.hour, at.minute) == (0, 0) else f"{at:%H:%M} "
                    lines.append(f"{at:%m-%d} {clock}{what} {amount}".rstrip())
            return lines

        return between


def begins(policy: Policy | str, *script: Fate, afterwards: Fate = APPROVED, **changes: object) -> Life:
    """A life whose charges meet these fates, one after another, and `afterwards` for ever after."""
    return Life(policy, terms(**changes), Gateway.of(*script, afterwards=afterwards))  # type: ignore[arg-type]
