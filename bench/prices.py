"""Temporal Cloud's list prices (https://docs.temporal.io/evaluate/cloud/pricing, read in November 2026), in USD.

Without the plan's own fee, the actions and storage that a plan includes, and discounts.
"""

from __future__ import annotations

from dataclasses import dataclass

TIERS = ((5e6, 50.0), (10e6, 45.0), (20e6, 40.0), (50e6, 35.0), (100e6, 30.0), (200e6, 25.0))
"""Up to how many actions a month a million of them costs how much; beyond the last, prices are asked for."""
ACTIVE_USD = 0.042  # for a GB-hour of open runs
RETAINED_USD = 0.00105  # for a GB-hour of closed runs
GB = 1e9
MONTH_HOURS = 730


@dataclass(frozen=True, slots=True)
class ActiveAndRetained:
    """Bytes of one subscription: of its open run, and of what it closes in a month, kept for as long."""

    active: float
    retained: float


def actions_usd(actions: float) -> float:
    """What a month's actions cost. Raises ValueError for more than have a list price."""
    if actions > TIERS[-1][0]:
        raise ValueError(f"{actions:,.0f} actions a month: more than {TIERS[-1][0]:,.0f} have no list price")
    usd, below = 0.0, 0.0
    for upto, price in TIERS:
        usd += max(0.0, min(actions, upto) - below) / 1e6 * price
        below = upto
    return usd


def storage_usd(kept: ActiveAndRetained, subscriptions: int) -> float:
    """What a month's storage costs: both are there all month."""
    return subscriptions / GB * MONTH_HOURS * (kept.active * ACTIVE_USD + kept.retained * RETAINED_USD)
