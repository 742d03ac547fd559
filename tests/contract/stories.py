"""The scenarios of the examples and of the contract, each with a subscription and a customer of its own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from domain.effects import Entry
from domain.scenario import Scenario, read_scenario
from domain.timeline import as_lines

ROOT = Path(__file__).parents[2]
FOLDERS = (ROOT / "examples" / "scenarios", ROOT / "tests" / "contract" / "scenarios")

FILES = {
    path.stem: path
    for folder in FOLDERS
    for path in sorted(folder.glob("*.json"))
    if "exit" not in json.loads(path.read_text(encoding="utf-8"))
}

QUICK = {
    "annual-weekly-round-pays",
    "hosting-agency-collects-everything",
    "hosting-channels-paypal-fails-once",
    "hosting-reactivate-a-locked-account",
    "hosting-refused-after-the-end",
    "messages-duplicate-payment",
    "money-reversal-after-placement",
    "monthly-order-of-a-cancellation",
    "monthly-promise-across-month-end",
    "monthly-unknown-then-approved",
    "time-cancel-message-at-billing-instant",
    "time-dst-autumn-month-end-inside-grace",
}
"""Each policy, and each of the main stories once: for `make test`."""


def _named(text: str, old: str, new: str) -> str:
    """Ids of invoices and charges begin with their subscription's."""
    return new + text.removeprefix(old) if text == old or text.startswith((f"{old}-", f"{old}/")) else text


def _renamed(value: Any, old: str, new: str) -> Any:
    match value:
        case str():
            return _named(value, old, new)
        case list():
            return [_renamed(item, old, new) for item in value]
        case dict():
            return {name: _renamed(item, old, new) for name, item in value.items()}
    return value


def of_its_own(path: Path) -> Scenario:
    """The scenario with a subscription and a customer that no other scenario has: many are played on one stage."""
    said = json.loads(path.read_text(encoding="utf-8"))
    subscription, customer = said["subscription"], said["subscription"]["customer"]
    number, old = customer["client_number"], subscription["id"]
    said["messages"] = _renamed(said.get("messages", []), old, path.stem)
    for message in said["messages"]:
        if message.get("client_number") == number:
            message["client_number"] = f"K-{path.stem}"
    subscription["id"] = path.stem
    customer |= {"id": f"c-{path.stem}", "client_number": f"K-{path.stem}", "name": path.stem}
    return read_scenario(said)


def shown(entries: Sequence[Entry], scenario: Scenario) -> list[str]:
    """A timeline as it is printed, each line with who and why."""
    lines = as_lines(entries, scenario.terms.customer.timezone, scenario.terms.currency)
    return [f"{line}  [{entry.by}: {entry.because}]" for line, entry in zip(lines, entries, strict=True)]
