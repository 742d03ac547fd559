"""Stripe's units of money, against the tables of https://docs.stripe.com/currencies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.gateways.stripe_amounts import LARGEST, InexpressibleAmount, from_stripe, to_stripe
from domain.currencies import DECIMALS


@pytest.mark.parametrize(
    ("minor", "currency", "asked"),
    [
        (4900, "USD", 4900),
        (1, "EUR", 1),
        (500, "JPY", 500),
        (500, "KRW", 500),
        (5, "ISK", 500),
        (5, "UGX", 500),
        (4990, "HUF", 4990),
        (4950, "TWD", 4950),
        (5120, "KWD", 5120),
        (4900, "MGA", 49),
        (LARGEST, "USD", LARGEST),
    ],
)
def test_an_amount_is_asked_for_in_stripes_units(minor: int, currency: str, asked: int) -> None:
    assert to_stripe(minor, currency) == asked
    assert from_stripe(asked, currency.lower()) == minor


@pytest.mark.parametrize(
    ("minor", "currency", "why"),
    [
        (5125, "KWD", "third decimal"),
        (4950, "MGA", "whole MGA"),
        (1000, "IQD", "no rule"),
        (0, "USD", "from 1"),
        (-1, "USD", "from 1"),
        (LARGEST + 1, "USD", "from 1"),
    ],
)
def test_what_stripe_cannot_take_exactly_is_refused_and_never_rounded(minor: int, currency: str, why: str) -> None:
    with pytest.raises(InexpressibleAmount, match=why):
        to_stripe(minor, currency)


def test_a_fraction_of_a_unit_that_has_none_is_not_read() -> None:
    with pytest.raises(InexpressibleAmount, match="ISK"):
        from_stripe(550, "isk")


@given(st.integers(1, LARGEST), st.sampled_from(sorted(DECIMALS)))
def test_what_can_be_asked_for_is_read_back_as_the_same_amount(minor: int, currency: str) -> None:
    try:
        asked = to_stripe(minor, currency)
    except InexpressibleAmount:
        return
    assert from_stripe(asked, currency.lower()) == minor
