"""The simulated mailbox keeps the mailer's contract."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from adapters.postgres.pool import Pool
from adapters.simulated.mailbox import Mailbox
from adapters.simulated.refusals import refuse
from tests.contracts.mailer import MailerContract


@dataclass(frozen=True, slots=True)
class SimulatedDesk:
    pool: Pool
    mailer: Mailbox

    async def arrived(self) -> list[str]:
        return [kept.email for kept in await self.mailer.letters("s-1")]

    async def turn_away(self, times: int) -> None:
        await refuse(self.pool, "mail", "s-1", times)


class TestTheSimulatedMailbox(MailerContract):
    @pytest.fixture
    def desk(self, pool: Pool) -> SimulatedDesk:
        return SimulatedDesk(pool, Mailbox(pool))
