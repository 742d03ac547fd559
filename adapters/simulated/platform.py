"""The platform's own systems, played: they acknowledge every command and keep them in the order of arrival."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from adapters.postgres.pool import Pool
from adapters.simulated.refusals import take_or_refuse
from domain.effects import FieldValue
from domain.witnesses import Obeys


@dataclass(frozen=True, slots=True)
class Heard:
    """A command as it arrived. `sent` counts how often it was sent under its key; it was carried out once."""

    key: str
    command: str
    at: datetime
    because: str
    sent: int


class SimulatedPlatform:
    """Acknowledges commands; the same key is the same command."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def command(
        self, key: str, command: str, *, subscription_id: str, place: int, at: datetime, because: str
    ) -> None:
        """Take one command; returning is the acknowledgement. Raises TurnedAway where the script wants it so."""
        await take_or_refuse(self._pool, "platform", subscription_id, key)
        async with self._pool.acquire() as connection:
            await connection.execute(
                "insert into simulated_command (key, subscription_id, command, at, because) values ($1, $2, $3, $4, $5)"
                " on conflict (key) do update set sent = simulated_command.sent + 1",
                key,
                subscription_id,
                command,
                at,
                because,
            )

    async def event(
        self,
        key: str,
        what: str,
        *,
        subscription_id: str,
        place: int,
        fields: Mapping[str, FieldValue],
        at: datetime,
        by: str,
        because: str,
    ) -> None:
        """Take note of what happened; kept among the commands, as `event <what>`."""
        await self.command(key, f"event {what}", subscription_id=subscription_id, place=place, at=at, because=because)

    async def state(self, key: str, *, subscription_id: str, at: datetime) -> Obeys | None:
        """It acknowledges without a word: None."""
        return None

    async def heard(self, subscription_id: str) -> list[Heard]:
        """What arrived for a subscription, in order."""
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(
                "select key, command, at, because, sent from simulated_command where subscription_id = $1 order by seq",
                subscription_id,
            )
        return [Heard(**dict(row)) for row in rows]
