"""Sends letters to a mail server by SMTP: one connection a mail, and every refusal told apart from every failure."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Literal

import aiosmtplib

from adapters.mail.house import House
from adapters.mail.message import address_of, beyond_ascii, message_of
from adapters.mail.render import Templates
from domain.access import DEMANDS
from domain.gateways import DeliveryRefused
from domain.letters import Letter

Security = Literal["starttls", "tls", "none"]

TIMEOUT_SECONDS = 10.0  # for one answer of the server; the delivery around it has its own limit for everything
QUIT_SECONDS = 2.0  # a courtesy after the mail has been taken
CONNECTIONS = 10  # at once; mail services turn away those who come with more
LOOPBACK = ("localhost", "127.0.0.1", "::1")

_STATUS = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
"""An enhanced status code (RFC 3463) in a server's answer."""

OURS_TO_MEND = frozenset({530, 534, 535, 538})
"""Answers that are about how we speak to the server (authentication, encryption), not about the mail (RFC 4954)."""


class MailNotSent(Exception):
    """The mail is to be tried again later. The text says at which step it failed and what to look at; no address."""


class SmtpMailer:
    """Sends each letter in a connection of its own; it may be used by many tasks at once, and owns nothing to close.

    SMTP knows no idempotency. A repetition has the same Message-ID, by which mailboxes and people know it; it happens
    only where the connection breaks after the mail was handed over and before the server's answer arrived.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        sender: str,
        house: House,
        houses: Mapping[str, House] | None = None,
        username: str = "",
        password: str = "",
        security: Security = "starttls",
        templates: Path | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
        tls_context: ssl.SSLContext | None = None,
    ) -> None:
        """`houses` are tenants' own, by tenant; `templates` is the folder with overrides.

        `tls_context` is for a server whose certificate a public authority has not signed. Raises ValueError for
        settings that cannot work, or that would send a password in the clear.
        """
        if any(ord(c) <= 32 for c in sender) or not sender.isascii() or sender.count("@") != 1:
            raise ValueError(f"mail sender {sender!r}: expected an ASCII address such as 'billing@example.com'")
        if bool(username) != bool(password):
            raise ValueError("mail username and password: one of them is set and the other is not")
        if security == "none" and password and host not in LOOPBACK:
            raise ValueError(f"mail security 'none' with a password for {host}: it would be sent for all to read")
        if templates is not None and not templates.is_dir():
            raise ValueError(f"mail templates {templates}: no such folder")
        self._host, self._port = host, port
        self._sender = sender
        self._username, self._password = username, password
        self._security = security
        self._timeout = timeout_seconds
        self._tls = tls_context
        self._templates = Templates(house, houses or {}, templates)
        self._free = asyncio.Semaphore(CONNECTIONS)

    async def send(self, letter: Letter) -> None:
        """Send one letter; returning means that the server has taken it.

        Raises DeliveryRefused where sending it again would never help: no address, an address that the server knows
        to be wrong, a demand for money that is no longer owed. Raises MailNotSent and TemplateFault for everything
        that may be better later.
        """
        if letter.template in DEMANDS and letter.view.open_minor == 0:
            raise DeliveryRefused("nothing is owed any more")
        to = address_of(letter)
        message = message_of(
            letter,
            self._templates.render(letter),
            to,
            house=self._templates.house_of(letter),
            sender=self._sender,
            sent_at=datetime.now(UTC),
        )
        async with self._free, self._connected() as client:
            await self._hand_over(client, message, to.addr_spec, utf8=beyond_ascii(to))

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[aiosmtplib.SMTP]:
        client = aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            timeout=self._timeout,
            use_tls=self._security == "tls",
            start_tls=self._security == "starttls",
            tls_context=self._tls,
        )
        try:
            await self._connect(client)
            yield client
        finally:
            client.close()

    async def _connect(self, client: aiosmtplib.SMTP) -> None:
        try:
            await client.connect()
            if self._username:
                await client.login(self._username, self._password)
        except aiosmtplib.SMTPAuthenticationError as error:
            if error.code >= 500:
                raise self._not_sent(
                    f"refused our user name or password ({_told(error)})", "check the mail username and password"
                ) from None
            raise self._not_sent(f"could not check our password just now ({_told(error)})") from None
        except aiosmtplib.SMTPResponseException as error:
            raise self._not_sent(f"does not serve us ({_told(error)})") from None
        except (aiosmtplib.SMTPException, ssl.SSLError, OSError) as error:
            wrong = "" if isinstance(error, TimeoutError) else _reason(error)
            raise self._not_sent(
                f"could not be reached with security '{self._security}'{wrong}",
                "check the mail host, port and security if it stays so",
            ) from None

    async def _hand_over(self, client: aiosmtplib.SMTP, message: EmailMessage, to: str, *, utf8: bool) -> None:
        step = "before the mail was handed over"
        try:
            await client.ehlo()
            if utf8 and not client.supports_extension("smtputf8"):
                raise DeliveryRefused("the mail server takes no addresses with letters beyond ASCII")
            options, encoding = (["SMTPUTF8"], "utf-8") if utf8 else ([], "ascii")
            await client.mail(self._sender, options=options, encoding=encoding)
            await client.rcpt(to, encoding=encoding)
            step = "after the mail was handed over, so it may arrive twice, under one Message-ID"
            await client.data(message.as_bytes())
        except (aiosmtplib.SMTPRecipientRefused, aiosmtplib.SMTPDataError) as error:
            if _for_ever(error):
                what = "address" if isinstance(error, aiosmtplib.SMTPRecipientRefused) else "mail"
                raise DeliveryRefused(f"the mail server refused the {what} ({_told(error)})") from None
            raise self._not_sent(f"did not take the mail ({_told(error)})") from None
        except aiosmtplib.SMTPSenderRefused as error:
            raise self._not_sent(f"refused our sender ({_told(error)})", "check the mail sender") from None
        except aiosmtplib.SMTPResponseException as error:
            raise self._not_sent(f"did not take the mail ({_told(error)})") from None
        except (aiosmtplib.SMTPException, OSError) as error:
            kind = "did not answer in time" if isinstance(error, TimeoutError) else "ended the connection"
            raise self._not_sent(f"{kind} {step}") from None
        with suppress(aiosmtplib.SMTPException, OSError):
            await client.quit(timeout=QUIT_SECONDS)  # the mail has been taken, whatever becomes of the goodbye

    def _not_sent(self, what: str, look_at: str = "") -> MailNotSent:
        return MailNotSent(
            f"mail server {self._host}:{self._port} {what}. No money moved; it is tried again later"
            f"{'; ' + look_at if look_at else ''}."
        )


def _told(error: aiosmtplib.SMTPResponseException) -> str:
    """A server's answer by its numbers alone: its words may hold the address."""
    status = _STATUS.search(error.message)
    return f"{error.code} {status[0]}" if status else str(error.code)


def _for_ever(error: aiosmtplib.SMTPResponseException) -> bool:
    """Whether the answer will be the same every time: a 5xx that is not about us.

    5.7.x (RFC 3463: security or policy) is what servers say to a sender that they do not trust or relay for; it would
    turn away every mail, and is mended by an operator.
    """
    if error.code < 500 or error.code in OURS_TO_MEND:
        return False
    status = _STATUS.search(error.message)
    return not (status and status[1] in "45" and (status[1] == "4" or status[2] == "7"))


def _reason(error: Exception) -> str:
    """What kind of failure it was, for TLS also the verifier's words: they are about the server's certificate."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, ssl.SSLCertVerificationError):
            return f" ({found.verify_message})"
        found = found.__cause__ or found.__context__
    return f" ({type(error).__name__})"
