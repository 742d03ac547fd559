"""Trying garbage at a pure door: as often as asked, the same each time, and shrunk to the least that fails."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

SOME, MANY = 60, 5_000

TIMES = pytest.mark.parametrize(
    "times",
    [pytest.param(SOME, marks=pytest.mark.slow), pytest.param(MANY, marks=[pytest.mark.slow, pytest.mark.exhaustive])],
    ids=["some", "many"],
)
"""How much garbage: some wherever tests run, many before a release."""


def each(times: int, try_one: Callable[[Random], None]) -> None:
    """Try one after another; what they draw comes from hypothesis, so that a failure is told by its least cause."""

    @settings(
        max_examples=times,
        derandomize=True,
        print_blob=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.randoms(use_true_random=False))
    def one(random: Random) -> None:
        try_one(random)

    one()
