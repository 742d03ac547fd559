"""Mails on the wire: to a real SMTP server that takes, refuses, delays and drops them."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from adapters.mail.message import message_id
from adapters.mail.smtp import MailNotSent, Security, SmtpMailer
from domain.gateways import DeliveryRefused
from standins.mail import MailCatcher
from standins.wire import Shelf
from tests.mail.letters import ADDRESS, HOUSE, letter

SENDER = "billing@mail.example"
PATIENCE_SECONDS = 0.2  # of the client, where a test has it run out


@pytest.fixture
def catcher() -> Iterator[MailCatcher]:
    shelf = Shelf()
    yield MailCatcher(shelf)
    shelf.close()


@pytest.fixture
async def port(catcher: MailCatcher) -> AsyncIterator[int]:
    async with catcher.listening() as chosen:
        yield chosen


@pytest.fixture
def mailer(port: int) -> SmtpMailer:
    return mailer_at(port)


def mailer_at(
    port: int, *, security: Security = "none", tls: ssl.SSLContext | None = None, user: str = "", password: str = "",
    timeout_seconds: float = 10.0,
) -> SmtpMailer:  # fmt: skip
    return SmtpMailer(
        "127.0.0.1", port, sender=SENDER, house=HOUSE, security=security, username=user, password=password,
        tls_context=tls, timeout_seconds=timeout_seconds,
    )  # fmt: skip


async def test_a_mail_says_from_whom_to_whom_and_where_to_answer(catcher: MailCatcher, mailer: SmtpMailer) -> None:
    await mailer.send(letter(name="Änne Beispiel"))
    [mail] = catcher.caught
    assert mail.sender == SENDER
    assert mail.recipients == (ADDRESS,)
    headers = mail.message
    assert headers["From"] == f"Lumen <{SENDER}>"
    assert headers["To"] == f"Änne Beispiel <{ADDRESS}>"
    assert headers["Reply-To"] == HOUSE.contact
    assert headers["Subject"] == "Your payment was declined; please update your payment methods"
    assert headers["Auto-Submitted"] == "auto-generated"
    assert headers["Content-Language"] == "en"
    assert parsedate_to_datetime(headers["Date"]).tzinfo is not None
    assert headers.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in headers.iter_parts()] == ["text/plain", "text/html"]


async def test_the_message_id_is_derived_from_the_key_and_does_not_tell_it(
    catcher: MailCatcher, mailer: SmtpMailer
) -> None:
    await mailer.send(letter(number=7))
    [mail] = catcher.caught
    assert mail.message_id == message_id("s-1/000007/mail", SENDER)
    assert mail.message_id.endswith("@mail.example>")
    assert b"000007" not in mail.raw


async def test_no_line_is_longer_than_mail_allows(catcher: MailCatcher, mailer: SmtpMailer) -> None:
    await mailer.send(letter("account_locked", policy="hosting", locale="de"))
    [mail] = catcher.caught
    assert max(len(line) for line in mail.raw.splitlines()) <= 998
    assert mail.raw.isascii()


@pytest.mark.parametrize(
    "said",
    [
        "550 5.1.1 <ada@example.com>: user unknown",
        "550 no such user ada@example.com",
        "551 5.1.6 moved",
        "552 5.2.2 mailbox full",
        "553 5.1.3 not an address",
        "521 5.3.2 takes no mail",
    ],
)
async def test_an_address_that_will_never_work_is_refused_without_being_named(
    catcher: MailCatcher, mailer: SmtpMailer, said: str
) -> None:
    catcher.break_("refuse_recipient", said)
    with pytest.raises(DeliveryRefused, match="the mail server refused the address") as refused:
        await mailer.send(letter())
    assert said[:3] in str(refused.value)
    assert "ada" not in str(refused.value)
    assert refused.value.__suppress_context__
    assert catcher.caught == []


@pytest.mark.parametrize(
    "said",
    ["450 4.2.0 greylisted", "451 4.7.1 try later", "421 4.3.2 shutting down", "452 4.2.2 mailbox full", "454 relay"],
)
async def test_an_address_that_is_turned_away_for_now_is_tried_again(
    catcher: MailCatcher, mailer: SmtpMailer, said: str
) -> None:
    catcher.break_("refuse_recipient", said)
    with pytest.raises(MailNotSent, match="did not take the mail"):
        await mailer.send(letter())
    await mailer.send(letter())
    assert len(catcher.caught) == 1


@pytest.mark.parametrize("said", ["554 5.7.1 relay access denied", "550 5.7.26 unauthenticated", "530 authenticate"])
async def test_a_server_that_does_not_trust_us_says_nothing_about_the_address(
    catcher: MailCatcher, mailer: SmtpMailer, said: str
) -> None:
    catcher.break_("refuse_recipient", said)
    with pytest.raises(MailNotSent):
        await mailer.send(letter())


async def test_a_refused_sender_is_our_setting_to_mend(catcher: MailCatcher, mailer: SmtpMailer) -> None:
    catcher.break_("refuse_sender", "553 5.1.8 sender unknown")
    with pytest.raises(MailNotSent, match="check the mail sender"):
        await mailer.send(letter())


async def test_a_mail_that_is_refused_as_it_is_will_be_refused_again(catcher: MailCatcher, mailer: SmtpMailer) -> None:
    catcher.break_("refuse_mail", "554 5.6.0 cannot be read")
    with pytest.raises(DeliveryRefused, match=r"refused the mail \(554 5\.6\.0\)"):
        await mailer.send(letter())


async def test_a_connection_lost_before_the_mail_leaves_nothing_behind(
    catcher: MailCatcher, mailer: SmtpMailer
) -> None:
    catcher.break_("lost_before")
    with pytest.raises(MailNotSent, match="before the mail was handed over"):
        await mailer.send(letter())
    assert catcher.caught == []


async def test_a_lost_answer_makes_a_duplicate_under_one_message_id(catcher: MailCatcher, mailer: SmtpMailer) -> None:
    catcher.break_("lost_after")
    with pytest.raises(MailNotSent, match="may arrive twice, under one Message-ID"):
        await mailer.send(letter())
    await mailer.send(letter())
    assert len(catcher.caught) == 2
    assert len(catcher.message_ids) == 1


async def test_a_goodbye_that_fails_is_still_a_delivery(catcher: MailCatcher, mailer: SmtpMailer) -> None:
    catcher.break_("lost_at_quit")
    await mailer.send(letter())
    assert len(catcher.caught) == 1


async def test_a_server_that_is_too_slow_is_tried_again(catcher: MailCatcher, port: int) -> None:
    catcher.break_("slow", seconds=PATIENCE_SECONDS * 3)
    with pytest.raises(MailNotSent, match="did not answer in time"):
        await mailer_at(port, timeout_seconds=PATIENCE_SECONDS).send(letter())


async def test_nobody_listening_is_a_failure_that_names_the_server(catcher: MailCatcher) -> None:
    async with catcher.listening() as port:
        pass
    with pytest.raises(MailNotSent, match=f"127.0.0.1:{port} could not be reached with security 'none'"):
        await mailer_at(port).send(letter())


@pytest.mark.parametrize(
    "email",
    ["", "ada", "ada@", "@example.com", "ada@example.com\r\nBcc: eve@example.com", "ada@example.com, eve@example.com",
     "ada @example.com", "Ada <ada@example.com>", "ada@exa mple.com", "ada@.example.com", "a" * 70 + "@" + "b." * 200],
)  # fmt: skip
async def test_what_is_no_address_is_refused_before_anybody_is_asked(
    catcher: MailCatcher, mailer: SmtpMailer, email: str
) -> None:
    with pytest.raises(DeliveryRefused) as refused:
        await mailer.send(letter(email=email))
    assert "ada" not in str(refused.value)
    assert catcher.caught == []


async def test_a_name_cannot_write_headers(catcher: MailCatcher, mailer: SmtpMailer) -> None:
    await mailer.send(letter(name="Ada\r\nBcc: eve@example.com\r\n\r\nBuy now", about={"invoice": "x\r\nBcc: e@x.y"}))
    [mail] = catcher.caught
    assert mail.recipients == (ADDRESS,)
    assert mail.message["Bcc"] is None
    assert not any(line.startswith(b"Bcc") for line in mail.raw.splitlines())


@pytest.mark.parametrize("email", ["ada@bücher.example", "grüße@bücher.example"])
async def test_addresses_beyond_ascii_are_written_as_their_servers_want_them(
    catcher: MailCatcher, mailer: SmtpMailer, email: str
) -> None:
    await mailer.send(letter(email=email))
    [mail] = catcher.caught
    assert mail.recipients == (email.replace("bücher", "xn--bcher-kva"),)


@pytest.mark.parametrize("template", ["payment_declined", "payment_reminder", "collections_warning"])
async def test_nothing_is_demanded_that_is_no_longer_owed(
    catcher: MailCatcher, mailer: SmtpMailer, template: str
) -> None:
    with pytest.raises(DeliveryRefused, match="nothing is owed any more"):
        await mailer.send(letter(template, open_minor=0))
    await mailer.send(letter("account_unlocked", open_minor=0))
    assert len(catcher.caught) == 1


# Encryption and passwords


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that has signed itself, with its key, in one file."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("makes its certificate with openssl, which is not installed")
    folder: Path = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [
            program, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-days", "2", "-subj", "/CN=mail.example", "-addext", "subjectAltName=IP:127.0.0.1",
            "-keyout", folder / "key.pem", "-out", folder / "certificate.pem",
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    both = folder / "both.pem"
    both.write_text((folder / "key.pem").read_text() + (folder / "certificate.pem").read_text())
    return both


def secured(catcher: MailCatcher, certificate: Path) -> ssl.SSLContext:
    """Give the server its certificate and a user; gives what a client needs to trust it."""
    catcher.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    catcher.tls.load_cert_chain(certificate)
    catcher.user, catcher.password = "perennial", "s3cret-word"
    return ssl.create_default_context(cafile=str(certificate))


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_password_goes_over_an_encrypted_connection(
    catcher: MailCatcher, certificate: Path, security: Security
) -> None:
    trusted = secured(catcher, certificate)
    async with catcher.listening(implicit_tls=security == "tls") as port:
        await mailer_at(port, security=security, tls=trusted, user="perennial", password="s3cret-word").send(letter())
    assert len(catcher.caught) == 1


async def test_a_wrong_password_is_told_by_its_setting_and_not_shown(catcher: MailCatcher, certificate: Path) -> None:
    trusted = secured(catcher, certificate)
    async with catcher.listening() as port:
        with pytest.raises(MailNotSent, match="check the mail username and password") as raised:
            await mailer_at(port, security="starttls", tls=trusted, user="perennial", password="wr0ng").send(letter())
    assert "wr0ng" not in str(raised.value)


async def test_a_certificate_that_nobody_vouches_for_is_not_believed(catcher: MailCatcher, certificate: Path) -> None:
    secured(catcher, certificate)
    async with catcher.listening() as port:
        with pytest.raises(MailNotSent, match="self-signed certificate"):
            await mailer_at(port, security="starttls").send(letter())
    assert catcher.caught == []


async def test_a_server_without_encryption_gets_nothing_where_it_is_wanted(mailer: SmtpMailer, port: int) -> None:
    with pytest.raises(MailNotSent, match="security 'starttls'"):
        await mailer_at(port, security="starttls").send(letter())


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"sender": "billing"}, "sender"),
        ({"sender": "a@b.example\nBcc: c@d.example"}, "sender"),
        ({"username": "me"}, "username and password"),
        ({"username": "me", "password": "x", "security": "none"}, "for all to read"),
        ({"templates": Path("/nowhere")}, "no such folder"),
    ],
)
def test_settings_that_cannot_work_are_refused_at_the_start(wrong: dict[str, object], why: str) -> None:
    settings: dict[str, object] = {"sender": SENDER, "house": HOUSE} | wrong
    with pytest.raises(ValueError, match=why):
        SmtpMailer("mail.example", 587, **settings)  # type: ignore[arg-type]
