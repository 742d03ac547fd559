"""What deliveries need of a mailer, as tests that each one passes: simulated, and by SMTP.

A mailer's own tests subclass `MailerContract` and give the fixture `desk`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

import pytest

from activities.delivery import Mailer
from domain.gateways import DeliveryRefused
from tests.mail.letters import ADDRESS, letter


class Desk(Protocol):
    """A mailer, what has arrived by it, and how to make it fail."""

    @property
    def mailer(self) -> Mailer: ...

    async def arrived(self) -> Sequence[str]:
        """The addresses of the distinct mails that arrived, in order; what came twice under one key counts once."""

    async def turn_away(self, times: int) -> None:
        """Have the next `times` mails turned away for now."""


class MailerContract:
    """Subclass it, and give the fixture `desk` with a fresh mailer."""

    async def test_a_letter_arrives_at_its_addressee(self, desk: Desk) -> None:
        await desk.mailer.send(letter())
        assert await desk.arrived() == [ADDRESS]

    async def test_the_same_key_is_the_same_mail(self, desk: Desk) -> None:
        for _ in range(3):
            await desk.mailer.send(letter())
        assert await desk.arrived() == [ADDRESS]

    async def test_other_keys_are_other_mails_even_where_they_say_the_same(self, desk: Desk) -> None:
        await desk.mailer.send(letter(number=1))
        await desk.mailer.send(letter(number=2))
        assert await desk.arrived() == [ADDRESS, ADDRESS]

    async def test_what_is_turned_away_is_no_refusal_and_arrives_when_it_is_sent_again(self, desk: Desk) -> None:
        await desk.turn_away(2)
        for _ in range(2):
            with pytest.raises(Exception) as raised:
                await desk.mailer.send(letter())
            assert not isinstance(raised.value, DeliveryRefused)
        assert await desk.arrived() == []
        await desk.mailer.send(letter())
        assert await desk.arrived() == [ADDRESS]

    async def test_a_failure_names_nobody(self, desk: Desk) -> None:
        await desk.turn_away(1)
        with pytest.raises(Exception) as raised:
            await desk.mailer.send(letter())
        assert ADDRESS not in str(raised.value)
        assert "Ada" not in str(raised.value)

    async def test_many_letters_may_be_sent_at_once(self, desk: Desk) -> None:
        await asyncio.gather(*(desk.mailer.send(letter(number=number)) for number in range(1, 31)))
        assert await desk.arrived() == [ADDRESS] * 30

    @pytest.mark.parametrize("policy", ["photo-monthly", "photo-annual", "hosting", "another"])
    async def test_letters_of_every_policy_arrive(self, desk: Desk, policy: str) -> None:
        await desk.mailer.send(letter("subscription_cancelled", policy=policy, about={}))
        assert await desk.arrived() == [ADDRESS]
