"""Whose money a bank transfer is: certain, likely or unknown, decided from what the payer wrote and nothing else.

`clues` says what to look up, `match` judges what was found. Certain money is applied at once; likely and unknown money
waits for support as unapplied money. Amounts are whole minor units of the entry's currency and above zero, also those
that leave the account.
"""

from __future__ import annotations

import base64
import hashlib
import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from typing import Literal

DIGEST_BYTES = 10  # of an invoice number's SHA-256 in its creditor reference: 80 bits, 16 characters of base32
REFERENCE_LENGTH = 20  # `RF`, two check digits, 16 characters
ABSURD_TIMES = 10  # a transfer beyond ten times the invoice is a misplaced comma or another's rent, not a prepayment
WORDS_LIMIT = 200  # of a remittance text; SEPA carries 140 characters, SWIFT and structured lines a few hundred
TEXT_LIMIT = 2000  # letters and digits of it that are looked through for creditor references
MISTYPED_LIMIT = 3  # wrong references of a text that are tried with one character changed: 500 tries each
WORDS_JOINED = 4  # a number that a bank has re-cut, or a payer written with spaces, is in at most this many pieces
NUMBER_LENGTHS = range(2, 117)  # of what may be an invoice's or a client's number: an id of 100, `-termination`

Kind = Literal["credit", "return_of_credit", "debit", "return_of_debit", "lump"]
"""Money in; money in that the bank took back; money out; money out that came back; several transfers as one sum."""


@dataclass(frozen=True, slots=True)
class Stated:
    """A reference that the payer gave in a field of its own, and how much of the transfer is meant for it."""

    reference: str
    minor: int | None = None


@dataclass(frozen=True, slots=True)
class StatementEntry:
    """One booked transfer of one bank account. `name`, `iban` and `text` are personal data and are not kept."""

    key: str
    """`bank/<digest>`: the same however often, and in whichever statement, this transfer is reported."""
    account: str
    """Our own account: its IBAN where the bank gives one."""
    kind: Kind
    minor: int
    currency: str
    booked_on: date
    value_on: date
    bank_reference: str = ""
    """The bank's own (AcctSvcrRef); empty where it gives none, and the key is then made from the content."""
    group_reference: str = ""
    """The bank's reference of the sum that it booked this transfer in, together with others."""
    name: str = ""
    iban: str = ""
    text: str = ""
    """What the payer wrote; lines are parted by spaces wherever the bank broke them."""
    stated: tuple[Stated, ...] = ()
    end_to_end_id: str = ""
    fingerprint: str = ""
    """A digest of what the payer and the bank say, without the bank's reference: equal transfers share it."""


@dataclass(frozen=True, slots=True)
class Owed:
    """An invoice that a clue led to, and whose it is. `ended`: its subscription has ended."""

    invoice: str
    subscription_id: str
    client_number: str
    name: str
    currency: str
    minor: int
    open_minor: int
    ended: bool


@dataclass(frozen=True, slots=True)
class Client:
    """A subscription whose client a clue led to; `open_minor` is the sum of its open invoices."""

    subscription_id: str
    client_number: str
    name: str
    currency: str
    open_minor: int
    ended: bool


@dataclass(frozen=True, slots=True)
class Found:
    """What the books know of an entry's clues."""

    invoices: tuple[Owed, ...] = ()
    """Those whose number or creditor reference may stand in the entry."""
    clients: tuple[Client, ...] = ()
    """Those whose client number may stand in the entry."""
    same_name: tuple[Owed, ...] = ()
    """Open invoices of customers who may have the payer's name."""


@dataclass(frozen=True, slots=True)
class Part:
    """So much of a transfer for a subscription; `invoice` None leaves the order to the oldest-first rule."""

    subscription_id: str
    invoice: str | None
    minor: int


@dataclass(frozen=True, slots=True)
class Match:
    """What became clear. Parts of a certain match are paid; the part of a likely one is what support is asked about."""

    certainty: Literal["certain", "likely", "none"]
    why: str
    """In words, for support and the books; holds no name."""
    parts: tuple[Part, ...] = ()
    client_number: str | None = None
    """Whom the evidence hold protects while the money waits; None where nobody is named."""
    ended: bool = False
    """The subscription has ended: money told to it is kept as unapplied money."""


@dataclass(frozen=True, slots=True)
class Clues:
    """What to look up for an entry. Digests are those of invoice numbers; numbers are `squeezed`."""

    digests: frozenset[bytes]
    mistyped: frozenset[bytes]
    numbers: frozenset[str]


def number_digest(number: str) -> bytes:
    """The bytes that an invoice's creditor reference carries of its number."""
    return hashlib.sha256(number.encode()).digest()[:DIGEST_BYTES]


def squeezed(text: str) -> str:
    """A number without what banks and payers change: a-z and 0-9 only. SEPA allows no `_`, and spaces come and go."""
    return re.sub(r"[^a-z0-9]", "", text.lower())


def clues(entry: StatementEntry) -> Clues:
    """What an entry's text and references may name. Bounded, whatever the text holds."""
    written = [entry.text, *(stated.reference for stated in entry.stated), entry.end_to_end_id]
    found, mistyped = set[bytes](), set[bytes]()
    for text in written:
        right, wrong = _references(text)
        found |= right
        mistyped |= wrong
    return Clues(frozenset(found), frozenset(mistyped - found), frozenset(n for t in written for n in _numbers(t)))


def same_name(one: str, other: str) -> bool:
    """Whether two names are one: in any order, case and spelling of accents; titles and signs do not count."""
    words = _name_words(one)
    return bool(words) and words == _name_words(other)


def match(entry: StatementEntry, found: Found) -> Match:
    """Judge what was found. Gives a reason in words whatever comes of it; certain parts always sum to the entry."""
    said = clues(entry)
    by_reference = [o for o in found.invoices if number_digest(o.invoice) in said.digests]
    by_number = [o for o in found.invoices if o not in by_reference and squeezed(o.invoice) in said.numbers]
    judged = (
        _stated(entry, [*by_reference, *by_number])
        or _several(entry, by_reference, by_number, found)
        or _one(entry, by_reference, by_number, found)
        or _guess(entry, said, found)
    )
    return _in_its_currency(entry, judged, found)


def _stated(entry: StatementEntry, named: list[Owed]) -> Match | None:
    """Several references with amounts of their own that sum to the transfer."""
    if len(entry.stated) < 2 or any(s.minor is None for s in entry.stated):
        return None
    parts: dict[str, Part] = {}
    for stated in entry.stated:
        right, _ = _references(stated.reference)
        of = [
            o for o in named if number_digest(o.invoice) in right or squeezed(o.invoice) == squeezed(stated.reference)
        ]
        if len(of) != 1 or stated.minor is None or stated.minor <= 0 or of[0].invoice in parts:
            return None
        parts[of[0].invoice] = Part(of[0].subscription_id, of[0].invoice, stated.minor)
    if sum(part.minor for part in parts.values()) != entry.minor:
        return None
    owed = [o for o in named if o.invoice in parts]
    if any(parts[o.invoice].minor > ABSURD_TIMES * max(o.minor, o.open_minor) for o in owed):
        return None
    why = f"{len(parts)} invoices named with amounts that sum to the transfer"
    return Match("certain", why, tuple(parts.values()), owed[0].client_number, all(o.ended for o in owed))


def _several(entry: StatementEntry, by_reference: list[Owed], by_number: list[Owed], found: Found) -> Match | None:
    """Several invoices named without usable amounts: certain where their open amounts sum to the transfer."""
    named = [*by_reference, *by_number]
    if len(named) < 2 or len({squeezed(o.invoice) for o in named}) < len(named):
        return None  # two invoices that only differ in signs are one name, and a matter of doubt
    first = named[0]
    one_owner = len({o.subscription_id for o in named}) == 1
    ended = all(o.ended for o in named)
    if sum(o.open_minor for o in named) == entry.minor:
        parts = tuple(Part(o.subscription_id, o.invoice, o.open_minor) for o in named if o.open_minor)
        return Match("certain", f"{len(named)} invoices named; their open amounts sum to it", parts, None, ended)
    if one_owner and (by_reference or first.client_number in _clients_named(found) or _names(entry, first)):
        if _absurd(entry, named):
            return _likely(first, "far more than the invoices named", entry)
        whole = (Part(first.subscription_id, None, entry.minor),)
        why = f"{len(named)} invoices of one subscription named; their open amounts do not sum to it"
        return Match("certain", why, whole, first.client_number, ended)
    return _likely(first, f"{len(named)} invoices named whose open amounts do not sum to it", entry)


def _one(entry: StatementEntry, by_reference: list[Owed], by_number: list[Owed], found: Found) -> Match | None:
    """One invoice named, by its creditor reference or its number."""
    if by_reference:
        owed = by_reference[0]
        if _absurd(entry, [owed]):
            return _likely(owed, f"creditor reference of invoice {owed.invoice}, but far more than it", entry)
        return _certain(owed, f"creditor reference of invoice {owed.invoice}", entry)
    if not by_number:
        return None
    clients = _clients_named(found)
    fitting = [o for o in by_number if o.client_number in clients] or by_number
    owed = fitting[0]
    if len(fitting) > 1:
        return _likely(owed, f"an invoice number that may be {' or '.join(o.invoice for o in fitting[:3])}", entry)
    said = f"invoice number {owed.invoice}"
    if _absurd(entry, [owed]):
        return _likely(owed, f"{said}, but far more than it", entry)
    if owed.client_number in clients:
        return _certain(owed, f"{said} and client number {owed.client_number}", entry)
    if clients:
        return _likely(owed, f"{said}, but the client number of another customer", entry)
    if owed.open_minor == entry.minor:
        return _certain(owed, f"{said} and its exact open amount", entry)
    if _names(entry, owed):
        return _certain(owed, f"{said} and the customer's name", entry)
    return _likely(owed, f"{said}, but another amount and no client number or name that fits", entry)


def _guess(entry: StatementEntry, said: Clues, found: Found) -> Match:
    """No invoice is named as it should be."""
    mistyped = [o for o in found.invoices if number_digest(o.invoice) in said.mistyped]
    if mistyped:
        return _likely(mistyped[0], f"a mistyped creditor reference, almost that of {mistyped[0].invoice}", entry)
    if found.clients:
        fitting = sorted(found.clients, key=lambda c: (c.ended, c.open_minor != entry.minor, not c.open_minor))
        whose = fitting[0]
        part = Part(whose.subscription_id, None, entry.minor)
        return Match("likely", f"client number {whose.client_number} alone", (part,), whose.client_number)
    exact = [
        o for o in found.same_name
        if o.open_minor == entry.minor and o.currency == entry.currency and _names(entry, o)
    ]  # fmt: skip
    if exact:
        return _likely(exact[0], f"the name and the exact open amount of invoice {exact[0].invoice}", entry)
    return Match("none", "nothing in it names an invoice or a client")


def _in_its_currency(entry: StatementEntry, judged: Match, found: Found) -> Match:
    """Money in another currency than the subscription's is never applied by itself: nobody here knows the rate."""
    of = {o.subscription_id: o for o in (*found.invoices, *found.same_name)}
    currencies = {o.currency for part in judged.parts if (o := of.get(part.subscription_id))}
    currencies |= {
        c.currency for c in found.clients if any(part.subscription_id == c.subscription_id for part in judged.parts)
    }
    if not judged.parts or currencies == {entry.currency}:
        return judged
    whose = judged.client_number or next(
        (o.client_number for part in judged.parts if (o := of.get(part.subscription_id))), None
    )
    why = f"{judged.why}; in {entry.currency}, but billed in {', '.join(sorted(currencies))}"
    return Match("none", why, client_number=whose)


def _certain(owed: Owed, why: str, entry: StatementEntry) -> Match:
    if entry.minor < owed.open_minor:
        why += "; pays a part of it"
    elif entry.minor > owed.open_minor:
        why += "; the rest is credit" if owed.open_minor else "; nothing of it is open, older ones or credit take it"
    part = Part(owed.subscription_id, owed.invoice, entry.minor)
    return Match("certain", why, (part,), owed.client_number, owed.ended)


def _likely(owed: Owed, why: str, entry: StatementEntry) -> Match:
    part = Part(owed.subscription_id, owed.invoice, entry.minor)
    return Match("likely", why, (part,), owed.client_number, owed.ended)


def _absurd(entry: StatementEntry, owed: list[Owed]) -> bool:
    return entry.minor > ABSURD_TIMES * sum(max(o.minor, o.open_minor) for o in owed)


def _clients_named(found: Found) -> frozenset[str]:
    return frozenset(client.client_number for client in found.clients)


def _names(entry: StatementEntry, owed: Owed) -> bool:
    return same_name(entry.name, owed.name)


_TITLES = frozenset({"mr", "mrs", "ms", "miss", "dr", "prof", "herr", "frau", "hr", "fr", "m", "mme", "sr", "sra"})
_UMLAUTS = str.maketrans({"ä": "a", "ö": "o", "ü": "u", "ø": "o", "æ": "a", "å": "a", "ł": "l", "đ": "d"})


def _name_words(name: str) -> list[str]:
    """Sorted words without accents. Banks write ü as ue, u or ?; so `ue` and `ü` both become `u` on either side."""
    folded = unicodedata.normalize("NFKC", name).casefold().translate(_UMLAUTS)
    plain = "".join(c for c in unicodedata.normalize("NFKD", folded) if not unicodedata.combining(c))
    plain = plain.replace("ae", "a").replace("oe", "o").replace("ue", "u")
    return sorted(word for word in re.split(r"[^\w]+", plain) if word and word not in _TITLES)


_REFERENCE = re.compile(r"(?=RF([0-9A-Z]{2})([0-9A-Z]{16}))")
_READ_AS = str.maketrans("018", "OIB")  # what the alphabet lacks and people write for what it has
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def _references(text: str) -> tuple[set[bytes], set[bytes]]:
    """The digests of the creditor references in a text, and those that one wrong character would explain."""
    right, wrong = set[bytes](), set[bytes]()
    written = [(f[1], f[2].translate(_READ_AS)) for f in _REFERENCE.finditer(_compact(text))]
    right.update(base64.b32decode(body) for check, body in written if _fits(check, body) and _spelled(body))
    for check, body in [one for one in written if not _fits(*one)][:MISTYPED_LIMIT]:
        altered = (body[:i] + c + body[i + 1 :] for i in range(len(body)) for c in _ALPHABET if c != body[i])
        wrong.update(base64.b32decode(b) for b in altered if _spelled(b) and _fits(check, b))
        wrong.update({base64.b32decode(body)} if _spelled(body) else ())
    return right, wrong


def _compact(text: str) -> str:
    return re.sub(r"[^0-9A-Z]", "", text.upper())[:TEXT_LIMIT]


def _spelled(body: str) -> bool:
    return all(c in _ALPHABET for c in body)


def _fits(check: str, body: str) -> bool:
    """ISO 7064 mod 97-10 over the reference with its first four characters moved to the end, as ISO 11649 says."""
    return check.isdigit() and int("".join(str(int(c, 36)) for c in f"{body}RF{check}")) % 97 == 1


def _numbers(text: str) -> set[str]:
    """What may be numbers of invoices and clients: each word, and up to four neighbours in one that hold a digit."""
    words = [squeezed(word) for word in re.split(r"[\s,;:/?()+']+", text)[:WORDS_LIMIT]]
    runs = {"".join(words[i : i + size]) for size in range(2, WORDS_JOINED + 1) for i in range(len(words) - size + 1)}
    said = {*words, *(run for run in runs if any(c.isdigit() for c in run))}
    return {number for number in said if len(number) in NUMBER_LENGTHS}
