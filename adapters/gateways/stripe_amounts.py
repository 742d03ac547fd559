"""Amounts as Stripe counts them: whole units of its own, which for some currencies are not the ISO 4217 minor unit.

The rules are those of https://docs.stripe.com/currencies, sections on zero-decimal and three-decimal
currencies and on special cases. Nothing is ever rounded: what Stripe cannot take exactly is refused.
"""

from __future__ import annotations

from domain.money import decimal_text, decimals_of

_ZERO = "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF"

ZERO_DECIMALS = frozenset(_ZERO.split())
"""Stripe takes whole units. ISO 4217 gives MGA two decimals, so that only whole ariary can be charged there."""

WHOLE_UNITS_WITH_TWO_DECIMALS = frozenset({"ISK", "UGX"})
"""Without decimals, yet Stripe takes 500 for 5 ISK: for compatibility, the last two digits are always 00."""

THREE_DECIMALS = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})
"""The last digit must be 0, because the card networks behind Stripe round there."""

_POWER = (1, 10, 100, 1000)  # of ten, by how far the two counts of decimals are apart

LARGEST = 99_999_999  # eight digits, from the description of PaymentIntent.amount; a few currencies allow more


class InexpressibleAmount(ValueError):
    """An amount that Stripe cannot take, or gave, exactly. No money moved by it."""


def to_stripe(minor: int, currency: str) -> int:
    """What to ask Stripe for: `minor` whole ISO minor units, above 0. Raises InexpressibleAmount.

    4900 USD is 4900, 500 JPY is 500, 5 ISK is 500, 5120 KWD (5.120) is 5120; 5125 KWD is refused.
    """
    theirs, ours = _decimals(currency), decimals_of(currency)
    if theirs >= ours:
        amount = minor * _POWER[theirs - ours]
    else:
        amount, rest = divmod(minor, _POWER[ours - theirs])
        if rest:
            raise InexpressibleAmount(f"{_said(minor, currency)}: Stripe takes whole {currency} only")
    if currency in THREE_DECIMALS and amount % 10:
        raise InexpressibleAmount(f"{_said(minor, currency)}: Stripe wants the third decimal of {currency} to be 0")
    if not 0 < amount <= LARGEST:
        raise InexpressibleAmount(f"{_said(minor, currency)}: Stripe takes amounts from 1 to {LARGEST} of its units")
    return amount


def from_stripe(amount: int, currency: str) -> int:
    """Whole ISO minor units of what Stripe calls `amount`; `currency` in Stripe's small letters or in capitals.

    Raises InexpressibleAmount for a fraction of a unit, domain.money.InvalidAmount for a currency nobody is billed in.
    """
    code = currency.upper()
    theirs, ours = _decimals(code), decimals_of(code)
    if theirs <= ours:
        return amount * _POWER[ours - theirs]
    minor, rest = divmod(amount, _POWER[theirs - ours])
    if rest:
        raise InexpressibleAmount(f"{amount} of Stripe's units of {code}: not a whole number of its ISO minor units")
    return minor


def _decimals(currency: str) -> int:
    """How many decimals Stripe counts a currency in."""
    ours = decimals_of(currency)
    if currency in ZERO_DECIMALS:
        return 0
    if currency in THREE_DECIMALS:
        return 3
    if ours == 3:
        raise InexpressibleAmount(f"currency {currency}: Stripe has no rule for its three decimals")
    return 2


def _said(minor: int, currency: str) -> str:
    return f"amount {decimal_text(minor, currency)} {currency}"
