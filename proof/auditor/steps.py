"""What the auditor is shown: plain data about what happened in a life, one step for each cause.

A thing that happened is a mapping with `is`:

| is | what it carries beside |
|---|---|
| entry | `at`, `what`, `fields`, `by`, `because`: a line of the timeline |
| ledger | `key`, `by`, `because`, `postings`: triples of account, minor units, payment reference or None |
| mail | `key`, `template`, `about` |
| command | `key`, `command` |
| place | `key`, `minor`, `invoices`: pairs of number and minor units |
| recall | `key`, `minor`, `invoice` |
| asked | `key`, `invoice`, `role`, `method`, `minor`: a charge put to the gateway |
| answered | `key`, `outcome`, `reason`, `at`: what the gateway said to it, and when |
| look_up | `key`, `invoice`: asked what became of a charge |
| looked_up | `key`, `outcome`, `reason`, `at` |
| facts | `used`, `evidence`: what was read for a rung |

Amounts are whole minor units, instants aware datetimes in UTC; amounts in `fields` and `about` are decimal strings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

Thing = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a step was taken. `at`: when it was taken; `due`: the deadline acted on, or the same as `at`."""

    kind: Literal["deadline", "message", "moved"]
    at: datetime
    due: datetime
    signal: str = ""
    payload: Mapping[str, Any] = field(default_factory=dict)
    policy: Mapping[str, Any] = field(default_factory=dict)
    """Of a move: the raw text of the policy that holds from now on, as YAML reads it."""


@dataclass(frozen=True, slots=True)
class Step:
    """One cause and all that came of it, in order. `stands` are the contract's final figures after it."""

    cause: Cause
    happened: Sequence[Thing]
    stands: Mapping[str, Any]
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class Premises:
    """What is true of a life before it begins: its terms, its policy, and what the world will do.

    `terms` is the scenario's `subscription`, `policy` what YAML reads from the policy's file. Spans are pairs of
    instants, the first inclusive, the second exclusive.
    """

    terms: Mapping[str, Any]
    policy: Mapping[str, Any]
    decimals: int
    usage: Sequence[date] = ()
    evidence: Sequence[tuple[datetime, datetime]] = ()
    """When unapplied money may be this customer's."""
    down: Sequence[tuple[datetime, datetime]] = ()
    """When no worker was up; what came or fell due meanwhile is taken in at the end, messages first."""
