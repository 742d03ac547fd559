"""Quiet hours on a real server: the mail waits for its hour, by a timer of its own, and the rest of life goes on."""

from dataclasses import replace
from datetime import time

from adapters.simulated.mailbox import Mailbox
from domain.policy import MailHours
from engine.stage import Stage
from policies.load import load
from tests.workflows.lives import Life, begun, declined, replayed

NIGHT = MailHours((0, 1, 2, 3, 4, 5, 6), time(21), time(8), ("account_unlocked",))


async def hushed(house: Stage, id_: str, version: int) -> Life:
    """A monthly life under a policy that sends no mail between 21:00 and 08:00; both cards are declined in February."""
    rules = replace(load("photo-monthly"), version=version, digest=f"hushed-{version}", mail_hours=NIGHT)
    return await begun(house, "photo-monthly", id_, world=declined("2026-02-15", "2026-02-16"), rules=rules)


async def templates(life: Life) -> list[str]:
    return [letter.template for letter in await Mailbox(life.stage.pool).letters(life.id)]


async def test_a_mail_decided_at_midnight_goes_out_in_the_morning(house: Stage) -> None:
    life = await hushed(house, "hushed-1", 901)
    await life.until("2026-02-15T07:59")
    assert await templates(life) == []
    assert [e.fields["template"] for e in await life.entries("email")] == ["payment_declined"]
    await life.until("2026-02-15T08:01")
    assert await templates(life) == ["payment_declined"]
    await life.until("2026-02-18T08:01")
    assert await templates(life) == ["payment_declined", "account_locked"]
    await replayed(await life.runs())


async def test_a_payment_in_the_night_withdraws_what_demands_it_and_is_confirmed_at_once(house: Stage) -> None:
    life = await hushed(house, "hushed-2", 902)
    await life.until("2026-02-18T00:30")
    assert await templates(life) == ["payment_declined"]
    await life.tell("payment-received", amount="49.00", channel="bank_transfer", reference="r-1")
    await life.until("2026-02-18T12:00")
    assert await templates(life) == ["payment_declined", "account_unlocked"]
    await replayed(await life.runs())


async def test_a_mail_that_waits_for_its_hour_travels_along_and_holds_up_no_run(house: Stage) -> None:
    life = await hushed(house, "hushed-3", 903)
    seen = await life.until("2026-02-15T00:05")
    assert seen is not None
    assert seen.undelivered == ("mail",)
    assert len(await life.runs()) == 3  # one for each billing date, and the one that sends the mail
    await life.until("2026-02-15T08:01")
    assert await templates(life) == ["payment_declined"]
    await replayed(await life.runs())
