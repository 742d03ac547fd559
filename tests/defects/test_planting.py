"""Each defect of the catalogue fits the code as it is, and is found by the command that stands beside it."""

from dataclasses import replace

import pytest
from typer.testing import CliRunner

from proof.defects.__main__ import app
from proof.defects.catalogue import CATALOGUE
from proof.defects.planting import ROOT, Defect, DoesNotFit, planted

BY_NAME = {defect.name: defect for defect in CATALOGUE}

IN_CI = {"charge-key-drawn", "inbox-left-behind"}
"""One for each command that finds most of them; `make check` and `make defects` plant the others, too."""

HARMLESS = Defect(
    "harmless",
    "nothing",
    "domain/keys.py",
    "60 bits of SHA-256",
    "Sixty bits of SHA-256",
    ("-c", "from domain.keys import short_digest; print('objection', short_digest('a'))"),
    "objection",
)


@pytest.mark.parametrize("defect", CATALOGUE, ids=lambda defect: defect.name)
def test_a_defect_replaces_a_text_that_stands_once_in_the_code(defect: Defect) -> None:
    assert (ROOT / defect.file).read_text(encoding="utf-8").count(defect.find) == 1
    assert defect.find != defect.put


def test_what_breaks_nothing_is_not_called_found() -> None:
    verdict = planted(HARMLESS)
    assert not verdict.found
    assert verdict.said.startswith("status 0")


def test_a_command_that_fails_for_another_reason_has_not_found_it() -> None:
    verdict = planted(replace(HARMLESS, found_by=("-c", "raise SystemExit(1)")))
    assert not verdict.found


def test_a_defect_that_no_longer_fits_says_so_and_plants_nothing() -> None:
    with pytest.raises(DoesNotFit, match=r"domain/keys\.py holds the text that it replaces 0 times"):
        planted(replace(HARMLESS, find="no such text"))


def test_an_unknown_name_is_refused() -> None:
    said = CliRunner().invoke(app, ["no-such-defect"])
    assert said.exit_code == 2
    assert "expected one of charge-key-drawn" in said.output


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [name if name in IN_CI else pytest.param(name, marks=pytest.mark.exhaustive) for name in BY_NAME]
)
def test_a_planted_defect_is_found(name: str) -> None:
    verdict = planted(BY_NAME[name])
    assert verdict.found, verdict.said
