"""Mails that came back: found in the outbox by their Message-ID, and recorded once."""

from __future__ import annotations

from adapters.mail.bounces import Bounce, Bounced
from adapters.postgres.pool import Pool


class BounceBook:
    """What servers said of mails that we sent. Raises as Books does where the database is away."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def mail(self, mail: str) -> Bounced | None:
        """The mail whose Message-ID begins with these 32 digits; None where none of ours does."""
        async with self._pool.acquire() as connection:
            row = await connection.fetchrow(
                "select key, subscription_id, body ->> 'template' as template from outbox"
                " where party = 'mail' and left(encode(sha256(key::bytea), 'hex'), 32) = $1",
                mail,
            )
        return Bounced(**dict(row)) if row else None

    async def record(self, bounce: Bounce, of: Bounced) -> bool:
        """Keep a bounce; False where the same was kept before. A delay may be followed by a failure."""
        async with self._pool.acquire() as connection:
            kept = await connection.fetchval(
                "insert into mail_bounce (key, kind, status) values ($1, $2, $3)"
                " on conflict (key, kind) do nothing returning true",
                of.key,
                bounce.kind,
                bounce.status,
            )
        return bool(kept)

    async def bounces(self, subscription_id: str) -> list[tuple[Bounced, str, str]]:
        """A subscription's mails that came back, with kind and status, oldest first."""
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(
                "select outbox.key, outbox.subscription_id, outbox.body ->> 'template' as template, kind_of.kind,"
                " kind_of.status from mail_bounce kind_of join outbox using (key)"
                " where outbox.subscription_id = $1 order by kind_of.seq",
                subscription_id,
            )
        return [
            (Bounced(row["key"], row["subscription_id"], row["template"]), row["kind"], row["status"]) for row in rows
        ]
