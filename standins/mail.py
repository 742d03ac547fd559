"""A mail server that catches mails instead of passing them on, and can refuse, delay and break like a real one.

It is aiosmtpd, so that replies, extensions and line discipline are those of RFC 5321; what it caught is kept raw.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Literal

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from standins.wire import BIND, Shelf

MailFaultKind = Literal[
    "refuse_sender", "refuse_recipient", "refuse_mail", "lost_before", "lost_after", "lost_at_quit", "slow"
]
KIND = "mail"
SIZE_BYTES = 2**20  # of one mail; ours have some 20 kB
NAME = "mail.example"


@dataclass(slots=True)
class MailFault:
    """What breaks at the next `times` mails whose recipient matches `to` (a regular expression, searched).

    refuse_sender, refuse_recipient, refuse_mail: answers `said` to MAIL, RCPT, or the mail itself. lost_before: the
    connection ends when the recipient is named. lost_after: the mail is kept and the connection ends without an
    answer. lost_at_quit: it ends at the goodbye. slow: answers the recipient after `seconds`.
    """

    kind: MailFaultKind
    said: str = ""
    to: str = ""
    times: int = 1
    seconds: float = 0.0
    skip: int = 0
    """How many such mails pass unharmed before."""
    strikes: Callable[[str], None] | None = None
    """Called with the recipient as the fault strikes."""


@dataclass(frozen=True, slots=True)
class Caught:
    """A mail as it arrived. `raw` is as it came over the wire; the envelope's recipients need not be the header's."""

    number: int
    sender: str
    recipients: tuple[str, ...]
    at: datetime
    raw: bytes

    @property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.raw, policy=default)

    @property
    def message_id(self) -> str:
        return str(self.message["Message-ID"])

    def part(self, kind: Literal["plain", "html"]) -> str:
        """The text or the HTML; empty where the mail has none."""
        found = self.message.get_body((kind,))
        return str(found.get_content()) if found is not None else ""


@dataclass(slots=True)
class MailCatcher:
    """Listens, catches, and keeps on a shelf. With `password`, a sender must log in first, over TLS."""

    shelf: Shelf
    user: str = ""
    password: str = field(default="", repr=False)
    tls: ssl.SSLContext | None = None
    faults: list[MailFault] = field(default_factory=list)

    def break_(
        self, kind: MailFaultKind, said: str = "", *, to: str = "", times: int = 1, seconds: float = 0.0
    ) -> None:
        """Break the next `times` mails to matching recipients; faults scripted first are used up first."""
        self.faults.append(MailFault(kind, said, to, times, seconds))

    @property
    def caught(self) -> list[Caught]:
        """Every mail kept, in order; one that came twice is kept twice."""
        return [
            Caught(
                body["number"],
                body["sender"],
                tuple(body["recipients"]),
                datetime.fromisoformat(body["at"]),
                body["raw"].encode("latin-1"),
            )
            for body in self.shelf.all(KIND)
        ]

    @property
    def message_ids(self) -> set[str]:
        """The distinct mails: what came twice under one Message-ID counts once."""
        return {mail.message_id for mail in self.caught}

    @asynccontextmanager
    async def listening(self, port: int = 0, *, implicit_tls: bool = False) -> AsyncIterator[int]:
        """Listen on 127.0.0.1 while the block runs; gives the port. `implicit_tls`: from the first byte, as on 465."""
        open_: set[asyncio.BaseTransport] = set()

        def connection() -> SMTP:
            return _Connection(self, open_, implicit_tls=implicit_tls)

        server = await asyncio.get_running_loop().create_server(
            connection, BIND, port, ssl=self.tls if implicit_tls else None
        )
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for transport in list(open_):
                transport.abort()  # type: ignore[attr-defined] # every transport of a stream has it
            await server.wait_closed()

    # What aiosmtpd asks of a handler

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        fault = self._meets("refuse_sender", None)
        return fault.said if fault else "250 2.1.0 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if fault := self._meets("slow", address):
            await asyncio.sleep(fault.seconds)
        if self._meets("lost_before", address):
            return _hang_up(server)
        if fault := self._meets("refuse_recipient", address):
            return fault.said
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        recipient = str(envelope.rcpt_tos[0])
        if fault := self._meets("refuse_mail", recipient):
            return fault.said
        number = self.shelf.count(KIND) + 1
        self.shelf.put(
            KIND,
            str(number),
            {
                "number": number,
                "sender": envelope.mail_from or "",
                "recipients": [str(each) for each in envelope.rcpt_tos],
                "at": datetime.now(UTC).isoformat(),
                "raw": bytes(envelope.original_content or b"").decode("latin-1"),  # any bytes, one character each
            },
        )
        if self._meets("lost_after", recipient):
            return _hang_up(server)
        return f"250 2.0.0 OK: kept as {number}"

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        return _hang_up(server) if self._meets("lost_at_quit", None) else "221 2.0.0 Bye"

    def _meets(self, kind: MailFaultKind, address: str | None) -> MailFault | None:
        """The fault of a kind that a mail meets, used up by it; where no recipient is known yet, any."""
        for fault in self.faults:
            if fault.kind == kind and fault.times > 0 and (address is None or re.search(fault.to, address)):
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                if fault.strikes is not None:
                    fault.strikes(address or "")
                return fault
        return None

    def _let_in(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, login: object) -> AuthResult:
        right = isinstance(login, LoginPassword) and (login.login, login.password) == (
            self.user.encode(),
            self.password.encode(),
        )
        return AuthResult(success=right, handled=False)


class _Hooks:
    """What aiosmtpd asks of a handler, and nothing else: of each connection it reads every attribute of its handler,
    and a catcher's are all of its mails."""

    def __init__(self, catcher: MailCatcher) -> None:
        self.handle_MAIL = catcher.handle_MAIL
        self.handle_RCPT = catcher.handle_RCPT
        self.handle_DATA = catcher.handle_DATA
        self.handle_QUIT = catcher.handle_QUIT


class _Connection(SMTP):
    """One client's connection; known to the server as long as it is open."""

    def __init__(self, catcher: MailCatcher, open_: set[asyncio.BaseTransport], *, implicit_tls: bool) -> None:
        with warnings.catch_warnings():
            # it counts STARTTLS alone as encryption, and warns where a connection is encrypted from its start
            warnings.simplefilter("ignore", UserWarning)
            super().__init__(
                _Hooks(catcher),
                enable_SMTPUTF8=True,
                hostname=NAME,
                data_size_limit=SIZE_BYTES,
                tls_context=None if implicit_tls else catcher.tls,
                auth_required=bool(catcher.password),
                auth_require_tls=not implicit_tls,
                authenticator=catcher._let_in,
            )
        self._open = open_
        self._mine: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._mine = self._mine or transport
        self._open.add(self._mine)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self._mine is not None:
            self._open.discard(self._mine)
        super().connection_lost(error)


def _hang_up(server: SMTP) -> str:
    """End the connection without a reply; what is given goes to nobody."""
    if isinstance(server.transport, asyncio.WriteTransport):
        server.transport.abort()
    return "421 4.3.0 Gone"


def returned(mail: Caught, *, status: str = "5.1.1", action: Literal["failed", "delayed"] = "failed") -> bytes:
    """What a mail server such as Postfix sends back for a mail that it could not deliver (RFC 3464)."""
    original = mail.message
    headers = "\n".join(f"{name}: {value}" for name, value in original.items() if name.lower() != "content-type")
    code = "550" if status.startswith("5") else "450"
    return "\n".join(
        [
            f"From: MAILER-DAEMON@{NAME} (Mail Delivery System)",
            f"To: {mail.sender}",
            "Subject: Undelivered Mail Returned to Sender",
            "Auto-Submitted: auto-replied",
            f"Message-ID: <20260301120000.{mail.number}@{NAME}>",
            "MIME-Version: 1.0",
            'Content-Type: multipart/report; report-type=delivery-status; boundary="B/1"',
            "",
            "--B/1",
            "Content-Description: Notification",
            "Content-Type: text/plain; charset=us-ascii",
            "",
            f"This is the mail system at host {NAME}.",
            "",
            "--B/1",
            "Content-Description: Delivery report",
            "Content-Type: message/delivery-status",
            "",
            f"Reporting-MTA: dns; {NAME}",
            "Arrival-Date: Sun,  1 Mar 2026 12:00:00 +0000 (UTC)",
            "",
            f"Final-Recipient: rfc822; {mail.recipients[0]}",
            f"Action: {action}",
            f"Status: {status}",
            "Remote-MTA: dns; mx.example.com",
            f"Diagnostic-Code: smtp; {code} {status} <{mail.recipients[0]}>: not delivered",
            "",
            "--B/1",
            "Content-Description: Undelivered Message Headers",
            "Content-Type: text/rfc822-headers",
            "",
            headers,
            "",
            "--B/1--",
            "",
        ]
    ).encode()
