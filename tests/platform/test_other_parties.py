"""Dead letters of mail and agency: a demand is not sent for a debt that is gone, nor a debt placed that was settled."""

from dataclasses import replace

import pytest

from adapters.postgres.books import Books
from adapters.postgres.dead_letters import DeadLetters, Outcome, ReplayRefused
from adapters.postgres.pool import Pool
from domain.effects import Batch, Effect, PlaceWithAgency, RecallFromAgency, SendMail, TellSiblings
from domain.gateways import DeliveryRefused
from domain.letters import Addressee, Letter
from engine.dead_letters import replay
from tests.activities.parts import Parts
from tests.platform.lines import AT, VIEW
from tests.postgres.lives import Written, played, scenario

LIFE: Written = played(scenario("hosting-agency-returns-the-case"))
PLACED = next(e for e in LIFE.effects(PlaceWithAgency) if isinstance(e, PlaceWithAgency))
BY = {"by": "support:ben", "reason": "the address was corrected"}
OWED = {"balance": "31.00", "open": "31.00"}


class _Postbox:
    """A mail server that refuses until it is told to take mails."""

    def __init__(self) -> None:
        self.takes = False
        self.taken: list[str] = []

    async def send(self, letter: Letter) -> None:
        if not self.takes:
            raise DeliveryRefused(f"{letter.key}: no such mailbox (550)")
        self.taken.append(letter.template)


@pytest.fixture
def postbox() -> _Postbox:
    return _Postbox()


@pytest.fixture
async def parts(pool: Pool, postbox: _Postbox) -> Parts:
    """Deliveries with that mail server; s-1 has a customer."""
    parts = Parts(pool, mailer=postbox)
    await parts.books.register(Addressee(VIEW.customer_id, "K100", "Ada Example", "ada@example.com", "de"), "s-1")
    return parts


async def _decide(books: Books, number: int, *effects: Effect, balance: int = 3100, open_: int = 3100) -> None:
    view = replace(VIEW, balance_minor=balance, open_minor=open_)
    await books.write(Batch(f"s-1/{number}", view, effects))


def _mail(template: str, about: dict[str, str]) -> SendMail:
    return SendMail("s-1/000001/mail", template, AT, about)


async def _refused(parts: Parts, mail: SendMail) -> None:
    await _decide(parts.books, 1, mail)
    await parts.deliveries.deliver("s-1", ("mail",), now=mail.not_before)
    assert [dead.what for dead in await _letters(parts).listed()] == [mail.template]


def _letters(parts: Parts) -> DeadLetters:
    return DeadLetters(parts.pool)


async def _replayed(parts: Parts, key: str = "s-1/000001/mail") -> Outcome:
    return await replay(_letters(parts), parts.deliveries, key, **BY)


async def test_a_mail_whose_address_was_corrected_is_sent_once(parts: Parts, postbox: _Postbox) -> None:
    await _refused(parts, _mail("payment_reminder", OWED))
    postbox.takes = True
    assert await _replayed(parts) == Outcome("delivered", "")
    assert postbox.taken == ["payment_reminder"]


async def test_a_mail_is_listed_without_its_address(parts: Parts) -> None:
    await _refused(parts, _mail("payment_reminder", OWED))
    (dead,) = await _letters(parts).listed()
    assert "ada" not in repr(dead).lower()


@pytest.mark.parametrize(
    ("template", "about", "open_"),
    [
        ("payment_reminder", OWED, 0),
        ("account_locked", OWED, 3100),
        ("bank_transfer_instructions", {"balance": "0.00", "open": "31.00"}, 0),
    ],
)
async def test_a_mail_about_a_debt_is_not_sent_once_nothing_is_owed(
    parts: Parts, postbox: _Postbox, template: str, about: dict[str, str], open_: int
) -> None:
    await _refused(parts, _mail(template, about))
    await _decide(parts.books, 2, balance=0, open_=open_)
    postbox.takes = True
    with pytest.raises(ReplayRefused, match="nothing is owed any more"):
        await _replayed(parts)
    assert postbox.taken == []


async def test_a_mail_that_demands_nothing_is_sent_also_when_nothing_is_owed(parts: Parts, postbox: _Postbox) -> None:
    await _refused(parts, _mail("account_unlocked", {"balance": "0.00", "open": "0.00"}))
    await _decide(parts.books, 2, balance=0, open_=0)
    postbox.takes = True
    assert (await _replayed(parts)).state == "delivered"


async def test_a_replayed_mail_does_not_wait_for_its_hour_again_and_others_do(
    parts: Parts, postbox: _Postbox, pool: Pool
) -> None:
    hour, later = AT.replace(hour=8), AT.replace(hour=20)
    await _refused(parts, replace(_mail("payment_reminder", OWED), not_before=hour))
    await _decide(parts.books, 2, SendMail("s-1/000002/mail", "product_locked", AT, OWED, later))
    postbox.takes = True
    assert (await _replayed(parts)).state == "delivered"
    assert postbox.taken == ["payment_reminder"]
    assert await pool.fetchval("select state from outbox where key = 's-1/000002/mail'") == "pending"


@pytest.mark.parametrize("recall", ["pending", "delivered", "failed"])
async def test_a_placement_is_not_replayed_once_some_of_it_was_taken_back(
    parts: Parts, pool: Pool, recall: str
) -> None:
    await _decide(parts.books, 1, PLACED)
    await pool.execute("update outbox set state = 'failed', attempts = 1")
    first = PLACED.invoices[0].number
    await _decide(parts.books, 2, RecallFromAgency("s-1/900001/agency", 1, first, PLACED.at, "paid"))
    await pool.execute(
        "update outbox set state = $1, delivered_at = case when $1 = 'delivered' then now() end where kind = 'recall'",
        recall,
    )
    with pytest.raises(ReplayRefused, match="s-1/900001/agency has taken back"):
        await _replayed(parts, PLACED.key)


async def test_a_placement_that_still_stands_is_handed_over(parts: Parts, pool: Pool) -> None:
    await _decide(parts.books, 1, PLACED)
    await pool.execute("update outbox set state = 'failed', attempts = 1")
    assert (await _replayed(parts, PLACED.key)).state == "delivered"
    assert sum((await parts.agency.holds("s-1")).values()) == PLACED.minor


async def test_a_block_of_siblings_is_not_replayed_after_its_release(parts: Parts, pool: Pool) -> None:
    await _decide(parts.books, 1, TellSiblings("s-1/000001/siblings", "block-access", "unpaid", AT))
    await pool.execute("update outbox set state = 'failed', attempts = 1")
    await _decide(parts.books, 2, TellSiblings("s-1/000002/siblings", "unblock-access", "unpaid", AT))
    with pytest.raises(ReplayRefused, match="s-1/000002/siblings was decided after it"):
        await _replayed(parts, "s-1/000001/siblings")
