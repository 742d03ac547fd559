"""The outside parties, as the settings choose them: built here, handed to activities, closed with the block."""

from __future__ import annotations

import tomllib
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import cast

from activities.delivery import Agency, Mailer, Platform
from activities.payments import Gateway
from adapters.agency.csv_drop import CsvDrop
from adapters.agency.debitura import DebituraAgency
from adapters.agency.debitura_api import DebituraApi
from adapters.gateways.by_method import ByMethod, OneGateway
from adapters.gateways.hard_declines import NeverAgain
from adapters.gateways.paypal import PayPalGateway, UsagePattern
from adapters.gateways.stripe import StripeGateway
from adapters.mail.house import BankAccount, House
from adapters.mail.smtp import Security, SmtpMailer
from adapters.platform.webhooks import TOLD_BY_DEFAULT, PlatformWebhooks
from adapters.postgres.agency import AgencyCases
from adapters.postgres.books import Books
from adapters.postgres.pool import Pool
from adapters.simulated.agency import SimulatedAgency
from adapters.simulated.gateway import SimulatedGateway
from adapters.simulated.mailbox import Mailbox
from adapters.simulated.platform import SimulatedPlatform
from settings import InvalidSettings, Settings

AFTER_THE_END = frozenset({"refused", "repeated", "unapplied"})


@dataclass(frozen=True, slots=True)
class Outside:
    """Everybody whom activities talk to, and the books in which that is kept."""

    books: Books
    gateway: Gateway
    mailer: Mailer
    platform: Platform
    agency: Agency


@asynccontextmanager
async def reached(settings: Settings, pool: Pool) -> AsyncIterator[Outside]:
    """The parties of a process. Nobody is asked anything yet.

    Raises InvalidSettings for what a party's adapter cannot work with.
    """
    try:
        async with AsyncExitStack() as stack:
            books = Books(pool, events_of(settings))
            yield Outside(
                books,
                _gateway(settings, books, pool, stack),
                _mailer(settings, pool),
                _platform(settings, pool, stack),
                _agency(settings, books, pool, stack),
            )
    except _Unusable as error:
        raise InvalidSettings(f"{error.party}: {error}. Nothing was started.") from None


def events_of(settings: Settings) -> frozenset[str]:
    """The kinds of entries that the platform hears of. A simulated platform hears of none."""
    if settings.platform != "webhooks":
        return frozenset()
    said = settings.webhooks.events
    if said == "default":
        return TOLD_BY_DEFAULT
    events = frozenset(each.strip() for each in said.split(",") if each.strip())
    if events & AFTER_THE_END:
        raise InvalidSettings(
            f"webhooks_events: {', '.join(sorted(events & AFTER_THE_END))}: written after an end, too, when nobody is "
            "left to tell of it; expected other kinds of entries"
        )
    return events


def chosen(settings: Settings) -> str:
    """One line for people: who takes what, so that nobody takes a simulated party for a real one."""
    parties = {
        "cards": settings.cards,
        "wallets": settings.wallets,
        "mails": settings.mails,
        "platform": settings.platform,
        "agency": settings.agency,
    }
    return ", ".join(f"{name}: {choice or 'simulated'}" for name, choice in parties.items())


class _Unusable(Exception):
    def __init__(self, party: str, why: str) -> None:
        self.party = party
        super().__init__(why)


def _gateway(settings: Settings, books: Books, pool: Pool, stack: AsyncExitStack) -> Gateway:
    simulated = SimulatedGateway(pool)
    cards: OneGateway = simulated
    wallets: OneGateway = simulated
    if settings.cards == "stripe":
        stripe = settings.stripe
        at_stripe = StripeGateway(stripe.api_key, vault=books, references=books, api_url=stripe.api_url or None)
        stack.push_async_callback(at_stripe.close)
        cards = NeverAgain(at_stripe, books)
    if settings.wallets == "paypal":
        paypal = settings.paypal
        at_paypal = PayPalGateway(
            paypal.client_id,
            paypal.client_secret,
            vault=books,
            references=books,
            api_url=paypal.api_url,
            usage_pattern=cast(UsagePattern, paypal.usage_pattern),  # one of its words: settings.CHOICES
        )
        stack.push_async_callback(at_paypal.close)
        wallets = NeverAgain(at_paypal, books)
    return ByMethod({"card": cards, "paypal": wallets})


def _mailer(settings: Settings, pool: Pool) -> Mailer:
    if settings.mails != "smtp":
        return Mailbox(pool)
    smtp = settings.smtp
    try:
        house, houses, templates = house_and_templates(settings)
        return SmtpMailer(
            smtp.host,
            smtp.port,
            sender=smtp.sender,
            house=house,
            houses=houses,
            username=smtp.user,
            password=smtp.password,
            security=cast(Security, smtp.security),  # one of its words: settings.CHOICES
            templates=templates,
        )
    except ValueError as error:
        raise _Unusable("mails", str(error)) from None


def house_and_templates(settings: Settings) -> tuple[House, Mapping[str, House], Path | None]:
    """Who writes: the house, its tenants' houses, and the folder of templates of its own. Raises ValueError."""
    house = settings.house
    said = {each.name: getattr(house, each.name) for each in fields(house)}
    return _house(said), _tenants(house.tenants), Path(house.templates) if house.templates else None


def _house(said: Mapping[str, str]) -> House:
    iban = said.get("iban", "")
    account = BankAccount(said.get("account_holder") or said["name"], iban, said.get("bic", "")) if iban else None
    return House(
        said.get("name", ""), said.get("contact", ""), said.get("pay_url", ""), account, said.get("postal_address", "")
    )


def _tenants(file: str) -> dict[str, House]:
    if not file:
        return {}
    try:
        tables = tomllib.loads(Path(file).read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"house_tenants {file!r}: {error}") from None
    wrong = [tenant for tenant, table in tables.items() if not isinstance(table, dict) or "name" not in table]
    if wrong:
        raise ValueError(f"house_tenants {file!r}: {wrong[0]!r} is no table with a name")
    return {tenant: _house(table) for tenant, table in tables.items()}


def _platform(settings: Settings, pool: Pool, stack: AsyncExitStack) -> Platform:
    if settings.platform != "webhooks":
        return SimulatedPlatform(pool)
    webhooks = settings.webhooks
    try:
        platform = PlatformWebhooks(webhooks.url, webhooks.secret, previous_secret=webhooks.previous_secret or None)
    except ValueError as error:
        raise _Unusable("platform", str(error)) from None
    stack.push_async_callback(platform.close)
    return platform


def _agency(settings: Settings, books: Books, pool: Pool, stack: AsyncExitStack) -> Agency:
    cases = AgencyCases(pool)
    match settings.agency:
        case "debitura":
            debitura = settings.debitura
            api = DebituraApi(debitura.api_key, url=debitura.api_url)
            stack.push_async_callback(api.close)
            return DebituraAgency(
                api,
                cases=cases,
                tasks=books,
                sender_email=debitura.sender_email,
                case_kind="test" if debitura.cases == "test" else "real",
            )
        case "files":
            return CsvDrop(Path(settings.folder.agency), cases=cases, tasks=books)
        case _:
            return SimulatedAgency(pool)
