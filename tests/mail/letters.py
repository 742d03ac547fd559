"""Letters for tests: a customer who missed an instalment of 49 dollars, and whatever a test changes about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime

from adapters.mail.house import BankAccount, House
from domain.effects import View
from domain.letters import Addressee, Letter
from domain.policy import Standing
from domain.subscription import Invoice

AT = datetime(2026, 3, 15, 4, tzinfo=UTC)
ADDRESS = "ada@example.com"
HOUSE = House(
    "Lumen",
    "billing@lumen.example",
    "https://lumen.example/pay/{subscription}",
    BankAccount("Lumen Ltd", "DE89370400440532013000", "COBADEFFXXX"),
    "Lumen Ltd, 1 Example Street",
)
INVOICE = Invoice(
    "s-1-0003", 3, "period", 2, date(2026, 3, 15), date(2026, 4, 15), 4900, 4900, AT, AT, date(2026, 3, 15), missed=True
)


def letter(
    template: str = "payment_declined",
    *,
    number: int = 1,
    policy: str = "photo-monthly",
    locale: str = "en",
    email: str = ADDRESS,
    name: str = "Ada Example",
    tenant: str = "",
    about: Mapping[str, str] | None = None,
    currency: str = "USD",
    open_minor: int = 4900,
    placed_minor: int = 0,
    standing: Standing = "past_due",
    invoices: tuple[Invoice, ...] | None = None,
    timezone: str = "America/New_York",
) -> Letter:
    """A letter; its invoice is open with `open_minor` unless others are given, and shown only where it is open."""
    owed = (replace(INVOICE, open_minor=open_minor),) if open_minor else ()
    facts = {"invoice": INVOICE.number, "amount": "49.00", "balance": "49.00", "open": "49.00"}
    return Letter(
        f"s-1/{number:06d}/mail",
        template,
        AT,
        facts if about is None else about,
        Addressee("c-1", "K100", name, email, locale, tenant=tenant),
        View(
            "s-1", "c-1", "K100", policy, 1, "pro", currency, timezone, standing,
            open_minor, open_minor, 0, placed_minor, None, "", (), False,
        ),
        owed if invoices is None else invoices,
    )  # fmt: skip
