"""The books with themselves: ledger, invoices, payments and projection, as the audit compares them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from activities.reconciliation import Places
from domain.reconciliation import Asked, Difference, Known, Looked, Side


class Disagreement(Protocol):
    """Two parts of the books that should agree; amounts are minor units, `expected` is what the ledger says."""

    @property
    def subscription_id(self) -> str: ...
    @property
    def what(self) -> str: ...
    @property
    def expected(self) -> int: ...
    @property
    def found(self) -> int: ...


class Audit(Protocol):
    """Recomputes every balance."""

    async def audit(self, subscription_id: str | None = None) -> Sequence[Disagreement]: ...


class Witness(Protocol):
    """How much there is to audit."""

    async def count(self, subscription_id: str | None) -> int: ...


class AgainstBooks:
    """Audits the whole book, or one subscription, twice: a batch that is written meanwhile is no difference."""

    def __init__(self, audit: Audit, witness: Witness) -> None:
        self._audit = audit
        self._witness = witness

    async def look(self, asked: Asked, standing: Sequence[Known], places: Places) -> Looked:
        """What differs both times."""
        one = asked.subscription_id
        first = {_difference(d).key for d in await self._audit.audit(one)}
        lasting = [_difference(d) for d in await self._audit.audit(one)] if first else []
        found = {d.key: d for d in lasting if d.key in first}
        return Looked(await self._witness.count(one), tuple(found.values()), complete=True)


def _difference(said: Disagreement) -> Difference:
    of = said.subscription_id or None
    return Difference(
        "books",
        "books_disagree",
        f"{said.subscription_id or 'no subscription'}: {said.what}",
        of,
        (Side("the ledger", f"{said.expected} minor units"), Side("found", f"{said.found}")),
        "No money moved by it, but a figure that people and rules go by is wrong.",
        f"`cli.py audit{f' {of}' if of else ''}` shows it. The ledger is the record: find out who changed a table by "
        "hand or restored a part of it. What the ledger lacks is recorded by a message, never by an edit.",
    )
