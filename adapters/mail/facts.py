"""What the text of a mail may say: a letter's facts, ready to print in the customer's language."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, fields
from datetime import date, timedelta

from babel import Locale

from adapters.bank.creditor_reference import creditor_reference, printed
from adapters.mail.house import House
from adapters.mail.language import Day, Sum
from domain.letters import Letter
from domain.money import InvalidAmount, Money
from domain.periods import local_date
from domain.subscription import Invoice

NAME_LIMIT = 80  # characters; a longer "name" is an attempt to send somebody an advertisement under our name
ABOUT_LIMIT = 200  # characters of one fact; the longest of ours is an invoice number

_INVISIBLE = frozenset("\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Marks that turn the direction of writing, and line breaks that are no control characters."""


@dataclass(frozen=True, slots=True)
class Line:
    """One invoice as the mail lists it."""

    number: str
    kind: str
    """`period`, `termination` or `fee`."""
    first: Day
    last: Day
    """The last day of the period, inclusive."""
    amount: Sum
    open: Sum
    due: Day
    overdue: bool
    reference: str
    """The creditor reference for a transfer, in groups of four."""


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a template can name; amounts are as now. What is not known is None, an empty text or an empty tuple."""

    template: str
    name: str
    client_number: str
    subscription: str
    plan: str
    policy: str
    standing: str
    house: House
    past_due: Sum
    """What is owed and late."""
    open: Sum
    """Everything owed, due or not."""
    credit: Sum
    placed: Sum
    """What the collections agency has."""
    invoices: tuple[Line, ...]
    """What is open, and the invoice that the mail is about also where it is paid."""
    invoice: Line | None
    """The one that the mail is about."""
    amount: Sum | None
    """What was declined, or received."""
    due: Day | None
    """When the invoice that the mail is about fell, or falls, due."""
    next: str
    """What comes next if nothing is paid, in the words of domain/outlook.py; empty where it cannot be said.

    Nor is it said of what comes on the very day: another mail of that day says that it has come.
    """
    next_on: Day | None
    retry_on: Day | None
    """When a payment method is charged again, unless `next` comes before that: it may be the plan's end."""
    bank_only: bool
    pay_link: str
    last_day: Day | None
    """Of a plan that was cancelled."""
    cancelled_by: str
    """`ladder`, `customer` or `support_refusal`; empty where it is not known."""
    retroactive: bool
    about: dict[str, str]
    """Everything that the mail was caused with, as plain texts."""

    def named(self) -> dict[str, object]:
        """By name, for a template."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def facts_of(letter: Letter, house: House, locale: Locale) -> Facts:
    """The facts of a letter. Raises domain.money.InvalidAmount where the view's currency is none."""
    view = letter.view
    about = {name: one_line(text, ABOUT_LIMIT) for name, text in letter.about.items()}
    lines = tuple(_line(letter, invoice, locale) for invoice in letter.invoices)
    amount = _amount(about.get("amount"), view.currency)
    said_on = local_date(max(letter.at, letter.sent_at or letter.at), view.timezone)
    next_on, retry_on = (_day(about.get(name), locale) for name in ("next_on", "retry_on"))
    if next_on and next_on.on <= said_on:
        next_on = None
    if retry_on and (retry_on.on <= said_on or (next_on and retry_on.on > next_on.on)):
        retry_on = None

    def total(minor: int) -> Sum:
        return Sum(Money(minor, view.currency), locale)

    return Facts(
        template=letter.template,
        name=one_line(letter.to.name, NAME_LIMIT),
        client_number=one_line(letter.to.client_number or view.client_number, ABOUT_LIMIT),
        subscription=view.subscription_id,
        plan=one_line(view.plan, ABOUT_LIMIT),
        policy=view.policy,
        standing=view.standing,
        house=house,
        past_due=total(view.balance_minor),
        open=total(view.open_minor),
        credit=total(view.credit_minor),
        placed=total(view.placed_minor),
        invoices=lines,
        invoice=next((line for line in lines if line.number == about.get("invoice")), None),
        amount=Sum(amount, locale) if amount else None,
        due=_day(about.get("due_on"), locale),
        next=about.get("next", "") if next_on or "next_on" not in about else "",
        next_on=next_on,
        retry_on=retry_on,
        bank_only=about.get("bank_only") == "yes",
        pay_link=house.pay_link(view.subscription_id),
        last_day=_day(about.get("effective_on"), locale),
        cancelled_by=about.get("by", ""),
        retroactive=about.get("retroactive") == "yes",
        about=about,
    )


def one_line(text: str, limit: int) -> str:
    """A text of others as one line without control characters: it goes into headers, and is read by a person."""
    plain = "".join(" " if unicodedata.category(c) == "Cc" else c for c in text if c not in _INVISIBLE)
    return " ".join(plain.split())[:limit]


def _line(letter: Letter, invoice: Invoice, locale: Locale) -> Line:
    currency, zone = letter.view.currency, letter.view.timezone
    return Line(
        number=invoice.number,
        kind=invoice.kind,
        first=Day(invoice.period_start, locale),
        last=Day(max(invoice.period_start, invoice.period_end - timedelta(days=1)), locale),
        amount=Sum(Money(invoice.amount_minor, currency), locale),
        open=Sum(Money(invoice.open_minor, currency), locale),
        due=Day(local_date(invoice.due_at, zone), locale),
        overdue=invoice.missed and invoice.open_minor > 0,
        reference=printed(creditor_reference(invoice.number)),
    )


def _amount(text: str | None, currency: str) -> Money | None:
    try:
        return Money.parse(text, currency) if text else None
    except InvalidAmount:
        return None  # another policy's mail may mean something else by it; `about` still has the text


def _day(text: str | None, locale: Locale) -> Day | None:
    try:
        return Day(date.fromisoformat(text), locale) if text else None
    except ValueError:
        return None
