"""Mails that come back: a delivery status notification (RFC 3464) read, recorded once, and shown to support."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage, Message
from email.policy import default
from typing import Literal, Protocol

SIZE_LIMIT = 2**20  # bytes that are read; a notification quotes at most the mail, and ours are smaller
PARTS_LIMIT = 100  # a notification has five; mails in mails in mails take hours to read

_OURS = re.compile(r"<([0-9a-f]{32})@[^<>\s]{1,255}>", re.ASCII)
"""A Message-ID as `adapters.mail.message.message_id` makes it."""

_STATUS = re.compile(r"([245])\.\d{1,3}\.\d{1,3}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Bounce:
    """What a server said of one mail of ours. The address is not kept: the mail's record knows whom it was for.

    `hard`: it will never arrive (5.x.x). `soft`: given up after trying for days, such as a full mailbox (4.x.x).
    `delayed`: still being tried.
    """

    mail: str
    """The 32 digits of the Message-ID."""
    kind: Literal["hard", "soft", "delayed"]
    status: str
    """The enhanced status code, such as `5.1.1`."""


@dataclass(frozen=True, slots=True)
class Bounced:
    """The mail of ours that came back."""

    key: str
    subscription_id: str
    template: str


class BounceBook(Protocol):
    """Finds a mail by its id, and keeps what became of it."""

    async def mail(self, mail: str) -> Bounced | None: ...
    async def record(self, bounce: Bounce, of: Bounced) -> bool: ...


class AskSupport(Protocol):
    """Asks a person to look; asked again under the same key, it is asked once."""

    async def __call__(self, key: str, subscription_id: str | None, kind: str, text: str) -> None: ...


def read_bounce(data: bytes) -> Bounce | None:
    """The bounce in a raw mail; None for anything else that comes in: an answer, an advertisement, a receipt.

    A notification without the Message-ID of a mail of ours is None, too: nothing can be done with it.
    """
    data = data[:SIZE_LIMIT]
    if sum(data.lower().count(kind) for kind in (b"multipart/", b"message/")) > PARTS_LIMIT:
        return None
    try:
        report: EmailMessage = message_from_bytes(data, policy=default)
        if report.get_content_type() != "multipart/report" or not report.is_multipart():
            return None
        of_mail, said = next(_ids(report), None), next(_recipients(report), None)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):  # Python's reader of garbage
        return None
    if of_mail is None or said is None:
        return None
    action, status = said
    if action == "delayed":
        return Bounce(of_mail, "delayed", status)
    if action == "failed":
        return Bounce(of_mail, "soft" if status.startswith("4") else "hard", status)
    return None


async def take_in_bounce(
    data: bytes, book: BounceBook, ask_support: AskSupport
) -> Literal["no_bounce", "unknown", "known", "recorded"]:
    """Record a bounce, and ask support about a mail that will not arrive; safe to repeat with the same data.

    `unknown` is a bounce of a mail that is not in our outbox, `known` one that was recorded before.
    """
    bounce = read_bounce(data)
    if bounce is None:
        return "no_bounce"
    of = await book.mail(bounce.mail)
    if of is None:
        return "unknown"
    if bounce.kind != "delayed":
        # before it is recorded: whoever is killed in between asks again when the mail is read again
        await ask_support(f"bounce/{of.key}", of.subscription_id, "mail came back", _task(of, bounce))
    return "recorded" if await book.record(bounce, of) else "known"


def _task(of: Bounced, bounce: Bounce) -> str:
    why = "the address does not take mail" if bounce.kind == "hard" else "its server was tried for days in vain"
    return (
        f"The customer did not get {of.template} ({of.key}): {why} (status {bounce.status}). No money moved, and "
        "nothing is sent again by itself. Find out the right address, correct it, and tell the customer."
    )


def _recipients(report: EmailMessage) -> Iterator[tuple[str, str]]:
    """Action and status of each recipient; ours have one."""
    for part in report.walk():
        if part.get_content_type() == "message/delivery-status":
            for fields in _within(part):
                action, status = str(fields.get("Action", "")).strip(), _STATUS.search(str(fields.get("Status", "")))
                if action and status:
                    yield action.split()[0].lower(), status[0]


def _ids(report: EmailMessage) -> Iterator[str]:
    """Our Message-IDs in the returned mail or its headers; failing that, in what the notification says it answers."""
    for part in report.walk():
        if part.get_content_type() == "message/rfc822":
            for mail in _within(part):
                yield from _OURS.findall(str(mail.get("Message-ID", "")))
        elif part.get_content_type() in ("text/rfc822-headers", "message/rfc822-headers"):
            text = part.as_bytes().decode("ascii", "replace")
            yield from re.findall(r"(?im)^message-id:\s*" + _OURS.pattern, text)
    for name in ("In-Reply-To", "References"):
        yield from _OURS.findall(str(report.get(name, "")))


def _within(part: Message) -> list[Message]:
    """The messages that a part holds."""
    payload = part.get_payload()
    return [inner for inner in payload if isinstance(inner, Message)] if isinstance(payload, list) else []
