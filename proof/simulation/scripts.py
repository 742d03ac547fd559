"""A life's script: a scenario in the contract's format, and what happens beside it that the format has no word for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from domain.policy import Policy
from policies.load import HERE, load_file


@dataclass
class Script:
    """`scenario` can be played by `starter.py simulate`. Extras, all optional, instants as ISO 8601 in UTC:

    `down`: spans [from, until] without a worker; `silent`: spans [from, until, lost | dropped] of a silent gateway;
    `evidence`: spans in which unapplied money may be this customer's; `moves`: [at, policy] to another policy;
    `forecasts`: instants at which a forecast is made.
    """

    scenario: dict[str, Any]
    extras: dict[str, Any] = field(default_factory=dict)

    @property
    def essential_extras(self) -> dict[str, Any]:
        """Those that change what happens."""
        return {name: value for name, value in self.extras.items() if value and name != "forecasts"}


def path_of(policy: str) -> Path:
    """The file of a policy that is named as in a scenario."""
    return HERE / f"{policy}.yaml" if "/" not in policy else Path(policy)


@lru_cache(maxsize=256)
def policy_of(policy: str) -> tuple[Policy, Mapping[str, Any]]:
    """The policy as the code reads it, and its plain text as YAML does."""
    path = path_of(policy)
    return load_file(path), yaml.safe_load(path.read_text(encoding="utf-8"))


def instant(text: str) -> datetime:
    """The instant of an extra."""
    return datetime.fromisoformat(text)
