"""The schedule: which fault strikes at which occurrence of what, drawn from a seed before anything happens.

What is real is not repeatable to the millisecond, so a fault is due not at a time but at an occurrence: the 37th commit
that completes a charge, the 12th request to the platform. A schedule of the same seed and size is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from proof.faults.expected import Told
from proof.faults.pgwire import Kind

CommitFault = Literal["killed before", "killed after", "cut before", "cut after"]
Outage = Literal[
    "temporal killed",
    "temporal restarted",
    "database killed",
    "database restarted",
    "database read-only",
    "disk full",
    "doors killed",
    "doors' clock off",
    "worker killed",
]

OUTAGES: tuple[Outage, ...] = (
    "worker killed",
    "doors killed",
    "database restarted",
    "temporal killed",
    "database read-only",
    "worker killed",
    "doors' clock off",
    "disk full",
    "database killed",
    "temporal restarted",
)
"""In this order over the run, each at a progress of its own."""

HEARD = 0.8  # faults are drawn from the first part of what is expected, so that they strike
ONE_IN = {"gateway": 10, "platform": 25, "agency": 6, "mail": 20}
"""How often a request to a party meets a fault, one in so many."""
KILLS_ONE_IN = 160  # charges, for each of the worst moments: a killed worker is missed after 20 s, and starts in 5


@dataclass(frozen=True, slots=True)
class Expected:
    """About how often each thing will happen, by what the core says of every life."""

    charges: dict[str, int]
    """By gateway."""
    batches: int
    tidings: dict[str, int]
    """By party."""

    @classmethod
    def of(cls, lives: Sequence[Told]) -> Expected:
        """The sum over all lives."""
        charges = [charge for told in lives for charge in told.charges.values()]
        return cls(
            {kind: sum(charge.method == kind for charge in charges) for kind in ("card", "paypal")},
            sum(len({entry.at for entry in told.entries}) for told in lives),
            {
                "platform": sum(len(told.commands) for told in lives),
                "agency": sum(len(told.placements) for told in lives),
                "mail": sum(len(told.mails) for told in lives),
            },
        )


@dataclass(slots=True)
class Plan:
    """`commits`: what befalls the n-th commit of a kind. `kills`: the n-th charges taken of which nobody hears since
    the worker is killed. `outages`: at which progress (0 to 1) what happens to servers and machines.
    """

    commits: dict[tuple[Kind, int], CommitFault] = field(default_factory=dict)
    kills: dict[str, list[int]] = field(default_factory=dict)
    """By gateway: before which number of charges that were taken."""
    requests: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    """By party: at which request which fault."""
    outages: list[tuple[float, Outage]] = field(default_factory=list)


FAULTS = {
    "card": ("lost_before", "lost_after", "twice", "status", "garbage"),
    "paypal": ("lost_before", "lost_after", "twice", "status", "garbage"),
    "platform": ("lost_before", "lost_after", "twice", "status"),
    "agency": ("lost_before", "lost_after", "status"),
    "mail": ("lost_before", "lost_after", "refuse_mail"),
}


def drawn(random: Random, expected: Expected) -> Plan:
    """A schedule for so much traffic."""
    plan = Plan()
    all_charges = sum(expected.charges.values())
    kills = max(1, all_charges // KILLS_ONE_IN)
    for kind, total in (("complete", all_charges), ("begin", all_charges), ("batch", expected.batches)):
        faults: list[CommitFault] = ["killed before", "killed after"] * kills if kind == "complete" else []
        faults += ["killed after"] if kind == "begin" else []
        faults += ["killed before", "killed after"] if kind == "batch" else []
        faults += ["cut before", "cut after"] * kills
        random.shuffle(faults)
        for nth, fault in zip(_places(random, total, len(faults)), faults, strict=False):
            plan.commits[kind, nth] = fault  # type: ignore[index]
    for method in ("card", "paypal"):
        total = expected.charges[method]
        plan.kills[method] = _places(random, total, max(1, total // KILLS_ONE_IN))
        plan.requests[method] = _faults(random, total, ONE_IN["gateway"], FAULTS[method])
    for party in ("platform", "agency", "mail"):
        plan.requests[party] = _faults(random, expected.tidings[party], ONE_IN[party], FAULTS[party])
    step = 0.9 / len(OUTAGES)
    plan.outages = [(0.04 + step * (i + 0.5 * random.random()), outage) for i, outage in enumerate(OUTAGES)]
    return plan


def _faults(random: Random, total: int, one_in: int, kinds: Sequence[str]) -> list[tuple[int, str]]:
    """At which occurrences which of the kinds, each kind as often as any other."""
    places = _places(random, total, max(1, total // one_in))
    order = [*kinds]
    random.shuffle(order)
    return [(nth, order[i % len(order)]) for i, nth in enumerate(places)]


def _places(random: Random, total: int, count: int) -> list[int]:
    """So many different occurrences out of the first part of `total`, in order, counted from 1."""
    among = range(1, max(2, int(total * HEARD)) + 1)
    return sorted(random.sample(among, min(count, len(among))))
