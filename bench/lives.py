"""The book that is simulated: who subscribes to what, in which zone, and who is declined when. Derived, never drawn."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache

from domain.money import decimal_text
from domain.opening import Customer, Terms
from domain.periods import billing_date, days_after, instant
from domain.policy import Policy
from domain.scenario import Said
from domain.world import GatewayRule, World
from policies.load import load

MONTHS = 12
POLICIES = ("photo-monthly", "photo-annual", "hosting")
ZONES = (
    "America/New_York", "Europe/Berlin", "Asia/Tokyo", "America/Sao_Paulo", "Australia/Sydney", "Asia/Kolkata",
    "Europe/London", "America/Los_Angeles",
)  # fmt: skip
PRICES = (4_900, 1_900, 9_900)
FIRST = date(2026, 1, 1)
FIRST_DATES = 365
DECLINED_PERCENT = 10
"""Of the months: the first charge is declined, and a transfer pays later."""
NEVER_PAYING_PERMILLE = 10
"""Of the subscriptions: from some month on every charge is declined and nobody pays, so that they climb the ladder."""
PAID_AFTER_DAYS = (2, 2, 2, 2, 2, 2, 5, 5, 5, 25)
"""Mostly within the grace of three days, sometimes out of a lock, seldom after a cancellation or a review."""
LOCKED_AFTER_DAYS = 21  # hosting: 14 days until an invoice is due, and 7 more


@dataclass(frozen=True, slots=True)
class Life:
    """One subscription, and all that will be said to it. `declined` counts the months with a declined charge."""

    terms: Terms
    policy: Policy
    world: World
    messages: tuple[Said, ...]
    bills: tuple[datetime, ...]
    """The instants of its invoices, ascending, by the calendar alone."""
    until: datetime
    declined: int
    pays: bool


def subscribed(number: int) -> tuple[str, date, str]:
    """The policy, the first date and the zone of a subscription: all that its calendar needs."""
    return (
        POLICIES[number % len(POLICIES)],
        FIRST + timedelta(days=number % FIRST_DATES),
        ZONES[number // len(POLICIES) % len(ZONES)],
    )


@lru_cache(maxsize=len(POLICIES))
def policy_of(name: str) -> Policy:
    """A shipped policy, read once in a process."""
    return load(name)


def bills(number: int) -> tuple[datetime, ...]:
    """The calendar of a subscription, and nothing else: the instants at which its twelve months are billed."""
    name, starts_on, timezone = subscribed(number)
    billing = policy_of(name).billing
    first = 0 if billing.in_advance else 1
    return tuple([instant(billing_date(starts_on, first + n), billing.at, timezone) for n in range(MONTHS)])


def life(number: int) -> Life:
    """Subscription `number` of the book, from 0."""
    name, starts_on, timezone = subscribed(number)
    policy, due = policy_of(name), bills(number)
    dice = hashlib.sha256(f"book {number}".encode()).digest()
    price = PRICES[dice[0] % len(PRICES)]
    id_ = f"s-{number:06d}"
    customer = Customer(f"c-{number:06d}", f"K{number}", "Ada Example", "ada@example.com", timezone, "en")
    terms = Terms(id_, customer, "pro", price, "USD", MONTHS, starts_on, "card", None)
    never_from = dice[3] % MONTHS if int.from_bytes(dice[1:3]) % 1_000 < NEVER_PAYING_PERMILLE else MONTHS
    rules, said, declined = [], [], 0
    for month, at in enumerate(due):
        on = billing_date(starts_on, month if policy.billing.in_advance else month + 1)
        if month >= never_from:
            rules.append(GatewayRule("primary", on, None, "declined", "insufficient_funds"))
            declined += 1
            break
        if dice[4 + month] * 100 < DECLINED_PERCENT * 256 and (month or policy.billing.in_advance):
            days = PAID_AFTER_DAYS[dice[16 + month] % len(PAID_AFTER_DAYS)]
            rules.append(GatewayRule("primary", on, on + timedelta(days=days), "declined", "insufficient_funds"))
            said += _paid(policy, terms, month, days_after(at, days, timezone), days)
            declined += 1
    after = instant(billing_date(starts_on, MONTHS), policy.billing.at, timezone)
    until = after if policy.billing.in_advance else days_after(after, 1, timezone)
    ordered = tuple(sorted(said, key=lambda message: message.at))
    return Life(terms, policy, World(tuple(rules)), ordered, due, until, declined, never_from == MONTHS)


def _paid(policy: Policy, terms: Terms, month: int, at: datetime, days: int) -> list[Said]:
    """A transfer of one month; and the person who unlocks on the next day, where a debt so old needs one."""
    transfer: dict[str, object] = {
        "amount": decimal_text(terms.price_minor, terms.currency),
        "channel": "bank_transfer",
        "reference": f"transfer-{terms.id}-{month}",
    }
    said = [Said(at, "payment-received", transfer)]
    if policy.settled.unlock == "review" and days > LOCKED_AFTER_DAYS:
        unlock: dict[str, object] = {"by": "support", "reason": "has paid"}
        said.append(Said(at + timedelta(days=1), "reactivate", unlock))
    return said
