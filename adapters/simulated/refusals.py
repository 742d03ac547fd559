"""How a scripted party turns things away a number of times before it takes them again."""

from __future__ import annotations

from typing import Literal

from adapters.postgres.pool import Pool

ScriptedParty = Literal["mail", "platform", "agency"]


class TurnedAway(ConnectionError):
    """The party did not take what was sent; the script wanted it so. Sending it again is safe."""


async def refuse(pool: Pool, party: ScriptedParty, subscription_id: str, times: int) -> None:
    """Have a party turn away the next `times` things sent for a subscription."""
    async with pool.acquire() as connection:
        await connection.execute(
            "insert into simulated_refusal (party, subscription_id, left_over) values ($1, $2, $3)"
            " on conflict (party, subscription_id) do update set left_over = excluded.left_over",
            party,
            subscription_id,
            times,
        )


async def take_or_refuse(pool: Pool, party: ScriptedParty, subscription_id: str, key: str) -> None:
    """Raise TurnedAway where the script has refusals left over, and use one up."""
    async with pool.acquire() as connection:
        used = await connection.fetchval(
            "update simulated_refusal set left_over = left_over - 1"
            " where party = $1 and subscription_id = $2 and left_over > 0 returning left_over",
            party,
            subscription_id,
        )
    if used is not None:
        raise TurnedAway(f"{key}: turned away by {party} (simulated); {used} more times to come")
