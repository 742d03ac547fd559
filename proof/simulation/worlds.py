"""A random world from a seed and a number: its script is written while the life is lived, so that it hits deadlines."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

from domain.periods import first_instant, parse_local
from domain.scenario import Said
from proof.simulation import messages, terms
from proof.simulation.lives import A_MOMENT, Life
from proof.simulation.scripts import Script
from proof.simulation.varied import family, policies

ENOUGH_AFTER_THE_END = 0.4  # all that can come of it is a refusal, or unapplied money
MESSAGES_LIMIT = 60  # of one life; the busiest customers that support knows have a dozen


def world(seed: str, number: int, folder: Path, policy: str | None = None) -> Life:
    """Live the life of that number under audit. Its whole script is in `script`; `folder` holds varied policies."""
    random = Random(f"{seed}/{number}")  # noqa: S311 -- a seed that can be said again is the point
    names = policies(seed, folder)
    chosen = policy or random.choice(names)
    said: dict[str, Any] = {"policy": chosen, "subscription": terms.subscription(random)}
    starts_on = date.fromisoformat(said["subscription"]["starts_on"])
    until = starts_on + timedelta(days=random.choice((500, 730, 900, 1_200, 1_460)))
    said["until"] = until.isoformat()
    said["gateway"] = terms.gateway(random, starts_on, until)
    said["usage"] = terms.usage(random, starts_on, until)
    others = sorted({name for name in names if family(name) == family(chosen) and name != chosen})
    extras = terms.extras(random, said, [] if policy else others)
    life = Life(Script({**said, "messages": []}, extras))
    return _told(random, life, said["subscription"]["customer"]["timezone"])


def _told(random: Random, life: Life, timezone: str) -> Life:
    """Say things to a life, each where it hurts most, until it has heard enough."""
    wanted = random.choice((0, 2, 5, 10, 20, MESSAGES_LIMIT))
    quiet_from = first_instant(life.scenario.terms.starts_on, timezone) + timedelta(
        days=random.choice((300, 600, 1_000))
    )
    said, latest = life.script.scenario["messages"], life.now
    while len(said) < wanted and life.objection is None:
        at = messages.moment(random, life).replace(microsecond=0)
        if at < max(life.now, latest):
            at = max(life.now, latest).replace(microsecond=0) + messages.SECOND
        latest = at
        if at >= life.scenario.until or at > quiet_from:
            break
        if life.state.standing == "ended" and random.random() < ENOUGH_AFTER_THE_END:
            break
        life.advance(at)
        if life.away is False and life.now > at:
            continue  # a worker came back in between, and time went on
        fresh: list[dict[str, Any]] = []
        for _ in range(random.choice((1, 1, 1, 2))):
            fresh.append(messages.message(random, life, at, [*said, *fresh]))
        said += fresh
        life.advance(at + A_MOMENT, [_heard(m, timezone) for m in fresh])
    life.finish()
    return life


def _heard(message: dict[str, Any], timezone: str) -> Said:
    payload = {name: value for name, value in message.items() if name != "signal"}
    return Said(parse_local(message["at"], timezone), message["signal"], payload)
