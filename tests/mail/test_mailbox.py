"""The page on which caught mails are read."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from adapters.mail.smtp import SmtpMailer
from standins.mail import MailCatcher
from standins.mailbox import mailbox
from standins.wire import Shelf, served
from tests.mail.letters import HOUSE, letter


@pytest.fixture
async def page() -> AsyncIterator[aiohttp.ClientSession]:
    """A browser at a mailbox with two mails, one of them to somebody with a troublesome name."""
    catcher = MailCatcher(Shelf())
    async with catcher.listening() as port:
        mailer = SmtpMailer("127.0.0.1", port, sender="billing@mail.example", house=HOUSE, security="none")
        await mailer.send(letter(number=1))
        await mailer.send(letter("account_locked", number=2, policy="hosting", locale="de", name="<script>x</script>"))
    async with served(mailbox(catcher)) as url, aiohttp.ClientSession(url) as browser:
        yield browser
    catcher.shelf.close()


async def shown(page: aiohttp.ClientSession, path: str) -> str:
    async with page.get(path) as answer:
        assert answer.status == 200
        return await answer.text()


async def test_the_list_shows_who_got_what_newest_first(page: aiohttp.ClientSession) -> None:
    text = await shown(page, "/")
    assert text.index("Ihr Konto wurde gesperrt") < text.index("Your payment was declined")
    assert "ada@example.com" in text


async def test_a_mail_can_be_read_as_html_as_text_by_its_headers_and_raw(page: aiohttp.ClientSession) -> None:
    assert "<h1" in await shown(page, "/mails/1/html")
    assert "HOW TO PAY" in await shown(page, "/mails/1?show=text")
    assert "auto-generated" in await shown(page, "/mails/1?show=headers")
    assert "Content-Transfer-Encoding: quoted-printable" in await shown(page, "/mails/1?show=source")


async def test_what_a_customer_is_called_is_never_run(page: aiohttp.ClientSession) -> None:
    for path in (
        "/",
        "/mails/2",
        "/mails/2/html",
        "/mails/2?show=text",
        "/mails/2?show=headers",
        "/mails/2?show=source",
    ):
        assert "<script>" not in await shown(page, path)
    async with page.get("/mails/2/html") as answer:
        assert "sandbox" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/mails/1", "/mails/2", "/mails/1/html", "/"])
async def test_nothing_is_loaded_from_outside(page: aiohttp.ClientSession, path: str) -> None:
    text = await shown(page, path)
    assert 'src="http' not in text
    assert "@import" not in text
    assert "url(" not in text


async def test_a_mail_that_is_not_there_is_not_found(page: aiohttp.ClientSession) -> None:
    async with page.get("/mails/99") as answer:
        assert answer.status == 404
