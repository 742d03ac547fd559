"""How a subscription begins: the terms that the platform states, checked, and the first state."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from domain import cards
from domain.gateways import Vaulted
from domain.keys import IDENTIFIER_LIMIT, is_identifier
from domain.messages import TEXT_LIMIT
from domain.money import InvalidAmount, Money, decimals_of
from domain.periods import UnknownZone, parse_date, zone
from domain.policy import Policy
from domain.quoting import named, quoted
from domain.subscription import MethodKind, PolicyName, Role, Subscription

METHOD_KINDS: tuple[MethodKind, ...] = ("card", "paypal", "bank_transfer")
ROLES: tuple[Role, ...] = ("primary", "secondary")
GATEWAYS = ("stripe", "paypal")
TOKEN_LIMIT = 255  # characters; Stripe's ids have 30 or so, and may grow to 255 by its documentation
INSTALMENTS_LIMIT = 120  # ten years; a commitment longer than that is a typing error


class InvalidTerms(ValueError):
    """Terms that cannot be meant; the text says where, which value and what was expected. Nothing was started."""


@dataclass(frozen=True, slots=True)
class Customer:
    """Who pays. `name` and `email` are personal data: they go to the books and to mails, never into the state."""

    id: str
    client_number: str
    name: str
    email: str
    timezone: str
    locale: str
    since: date | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """What a subscription is started with. `price_minor` is one period's price, or one instalment of a commitment."""

    id: str
    customer: Customer
    plan: str
    price_minor: int
    currency: str
    instalments: int
    starts_on: date
    primary: MethodKind
    secondary: MethodKind | None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Contact:
    """What the platform says beside the terms: for mails, gateways and agencies, never for the state."""

    tenant: str = ""
    """Whose brand this is sold under; chooses the mails' templates."""
    phone: str = ""
    address: dict[str, str] = field(default_factory=dict)
    """`street`, `postal_code`, `city`, `country` (ISO 3166-1 alpha-2), or nothing; in the USA also `state`."""
    vault: dict[Role, Vaulted] = field(default_factory=dict)
    """The payment methods that gateways keep, by role."""


def read_contact(said: object) -> Contact:
    """The contact in a JSON object. Raises InvalidTerms; a card number is refused and not repeated."""
    top = Reader(said, "contact")
    address: dict[str, str] = {}
    if top.has("address"):
        where = top.reader("address")
        address = {name: where.text(name) for name in ("street", "postal_code", "city", "country")}
        if where.has("state"):
            address["state"] = where.text("state")
        where.done()
    vault: dict[Role, Vaulted] = {}
    if top.has("vault"):
        roles = top.reader("vault")
        for role in ROLES:
            if roles.has(role):
                vault[role] = read_vaulted(roles.reader(role))
        roles.done()
    contact = Contact(
        tenant=top.identifier("tenant") if top.has("tenant") else "",
        phone=top.text("phone", default=""),
        address=address,
        vault=vault,
    )
    top.done()
    return contact


def read_vaulted(said: Reader) -> Vaulted:
    """A vaulted method: `gateway`, `method` (its token there) and, at Stripe, `payer`. Raises InvalidTerms."""
    gateway = said.one_of("gateway", *GATEWAYS)
    payer = said.text("payer", default="", limit=TOKEN_LIMIT)
    method = said.text("method", limit=TOKEN_LIMIT)
    said.done()
    for name, token in (("payer", payer), ("method", method)):
        if cards.holds_card_number(token):
            raise InvalidTerms(f"{said.where}.{name}: {cards.REFUSED}")
    return Vaulted(gateway, payer, method)


def opened(terms: Terms, policy: Policy) -> Subscription:
    """The first state of a subscription under a policy. Raises InvalidTerms where the two do not fit."""
    if policy.committed and not terms.instalments:
        raise InvalidTerms(f"plan.instalments: missing; policy {policy.name} is a commitment, expected such as 12")
    return Subscription(
        id=terms.id,
        customer_id=terms.customer.id,
        client_number=terms.customer.client_number,
        timezone=terms.customer.timezone,
        locale=terms.customer.locale,
        plan=terms.plan,
        price_minor=terms.price_minor,
        currency=terms.currency,
        instalments=terms.instalments if policy.committed else 0,
        starts_on=terms.starts_on,
        primary=terms.primary,
        secondary=terms.secondary,
        policy=PolicyName(policy.name, policy.version, policy.digest),
        tags=terms.tags,
        customer_since=terms.customer.since,
    )


def read_terms(said: object) -> Terms:
    """The terms in a JSON object, as the scenario contract writes a `subscription`. Raises InvalidTerms."""
    top = Reader(said, "subscription")
    customer = top.reader("customer")
    timezone = customer.text("timezone")
    try:
        zone(timezone)
    except UnknownZone as error:
        raise InvalidTerms(f"customer.{error}") from None
    who = Customer(
        id=customer.identifier("id"),
        client_number=customer.text("client_number"),
        name=customer.text("name", default=""),
        email=customer.text("email", default=""),
        timezone=timezone,
        locale=customer.text("locale", default="en"),
        since=customer.date("since") if customer.has("since") else None,
    )
    customer.done()
    plan = top.reader("plan")
    currency = plan.text("currency")
    try:
        decimals_of(currency)
        price = Money.parse(plan.get("price"), currency)
    except InvalidAmount as error:
        raise InvalidTerms(f"plan: {error}") from None
    if price.minor < 0:
        raise InvalidTerms(f"plan.price: {quoted(plan.get('price'))} is below zero; expected 0 or more")
    instalments = plan.whole("instalments", 0, INSTALMENTS_LIMIT) if plan.has("instalments") else 0
    name = plan.text("name")
    plan.done()
    methods = top.reader("payment_methods")
    terms = Terms(
        id=top.identifier("id"),
        customer=who,
        plan=name,
        price_minor=price.minor,
        currency=currency,
        instalments=instalments,
        starts_on=top.date("starts_on"),
        primary=methods.method("primary"),
        secondary=methods.method("secondary") if methods.has("secondary") else None,
        tags=tuple(top.texts("tags")),
    )
    methods.done()
    top.done()
    return terms


class Reader:
    """Reads one JSON object field by field; every refusal names the place, the value and what was expected."""

    def __init__(self, said: object, where: str) -> None:
        if not isinstance(said, dict):
            raise InvalidTerms(f"{where}: {quoted(said)}: expected a JSON object")
        self.said: dict[str, object] = said
        self.where = where
        self.read: set[str] = set()

    def has(self, name: str) -> bool:
        """True where the field is there and not null."""
        self.read.add(name)
        return self.said.get(name) is not None

    def get(self, name: str) -> object:
        """The field, which must be there."""
        if not self.has(name):
            raise InvalidTerms(f"{self.where}.{name}: missing")
        return self.said[name]

    def text(self, name: str, default: str | None = None, limit: int = TEXT_LIMIT) -> str:
        """A text of 1 to `limit` printable characters."""
        if default is not None and not self.has(name):
            return default
        value = self.get(name)
        if not isinstance(value, str) or not value.strip() or len(value) > limit or not value.isprintable():
            raise self.fault(name, f"expected a text of 1 to {limit} printable characters")
        return value

    def texts(self, name: str) -> list[str]:
        """A list of short texts; empty where it is left out."""
        value = self.said.get(name) if self.has(name) else []
        if not isinstance(value, list) or len(value) > 20 or not all(isinstance(v, str) and v for v in value):
            raise self.fault(name, "expected a list of at most 20 texts")
        return value

    def identifier(self, name: str) -> str:
        """A text that can stand in ids and keys: letters, digits, `-`, `_`, `.`; no `/`, no spaces."""
        value = self.text(name, limit=IDENTIFIER_LIMIT)
        if not is_identifier(value):
            raise self.fault(name, "expected letters, digits, '-', '_' or '.'")
        return value

    def date(self, name: str) -> date:
        """A local date."""
        value = self.get(name)
        try:
            return parse_date(value)
        except ValueError:
            raise self.fault(name, "expected a date such as '2026-03-18'") from None

    def whole(self, name: str, least: int, most: int) -> int:
        """A whole number from `least` to `most`, both inclusive."""
        value = self.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self.fault(name, f"expected a whole number from {least} to {most}")
        return value

    def method(self, name: str) -> MethodKind:
        """A kind of payment method."""
        value = self.get(name)
        for kind in METHOD_KINDS:
            if value == kind:
                return kind
        raise self.fault(name, f"expected one of {', '.join(METHOD_KINDS)}")

    def one_of(self, name: str, *allowed: str) -> str:
        """One of some words."""
        value = self.get(name)
        if not isinstance(value, str) or value not in allowed:
            raise self.fault(name, f"expected one of {', '.join(allowed)}")
        return value

    def reader(self, name: str) -> Reader:
        """The object in a field."""
        return Reader(self.get(name), f"{self.where}.{name}")

    def readers(self, name: str) -> list[Reader]:
        """The objects in a list; empty where it is left out."""
        value = self.said.get(name) if self.has(name) else []
        if not isinstance(value, list):
            raise self.fault(name, "expected a list")
        return [Reader(item, f"{self.where}.{name}[{i}]") for i, item in enumerate(value)]

    def fault(self, name: str, expected: str) -> InvalidTerms:
        """What to raise for a field."""
        return InvalidTerms(f"{self.where}.{name}: {quoted(self.said.get(name))}: {expected}")

    def done(self) -> None:
        """Refuse fields that nobody read: a misspelt one must not be ignored."""
        unknown = sorted(set(self.said) - self.read)
        if unknown:
            raise InvalidTerms(
                f"{self.where}.{named(unknown[0])}: unknown field; expected {', '.join(sorted(self.read))}"
            )


Outcome = Literal["approved", "declined", "unknown_then_approved", "unknown_then_declined"]
