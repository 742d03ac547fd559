"""Deliveries: in order, after a last look, party by party; a dead one holds up nobody else and fails no decision."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from temporalio.exceptions import ApplicationError

from adapters.postgres.books import Books
from adapters.postgres.pool import Pool
from adapters.simulated.refusals import refuse
from domain.effects import (
    Batch,
    CommandPlatform,
    Effect,
    FieldValue,
    PlaceWithAgency,
    RecallFromAgency,
    SendMail,
    TellSiblings,
    WithdrawMails,
)
from domain.errands import CarriedOut, Delivered
from domain.gateways import DeliveryRefused
from domain.letters import Addressee, Letter
from tests.activities.parts import Parts
from tests.postgres.lives import HOSTING, played

AT = datetime(2026, 2, 1, tzinfo=UTC)
LIFE = played(HOSTING | {"gateway": [{"method": "primary", "from": "2026-01-01", "outcome": "declined"}]})
VIEW = LIFE.batches[0].view


def mail(number: int, template: str = "payment_reminder") -> SendMail:
    return SendMail(f"s-1/{number:06d}/mail", template, AT, {"open": "31.00"})


def command(number: int, name: str) -> CommandPlatform:
    return CommandPlatform(f"s-1/{number:06d}/platform", name, AT, "unpaid")


def batch(number: int, *effects: Effect) -> Batch:
    return Batch(f"s-1/{number}", VIEW, effects)


@pytest.fixture
async def parts(pool: Pool) -> Parts:
    return await _with_customer(Parts(pool))


async def _with_customer(parts: Parts) -> Parts:
    await parts.books.register(Addressee(VIEW.customer_id, "K100", "Ada Example", "ada@example.com", "de"), "s-1")
    return parts


async def _commands(parts: Parts) -> list[str]:
    return [heard.command for heard in await parts.platform.heard("s-1")]


async def _mails(parts: Parts) -> list[str]:
    return [letter.template for letter in await parts.mailbox.letters("s-1")]


async def test_everyone_is_told_at_once_and_once(parts: Parts) -> None:
    told = batch(1, mail(1), command(2, "lock_server"), mail(3, "product_locked"), command(4, "lock_account"))
    assert await parts.ledger.carry_out(told) == CarriedOut()
    assert await parts.ledger.carry_out(told) == CarriedOut()
    assert await _commands(parts) == ["lock_server", "lock_account"]
    letters = await parts.mailbox.letters("s-1")
    assert [(letter.template, letter.email, letter.locale, letter.sent) for letter in letters] == [
        ("payment_reminder", "ada@example.com", "de", 1),
        ("product_locked", "ada@example.com", "de", 1),
    ]
    assert letters[0].about == {"open": "31.00"}


async def test_a_worker_killed_between_commit_and_delivery_delivers_when_it_is_back(parts: Parts) -> None:
    await parts.books.write(batch(1, command(1, "lock_server")))
    assert await _commands(parts) == []
    assert await parts.ledger.carry_out(batch(1, command(1, "lock_server"))) == CarriedOut()
    assert await _commands(parts) == ["lock_server"]


async def test_a_command_that_is_refused_holds_up_the_later_ones_and_no_mail(parts: Parts) -> None:
    await refuse(parts.pool, "platform", "s-1", 2)
    done = await parts.ledger.carry_out(batch(1, command(1, "lock_server"), command(2, "lock_account"), mail(3)))
    assert done == CarriedOut(("platform",))
    assert (await _commands(parts), await _mails(parts)) == ([], ["payment_reminder"])
    with pytest.raises(
        ApplicationError, match=r"subscription s-1: platform .*s-1/000001/platform.* No money moved"
    ) as error:
        await parts.access.deliver_commands("s-1")
    assert (error.value.type, error.value.non_retryable) == ("Undelivered", False)
    await parts.access.deliver_commands("s-1")
    assert await _commands(parts) == ["lock_server", "lock_account"]


async def test_what_an_earlier_decision_left_goes_out_before_what_a_later_one_adds(parts: Parts) -> None:
    await refuse(parts.pool, "platform", "s-1", 1)
    assert await parts.ledger.carry_out(batch(1, command(1, "lock_server"))) == CarriedOut(("platform",))
    assert await parts.ledger.carry_out(batch(2, command(2, "unlock_server"))) == CarriedOut()
    assert await _commands(parts) == ["lock_server", "unlock_server"]


async def test_a_mail_whose_debt_was_paid_meanwhile_is_never_sent(parts: Parts) -> None:
    await refuse(parts.pool, "mail", "s-1", 1)
    assert await parts.ledger.carry_out(batch(1, mail(1), mail(2, "invoice"))) == CarriedOut(("mail",))
    await parts.ledger.carry_out(batch(2, WithdrawMails(AT, ("payment_reminder",))))
    await parts.notices.deliver_mails("s-1")
    assert await _mails(parts) == ["invoice"]


async def test_the_agency_is_told_of_a_placement_with_its_debtor_and_history_and_of_its_recall(parts: Parts) -> None:
    for written in LIFE.batches:
        await parts.books.write(written)
    placed = next(e for e in LIFE.effects(PlaceWithAgency) if isinstance(e, PlaceWithAgency))
    assert set(await parts.deliveries.deliver("s-1")) == set()
    assert await parts.agency.holds("s-1") == {i.number: i.placed_minor for i in placed.invoices}
    row = await parts.pool.fetchrow("select debtor, currency, history from simulated_case limit 1")
    assert row is not None
    assert row["debtor"] == "Ada Example <ada@example.com>, client number K100"
    assert (row["currency"], row["history"][0]["what"]) == ("EUR", "invoice_issued")
    recall = RecallFromAgency("s-1/900000/agency", 100, placed.invoices[0].number, AT, "paid by bank_transfer")
    await parts.ledger.carry_out(Batch("s-1/999", LIFE.batches[-1].view, (recall,)))
    assert (await parts.agency.holds("s-1"))[recall.invoice] == placed.invoices[0].placed_minor - 100


async def test_the_agency_is_tried_again_until_it_takes_the_case(parts: Parts) -> None:
    await refuse(parts.pool, "agency", "s-1", 1)
    invoice = (LIFE.book.invoices)["s-1-0001"]
    assert await parts.ledger.carry_out(
        batch(1, PlaceWithAgency("s-1/000001/agency", invoice.placed_minor, (invoice,), AT))
    ) == CarriedOut(("agency",))
    await parts.agencies.deliver_to_agency("s-1")
    assert await parts.agency.holds("s-1") == {"s-1-0001": invoice.placed_minor}


async def test_siblings_are_told_and_the_ended_are_not(parts: Parts) -> None:
    await parts.books.register(Addressee(VIEW.customer_id, "K100", "A", "a@b", "en"), "s-2")
    await parts.ledger.carry_out(batch(1, TellSiblings("s-1/000001/siblings", "block-access", "unpaid: s-1", AT)))
    assert parts.siblings.heard == [("s-2", "block-access", "unpaid: s-1")]
    await parts.access.tell_siblings("s-1")
    assert len(parts.siblings.heard) == 1


async def test_without_an_address_a_mail_waits_and_says_so(pool: Pool) -> None:
    parts = Parts(pool)
    assert await parts.ledger.carry_out(batch(1, mail(1), command(2, "lock_server"))) == CarriedOut(("mail",))
    with pytest.raises(ApplicationError, match="no customer is registered"):
        await parts.notices.deliver_mails("s-1")
    await _with_customer(parts)
    await parts.notices.deliver_mails("s-1")
    assert await _mails(parts) == ["payment_reminder"]


@dataclass
class Odd:
    """A mailer and platform that hangs, or refuses some mails for ever; keeps what it took."""

    hangs: bool = False
    refuses: str = ""
    took: list[str] = field(default_factory=list)

    async def send(self, letter: Letter) -> None:
        await self._take(letter.template)

    async def command(
        self, key: str, command: str, *, subscription_id: str, place: int, at: datetime, because: str
    ) -> None:
        await self._take(command)

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
        await self._take(what)

    async def _take(self, what: str) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        if what == self.refuses:
            raise DeliveryRefused(f"{what}: never")
        self.took.append(what)


async def test_a_platform_that_hangs_holds_up_no_mail_and_fails_no_decision(pool: Pool) -> None:
    parts = await _with_customer(Parts(pool, platform=Odd(hangs=True)))
    await parts.books.write(batch(1, command(1, "lock_server"), mail(2)))
    left = await parts.deliveries.deliver("s-1", seconds=0.1)
    assert left == {"platform": "s-1/000001/platform: TimeoutError: no answer in time"}
    assert await _mails(parts) == ["payment_reminder"]
    assert await pool.fetchval("select last_error from outbox where party = 'platform'")


@dataclass
class Slow:
    """A mail server that takes its time: while it takes one mail, the debt is paid elsewhere."""

    books: Books
    took: list[str] = field(default_factory=list)

    async def send(self, letter: Letter) -> None:
        await self.books.write(batch(2, WithdrawMails(AT, ("payment_reminder",))))
        self.took.append(letter.template)


async def test_a_mail_is_looked_at_again_right_before_it_is_sent(pool: Pool) -> None:
    slow = Slow(Books(pool))
    parts = await _with_customer(Parts(pool, mailer=slow))
    assert await parts.ledger.carry_out(batch(1, mail(1, "invoice"), mail(2))) == CarriedOut()
    assert slow.took == ["invoice"]
    assert await pool.fetchval("select state from outbox where key = $1", mail(2).key) == "withdrawn"


async def test_a_mail_that_will_never_be_taken_is_given_up_and_the_next_one_sent(pool: Pool) -> None:
    odd = Odd(refuses="invoice")
    parts = await _with_customer(Parts(pool, mailer=odd))
    assert await parts.ledger.carry_out(batch(1, mail(1, "invoice"), mail(2))) == CarriedOut()
    assert odd.took == ["payment_reminder"]
    assert await pool.fetchval("select state from outbox where kind = 'mail' order by key limit 1") == "failed"


async def test_a_command_that_is_refused_for_good_is_a_dead_letter_that_support_is_told_of(pool: Pool) -> None:
    odd = Odd(refuses="lock_server")
    parts = await _with_customer(Parts(pool, platform=odd))
    assert (
        await parts.ledger.carry_out(batch(1, command(1, "lock_server"), command(2, "unlock_server"))) == CarriedOut()
    )
    assert odd.took == ["unlock_server"]
    assert await pool.fetchval("select state from outbox order by seq limit 1") == "failed"
    [task] = await parts.books.tasks("s-1")
    assert task.kind == "dead letter"
    assert "s-1/000001/platform" in task.text


async def test_a_mail_waits_for_its_hour_and_says_when_to_come_again(parts: Parts) -> None:
    late = replace(mail(1), not_before=AT + timedelta(hours=9))
    assert await parts.ledger.carry_out(batch(1, late, mail(2, "invoice"))) == CarriedOut(("mail",))
    assert await _mails(parts) == ["invoice"]
    assert await parts.notices.deliver_mails("s-1", AT) == Delivered(late.not_before)
    assert await parts.notices.deliver_mails("s-1", late.not_before) == Delivered()
    assert await _mails(parts) == ["invoice", "payment_reminder"]


async def test_a_mail_that_waits_for_its_hour_is_withdrawn_when_the_debt_is_paid(parts: Parts) -> None:
    late = replace(mail(1), not_before=AT + timedelta(hours=9))
    await parts.ledger.carry_out(batch(1, late))
    await parts.ledger.carry_out(batch(2, WithdrawMails(AT, ("payment_reminder",))))
    assert await parts.notices.deliver_mails("s-1", late.not_before) == Delivered()
    assert await _mails(parts) == []


async def test_what_another_worker_is_sending_is_left_to_it(parts: Parts) -> None:
    await parts.books.write(batch(1, command(1, "lock_server"), command(2, "lock_account")))
    assert await parts.books.begin_try("s-1/000001/platform", 60)
    left = await parts.deliveries.deliver("s-1")
    assert left == {"platform": "s-1/000001/platform: another worker is sending it"}
    assert await _commands(parts) == []


async def test_two_workers_at_once_tell_everything_once(parts: Parts) -> None:
    await parts.books.write(batch(1, *(command(n, f"c-{n}") for n in range(1, 6))))
    while await asyncio.gather(*(parts.deliveries.deliver("s-1") for _ in range(3))) != [{}, {}, {}]:
        pass
    heard = await parts.platform.heard("s-1")
    assert [(h.command, h.sent) for h in heard] == [(f"c-{n}", 1) for n in range(1, 6)]


async def test_a_database_that_refuses_fails_the_decision(parts: Parts) -> None:
    twice = batch(1, mail(1), mail(1))
    with pytest.raises(Exception, match="duplicate key"):
        await parts.ledger.carry_out(twice)
    assert await parts.books.timeline("s-1") == []


async def test_support_is_asked_before_a_letter_is_called_dead(pool: Pool) -> None:
    """So that a worker which is killed in between leaves nothing that nobody knows of."""
    parts = await _with_customer(Parts(pool, platform=Odd(refuses="lock_server")))
    await parts.books.write(batch(1, command(1, "lock_server")))
    await pool.execute(
        "create function dies() returns trigger language plpgsql as $$ begin raise exception 'killed here'; end $$"
    )
    await pool.execute(
        "create trigger dies before update on outbox for each row when (new.state = 'failed') execute function dies()"
    )
    with pytest.raises(asyncpg.RaiseError, match="killed here"):
        await parts.deliveries.deliver("s-1")
    assert [task.key for task in await parts.books.tasks("s-1")] == ["refused/s-1/000001/platform"]
    await pool.execute("drop trigger dies on outbox; update outbox set sending_until = null")
    assert await parts.deliveries.deliver("s-1") == {}
    assert len(await parts.books.tasks("s-1")) == 1
