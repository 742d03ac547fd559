"""Who lives in the fleet: shipped scenarios, each with a subscription, a customer and an end of its own.

A story is taken where it does not hang on an instant: no deadline lies within `CALM` after a message, nor within
`REST` after the end. So a message may come some minutes late, as it does while servers are restarted, and the pure core
says the same of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from adapters.gateways.paypal_amounts import NotPayable, value_of
from adapters.gateways.stripe_amounts import InexpressibleAmount, to_stripe
from domain.opening import InvalidTerms
from domain.policy import Policy
from domain.published import publish
from domain.scenario import InvalidScenario, Said, Scenario, read_scenario
from policies.load import load
from proof.faults.expected import deadlines_about, played

FOLDER = Path(__file__).parents[2] / "examples" / "scenarios"
CALM = timedelta(minutes=15)
REST = timedelta(hours=4)
DAYS = 130  # the longest story: some four months
EARLIER = timedelta(hours=7)  # a life ends so long before its scenario does: most deadlines are at midnight
LATE_MINUTES = 4  # a message that is held up comes at most so late
TWICE, LATE, BLOCKED = 0.3, 0.3, 0.3  # how often a message comes twice, comes late, and a life is blocked meanwhile


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message as it is sent: `said` is what it says, `at` when it comes, `times` how often."""

    said: Said
    at: datetime
    times: int


@dataclass(frozen=True, slots=True)
class Life:
    """One subscription of the fleet. `scenario.until` is the last instant that is played, exclusive."""

    story: str
    scenario: Scenario
    policy: Policy
    deliveries: tuple[Delivery, ...]

    @property
    def id(self) -> str:
        return self.scenario.terms.id

    @property
    def heard(self) -> tuple[Said, ...]:
        """What the subscription hears, in order, each as often as it comes."""
        return tuple(replace(d.said, at=d.at) for d in self.deliveries for _ in range(d.times))


def fleet(count: int, random: Random) -> list[Life]:
    """So many lives, drawn from all stories that fit, each story about as often as any other."""
    fitting, lives = sorted(FOLDER.glob("*.json")), list[Life]()
    while len(lives) < count:
        for path in random.sample(fitting, len(fitting)):
            if not _fits(path):
                fitting.remove(path)
            elif len(lives) < count:
                id_ = f"f{len(lives) + 1:03d}-{path.stem}"
                lives.append(_life(path, id_, random) or plain(path, id_))
            else:
                break
    return lives


@cache
def _fits(path: Path) -> bool:
    """Whether a shipped scenario is short, is no error, and hangs on no instant."""
    said = json.loads(path.read_text(encoding="utf-8"))
    if "exit" in said:
        return False
    try:
        life = plain(path, path.stem)
    except (InvalidScenario, InvalidTerms):
        return False
    scenario = life.scenario
    short = scenario.until - scenario.begins_at <= timedelta(days=DAYS)
    return short and _is_payable(life) and _is_calm(life)


def _is_payable(life: Life) -> bool:
    """Whether the gateways can take each of its amounts: Stripe wants 12.340 where a dinar has a thousand parts."""
    try:
        for charge in played(life.scenario, life.policy, life.heard).charges.values():
            if charge.method == "card":
                to_stripe(charge.minor, charge.currency)
            else:
                value_of(charge.minor, charge.currency)
    except (InexpressibleAmount, NotPayable):
        return False
    return True


def plain(path: Path, id_: str) -> Life:
    """The story as it is told: every message once, when it says."""
    scenario = _of_its_own(path, id_)
    policy = load(scenario.policy, path.parent)
    publish(policy)
    scenario = replace(scenario, until=scenario.until - EARLIER)
    told = tuple(Delivery(said, said.at, 1) for said in scenario.messages if said.at < scenario.until)
    return Life(path.stem, scenario, policy, told)


def _life(path: Path, id_: str, random: Random) -> Life | None:
    """The story with what happens on the way of messages: twice, late, in another order. None where it is not calm."""
    simple = plain(path, id_)
    told = list(simple.deliveries)
    if random.random() < BLOCKED:
        span = simple.scenario.until - simple.scenario.begins_at
        at = simple.scenario.begins_at + timedelta(days=1) + random.random() * (span - timedelta(days=2))
        told += [Delivery(said, said.at, 1) for said in _blocked(simple, at.replace(microsecond=0))]
    told.sort(key=lambda delivery: delivery.at)
    for place in range(len(told) - 1):
        if told[place].at == told[place + 1].at and random.random() < 0.5:
            told[place], told[place + 1] = told[place + 1], told[place]
    done: list[Delivery] = []
    for delivery in told:
        late = timedelta(minutes=random.uniform(0.5, LATE_MINUTES)) if random.random() < LATE else timedelta(0)
        at = max([delivery.at + late, *(before.at for before in done)])
        done.append(Delivery(delivery.said, at, 2 if random.random() < TWICE else 1))
    life = replace(simple, deliveries=tuple(done))
    return life if _is_calm(life) else None


def _blocked(life: Life, at: datetime) -> Iterator[Said]:
    """Two messages of one instant: which of them comes first makes a difference."""
    said = {"by": "support:faults", "reason": "looked at"}
    for signal in ("block-access", "unblock-access"):
        yield Said(at, signal, {**said, "at": at.isoformat(), "id": f"{life.id}/{signal}"})


def _is_calm(life: Life) -> bool:
    """Whether messages may be some minutes late, and the end some hours, without a deadline between."""
    scenario = life.scenario
    for delivery in life.deliveries:
        about = deadlines_about(life.heard, scenario, life.policy, delivery.at)
        if any(due <= delivery.at + CALM for due in about):
            return False
    told = played(scenario, life.policy, life.heard)
    return told.wake_at is None or told.wake_at > scenario.until + REST


def _of_its_own(path: Path, id_: str) -> Scenario:
    said = json.loads(path.read_text(encoding="utf-8"))
    subscription, customer = said["subscription"], said["subscription"]["customer"]
    number, old = customer["client_number"], subscription["id"]
    said["messages"] = _renamed(said.get("messages", []), old, id_)
    for message in said["messages"]:
        if message.get("client_number") == number:
            message["client_number"] = f"K-{id_}"
    subscription["id"] = id_
    customer |= {"id": f"c-{id_}", "client_number": f"K-{id_}", "name": id_, "email": f"{id_}@example.com"}
    return read_scenario(said)


def _renamed(value: Any, old: str, new: str) -> Any:
    """Ids of invoices and charges begin with their subscription's."""
    match value:
        case str() if value == old or value.startswith((f"{old}-", f"{old}/")):
            return new + value.removeprefix(old)
        case list():
            return [_renamed(item, old, new) for item in value]
        case dict():
            return {name: _renamed(item, old, new) for name, item in value.items()}
        case _:
            return value


def told_apart(lives: Sequence[Life]) -> str:
    """One line for people: how many stories there are, and what happens to their messages."""
    deliveries = [delivery for life in lives for delivery in life.deliveries]
    twice = sum(delivery.times > 1 for delivery in deliveries)
    late = sum(delivery.at > delivery.said.at for delivery in deliveries)
    swapped = sum(
        before.said.at == after.said.at and before.said.signal == "unblock-access"
        for life in lives
        for before, after in zip(life.deliveries, life.deliveries[1:], strict=False)
    )
    return (
        f"{len(lives)} subscriptions of {len({life.story for life in lives})} stories under "
        f"{len({life.policy.name for life in lives})} policies; {len(deliveries)} messages, {twice} of them sent "
        f"twice, {late} late, {swapped} pairs in another order"
    )
