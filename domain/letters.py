"""A mail to a customer as the mailer gets it: what to say, to whom, and how things stand as it is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from domain.effects import View
from domain.subscription import Invoice


@dataclass(frozen=True, slots=True)
class Addressee:
    """Who is written to, or handed over to an agency. Personal data: it is never logged, and shown to support only."""

    id: str
    client_number: str
    name: str = field(repr=False)
    email: str = field(repr=False)
    locale: str
    """A BCP 47 language such as `en`, `de` or `de-AT`."""
    phone: str = field(default="", repr=False)
    address: Mapping[str, str] = field(default_factory=dict, repr=False)
    """`street`, `postal_code`, `city`, `country` (ISO 3166-1 alpha-2); empty where it is not known."""
    tenant: str = ""
    """Whose brand the subscription is sold under; empty for the house's own."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail. The same `key` is the same mail."""

    key: str
    template: str
    at: datetime
    """When it was caused (business time, UTC)."""
    about: Mapping[str, str]
    """What it was caused by, as it stood then: amounts as decimals of the view's currency, dates as ISO."""
    to: Addressee
    view: View
    """The subscription as it stands now."""
    invoices: tuple[Invoice, ...]
    """What is open now, and the invoice that `about` names also where it is paid; in order of issue."""
    sent_at: datetime | None = None
    """When it goes out (business time, UTC), where that is later than `at`: it waited for its hour."""

    @property
    def subscription_id(self) -> str:
        return self.view.subscription_id
