"""The reconciliation put together: whom the settings name, asked about their own books, beside ours."""

from __future__ import annotations

import base64
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from uuid import uuid4

from temporalio.client import Client

from activities.against_agency import AgainstAgency, AgencyAccount
from activities.against_books import AgainstBooks
from activities.against_gateways import AgainstGateways, GatewayAccount
from activities.against_outbox import AgainstOutbox
from activities.against_platform import AgainstPlatform
from activities.against_workflows import AgainstWorkflows
from activities.reconciliation import MARGIN, ReconciliationActivities
from adapters.agency.debitura_account import DebituraAccount
from adapters.agency.debitura_api import DebituraApi
from adapters.agency.debitura_webhooks import DebituraWebhooks
from adapters.gateways.paypal_account import PayPalAccount
from adapters.gateways.paypal_webhooks import PayPalWebhooks
from adapters.gateways.stripe_account import StripeAccount
from adapters.gateways.stripe_webhooks import StripeWebhooks
from adapters.postgres.agency import AgencyCases
from adapters.postgres.books import Books
from adapters.postgres.pool import Pool
from adapters.postgres.reconciliation import ReconciliationBook
from adapters.postgres.witnesses import Witness
from adapters.simulated.gateway import SimulatedGateway
from api.inbound import Inbound
from domain.differences import ABANDONED_AFTER
from domain.reconciliation import PAIRS, Asked, Looked, Pair
from domain.reports import Report
from domain.subscription import MethodKind
from engine.crew import deliveries_of
from engine.doors import Speaks
from engine.lives import TemporalLives
from engine.outside import Outside
from settings import Settings

NO_WEBHOOK_COMES_HERE = ""
"""Readers of webhooks make reports here of what a party lists; nobody can send them anything."""


@asynccontextmanager
async def reconciler(
    settings: Settings,
    client: Client,
    pool: Pool,
    outside: Outside,
    *,
    margin: timedelta = MARGIN,
    abandoned_after: timedelta = ABANDONED_AFTER,
) -> AsyncIterator[ReconciliationActivities]:
    """Everything that a run needs, closed with the block. Nobody is asked anything yet."""
    async with AsyncExitStack() as stack:
        books, witness, lives = outside.books, Witness(pool), TemporalLives(client)
        inbound = Inbound(books, Speaks(client, books), {})

        async def take_in(reports: Sequence[Report]) -> int:
            return (await inbound.take(reports)).taken_in

        accounts = _gateways(settings, books, witness, pool, stack)
        yield ReconciliationActivities(
            ReconciliationBook(pool),
            {
                "gateways": AgainstGateways(accounts, witness, books, take_in, margin=margin),
                "books": AgainstBooks(books, witness),
                "workflows": AgainstWorkflows(lives, witness, margin=margin),
                "deliveries": AgainstOutbox(
                    witness, lives, deliveries_of(client, outside), abandoned_after=abandoned_after
                ),
                "agency": AgainstAgency(_agency(settings, pool, stack), witness, take_in, margin=margin),
                "platform": AgainstPlatform(outside.platform, witness, lives, margin=margin),
            },
        )


async def reconcile(
    activities: ReconciliationActivities, *, by: str, subscription_id: str | None = None, dry: bool = False
) -> dict[Pair, Looked]:
    """One run, here and now; gives what each comparison found. A dry one leaves no trace."""
    asked = Asked(uuid4().hex, by, subscription_id, dry)
    found: dict[Pair, Looked] = {}
    if not dry:
        await activities.begin(asked)
    for pair in PAIRS:
        found[pair] = await (activities.look(asked, pair) if dry else activities.compared(asked, pair))
    if not dry:
        await activities.finish(asked)
    return found


def _gateways(
    settings: Settings, books: Books, witness: Witness, pool: Pool, stack: AsyncExitStack
) -> dict[MethodKind, GatewayAccount]:
    simulated = SimulatedGateway(pool)
    accounts: dict[MethodKind, GatewayAccount] = {"card": simulated, "paypal": simulated}
    if settings.cards == "stripe":
        cards = StripeWebhooks(NO_WEBHOOK_COMES_HERE, vault=books, references=books, views=books)
        at_stripe = StripeAccount(
            settings.stripe.api_key, references=books, reader=cards, api_url=settings.stripe.api_url or None
        )
        stack.push_async_callback(at_stripe.close)
        accounts["card"] = at_stripe
    if settings.wallets == "paypal":
        paypal = settings.paypal
        wallets = PayPalWebhooks(
            paypal.client_id,
            paypal.client_secret,
            NO_WEBHOOK_COMES_HERE,
            vault=books,
            references=books,
            views=books,
            api_url=paypal.api_url,
        )
        at_paypal = PayPalAccount(
            paypal.client_id,
            paypal.client_secret,
            references=books,
            named=witness,
            reader=wallets,
            api_url=paypal.api_url,
        )
        stack.push_async_callback(wallets.close)
        stack.push_async_callback(at_paypal.close)
        accounts["paypal"] = at_paypal
    return accounts


def _agency(settings: Settings, pool: Pool, stack: AsyncExitStack) -> AgencyAccount | None:
    if settings.agency != "debitura":
        return None
    api = DebituraApi(settings.debitura.api_key, url=settings.debitura.api_url)
    stack.push_async_callback(api.close)
    unguessable = base64.b64encode(secrets.token_bytes(32)).decode()  # no webhook is ever read by this reader
    return DebituraAccount(api, DebituraWebhooks(unguessable, api=api, cases=AgencyCases(pool)))
