"""Policies of every kind: the shipped ones, these with other numbers, and some that use the rest of the language."""

from __future__ import annotations

import copy
from pathlib import Path
from random import Random
from typing import Any

import yaml

from policies.load import HERE, shipped

EVERY_WORD = Path(__file__).with_name("every-word.yaml")
VARIED = "-varied-"
KINDS = 12  # varied policies of one seed; a policy takes 30 ms to read, a life 100


def policies(seed: str, folder: Path) -> list[str]:
    """The policies that lives of a seed are played under, as a scenario names them; varied ones are written there.

    The shipped ones stand among them three times, because they are what customers live under.
    """
    names = list(shipped()) * 4 + [str(EVERY_WORD)] * 2
    for number in range(KINDS):
        random = Random(f"{seed}/policy/{number}")  # noqa: S311 -- a seed that can be said again is the point
        origin = random.choice([*(HERE / f"{n}.yaml" for n in shipped()), EVERY_WORD])
        path = folder / f"{origin.stem}{VARIED}{number}.yaml"
        if not path.exists():
            said = _varied(random, origin)
            said["version"] = number + 2
            path.write_text(yaml.safe_dump(said, sort_keys=False), encoding="utf-8")
        names.append(str(path))
    return names


def family(policy: str) -> str:
    """The policy that one is a version of: customers are moved between versions of one policy."""
    return Path(policy).stem.split(VARIED)[0]


def _varied(random: Random, origin: Path) -> dict[str, Any]:
    said: dict[str, Any] = copy.deepcopy(yaml.safe_load(origin.read_text(encoding="utf-8")))
    said["grace_days"] = random.choice((0, 1, 2, 3, 4, 5, 10))
    said["announcement_days"] = random.choice((0, 2, 5, 9))
    said["bill"]["at"] = random.choice(("00:00", "00:00", "02:30", "09:30", "23:45"))
    said["uncollectable"] = random.choice(("keep", "write_off"))
    if said["bill"]["in"] == "arrears":
        said["bill"]["due_after_days"] = random.choice((0, 7, 10, 14, 30))
        said["bill"]["new_customer_due_after_days"] = random.choice((0, 3, 5, 14))
        said["bill"]["charge_when_issued"] = random.random() < 0.6
    said["bill"]["receipt_email"] = random.choice((None, "receipt"))
    if said.get("keep_trying"):
        said["keep_trying"] |= {"every_days": random.choice((3, 7, 10)), "for_months": random.choice((1, 2, 3))}
        said["keep_trying"]["at_first_month_end"] = random.choice(("keep_trying", "cancel"))
    if said.get("channels"):
        said["channels"]["card_failures"] = random.choice((0, 2, 3, 6))
    said["charge"] = random.choice((["primary", "secondary"], ["secondary", "primary"], ["primary"]))
    _ladder(random, said)
    _when_paid(random, said)
    return said


def _ladder(random: Random, said: dict[str, Any]) -> None:
    """Move the distances of a ladder, and keep their order."""
    stretch = random.choice((0.5, 1, 1, 1.5, 2))
    for rung in said["ladder"]:
        when = rung["when"]
        for trigger in ("days_unpaid", "days_after_due", "days_after_cancellation"):
            if isinstance(when, dict) and trigger in when:
                when[trigger] = int(when[trigger] * stretch + random.choice((0, 0, 0, 1)))
        if rung.get("days_after_warning") is not None:
            rung["days_after_warning"] = random.choice((0, 7, 14, 20))
        for then in rung["then"]:
            if "terminate" in then:
                then["terminate"] = {"percent_of_remaining_balance": random.choice((0, 33, 50, 100))}
    if random.random() < 0.3:
        fee = {
            "rung": "fee for lateness",
            "why": "a fee for being late",
            "when": {"days_unpaid": random.randint(1, 20)},
        }
        amount = {"amount": random.choice((0, 250)), "percent": random.choice((0, 1, 7))}
        said["ladder"].insert(random.randint(0, len(said["ladder"])), fee | {"then": [{"late_fee": amount}]})


def _when_paid(random: Random, said: dict[str, Any]) -> None:
    paid = said["when_paid"]
    if paid["unlock"] != "automatic" and random.random() < 0.5:
        paid["decide"] = {
            "office": {
                "days": ["mon", "tue", "wed", "thu", "fri"],
                "from": "08:00",
                "until": "18:00",
                "timezone": "UTC",
            },
            "escalate_after_hours": random.choice((2, 8)),
            "default_after_hours": random.choice((10, 30)),
            "default": random.choice(("reactivate", "refuse")),
        }
    if paid["unlock"] == "review" and random.random() < 0.3:
        paid["unlock"] = "automatic"
        paid.pop("decide", None)
