"""What an outside party reports to us: the message that it becomes, or why it becomes none.

A report is read from one authenticated webhook (or one line of a bank statement). The same thing reported twice has the
same `id`, so that it counts once whatever the party's own delivery does.
"""

from __future__ import annotations

from dataclasses import dataclass, field


class Unverified(Exception):
    """A webhook whose signature, time or body cannot be trusted. Nothing was taken in and no money moved."""


@dataclass(frozen=True, slots=True)
class Report:
    """`signal` and `payload` as in spec section 8; an empty signal means that nothing is to be done, for `note`."""

    source: str
    """Who reports: `stripe`, `paypal`, `debitura`, `platform`."""
    id: str
    """What is reported, such as `evt_1` or `refund/re_1`; unique for its source. The message's id is made from it."""
    what: str
    """The party's own name for it, such as `charge.dispute.created`."""
    subscription_id: str | None
    signal: str = ""
    payload: dict[str, object] = field(default_factory=dict)
    note: str = ""
    """For support: why nothing is to be done, or what could not be understood. No personal data, no token."""
    task: str = ""
    """What support is asked to do about it; empty for nothing."""
    needs_payment: str | None = None
    """The reference of a payment that the books must know first. Until they do, the party is asked to send it again."""
    settles: str | None = None
    """The key of a charge of ours that the party says was paid; where it had been declined to us, support is asked."""
    undoes: str | None = None
    """The id of an earlier report whose effect this one takes back: where that had none, this must have none either."""
