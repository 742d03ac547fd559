"""Debitura's Customer API on the wire, as far as it matters here: what is not named is ignored, what is, must be right.

Its amounts are JSON numbers. They are read as decimals and written exactly, so that no binary fraction is ever added.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from adapters.agency.placement import Line
from domain.letters import Addressee
from domain.money import decimal_text, decimals_of, half_up

DESCRIPTION_LIMIT = 4000  # characters of claimDescription
_NOISE = Fraction(1, 1000)  # of a minor unit: what a binary fraction on their side may add, and no amount of money has


class Unreadable(ValueError):
    """The agency said something that cannot be what was meant."""


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)


class CaseSaid(_Said):
    """A case (`InvoiceDto`). `lifecycle` and `close_code` are names or descriptions; compare them by `word`."""

    id: str
    gross_amount: Decimal
    currency: str | None = None
    lifecycle: str = ""
    close_code: str | None = None
    dispute_status: str | None = None

    @property
    def disputed(self) -> bool:
        """`disputeStatus` is one of three sentences, of which this is the only one that says yes."""
        return word(self.dispute_status or "").startswith("yes")


class FileSaid(_Said):
    """A document of a case (`CaseFileDto`)."""

    file_name: str | None = None
    description: str | None = None


class ChatSaid(_Said):
    """A message in a case's chat (`ChatDto`). `role` 0 is the creditor, which is us."""

    id: str
    message: str | None = Field(default=None, repr=False)
    role: int | None = None
    role_label: str | None = None

    @property
    def ours(self) -> bool:
        """Whether it was written by our side."""
        return word(self.role_label) == "creditor" if self.role_label else self.role == 0


class PaymentSaid(_Said):
    """A payment on a case (`PaymentDto`)."""

    id: str
    gross_amount: Decimal
    recipient: str | None = None
    currency: str | None = None

    @property
    def paid_to(self) -> Literal["agency", "us"] | None:
        """Who has the money; None for a word that is not known. `Platform` is Debitura itself."""
        match word(self.recipient or ""):
            case "collectionpartner" | "partner" | "platform" | "debitura":
                return "agency"
            case "creditor" | "client":
                return "us"
            case _:
                return None


Name = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,120}$")]
"""A name of theirs, which goes into names of ours: an id, the kind of an event."""


class EventData(_Said):
    """What a webhook is about. Only the names are believed; amounts and states are read from the API."""

    case_id: Name
    payment_id: Name | None = None
    new_lifecycle: str | None = None


class EventSaid(_Said):
    """A webhook's envelope."""

    id: Name
    event: Name
    timestamp: datetime | None = None
    data: EventData


def word(said: str) -> str:
    """A name or a description without case, spaces and punctuation.

    The same state is `PreLegalExhaustedNoPayment` in one place and `Pre-Legal Exhausted – No Payment` in another.
    """
    return re.sub(r"[^a-z]", "", said.lower())


def read_json(body: bytes) -> object:
    """JSON with its fractions as decimals. Raises Unreadable."""
    try:
        return json.loads(body, parse_float=Decimal, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise Unreadable(f"{len(body)} bytes that are no JSON") from None


def minor_of(amount: Decimal, currency: str) -> int:
    """A JSON number as whole minor units of our currency. Raises Unreadable where it has more decimals than that."""
    exact = Fraction(amount) * 10 ** decimals_of(currency)
    minor = half_up(exact)
    if abs(exact - minor) > _NOISE:
        raise Unreadable(f"amount {amount}: {currency} has {decimals_of(currency)} decimals")
    return minor


def new_case(
    *,
    reference: str,
    debtor: Addressee,
    currency: str,
    lines: Sequence[Line],
    kind: Literal["real", "test"],
    tag: str,
) -> bytes:
    """The body of POST /cases: the same placement gives the same bytes, as the Idempotency-Key wants it.

    `lines` are at least one. Contracts that are not signed yet hold the case up at Debitura
    (`PendingContractSigning`) rather than have it turned down.
    """
    body: dict[str, object] = {
        "currencyCode": currency,
        "amountToRecover": _number(sum(line.placed_minor for line in lines), currency),
        "date": min(line.issued_on for line in lines).isoformat(),
        "dueDate": min(line.due_on for line in lines).isoformat(),
        "creditorReference": reference,
        "claimDescription": _described(lines, currency),
        "debtor": _debtor(debtor),
        "allowPendingContracts": True,
    }
    if kind == "test":
        body |= {"isTest": True, "tag": tag}
    return json.dumps(body, ensure_ascii=False).encode()


def missing_of_address(debtor: Addressee) -> tuple[str, ...]:
    """What Debitura requires of a debtor's address and is not known: of `street`, `city`, `country`."""
    return tuple(name for name in ("street", "city", "country") if not debtor.address.get(name))


def _debtor(debtor: Addressee) -> dict[str, str]:
    known = {
        "type": "Private",
        "name": debtor.name,
        "address": debtor.address.get("street", ""),
        "zipCode": debtor.address.get("postal_code", ""),
        "city": debtor.address.get("city", ""),
        "stateAlpha2": debtor.address.get("state", ""),  # required for the United States
        "countryAlpha2": debtor.address.get("country", ""),
        "email": debtor.email,
        "phone": debtor.phone,
    }
    return {name: value for name, value in known.items() if value}


def _described(lines: Sequence[Line], currency: str) -> str:
    said = [
        f"Invoice {line.invoice} for {line.period_start} to {line.period_end}, due {line.due_on}: "
        f"{decimal_text(line.placed_minor, currency)} {currency}"
        for line in lines
    ]
    text = "\n".join(said)
    while len(text) > DESCRIPTION_LIMIT:
        said.pop()
        text = "\n".join([*said, f"and {len(lines) - len(said)} more; see the statement"])
    return text


def _number(minor: int, currency: str) -> float | int:
    """A JSON number that reads back as exactly this amount: below 10^15 minor units a float keeps every digit."""
    return float(decimal_text(minor, currency)) if decimals_of(currency) else minor


def _no_number(said: str) -> object:
    raise ValueError(f"{said} is no amount")
