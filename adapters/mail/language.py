"""How amounts, dates and counted things are written in the customer's language."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from babel import Locale, UnknownLocaleError
from babel.dates import format_date

from domain.money import Money, decimal_text, decimals_of

ENGLISH = "en"
"""What is written to those whose language nobody has translated to."""


def locale_of(tag: str) -> Locale:
    """The locale of a BCP 47 tag such as `de-AT`; its language alone, or English, where CLDR has no such locale."""
    for candidate in (tag, tag.split("-")[0].split("_")[0], ENGLISH):
        try:
            return Locale.parse(candidate.replace("_", "-"), sep="-")
        except (UnknownLocaleError, ValueError, TypeError):
            continue
    raise AssertionError("CLDR has English")


def languages_of(locale: Locale) -> tuple[str, ...]:
    """The languages to look for a text in, best first: `de-AT`, `de`, then English."""
    named = str(locale).replace("_", "-")
    return tuple(dict.fromkeys((named, locale.language, ENGLISH)))


_LETTER_BY_DIGIT = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")
"""Where CLDR's currency spacing wants a space that Babel does not write: `KWD 4.900`."""


@dataclass(frozen=True, slots=True)
class Sum:
    """An amount of money that prints in the customer's language, with the currency's own decimals; false where zero."""

    money: Money
    locale: Locale

    def __bool__(self) -> bool:
        return self.money.minor != 0

    def __str__(self) -> str:
        # CLDR writes rupiah or forint with fewer decimals than ISO 4217, and so than the invoice, has
        pattern = copy.copy(self.locale.currency_formats["standard"])
        decimals = decimals_of(self.money.currency)
        pattern.frac_prec = (decimals, decimals)
        value = Decimal(decimal_text(self.money.minor, self.money.currency))
        written = pattern.apply(value, self.locale, currency=self.money.currency, currency_digits=False)
        return _LETTER_BY_DIGIT.sub("\u00a0", written)


@dataclass(frozen=True, slots=True)
class Day:
    """A local date that prints in the customer's language: `18 March 2026`, or `short` `18 Mar 2026`."""

    on: date
    locale: Locale

    def __str__(self) -> str:
        return format_date(self.on, "long", locale=self.locale)

    @property
    def short(self) -> str:
        return format_date(self.on, "medium", locale=self.locale)


def plural(locale: Locale, count: int, forms: dict[str, str]) -> str:
    """The form for a count by CLDR's plural rules: `{"one": "invoice", "other": "invoices"}`; `other` must be there."""
    return forms.get(locale.plural_form(count), forms["other"])
