"""The SMTP mailer keeps the mailer's contract, at a real mail server on this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from adapters.mail.smtp import SmtpMailer
from standins.mail import MailCatcher
from standins.wire import Shelf
from tests.contracts.mailer import MailerContract
from tests.mail.letters import HOUSE


@dataclass(frozen=True, slots=True)
class SmtpDesk:
    mailer: SmtpMailer
    catcher: MailCatcher

    async def arrived(self) -> list[str]:
        return list({mail.message_id: mail.recipients[0] for mail in self.catcher.caught}.values())

    async def turn_away(self, times: int) -> None:
        self.catcher.break_("refuse_recipient", "451 4.7.1 Greylisted, try again later", times=times)


class TestTheSmtpMailer(MailerContract):
    @pytest.fixture
    async def desk(self) -> AsyncIterator[SmtpDesk]:
        catcher = MailCatcher(Shelf())
        async with catcher.listening() as port:
            yield SmtpDesk(
                SmtpMailer("127.0.0.1", port, sender="billing@mail.example", house=HOUSE, security="none"), catcher
            )
        catcher.shelf.close()
