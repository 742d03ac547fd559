"""Mails that come back: notifications as mail servers write them, found, recorded once and shown to support."""

from __future__ import annotations

from typing import Literal

import pytest

from adapters.mail.bounces import Bounce, read_bounce, take_in_bounce
from adapters.mail.message import message_id
from adapters.mail.smtp import SmtpMailer
from adapters.postgres.books import Books
from adapters.postgres.mail import BounceBook
from adapters.postgres.pool import Pool
from domain.effects import Batch, SendMail
from standins.mail import MailCatcher, returned
from standins.wire import Shelf
from tests.mail.letters import ADDRESS, AT, HOUSE, letter

SENDER = "billing@mail.example"
MAIL = message_id("s-1/000001/mail", SENDER).strip("<>").split("@")[0]

EXCHANGE = f"""\
From: <postmaster@example.com>
To: <{SENDER}>
Subject: Undeliverable: Your account has been locked
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="_x_"
MIME-Version: 1.0

--_x_
Content-Type: multipart/alternative; boundary="_y_"

--_y_
Content-Type: text/plain; charset="us-ascii"

Your message couldn't be delivered.
--_y_
Content-Type: text/html; charset="us-ascii"

<p>Your message couldn't be delivered.</p>
--_y_--

--_x_
Content-Type: message/delivery-status

Reporting-MTA: dns;mx1.example.com
Received-From-MTA: dns;mail.example

Final-Recipient: rfc822;{ADDRESS}
Action: Failed
Status: 5.2.1 (mailbox disabled)
Diagnostic-Code: smtp;550 5.2.1 RESOLVER.RST.NotAuthorized

--_x_
Content-Type: message/rfc822

From: Lumen <{SENDER}>
To: Ada Example <{ADDRESS}>
Subject: Your account has been locked
Message-ID:
 <{MAIL}@mail.example>
Content-Type: text/plain

Hello
--_x_--
""".replace("\n", "\r\n").encode()


async def caught() -> MailCatcher:
    """A catcher that has caught one mail."""
    catcher = MailCatcher(Shelf())
    async with catcher.listening() as port:
        await SmtpMailer("127.0.0.1", port, sender=SENDER, house=HOUSE, security="none").send(letter())
    return catcher


@pytest.mark.parametrize(
    ("status", "action", "kind"),
    [("5.1.1", "failed", "hard"), ("4.4.7", "failed", "soft"), ("4.4.1", "delayed", "delayed")],
)
async def test_a_mail_that_comes_back_is_known_by_its_message_id(
    status: str, action: Literal["failed", "delayed"], kind: Literal["hard", "soft", "delayed"]
) -> None:
    [mail] = (await caught()).caught
    assert read_bounce(returned(mail, status=status, action=action)) == Bounce(MAIL, kind, status)


def test_a_notification_that_returns_the_whole_mail_is_read_too() -> None:
    assert read_bounce(EXCHANGE) == Bounce(MAIL, "hard", "5.2.1")


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        (b"Action: Failed", b"Action: delivered"),
        (b"Action: Failed", b"Action: "),
        (b"Status: 5.2.1 (mailbox disabled)", b"Status: no"),
        (f"<{MAIL}@mail.example>".encode(), b"<somebody-elses@mail.example>"),
        (b"multipart/report", b"multipart/mixed"),
        (b'boundary="_x_"', b'boundary="_other_"'),
    ],
)
def test_what_is_no_bounce_of_ours_is_none(was: bytes, becomes: bytes) -> None:
    assert was in EXCHANGE
    assert read_bounce(EXCHANGE.replace(was, becomes)) is None


@pytest.mark.parametrize("data", [b"", b"\x00\xff", b"Subject: Re: your mail\r\n\r\nI am on holiday", EXCHANGE[:400]])
def test_whatever_else_comes_in_is_none(data: bytes) -> None:
    assert read_bounce(data) is None


async def written(books: Books) -> None:
    """Put one subscription with one mail into the books."""
    view = letter().view
    mail = SendMail("s-1/000001/mail", "account_locked", AT, {})
    await books.register(letter().to, "s-1")
    await books.write(Batch("s-1/1", view, (mail,)))


async def test_a_bounce_is_recorded_once_and_support_is_asked_once(books: Books, pool: Pool) -> None:
    await written(books)
    book = BounceBook(pool)
    answers = [await take_in_bounce(EXCHANGE, book, books.ask_support) for _ in range(3)]
    assert answers == ["recorded", "known", "known"]
    [task] = await books.tasks("s-1")
    assert task.key == "bounce/s-1/000001/mail"
    assert "did not get account_locked" in task.text
    assert "5.2.1" in task.text
    assert ADDRESS not in task.text
    [(of, kind, status)] = await book.bounces("s-1")
    assert (of.key, kind, status) == ("s-1/000001/mail", "hard", "5.2.1")


async def test_a_delay_troubles_nobody_and_the_failure_after_it_does(books: Books, pool: Pool) -> None:
    await written(books)
    book = BounceBook(pool)
    delay = EXCHANGE.replace(b"Action: Failed", b"Action: delayed").replace(b"5.2.1", b"4.4.1")
    assert await take_in_bounce(delay, book, books.ask_support) == "recorded"
    assert await books.tasks() == []
    assert await take_in_bounce(EXCHANGE, book, books.ask_support) == "recorded"
    assert len(await books.tasks()) == 1
    assert [kind for _, kind, _ in await book.bounces("s-1")] == ["delayed", "hard"]


async def test_a_bounce_of_a_mail_that_is_not_ours_changes_nothing(books: Books, pool: Pool) -> None:
    assert await take_in_bounce(EXCHANGE, BounceBook(pool), books.ask_support) == "unknown"
    assert await take_in_bounce(b"Subject: hello\r\n\r\n", BounceBook(pool), books.ask_support) == "no_bounce"
    assert await books.tasks() == []


async def test_the_lookup_by_message_id_uses_its_index(pool: Pool) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("set local enable_seqscan = off")
        plan = await connection.fetch(
            "explain select key from outbox where party = 'mail' and left(encode(sha256(key::bytea), 'hex'), 32) = $1",
            MAIL,
        )
    assert any("outbox_by_message_id" in row[0] for row in plan)
