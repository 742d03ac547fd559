"""Amounts at the door of a PayPal stand-in: which it takes, which it refuses and by what name."""

from __future__ import annotations

from collections.abc import Mapping

from domain.money import InvalidAmount, Money, decimal_text
from standins.paypal_requests import Refusal, unprocessable

_CURRENCIES = "AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD HUF ILS JPY MXN MYR NOK NZD PHP PLN SEK SGD THB TWD USD"
CURRENCIES = frozenset(_CURRENCIES.split())
WHOLE = frozenset({"HUF", "JPY", "TWD"})  # a decimal point in these is an error


def check_amount(amount: object) -> None:
    """Refuse what PayPal refuses of `{"currency_code", "value"}`. Raises Refusal."""
    if not isinstance(amount, dict) or not isinstance(amount.get("value"), str):
        raise Refusal(400, "INVALID_REQUEST", "MISSING_REQUIRED_PARAMETER")
    currency = amount.get("currency_code")
    if currency not in CURRENCIES:
        raise unprocessable("CURRENCY_NOT_SUPPORTED")
    if currency in WHOLE and "." in amount["value"]:
        raise unprocessable("DECIMALS_NOT_SUPPORTED")
    try:
        minor = minor_units(amount)
    except InvalidAmount:
        raise unprocessable("DECIMAL_PRECISION") from None
    if minor <= 0:
        raise unprocessable("CANNOT_BE_ZERO_OR_NEGATIVE")


def minor_units(amount: Mapping[str, str]) -> int:
    """Whole ISO minor units of an amount that was checked."""
    return Money.parse(amount["value"], amount["currency_code"]).minor


def amount_of(minor: int, currency: str) -> dict[str, str]:
    """An amount as PayPal writes it."""
    text = decimal_text(minor, currency)
    return {"currency_code": currency, "value": text.split(".")[0] if currency in WHOLE else text}
