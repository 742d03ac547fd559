"""What it means for a debt that an agency has closed its case: by the agency's word, and by what was settled."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Status = Literal["disputed", "uncollectable", "returned"]

_UNCOLLECTABLE = frozenset(
    {
        "debtorinsolventbankrupt",
        "debtoruntraceable",
        "prelegalexhaustednopayment",
        "statuteoflimitationsexpired",
        "uneconomicaltopursue",
        "uncollectable",
    }
)
"""The agency has tried, or found that trying is useless."""

_RETURNED = frozenset(
    {
        "partiallypaid",  # what is left comes back: whether a settlement was agreed, only support knows
        "withdrawnbyclient",
        "settlementrejectedbyclient",
        "unresponsiveclient",
        "caseneverstarted",
        "caseneverstartedinternal",
        "invalidcasedata",
        "noquotesreceived",
        "quotesexpirednotaccepted",
        "other",
        "returned",
    }
)
"""The agency has not tried, or stopped for a reason that lies with us: support decides what comes next."""

_DISPUTED = frozenset({"disputedlegalactiondeclinedbyclient"})


@dataclass(frozen=True, slots=True)
class Outcome:
    """`statuses` are to be told to the subscription, in this order; `ask` is what support has to do, if anything."""

    statuses: tuple[Status, ...] = ()
    ask: str = ""


def outcome_of(code: str, *, left_minor: int, open_beside: int) -> Outcome:
    """What a closure means. The codes are Debitura's, in any spelling, and the words of `agency-update`.

    `left_minor` is what of the case was neither paid nor taken back. `open_beside` counts the subscription's other
    cases that are still open: an `agency-update` speaks of everything placed, so that it must not be sent then.
    """
    if left_minor <= 0:
        return Outcome()
    word = re.sub(r"[^a-z]", "", code.lower())
    if word == "paid":
        return Outcome((), "the agency calls it paid all the same. Ask it, and record what was paid.")
    statuses: tuple[Status, ...] = ("returned",)
    if word in _UNCOLLECTABLE:
        statuses = ("uncollectable",)
    elif word in _DISPUTED:
        statuses = ("disputed", "returned")
    if open_beside:
        return Outcome(
            (),
            f"{open_beside} other cases of this subscription are still open, and `agency-update` would take all of "
            f"them back. Send it ({' then '.join(statuses)}) once they are closed, or write off what is left.",
        )
    known = word in _UNCOLLECTABLE | _RETURNED | _DISPUTED
    return Outcome(statuses, "" if known else "this word is not known here; the debt was taken as returned.")
