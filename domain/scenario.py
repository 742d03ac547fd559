"""A scenario file: a policy, a subscription, what the world does. The format is the contract's, and fixed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from domain.messages import SIGNALS
from domain.money import InvalidAmount, Money
from domain.opening import InvalidTerms, Outcome, Reader, Terms, read_terms
from domain.periods import first_instant, parse_local
from domain.subscription import Role
from domain.world import USAGE_KINDS, GatewayRule, Usage, World

YEARS_LIMIT = 50
MESSAGES_LIMIT = 1_000
OUTCOMES: tuple[Outcome, ...] = ("approved", "declined", "unknown_then_approved", "unknown_then_declined")
NOTES = ("title", "expect", "never", "count", "final", "exit")
"""Fields that are read by people and by the checker, not by the engine."""
FIELDS = ("policy", "subscription", "until", "gateway", "usage", "messages", *NOTES)
"""All that a scenario may have."""


class InvalidScenario(ValueError):
    """A scenario that cannot be played. The text says where, which value and what was expected."""


@dataclass(frozen=True, slots=True)
class Said:
    """A message of a scenario: delivered at `at`, not yet understood."""

    at: datetime
    signal: str
    payload: dict[str, object]


@dataclass(frozen=True, slots=True)
class Scenario:
    title: str
    policy: str
    terms: Terms
    world: World
    messages: tuple[Said, ...]
    """In order of delivery."""
    begins_at: datetime
    """Before the first thing that happens."""
    until: datetime
    """Exclusive: what is due at that instant is not played."""


def read_scenario(said: object) -> Scenario:
    """The scenario in a JSON object. Raises InvalidScenario."""
    try:
        return _read(said)
    except (InvalidTerms, ValueError) as error:
        raise InvalidScenario(str(error)) from None


def _read(said: object) -> Scenario:
    top = Reader(said, "scenario")
    for note in NOTES:
        top.has(note)
    policy = top.text("policy", limit=1_000)
    terms = read_terms(top.get("subscription"))
    timezone = terms.customer.timezone
    until_on = top.date("until")
    for name, on in (("subscription.starts_on", terms.starts_on), ("until", until_on)):
        if not 1950 <= on.year <= 2200:
            raise InvalidScenario(f"scenario.{name}: {on}: expected a year from 1950 to 2200")
    if (until_on - terms.starts_on).days > YEARS_LIMIT * 365.25:
        raise InvalidScenario(
            f"scenario.until: {until_on}: expected at most {YEARS_LIMIT} years after starts_on, {terms.starts_on}"
        )
    world = World(tuple(_rule(r) for r in top.readers("gateway")), tuple(_usage(u) for u in top.readers("usage")))
    messages = top.readers("messages")
    if len(messages) > MESSAGES_LIMIT:
        raise InvalidScenario(f"scenario.messages: {len(messages)} messages; expected at most {MESSAGES_LIMIT}")
    heard = sorted((_message(m, terms) for m in messages), key=lambda m: m.at)
    title = top.text("title", default="", limit=1_000)
    top.done()
    first = min([first_instant(terms.starts_on, timezone), *(m.at for m in heard)])
    return Scenario(title, policy, terms, world, tuple(heard), first, first_instant(until_on, timezone))


def _rule(said: Reader) -> GatewayRule:
    role: Role = "primary" if said.one_of("method", "primary", "secondary") == "primary" else "secondary"
    outcome = next(o for o in OUTCOMES if o == said.one_of("outcome", *OUTCOMES))
    first_on = said.date("from")
    until: date | None = said.date("until") if said.has("until") else None
    reason = said.text("reason") if said.has("reason") else None
    said.done()
    return GatewayRule(role, first_on, until, outcome, reason)


def _usage(said: Reader) -> Usage:
    usage = Usage(said.date("on"), said.one_of("kind", *USAGE_KINDS))
    said.done()
    return usage


def _message(said: Reader, terms: Terms) -> Said:
    """A message is delivered as it stands: what it cannot mean is refused by the engine, not by the file's reader.

    Only what the player itself needs is checked here: when, under which name, and the format's limit for amounts.
    """
    try:
        at = parse_local(said.get("at"), terms.customer.timezone)
    except ValueError as error:
        raise InvalidScenario(f"{said.where}.at: {error}") from None
    signal = said.text("signal")
    payload = {name: value for name, value in said.said.items() if name != "signal"}
    if signal in SIGNALS and isinstance(payload.get("amount"), str):
        try:
            Money.parse(payload["amount"], terms.currency)
        except InvalidAmount as error:
            if "10^15" in str(error):
                raise InvalidScenario(f"{said.where}.amount: {error}") from None
    return Said(at, signal, payload)
