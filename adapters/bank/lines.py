"""What every format of a bank statement is read into, before the transfers are given their keys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from domain.matching import Kind, Stated
from domain.money import InvalidAmount, Money
from domain.quoting import quoted


class BadStatement(ValueError):
    """A file that is no statement, or not whole. The text says where and what was expected; nothing was taken in."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"{where} {what}. Nothing of the file was taken in and no money moved.")
        self.fault = f"{where} {what}"

    @classmethod
    def of(cls, file_name: str, error: BadStatement) -> BadStatement:
        """The same fault, of a file that has a name."""
        return cls(f"{file_name}:", error.fault)


@dataclass(frozen=True, slots=True)
class Line:
    """One booked transfer as a file tells it; the fields are those of `domain.matching.StatementEntry`."""

    where: str
    """Its place in the file, for errors."""
    account: str
    kind: Kind
    minor: int
    currency: str
    booked_on: date
    value_on: date
    bank_reference: str = ""
    group_reference: str = ""
    name: str = ""
    iban: str = ""
    text: str = ""
    stated: tuple[Stated, ...] = ()
    end_to_end_id: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """The booked lines of one file that move money, and how many it has that are not booked yet and will come again."""

    format: str
    lines: tuple[Line, ...]
    pending: int = 0


def minor_units(where: str, said: str, currency: str) -> int:
    """A decimal amount with a point, in minor units; zero or more. Raises BadStatement.

    ISO 20022 allows more decimals than a currency has, so that zeros at the end are dropped; nothing is rounded.
    """
    whole, _, fraction = said.partition(".")
    text = f"{whole}.{fraction.rstrip('0')}".rstrip(".")
    try:
        minor = Money.parse(text, currency).minor
    except InvalidAmount as error:
        raise BadStatement(where, f"has an {error}") from None
    if minor < 0:
        raise BadStatement(
            where, f"has the amount {quoted(said)}; expected zero or more, with the side in its own field"
        )
    return minor
