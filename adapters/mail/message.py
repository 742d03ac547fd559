"""A rendered letter as an Internet message: headers, text and HTML, and an id that a repetition has, too."""

from __future__ import annotations

import hashlib
from datetime import datetime
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime

from adapters.mail.facts import NAME_LIMIT, one_line
from adapters.mail.house import House
from adapters.mail.render import Rendered
from domain.gateways import DeliveryRefused
from domain.letters import Letter

ID_DIGITS = 32  # of SHA-256's 64: 128 bits, and a header line that stays short


def message_id(key: str, sender: str) -> str:
    """The Message-ID of the mail under a key, `<...@domain of the sender>`; the key itself is not in it.

    The key names the subscription, which is nobody's business on the way; and whoever does not know the key cannot
    make the id up, so that a bounce that quotes it has seen the mail.
    """
    digest = hashlib.sha256(key.encode()).hexdigest()[:ID_DIGITS]
    return f"<{digest}@{sender.rpartition('@')[2]}>"


def address_of(letter: Letter) -> Address:
    """Where a letter goes. Raises DeliveryRefused, without the address in it, where it cannot be one."""
    written = letter.to.email
    if not written:
        raise DeliveryRefused("the customer has no e-mail address")
    refused = DeliveryRefused("what is kept as the customer's e-mail address is none")
    if any(ord(c) <= 32 or ord(c) == 127 for c in written):
        raise refused
    name = one_line(letter.to.name, NAME_LIMIT)
    local, at, domain = written.rpartition("@")
    try:
        domain = domain.encode("idna").decode()
        Address(addr_spec="".join(c if c.isascii() else "x" for c in local) + at + domain)  # reads ASCII only
    except (ValueError, IndexError, AttributeError, HeaderParseError):
        raise refused from None
    if not local or "." not in domain:
        raise refused
    return Address(display_name=name, username=local, domain=domain)


def beyond_ascii(address: Address) -> bool:
    """Whether a server must speak SMTPUTF8 to take mail for an address."""
    return not address.username.isascii()


def message_of(
    letter: Letter, rendered: Rendered, to: Address, *, house: House, sender: str, sent_at: datetime
) -> EmailMessage:
    """The message to send. Answers go to the house's contact; `sent_at` is now, the letter's own time is in its text.

    No List-Unsubscribe: nobody can unsubscribe from what a contract requires. No header of ours but the Message-ID.
    """
    message = EmailMessage(policy=SMTPUTF8 if beyond_ascii(to) else SMTP)
    message["From"] = Address(display_name=house.name, addr_spec=sender)
    message["To"] = to
    message["Reply-To"] = Address(addr_spec=house.contact)
    message["Subject"] = rendered.subject
    message["Date"] = format_datetime(sent_at)
    message["Message-ID"] = message_id(letter.key, sender)
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: out-of-office replies stay away
    message.set_content(rendered.text, cte="quoted-printable")
    message.add_alternative(rendered.html, subtype="html", cte="quoted-printable")
    message["Content-Language"] = rendered.language  # last: setting the content takes such headers away
    return message
