"""A mail server that keeps every mail instead of sending it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from adapters.postgres.pool import Pool
from adapters.simulated.refusals import take_or_refuse
from domain.letters import Letter


@dataclass(frozen=True, slots=True)
class KeptLetter:
    """A mail as it arrived. `sent` counts how often it was sent under its key; it arrived once."""

    key: str
    template: str
    name: str
    email: str
    locale: str
    about: dict[str, str]
    at: datetime
    sent: int


class Mailbox:
    """Keeps mails in the order in which they came; the same key is the same mail."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def send(self, letter: Letter) -> None:
        """Take one mail. Raises TurnedAway where the script wants it so."""
        subscription_id = letter.subscription_id
        await take_or_refuse(self._pool, "mail", subscription_id, letter.key)
        async with self._pool.acquire() as connection:
            await connection.execute(
                "insert into simulated_mail (key, subscription_id, template, name, email, locale, about, at)"
                " values ($1, $2, $3, $4, $5, $6, $7, $8)"
                " on conflict (key) do update set sent = simulated_mail.sent + 1",
                letter.key,
                subscription_id,
                letter.template,
                letter.to.name,
                letter.to.email,
                letter.to.locale,
                dict(letter.about),
                letter.at,
            )

    async def letters(self, subscription_id: str) -> list[KeptLetter]:
        """What arrived for a subscription, in order."""
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(
                "select key, template, name, email, locale, about, at, sent from simulated_mail"
                " where subscription_id = $1 order by seq",
                subscription_id,
            )
        return [KeptLetter(**dict(row)) for row in rows]
