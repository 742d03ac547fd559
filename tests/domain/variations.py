"""Policies for tests: a shipped one with some of its sections said otherwise, read by the real loader."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from domain.policy import Policy
from policies.load import load_file

POLICIES = Path(__file__).parents[2] / "policies"

Vary = Callable[..., Policy]


@pytest.fixture
def vary(tmp_path: Path) -> Vary:
    """`vary("hosting", when_paid={...})`: that policy with these sections replaced (None: left out)."""
    made = 0

    def varied(shipped: str, **sections: Any) -> Policy:
        nonlocal made
        made += 1
        said = yaml.safe_load((POLICIES / f"{shipped}.yaml").read_text(encoding="utf-8")) | sections
        kept = {name: part for name, part in said.items() if part is not None}
        path = tmp_path / f"{shipped}-{made}.yaml"
        path.write_text(yaml.safe_dump(kept, sort_keys=False), encoding="utf-8")
        return load_file(path)

    return varied
