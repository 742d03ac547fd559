"""Amounts as PayPal writes them: decimal strings in its own currencies, some of which it takes without decimals.

Source of both tables: https://developer.paypal.com/docs/api/reference/currency-codes/
"""

from __future__ import annotations

from domain.money import Money, decimal_text, decimals_of

_TWO_DECIMALS = "AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD ILS MXN MYR NOK NZD PHP PLN SEK SGD THB USD"

DECIMALS: dict[str, int] = {
    **dict.fromkeys(_TWO_DECIMALS.split(), 2),
    # "This currency does not support decimals. If you pass a decimal amount, an error occurs."
    **dict.fromkeys(("HUF", "JPY", "TWD"), 0),
}
"""What PayPal can be paid in. BRL, CNY and MYR work between accounts of their own country only, which PayPal judges."""


class NotPayable(ValueError):
    """An amount that PayPal can never take. `reason` is what the charge is declined with; no money moves."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


def value_of(minor: int, currency: str) -> str:
    """The `value` that stands for whole ISO minor units: 4900 USD is "49.00", 4900 HUF (ISO: two decimals) is "49".

    Raises NotPayable for a currency PayPal does not know, and for a fraction of one that it takes whole.
    """
    if currency not in DECIMALS:
        raise NotPayable(
            "currency_not_supported", f"{currency} is no currency of PayPal's; expected one of {', '.join(DECIMALS)}"
        )
    step = 10 ** (decimals_of(currency) - DECIMALS[currency])
    if minor % step:
        shown = decimal_text(minor, currency)
        raise NotPayable("invalid_amount", f"{shown} {currency}: PayPal takes {currency} without decimals")
    whole = decimal_text(minor, currency)
    return whole if step == 1 else whole.split(".")[0]


def minor_of(value: object, currency: str) -> int:
    """Whole ISO minor units of what PayPal wrote: "49" HUF is 4900. Raises InvalidAmount for anything else."""
    if isinstance(value, str) and decimals_of(currency) == 0:
        value = value.removesuffix(".00")  # some of PayPal's messages write yen with decimals all the same
    return Money.parse(value, currency).minor
