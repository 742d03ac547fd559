"""The search attributes of a subscription: what operators filter lists by. No personal data; ids only."""

from __future__ import annotations

from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

with workflow.unsafe.imports_passed_through():
    from domain.agenda import Item
    from domain.subscription import Subscription

STANDING = SearchAttributeKey.for_keyword("SubStanding")
POLICY = SearchAttributeKey.for_keyword("SubPolicy")
CUSTOMER = SearchAttributeKey.for_keyword("SubCustomer")
CURRENCY = SearchAttributeKey.for_keyword("SubCurrency")
OWED = SearchAttributeKey.for_int("SubOwedMinor")
NEXT_AT = SearchAttributeKey.for_datetime("SubNextAt")
NEXT_STEP = SearchAttributeKey.for_keyword("SubNextStep")
ATTENTION = SearchAttributeKey.for_bool("SubNeedsAttention")

REGISTERED: dict[str, str] = {
    STANDING.name: "Keyword",
    POLICY.name: "Keyword",
    CUSTOMER.name: "Keyword",
    CURRENCY.name: "Keyword",
    OWED.name: "Int",
    NEXT_AT.name: "Datetime",
    NEXT_STEP.name: "Keyword",
    ATTENTION.name: "Bool",
}
"""Name and type of each, to be registered before the first worker starts; `make run` and `worker.py` do it."""


def attributes(state: Subscription, upcoming: Item | None) -> TypedSearchAttributes:
    """What lists show of a state. `SubOwedMinor` is past due, placed debt included, in minor units of the currency."""
    pairs: list[SearchAttributePair[Any]] = [
        SearchAttributePair(STANDING, state.standing),
        SearchAttributePair(POLICY, f"{state.policy.name} {state.policy.version}"),
        SearchAttributePair(CUSTOMER, state.customer_id),
        SearchAttributePair(CURRENCY, state.currency),
        SearchAttributePair(OWED, state.balance_minor),
        SearchAttributePair(ATTENTION, bool(state.attention)),
        SearchAttributePair(NEXT_STEP, upcoming.what if upcoming else "nothing"),
    ]
    if upcoming:
        pairs.append(SearchAttributePair(NEXT_AT, upcoming.at))
    return TypedSearchAttributes(pairs)
