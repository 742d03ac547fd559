"""A collections agency, played: it keeps what it was given and what was taken back, invoice by invoice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from adapters.postgres.pool import Pool
from adapters.simulated.refusals import take_or_refuse
from domain.effects import Entry
from domain.letters import Addressee
from domain.subscription import Invoice


class SimulatedAgency:
    """Takes placements and recalls; the same key is the same one."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def place(
        self,
        key: str,
        *,
        subscription_id: str,
        debtor: Addressee,
        currency: str,
        invoices: Sequence[Invoice],
        history: Sequence[Entry],
        at: datetime,
    ) -> None:
        """Take a debt over: of each invoice its `placed_minor`. Raises TurnedAway where the script wants it so."""
        await take_or_refuse(self._pool, "agency", subscription_id, key)
        owes = f"{debtor.name} <{debtor.email}>, client number {debtor.client_number}"
        told = [{"at": entry.at.isoformat(), "what": entry.what, **entry.fields} for entry in history]
        async with self._pool.acquire() as connection:
            await connection.executemany(
                "insert into simulated_case"
                " (key, invoice, subscription_id, minor, currency, debtor, due_at, history, at)"
                " values ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
                " on conflict (key, invoice) do update set sent = simulated_case.sent + 1",
                [
                    (key, i.number, subscription_id, i.placed_minor, currency, owes, i.due_at, told, at)
                    for i in invoices
                ],
            )

    async def recall(
        self, key: str, *, subscription_id: str, invoice: str, minor: int, currency: str, because: str, at: datetime
    ) -> None:
        """Give an amount of an invoice back. Raises TurnedAway where the script wants it so."""
        await take_or_refuse(self._pool, "agency", subscription_id, key)
        async with self._pool.acquire() as connection:
            await connection.execute(
                "insert into simulated_case (key, invoice, subscription_id, minor, currency, debtor, history, at)"
                " values ($1, $2, $3, $4, $5, $6, '[]', $7)"
                " on conflict (key, invoice) do update set sent = simulated_case.sent + 1",
                key,
                invoice,
                subscription_id,
                -minor,
                currency,
                because,
                at,
            )

    async def holds(self, subscription_id: str) -> dict[str, int]:
        """What the agency has of each invoice (minor units), by its own book; invoices given back are left out."""
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(
                "select invoice, sum(minor)::bigint as minor from simulated_case where subscription_id = $1"
                " group by invoice having sum(minor) <> 0 order by invoice",
                subscription_id,
            )
        return {row["invoice"]: row["minor"] for row in rows}
