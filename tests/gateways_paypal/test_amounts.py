"""Amounts between whole ISO minor units and PayPal's decimals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.gateways.paypal_amounts import DECIMALS, NotPayable, minor_of, value_of
from domain.money import InvalidAmount, decimals_of


@pytest.mark.parametrize(
    ("minor", "currency", "value"),
    [
        (4900, "USD", "49.00"),
        (5, "EUR", "0.05"),
        (5000, "JPY", "5000"),
        (490_000, "HUF", "4900"),  # ISO gives the forint and the Taiwan dollar two decimals; PayPal takes none
        (19_900, "TWD", "199"),
    ],
)
def test_an_amount_is_written_with_the_decimals_that_paypal_takes(minor: int, currency: str, value: str) -> None:
    assert value_of(minor, currency) == value
    assert minor_of(value, currency) == minor


@pytest.mark.parametrize(
    ("minor", "currency", "reason"),
    [(4950, "HUF", "invalid_amount"), (1, "TWD", "invalid_amount"), (4900, "KWD", "currency_not_supported")],
)
def test_what_paypal_can_never_take_says_so_with_a_reason(minor: int, currency: str, reason: str) -> None:
    with pytest.raises(NotPayable, match=currency) as refusal:
        value_of(minor, currency)
    assert refusal.value.reason == reason


@given(st.sampled_from(sorted(DECIMALS)), st.integers(min_value=1, max_value=10**12 - 1))
def test_what_goes_out_comes_back(currency: str, units: int) -> None:
    minor = units * 10 ** (decimals_of(currency) - DECIMALS[currency])
    assert minor_of(value_of(minor, currency), currency) == minor


def test_yen_that_paypal_writes_with_decimals_are_read_all_the_same() -> None:
    assert minor_of("5000.00", "JPY") == 5000


@pytest.mark.parametrize("value", [None, 49.0, "forty", "49.001", "5000.50"])
def test_a_value_that_is_no_amount_is_refused(value: object) -> None:
    with pytest.raises(InvalidAmount):
        minor_of(value, "JPY" if value == "5000.50" else "USD")
