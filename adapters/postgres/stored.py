"""Domain values as they are stored in json columns, and read back from them."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from domain.effects import (
    Batch,
    CommandPlatform,
    PlaceWithAgency,
    RecallFromAgency,
    SendMail,
    TellPlatform,
    TellSiblings,
    Tiding,
)
from domain.subscription import Invoice

PARTIES = ("platform", "agency", "siblings", "mail")
"""Who is told something; access and money before mail."""

_INVOICE = TypeAdapter(Invoice)
_TIDING: TypeAdapter[Tiding] = TypeAdapter(Annotated[Tiding, Field(discriminator="kind")])
_BATCH = TypeAdapter(Batch)


def invoice_body(invoice: Invoice) -> dict[str, Any]:
    """The whole invoice as plain JSON; fields that have their default are left out."""
    body: dict[str, Any] = _INVOICE.dump_python(invoice, mode="json", exclude_defaults=True)
    return body


def invoice_of(body: object) -> Invoice:
    """The invoice that `invoice_body` gave. Raises pydantic.ValidationError for anything else."""
    return _INVOICE.validate_python(body)


def tiding_body(tiding: Tiding) -> dict[str, Any]:
    """A mail, command, placement, recall or word to the siblings as plain JSON, its `kind` among it."""
    body: dict[str, Any] = _TIDING.dump_python(tiding, mode="json")
    return body


def tiding_of(body: object) -> Tiding:
    """The tiding that `tiding_body` gave. Raises pydantic.ValidationError for anything else."""
    return _TIDING.validate_python(body)


def party_of(tiding: Tiding) -> str:
    """Who is told: one of PARTIES."""
    match tiding:
        case SendMail():
            return "mail"
        case CommandPlatform() | TellPlatform():
            return "platform"
        case PlaceWithAgency() | RecallFromAgency():
            return "agency"
        case TellSiblings():
            return "siblings"


def digest_of(batch: Batch) -> str:
    """SHA-256 of what a batch says, in hex. A field added later with a default leaves it as it was."""
    return hashlib.sha256(_BATCH.dump_json(batch, exclude_defaults=True)).hexdigest()
