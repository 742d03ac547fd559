"""What outlives every worker: the parties with books of their own, and the database's clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from adapters.postgres.pool import Pool
from adapters.simulated.agency import SimulatedAgency
from adapters.simulated.gateway import SimulatedGateway
from adapters.simulated.mailbox import Mailbox
from adapters.simulated.platform import SimulatedPlatform


@dataclass(slots=True)
class Siblings:
    """The customer's other subscriptions: each message counts once, by its id, as with the real ones."""

    heard: dict[tuple[str, str], str] = field(default_factory=dict)

    async def tell(
        self,
        key: str,
        *,
        subscription_id: str,
        signal: Literal["block-access", "unblock-access"],
        reason: str,
        at: datetime,
    ) -> None:
        self.heard.setdefault((subscription_id, key), f"{signal} {reason} {at.isoformat()}")


class Outside:
    """The simulated parties on connections of their own. Any of them can be replaced."""

    def __init__(self, pool: Pool, **instead: object) -> None:
        self.pool = pool
        self.siblings = Siblings()
        self.gateway: Any = instead.get("gateway", SimulatedGateway(pool))
        self.platform: Any = instead.get("platform", SimulatedPlatform(pool))
        self.agency: Any = instead.get("agency", SimulatedAgency(pool))
        self.mailer: Any = instead.get("mailer", Mailbox(pool))


class Away:
    """The same parties while nobody but the gateway can be reached."""

    def __init__(self, outside: Outside) -> None:
        self.gateway = outside.gateway
        self.platform = self.agency = self.mailer = self.siblings = _Unreachable()


class _Unreachable:
    def __getattr__(self, called: str) -> Callable[..., Any]:
        async def refuse(*_: object, **__: object) -> None:
            raise ConnectionRefusedError(f"{called}: nobody there")

        return refuse


class Clock:
    """The database's own clock for one life, so that what waits for a time need not be slept through.

    Of all that is asked of an activity only a delivery's claim is held against that clock, so moving the clock forward
    and moving the claims back is the same.
    """

    def __init__(self, pool: Pool, subscription_id: str) -> None:
        self._pool = pool
        self._id = subscription_id

    async def move(self, seconds: float) -> None:
        """Move it forward."""
        await self._pool.execute(
            "update outbox set sending_until = sending_until - make_interval(secs => $2)"
            " where subscription_id = $1 and state = 'pending' and sending_until is not null",
            self._id,
            seconds,
        )
