"""What outside parties reach us by, put together: webhooks, uploads, the folder of bank statements."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.applications import Starlette
from temporalio.client import Client

from adapters.agency.csv_returns import UnreadableFile, read_agency_file
from adapters.agency.debitura_api import DebituraApi
from adapters.agency.debitura_webhooks import DebituraWebhooks
from adapters.bank.lines import BadStatement
from adapters.gateways.paypal_webhooks import PayPalWebhooks
from adapters.gateways.stripe_webhooks import StripeWebhooks
from adapters.mail.bounces import take_in_bounce
from adapters.postgres.agency import AgencyCases
from adapters.postgres.bank import BankBooks
from adapters.postgres.books import Books
from adapters.postgres.mail import BounceBook
from adapters.postgres.pool import Pool
from api.app import Refused, Upload, app
from api.inbound import Inbound, Reader
from engine import speak
from engine.bank import Door, Imported, import_statement
from settings import InvalidSettings, Settings


@dataclass(frozen=True, slots=True)
class Doors:
    """`web` is to be served; `statement` takes in one bank file by its name."""

    web: Starlette
    inbound: Inbound
    bank: Bank
    debitura: DebituraWebhooks | None
    """Which can also ask for what its webhooks should have said."""


AFTER_THE_END = "the subscription has ended, so it was refused; money that came is kept as unapplied money"


class Speaks:
    """Tells by signal, which is durable also while no worker is up."""

    def __init__(self, client: Client, books: Books) -> None:
        self._client = client
        self._books = books

    async def tell(self, subscription_id: str, signal: str, payload: dict[str, Any]) -> str | None:
        """None where it was told; else why it never can be."""
        try:
            heard = await speak.tell(self._client, self._books, subscription_id, signal, payload)
        except (speak.UnknownSubscription, speak.MessageRefused) as error:
            return str(error)
        return None if heard else AFTER_THE_END


class Bank:
    """Takes in a bank's files."""

    def __init__(self, client: Client, books: Books, pool: Pool) -> None:
        self._books = books
        self._bank = BankBooks(pool)
        self._door = Door(client, books)

    async def take_in(self, name: str, data: bytes) -> Imported:
        """One file. Raises BadStatement for what is no statement; nothing of it was taken in."""
        return await import_statement(self._books, self._bank, self._door, name, data, datetime.now(UTC))


@asynccontextmanager
async def doors(settings: Settings, client: Client, pool: Pool, books: Books) -> AsyncIterator[Doors]:
    """Every door that the settings open. Raises InvalidSettings for a secret that cannot be one."""
    async with AsyncExitStack() as stack:
        cases = AgencyCases(pool)
        readers: dict[str, Reader] = {}
        debitura: DebituraWebhooks | None = None
        if settings.stripe.webhook_secret:
            readers["stripe"] = StripeWebhooks(
                settings.stripe.webhook_secret, vault=books, references=books, views=books
            )
        if settings.paypal.webhook_id:
            paypal = settings.paypal
            wallet = PayPalWebhooks(
                paypal.client_id,
                paypal.client_secret,
                paypal.webhook_id,
                vault=books,
                references=books,
                views=books,
                api_url=paypal.api_url,
            )
            stack.push_async_callback(wallet.close)
            readers["paypal"] = wallet
        if settings.debitura.webhook_secret:
            api = DebituraApi(settings.debitura.api_key, url=settings.debitura.api_url)
            stack.push_async_callback(api.close)
            try:
                debitura = DebituraWebhooks(settings.debitura.webhook_secret, api=api, cases=cases)
            except ValueError as error:
                raise InvalidSettings(f"debitura_webhook_secret: {error}. Nothing was started.") from None
            readers["debitura"] = debitura
        inbound = Inbound(books, Speaks(client, books), readers)
        bank, bounces = Bank(client, books, pool), BounceBook(pool)

        async def statement(name: str, data: bytes) -> object:
            try:
                return await bank.take_in(name, data)
            except BadStatement as error:
                raise Refused(str(error)) from None

        async def bounce(name: str, data: bytes) -> object:
            return await take_in_bounce(data, bounces, books.ask_support)

        async def agency_file(name: str, data: bytes) -> object:
            try:
                return await inbound.take(await read_agency_file(data, cases=cases))
            except UnreadableFile as error:
                raise Refused(str(error)) from None

        uploads: dict[str, Upload] = {"statements": statement, "bounces": bounce, "agency": agency_file}
        yield Doors(app(inbound, uploads=uploads, token=settings.listen.token), inbound, bank, debitura)
