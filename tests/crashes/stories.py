"""The main stories, each as short as it can be told: every crash point of one is a life of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from domain.policy import Policy
from domain.scenario import Scenario, read_scenario
from domain.subscription import Subscription
from policies.load import load

NEW_YORK = {"timezone": "America/New_York", "locale": "en"}
BERLIN = {"timezone": "Europe/Berlin", "locale": "de"}
PHOTO = {"plan": {"name": "pro", "price": "49.00", "currency": "USD"}, "starts_on": "2026-01-15"}
ANNUAL = {"plan": {"name": "pro", "price": "100.00", "currency": "USD", "instalments": 12}, "starts_on": "2026-01-15"}
SERVER = {"plan": {"name": "server", "price": "40.00", "currency": "EUR"}, "starts_on": "2026-01-01"}
BOTH_CARDS = {"payment_methods": {"primary": "card", "secondary": "card"}}
ONE_CARD = {"payment_methods": {"primary": "card"}}
KIM = {"by": "support:kim", "reason": "asked"}


def _declined(since: str, until: str | None = None) -> list[dict[str, object]]:
    rule = {"from": since, "outcome": "declined", "reason": "insufficient_funds"} | ({"until": until} if until else {})
    return [{"method": role, **rule} for role in ("primary", "secondary")]


@dataclass(frozen=True, slots=True)
class Story:
    """A scenario that can be lived under any id. `before` is what the subscription brings along from earlier."""

    name: str
    rules: str
    customer: dict[str, str]
    subscription: dict[str, Any]
    until: str
    gateway: Sequence[dict[str, object]] = ()
    usage: Sequence[dict[str, str]] = ()
    messages: Sequence[dict[str, object]] = ()
    siblings: tuple[str, ...] = ()
    scope: str = ""
    forgotten: int = 0
    same_way: bool = True
    """Whether the timeline, too, must be the same wherever the worker dies."""

    def scenario(self, id_: str) -> Scenario:
        """The story as the life of `id_`."""
        customer = {
            "id": f"c-{id_}",
            "client_number": f"K-{id_}",
            "name": f"Ada {id_}",
            "email": f"ada@{id_}.example.com",
            **self.customer,
        }
        return read_scenario(
            {
                "policy": self.rules,
                "subscription": {"id": id_, "customer": customer, **self.subscription},
                "gateway": list(self.gateway),
                "usage": list(self.usage),
                "messages": list(self.messages),
                "until": self.until,
            }
        )

    def policy(self) -> Policy:
        rules = load(self.rules)
        return replace(rules, scope="customer") if self.scope == "customer" else rules

    def prepared(self, state: Subscription) -> Subscription:
        """A subscription so old that its state has forgotten messages asks the books for every new one."""
        return replace(state, forgotten=self.forgotten)


HEALTHY_MONTH = Story(
    "healthy month",
    "photo-monthly",
    NEW_YORK,
    PHOTO | BOTH_CARDS,
    "2026-03-01",
    usage=[{"on": "2026-01-20", "kind": "batch_uploaded"}],
)

LOCK_AND_UNLOCK = Story(
    "decline to lock to unlock",
    "photo-monthly",
    NEW_YORK,
    PHOTO | BOTH_CARDS,
    "2026-02-01",
    gateway=_declined("2026-01-01", "2026-01-20"),
    messages=[
        {"at": "2026-01-20T09:00", "signal": "payment-method-updated", "role": "primary", "method": "card"},
        {"at": "2026-01-21T10:00", "signal": "retry-payment", "by": "customer"},
    ],
)

COLLECTIONS = Story(
    "cancellation to collections",
    "photo-monthly",
    NEW_YORK,
    PHOTO | ONE_CARD,
    "2026-03-01",
    gateway=_declined("2026-01-01"),
    usage=[{"on": "2026-01-16", "kind": "batch_uploaded"}],
    messages=[
        {
            "at": "2026-02-05T10:00",
            "signal": "payment-received",
            "amount": "9.00",
            "channel": "agency",
            "reference": "a-1",
        },
        {
            "at": "2026-02-10T10:00",
            "signal": "payment-received",
            "amount": "40.00",
            "channel": "bank_transfer",
            "reference": "r-1",
        },
    ],
)

DELINQUENCY = Story(
    "annual delinquency", "photo-annual", NEW_YORK, ANNUAL | ONE_CARD, "2026-04-02", gateway=_declined("2026-01-01")
)

REVIEW = Story(
    "hosting review",
    "hosting",
    BERLIN,
    SERVER | ONE_CARD,
    "2026-02-27",
    gateway=_declined("2026-01-01", "2026-02-20"),
    messages=[
        {
            "at": "2026-02-19T10:00",
            "signal": "payment-received",
            "amount": "40.00",
            "channel": "bank_transfer",
            "reference": "r-1",
        },
        {"at": "2026-02-20T10:00", "signal": "reactivate", **KIM},
        {
            "at": "2026-02-22T10:00",
            "signal": "payment-reversed",
            "amount": "40.00",
            "reference": "r-1",
            "reason": "bounced",
        },
    ],
    forgotten=1,
)

ALL_OF_A_CUSTOMER = Story(
    "a lock for all of a customer's",
    "photo-monthly",
    NEW_YORK,
    PHOTO | ONE_CARD,
    "2026-01-25",
    gateway=_declined("2026-01-01", "2026-01-20"),
    messages=[{"at": "2026-01-21T10:00", "signal": "retry-payment", "by": "customer"}],
    siblings=("b", "c"),
    scope="customer",
)

LOST_ANSWER = Story(
    "an answer that is lost",
    "photo-monthly",
    NEW_YORK,
    PHOTO | BOTH_CARDS,
    "2026-02-01",
    gateway=[{"method": "primary", "from": "2026-01-01", "outcome": "unknown_then_approved"}],
    same_way=False,
)

STORIES = (HEALTHY_MONTH, LOCK_AND_UNLOCK, COLLECTIONS, DELINQUENCY, REVIEW, ALL_OF_A_CUSTOMER, LOST_ANSWER)
