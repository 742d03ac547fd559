"""Every setting is explained where people look for it, and nothing that is explained there is none."""

import re
from pathlib import Path

import pytest

import settings

DOCS = Path(__file__).parents[2] / "docs"
TEXT = "\n".join((DOCS / name).read_text(encoding="utf-8") for name in ("adapters.md", "operators.md"))
PROGRAMS = {"PERENNIAL_SETTINGS", "PERENNIAL_DATA"}


@pytest.mark.parametrize("name", settings.NAMES)
def test_a_setting_is_explained(name: str) -> None:
    assert f"PERENNIAL_{name.upper()}" in TEXT


def test_no_setting_is_explained_that_does_not_exist() -> None:
    told = {each.removesuffix("_") for each in re.findall(r"PERENNIAL_[A-Z_]+", TEXT)} - PROGRAMS
    known = {f"PERENNIAL_{name.upper()}" for name in settings.NAMES}
    families = {name.rpartition("_")[0] for name in known} | {"PERENNIAL"}
    assert told - known - families == set()
