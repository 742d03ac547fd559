"""Books with customers who owe, and a door that remembers what was said through it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.postgres.bank import BankBooks
from adapters.postgres.books import Books
from adapters.postgres.pool import Pool
from domain.letters import Addressee
from engine.bank import Imported, import_statement
from engine.speak import UnknownSubscription
from tests.bank.samples import Transfer, statement
from tests.postgres.lives import HOSTING, played

NOW = datetime(2026, 3, 18, 12, tzinfo=UTC)


@dataclass(slots=True)
class Heard:
    """A door in memory: what was told, in order. `breaks_after` tells it when to fail, `unknown` for whom."""

    told: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    breaks_after: int | None = None
    unknown: frozenset[str] = frozenset()
    ended: frozenset[str] = frozenset()

    async def tell(self, subscription_id: str, signal: str, payload: dict[str, Any]) -> bool:
        if self.breaks_after is not None and len(self.told) >= self.breaks_after:
            raise ConnectionError("the server is away")
        if subscription_id in self.unknown:
            raise UnknownSubscription(subscription_id)
        self.told.append((subscription_id, signal, payload))
        return subscription_id not in self.ended

    @property
    def once(self) -> dict[str, tuple[str, str, str, str | None]]:
        """What counts of it: a message whose id was said before is none."""
        return {p["id"]: (s, signal, p["amount"], p.get("invoice")) for s, signal, p in reversed(self.told)}


@dataclass(slots=True)
class Bank:
    """The import, over the test's own database."""

    books: Books
    bank: BankBooks
    pool: Pool
    door: Heard = field(default_factory=Heard)

    async def take(self, *transfers: Transfer, name: str = "day.xml") -> Imported:
        """Import a statement of those transfers."""
        return await self.take_file(name, statement(*transfers))

    async def take_file(self, name: str, data: bytes) -> Imported:
        """Import a file."""
        return await import_statement(self.books, self.bank, self.door, name, data, NOW)

    async def texts(self) -> list[str]:
        """What support is asked."""
        return [task.text for task in await self.books.tasks()]


async def owes(books: Books, id_: str, client_number: str, name: str, *, ended: bool = False) -> None:
    """A subscription that owes one invoice of 31.00 EUR, `<id>-0001`; or one that has ended owing nothing."""
    said: dict[str, Any] = HOSTING | {
        "gateway": [{"method": "primary", "from": "2026-01-01", "outcome": "declined"}],
        "until": "2026-02-02",
    }
    owner = said["subscription"] | {"id": id_}
    owner["customer"] = owner["customer"] | {"id": f"c-{id_}", "client_number": client_number}
    said["subscription"] = owner
    if ended:
        said["until"] = "2026-12-01"
        said["messages"] = [
            {"at": "2026-02-03T10:00", "signal": "payment-received",
             "amount": "31.00", "channel": "bank_transfer", "reference": "first"},
            {"at": "2026-02-03T11:00", "signal": "cancel", "by": "kim", "reason": "moves", "when": "now"},
            {"at": "2026-02-03T12:00", "signal": "payment-received",
             "amount": "100.00", "channel": "bank_transfer", "reference": "second"},
        ]  # fmt: skip
    await books.register(Addressee(f"c-{id_}", client_number, name, "x@example.com", "en"), id_)
    for batch in played(said).batches:
        await books.write(batch)


@pytest.fixture
async def till(books: Books, pool: Pool) -> Bank:
    """s-1 (K-100, Ada Example) and s-2 (K-200, Jürgen Groß) owe 31.00 EUR each."""
    await owes(books, "s-1", "K-100", "Ada Example")
    await owes(books, "s-2", "K-200", "Jürgen Groß")
    assert [i.open_minor for i in await books.invoices("s-1")] == [3100]
    return Bank(books, BankBooks(pool), pool)
