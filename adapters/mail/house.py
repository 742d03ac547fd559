"""Who writes to the customer: the name, the address for answers, and where money can be paid."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from stdnum import bic as bic_number  # type: ignore[import-untyped, unused-ignore]
from stdnum import iban as iban_number  # type: ignore[import-untyped, unused-ignore]

SUBSCRIPTION = "{subscription}"
"""Stands in `House.pay_url` for the subscription's id."""


@dataclass(frozen=True, slots=True)
class BankAccount:
    """Where a transfer goes. Raises ValueError for an IBAN or BIC that cannot be one."""

    holder: str
    iban: str
    bic: str = ""

    def __post_init__(self) -> None:
        if not iban_number.is_valid(self.iban):
            raise ValueError(f"house.bank.iban {self.iban!r}: not an IBAN; its check digits or its length are wrong")
        if self.bic and not bic_number.is_valid(self.bic):
            raise ValueError(f"house.bank.bic {self.bic!r}: not a BIC, expected such as 'COBADEFFXXX'")

    @property
    def printed_iban(self) -> str:
        """In groups of four, as it is read aloud."""
        return str(iban_number.format(self.iban))


@dataclass(frozen=True, slots=True)
class House:
    """A brand as its mails show it."""

    name: str
    contact: str
    """The e-mail address to which customers answer."""
    pay_url: str = ""
    """The page where a customer pays or changes a payment method; `{subscription}` in it is the subscription's id."""
    bank: BankAccount | None = None
    address: str = ""
    """The postal address, in one line."""

    def __post_init__(self) -> None:
        for name in ("name", "contact", "pay_url", "address"):
            if any(ord(character) < 32 for character in getattr(self, name)):
                raise ValueError(f"house.{name}: holds a line break or another control character; expected one line")
        if not self.name or "@" not in self.contact:
            raise ValueError(f"house {self.name!r}: needs a name, and a contact that is an e-mail address")
        if self.pay_url and not self.pay_url.startswith(("https://", "http://")):
            raise ValueError(f"house.pay_url {self.pay_url!r}: expected such as 'https://pay.example/{SUBSCRIPTION}'")

    def pay_link(self, subscription_id: str) -> str:
        """The page for one subscription; empty where there is none."""
        return self.pay_url.replace(SUBSCRIPTION, quote(subscription_id, safe=""))
