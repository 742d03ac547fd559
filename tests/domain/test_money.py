"""Money is whole minor units of one currency; every amount is read and written exactly, and rounded in one place."""

import math
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.currencies import DECIMALS
from domain.money import (
    LIMIT_MINOR,
    InvalidAmount,
    Money,
    decimal_text,
    decimals_of,
    half_up,
    share,
)
from domain.money import example as example_of

# ISO 4217, list one: the currencies whose minor unit is not two decimals. Written down here from the standard, so that
# the shipped table is held against something that it was not made from.
ISO_NO_DECIMALS = {
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF",
    "XPF",
}  # fmt: skip
ISO_THREE_DECIMALS = {"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"}
ISO_FOUR_DECIMALS = {"CLF", "UYW"}
ISO_FUNDS_METALS_AND_TESTS = {
    "BOV", "CHE", "CHW", "COU", "MXV", "USN", "UYI", "XAD", "XAG", "XAU", "XBA", "XBB", "XBC", "XBD", "XDR", "XPD",
    "XPT", "XSU", "XTS", "XUA", "XXX",
}  # fmt: skip

currencies = st.sampled_from(sorted(DECIMALS))
minors = st.integers(-LIMIT_MINOR + 1, LIMIT_MINOR - 1)


def test_every_currency_has_the_decimals_of_iso_4217() -> None:
    assert {c for c, decimals in DECIMALS.items() if decimals == 0} == ISO_NO_DECIMALS - ISO_FUNDS_METALS_AND_TESTS
    assert {c for c, decimals in DECIMALS.items() if decimals == 3} == ISO_THREE_DECIMALS
    assert set(DECIMALS.values()) == {0, 2, 3}


def test_nobody_is_billed_in_gold_in_funds_or_in_four_decimals() -> None:
    assert not set(DECIMALS) & (ISO_FUNDS_METALS_AND_TESTS | ISO_FOUR_DECIMALS)


@pytest.mark.parametrize("code", ["USD", "EUR", "GBP", "CHF", "CAD", "AUD", "INR", "BRL", "CNY", "MXN", "HUF", "TWD"])
def test_the_currencies_of_many_people_are_there_with_two_decimals(code: str) -> None:
    assert decimals_of(code) == 2


@given(currencies, minors)
@example("JPY", 0)
@example("USD", -1)
@example("KWD", 999)
def test_what_is_written_is_read_again(currency: str, minor: int) -> None:
    money = Money(minor, currency)
    assert Money.parse(str(money), currency) == money
    assert Decimal(str(money)) * 10 ** decimals_of(currency) == minor


@given(currencies, minors)
def test_an_amount_is_written_with_exactly_the_digits_of_its_currency(currency: str, minor: int) -> None:
    _, _, fraction = decimal_text(minor, currency).partition(".")
    assert len(fraction) == decimals_of(currency)


@given(currencies, st.integers(0, 10**9))
def test_digits_left_out_are_zeros(currency: str, whole: int) -> None:
    assert Money.parse(str(whole), currency).minor == whole * 10 ** decimals_of(currency)


@given(currencies, st.integers(0, 10**9), st.integers(1, 20), st.integers(0, 9))
def test_more_digits_than_the_currency_has_are_refused_and_never_rounded(
    currency: str, whole: int, more: int, digit: int
) -> None:
    text = f"{whole}.{str(digit) * (decimals_of(currency) + more)}"
    with pytest.raises(InvalidAmount, match=f"{currency} has {decimals_of(currency)} decimals"):
        Money.parse(text, currency)


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("49.00", "USD", 4900),
        ("49", "USD", 4900),
        ("49.5", "USD", 4950),
        ("0.01", "USD", 1),
        ("0", "USD", 0),
        ("0.00", "USD", 0),
        ("-0.50", "USD", -50),
        ("007.00", "USD", 700),
        ("4900", "JPY", 4900),
        ("49.005", "KWD", 49005),
        ("9999999999999.99", "USD", 10**15 - 1),
        ("999999999999999", "JPY", 10**15 - 1),
    ],
)
def test_an_amount_is_read(text: str, currency: str, minor: int) -> None:
    assert Money.parse(text, currency).minor == minor


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "49.", ".5", "1e3", "1_000", "1,000.00", "+49.00", "49.00 ", " 49.00", "49,00", "$49", "NaN", "inf",
        "--1", "0x10", "４９", "49.0٠", "49.00\n", "1" * 40, None, 49, 49.0, True, b"49.00", ["49.00"], Decimal(49),
    ],
)  # fmt: skip
def test_what_is_no_decimal_string_is_refused_with_an_example(text: object) -> None:
    with pytest.raises(InvalidAmount, match=r"expected a decimal string such as '49\.00'"):
        Money.parse(text, "USD")


@pytest.mark.parametrize(
    ("text", "currency"), [("49.0", "JPY"), ("49.000", "USD"), ("49.0000", "KWD"), ("0.000", "EUR"), ("1.", "JPY")]
)
def test_an_amount_with_too_many_digits_is_refused_with_an_example(text: str, currency: str) -> None:
    with pytest.raises(InvalidAmount, match=f"such as '{example_of(currency)}'"):
        Money.parse(text, currency)


@pytest.mark.parametrize(
    ("text", "currency"), [("10000000000000.00", "USD"), ("1000000000000000", "JPY"), ("-10000000000000", "USD")]
)
def test_an_amount_of_ten_to_the_fifteenth_minor_units_is_refused(text: str, currency: str) -> None:
    with pytest.raises(InvalidAmount, match=r"below 10\^15 minor units"):
        Money.parse(text, currency)


@pytest.mark.parametrize("minor", [LIMIT_MINOR, -LIMIT_MINOR])
def test_money_refuses_to_exist_beyond_its_limit(minor: int) -> None:
    with pytest.raises(InvalidAmount, match=r"below 10\^15"):
        Money(minor, "USD")


@pytest.mark.parametrize("code", ["usd", "US", "USDT", "XXX", "", " USD", "Euro", None, 840, ["USD"]])
def test_a_currency_that_is_none_is_named(code: str) -> None:
    with pytest.raises(InvalidAmount, match="expected an ISO 4217 code in capitals, such as 'USD'"):
        decimals_of(code)


@pytest.mark.parametrize(
    ("amount", "rounded"),
    [
        (Fraction(0), 0),
        (Fraction(1, 2), 1),
        (Fraction(49, 100), 0),
        (Fraction(51, 100), 1),
        (Fraction(5, 2), 3),  # not to the even neighbour
        (Fraction(-1, 2), 0),  # up is towards the larger number
        (Fraction(-3, 2), -1),
        (Fraction(-51, 100), -1),
        (Fraction(10**15 * 2 + 1, 2), 10**15 + 1),
    ],
)
def test_exactly_half_goes_up(amount: Fraction, rounded: int) -> None:
    assert half_up(amount) == rounded


@given(st.fractions(min_value=-(10**15), max_value=10**15))
def test_rounding_finds_the_nearest_whole_number(amount: Fraction) -> None:
    assert half_up(amount) == math.floor(amount + Fraction(1, 2))


@given(st.integers(0, 10**15), st.integers(0, 100))
def test_a_share_is_what_a_clerk_with_a_pencil_would_find(minor: int, percent: int) -> None:
    by_hand = (Decimal(minor) * percent / 100).quantize(Decimal(1), rounding=ROUND_HALF_UP)
    assert share(minor, percent, 100) == by_hand


@given(st.integers(0, 10**14), st.integers(1, 366), st.data())
def test_the_two_parts_of_a_period_add_up_to_its_price_or_to_one_unit_more(
    minor: int, days: int, data: st.DataObject
) -> None:
    """Half up on both sides may count one unit twice; that is why the rest is billed as a difference."""
    used = data.draw(st.integers(0, days))
    parts = share(minor, used, days) + share(minor, days - used, days)
    assert minor <= parts <= minor + 1


@given(st.integers(0, 10**14), st.integers(1, 366), st.data())
def test_a_share_lies_between_nothing_and_the_whole_and_grows_with_the_days(
    minor: int, days: int, data: st.DataObject
) -> None:
    used = data.draw(st.integers(0, days))
    assert 0 <= share(minor, used, days) <= minor
    assert share(minor, 0, days) == 0
    assert share(minor, days, days) == minor
    if used < days:
        assert share(minor, used, days) <= share(minor, used + 1, days)
