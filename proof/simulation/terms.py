"""Who lives: terms in awkward zones, currencies and dates, and gateways, outages and evidence that befall them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

from domain.money import decimal_text
from domain.periods import add_months, first_instant

ZONES = (
    "America/New_York", "Europe/Berlin", "UTC", "Asia/Kathmandu", "Asia/Beirut", "America/Havana", "America/Asuncion",
    "Australia/Lord_Howe", "Pacific/Auckland", "Pacific/Apia", "America/St_Johns", "Africa/Casablanca", "Asia/Tokyo",
    "Pacific/Chatham", "America/Sao_Paulo", "Africa/Cairo",
)  # fmt: skip
"""With and without clock changes; some change at midnight, one by half an hour, one has skipped a day."""

PRICES = {"USD": (4_900, 4_900, 999, 1, 0, 10**12), "EUR": (7_200, 2_501), "JPY": (500, 7), "KWD": (12_345, 5)}
"""Minor units, by currency: 2, 0 and 3 decimals; odd ones so that halves have to be rounded."""

METHODS = ("card", "card", "card", "paypal", "bank_transfer")
REASONS = ("insufficient_funds", "insufficient_funds", None, "stolen_card")
OUTCOMES = ("declined",) * 7 + ("unknown_then_approved", "unknown_then_declined", "approved")


def subscription(random: Random) -> dict[str, Any]:
    """A subscription as a scenario writes it."""
    currency = random.choice(("USD", "USD", "EUR", "JPY", "KWD"))
    starts_on = date(random.randint(2019, 2028), random.randint(1, 12), 1) + timedelta(days=random.choice(
        (0, 0, 5, 13, 14, 27, 28, 29, 30, 30)
    ))  # fmt: skip
    methods = {"primary": random.choice(METHODS)}
    if random.random() < 0.5:
        methods["secondary"] = random.choice(METHODS)
    customer = {"id": "c-1", "client_number": "K100", "timezone": random.choice(ZONES)}
    if random.random() < 0.2:
        customer["since"] = (starts_on - timedelta(days=random.choice((0, 5, 400)))).isoformat()
    said: dict[str, Any] = {
        "id": "s-1",
        "customer": customer,
        "plan": {
            "name": "pro",
            "price": decimal_text(random.choice(PRICES[currency]), currency),
            "currency": currency,
            "instalments": random.choice((12, 12, 12, 6, 3)),
        },
        "starts_on": starts_on.isoformat(),
        "payment_methods": methods,
    }
    if random.random() < 0.2:
        said["tags"] = [random.choice(("risky", "trusted"))]
    return said


def gateway(random: Random, starts_on: date, until: date) -> list[dict[str, Any]]:
    """Rules of a gateway: spans in which charges fail, of one method or of both, some of them for ever."""
    rules: list[dict[str, Any]] = []
    days = (until - starts_on).days
    for _ in range(random.choice((0, 1, 2, 3, 4, 6))):
        begins = starts_on + timedelta(days=int(days * random.random() ** 1.7))
        length = random.choice((1, 2, 5, 12, 30, 40, 70, 100, 150, 300, None))
        outcome, reason = random.choice(OUTCOMES), random.choice(REASONS)
        for method in random.choice((("primary", "secondary"),) * 4 + (("primary",), ("secondary",))):
            rule: dict[str, Any] = {"method": method, "from": begins.isoformat(), "outcome": outcome}
            if length is not None:
                rule["until"] = (begins + timedelta(days=length)).isoformat()
            if reason is not None and outcome.endswith("declined"):
                rule["reason"] = reason
            rules.append(rule)
    if random.random() < 0.3:  # never pays again: the whole ladder, and what comes after
        begins = starts_on + timedelta(days=random.choice((20, 40, 80, 130, 250)))
        rules += [
            {"method": method, "from": begins.isoformat(), "outcome": "declined"} for method in ("primary", "secondary")
        ]
    return rules


def usage(random: Random, starts_on: date, until: date) -> list[dict[str, Any]]:
    """Days on which something was used; in most lives none, so that forecasts can be compared."""
    if random.random() < 0.6:
        return []
    kinds = ("batch_uploaded", "credit_used", "site_activated", "tour_activated")
    on = sorted(_day(random, starts_on, until) for _ in range(random.choice((1, 3, 10))))
    return [{"on": d.isoformat(), "kind": random.choice(kinds)} for d in on]


def _day(random: Random, starts_on: date, until: date) -> date:
    return starts_on + timedelta(days=random.randrange((until - starts_on).days))


def extras(random: Random, said: dict[str, Any], others: list[str]) -> dict[str, Any]:
    """What befalls a life beside its scenario; in most lives nothing but forecasts."""
    starts_on, until = date.fromisoformat(said["subscription"]["starts_on"]), date.fromisoformat(said["until"])
    zone = said["subscription"]["customer"]["timezone"]

    def at() -> datetime:
        if random.random() < 0.5:  # around a billing date, where the most happens
            on = add_months(starts_on, random.randrange(1, 14))
            return first_instant(on, zone) + timedelta(hours=random.choice((-1, -1, 0, 0, 5, 24 * 3 - 1, 24 * 14 - 1)))
        midnight = first_instant(_day(random, starts_on, until), zone)
        return midnight + timedelta(hours=random.choice((0, 0, 7, 12, 23)), seconds=random.choice((0, 0, 1)))

    found: dict[str, Any] = {"forecasts": sorted(_text(at()) for _ in range(random.choice((1, 2, 4))))}
    if random.random() < 0.35:
        found["down"] = _spans(random, at, (1, 6, 24, 72, 24 * 10, 24 * 50))
    if random.random() < 0.25:
        silent = _spans(random, at, (1, 3, 3, 20, 20, 50, 24 * 9))  # a look-up every 15 minutes: long ones cost
        found["silent"] = [[begin, end, random.choice(("lost", "lost", "dropped"))] for begin, end in silent]
    if random.random() < 0.06 and said["gateway"]:
        found["silent"] = [[*_beyond_the_next_round(said, starts_on, zone), "lost"]]
    if random.random() < 0.25:
        found["evidence"] = _spans(random, at, (24, 24 * 6, 24 * 30, 24 * 60))
    if random.random() < 0.15 and others:
        found["moves"] = sorted([_text(at()), random.choice(others)] for _ in range(random.choice((1, 1, 2))))
    return {name: value for name, value in found.items() if value}


def _beyond_the_next_round(said: dict[str, Any], starts_on: date, zone: str) -> list[str]:
    """Nine days of silence from before the first weekly round of a miss until after the second."""
    fails_from = date.fromisoformat(said["gateway"][0]["from"])
    missed_on = next(on for period in range(100) if (on := add_months(starts_on, period)) >= fails_from)
    begin = first_instant(missed_on + timedelta(days=6), zone)
    return [_text(begin), _text(begin + timedelta(days=9))]


def _spans(random: Random, at: Any, hours: tuple[int, ...]) -> list[list[str]]:
    """Spans that do not overlap."""
    spans: list[list[str]] = []
    over: datetime | None = None
    for begin in sorted(at() for _ in range(random.choice((1, 2, 4)))):
        if over is None or begin > over:
            over = begin + timedelta(hours=random.choice(hours))
            spans.append([_text(begin), _text(over)])
    return spans


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()
