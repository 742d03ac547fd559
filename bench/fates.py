"""What becomes of the subscriptions of a large book, and how often."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta

MORNING = datetime(2026, 3, 18, 6, tzinfo=UTC)
"""The instant at which the book is read; everything due before it has been done."""

ID, CUSTOMER, CLIENT = "s-0000000", "c-0000000", "K0000000"
"""What the lives are played under; each subscription puts its own there. All of one length, as the real ones are."""

_PLACES = (("Europe/Berlin", "EUR", "19.00"), ("America/New_York", "USD", "24.90"), ("Europe/London", "GBP", "15.50"),
           ("Asia/Tokyo", "JPY", "2900"))  # fmt: skip
OLD = "pays for three years"
FATES = {  # in percent of all subscriptions
    "pays": 84.0,
    OLD: 1.0,
    "pays by transfer": 4.0,
    "cancelled and left": 3.0,
    "paid late": 2.0,
    "stopped paying": 4.0,
    "announced a transfer": 2.0,
}


def scenario(drawn: random.Random, fate: str) -> dict[str, object]:
    """A scenario of one fate: policy, plan, place and dates are drawn."""
    zone, currency, price = drawn.choice(_PLACES)
    month = drawn.choice((9, 10, 11, 12, 13, 14, 15))  # of 2025: September to March
    starts = date(2025 + (month - 1) // 12, (month - 1) % 12 + 1, drawn.randint(1, 17 if month == 15 else 28))
    policy = drawn.choice(("photo-monthly", "hosting"))
    gateway: list[dict[str, object]] = []
    messages: list[dict[str, object]] = []
    failing = MORNING.date() - timedelta(days=int(drawn.triangular(0, 170, 5)))
    match fate:
        case "pays for three years":
            starts = starts.replace(year=starts.year - 3)
            gateway = [
                {"method": "primary", "from": f"{year}-0{month}-01", "until": f"{year}-0{month}-03",
                 "outcome": "declined", "reason": "insufficient_funds"}
                for year, month in ((2024, 2), (2024, 7), (2025, 5))
            ]  # fmt: skip
        case "pays by transfer":
            policy = "hosting"
        case "cancelled and left":
            left = min(starts + timedelta(days=40), MORNING.date() - timedelta(days=1))
            messages = [{"at": f"{left}T10:00", "signal": "cancel", "by": "customer", "reason": "moved", "when": "now"}]
        case "paid late":
            until = min(failing + timedelta(days=4), MORNING.date())
            gateway = [_declined(failing - timedelta(days=35), until)]
        case "announced a transfer":
            starts, day = min(starts, failing - timedelta(days=20)), MORNING.date() - timedelta(days=1)
            gateway = [_declined(failing, None)]
            messages = [{"at": f"{day}T10:00", "signal": "payment-announced", "amount": price, "client_number": CLIENT}]
        case "stopped paying":
            starts = min(starts, failing - timedelta(days=20))
            gateway = [_declined(failing, None)]
        case _:
            pass
    return {
        "policy": policy,
        "subscription": {
            "id": ID,
            "customer": {"id": CUSTOMER, "client_number": CLIENT, "name": "Ada Example", "email": "ada@example.com",
                         "timezone": zone, "locale": "en"},
            "plan": {"name": "pro", "price": price, "currency": currency},
            "starts_on": starts.isoformat(),
            "payment_methods": {"primary": "bank_transfer" if fate == "pays by transfer" else "card"},
        },
        "gateway": gateway,
        "messages": messages,
        "until": MORNING.date().isoformat(),
    }  # fmt: skip


def _declined(first: date, until: date | None) -> dict[str, object]:
    said: dict[str, object] = {
        "method": "primary",
        "from": first.isoformat(),
        "outcome": "declined",
        "reason": "insufficient_funds",
    }
    return said | ({"until": until.isoformat()} if until else {})
