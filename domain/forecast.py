"""What happens next and when: if nothing is paid, and if everything is. Played by the real decision code."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from domain.effects import Entry
from domain.money import decimal_text
from domain.policy import Policy
from domain.scenario import Said
from domain.simulate import play
from domain.subscription import Subscription
from domain.world import Book, GatewayRule, World

HORIZON = timedelta(days=400)  # a year and a month: every rung of a ladder, and one renewal
ENTRIES_LIMIT = 60  # what a page can show

_FIRST = date(1, 1, 1)
_DECLINED = World(
    gateway=(
        GatewayRule("primary", _FIRST, None, "declined", None),
        GatewayRule("secondary", _FIRST, None, "declined", None),
    )
)


def _transfer(state: Subscription, now: datetime) -> tuple[Said, ...]:
    """A transfer of everything open, at once."""
    if not state.open_minor:
        return ()
    amount = decimal_text(state.open_minor, state.currency)
    said: dict[str, object] = {"amount": amount, "channel": "bank_transfer", "reference": "forecast"}
    return (Said(now, "payment-received", said),)


@dataclass(frozen=True, slots=True)
class Forecast:
    """Two futures from one state. Both assume that nobody sends anything and that nothing more is used."""

    if_nothing_is_paid: tuple[Entry, ...]
    if_everything_is: tuple[Entry, ...]


def forecast(state: Subscription, policy: Policy, now: datetime, horizon: timedelta = HORIZON) -> Forecast:
    """What a subscription will see from `now` on, within `horizon`, at most ENTRIES_LIMIT entries each.

    "Everything is paid" means that what is open is paid by transfer now, and that every charge from now on is
    approved. Deadlines that have passed and wait for a worker come first where nothing is paid, and too late where
    everything is: messages are taken in before deadlines.
    """
    until = now + horizon
    unpaid = play(state, policy, _DECLINED, Book(), (), until).entries
    paid = play(state, policy, World(), Book(), _transfer(state, now), until).entries
    return Forecast(unpaid[:ENTRIES_LIMIT], paid[:ENTRIES_LIMIT])
