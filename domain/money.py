"""Amounts of money: whole minor units of one currency, and the one place where anything is rounded.

Everywhere else an amount is an `int` whose name ends in `_minor` (cents for USD, yen for JPY, fils for KWD); the
currency is the subscription's own. `Money` is what stands at the edges, where people read and write decimals.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from domain.currencies import DECIMALS
from domain.quoting import quoted

LIMIT_MINOR = 10**15  # exclusive; from the scenario contract. A PostgreSQL bigint holds sums of 9,000 of them.

REMEMBERED = 10_000
"""Amounts whose text is kept, in a process: a book has few prices, and each is written several times a month."""

_DECIMAL = re.compile(r"(-?)(\d{1,30})(?:\.(\d{1,30}))?", re.ASCII)


class InvalidAmount(ValueError):
    """An amount or a currency that cannot be what was meant; the text says which value and what was expected."""


@dataclass(frozen=True, slots=True)
class Money:
    """`minor` whole minor units of an ISO 4217 `currency`; may be negative (a correction), below 10^15 in size."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        decimals_of(self.currency)
        if not -LIMIT_MINOR < self.minor < LIMIT_MINOR:
            raise InvalidAmount(f"amount {self.minor}: must be below 10^15 minor units")

    @classmethod
    def parse(cls, text: object, currency: str) -> Money:
        """The amount that a decimal string such as "49.00" means in `currency`.

        Fewer decimals than the currency has are filled up ("49" USD is 49.00); more are refused, never rounded.
        Raises InvalidAmount that names the value and what was expected.
        """
        decimals = decimals_of(currency)
        found = _DECIMAL.fullmatch(text) if isinstance(text, str) else None
        if found is None:
            raise InvalidAmount(f"amount {quoted(text)}: expected a decimal string such as {example(currency)!r}")
        sign, whole, fraction = found[1], found[2], found[3] or ""
        if len(fraction) > decimals:
            raise InvalidAmount(
                f"amount {quoted(text)}: {currency} has {decimals} decimals, expected such as {example(currency)!r}"
            )
        minor = int(whole + fraction.ljust(decimals, "0"))
        if minor >= LIMIT_MINOR:
            raise InvalidAmount(f"amount {quoted(text)}: must be below 10^15 minor units")
        return cls(-minor if sign else minor, currency)

    def __str__(self) -> str:
        return decimal_text(self.minor, self.currency)


def decimals_of(currency: str) -> int:
    """How many decimals `currency` has: 0, 2 or 3. Raises InvalidAmount for what is not an ISO 4217 code in use."""
    try:
        return DECIMALS[currency]
    except (KeyError, TypeError):
        raise InvalidAmount(
            f"currency {quoted(currency)}: expected an ISO 4217 code in capitals, such as 'USD'"
        ) from None


@lru_cache(maxsize=REMEMBERED)
def decimal_text(minor: int, currency: str) -> str:
    """The amount as the contract writes it: decimal string with exactly the currency's digits, "49.00", "-0.50"."""
    decimals = decimals_of(currency)
    sign, digits = "-" if minor < 0 else "", str(abs(minor)).rjust(decimals + 1, "0")
    return sign + (f"{digits[:-decimals]}.{digits[-decimals:]}" if decimals else digits)


def half_up(amount: Fraction) -> int:
    """The nearest whole minor unit; exactly half goes up (towards the larger number). The one rounding rule."""
    return (2 * amount.numerator + amount.denominator) // (2 * amount.denominator)


def share(minor: int, numerator: int, denominator: int) -> int:
    """`numerator/denominator` of an amount, rounded half up. Used for proration, late fees, termination charges."""
    return half_up(Fraction(minor * numerator, denominator))


def example(currency: str) -> str:
    """What an amount in `currency` looks like, for error texts."""
    return decimal_text(49 * 10 ** decimals_of(currency), currency)
