"""Stand-ins in the place of every party that the settings leave open: for a demonstration, for scenarios, for tests.

The adapters are the real ones; only what is at the other end of the wire stands in. Only development needs this: a
worker does not import it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx

from adapters.agency.debitura_webhooks import EVENTS
from adapters.gateways.stripe_amounts import from_stripe
from domain.gateways import Vaulted
from domain.money import decimal_text
from domain.opening import Contact, Terms
from domain.subscription import MethodKind, Role
from settings import Debitura, House, Listen, PayPal, Settings, Smtp, Stripe, Webhooks
from standins.charges import Shown, charges_page
from standins.debitura import DebituraStandIn
from standins.mail import MailCatcher
from standins.mailbox import mailbox
from standins.paypal import CLIENT_ID, CLIENT_SECRET, PayPalStandIn
from standins.platform import PATH, PlatformStandIn
from standins.stripe import API_KEY, StripeStandIn, Taken
from standins.wire import Shelf, served
from standins.world import ScriptedWorlds

PLATFORM_SECRET = "whsec_" + "c3RhbmQtaW4gb24gdGhpcyBtYWNoaW5l"  # opens nothing but the stand-in
TEAM_MEMBER = "billing@example.com"  # in whose name messages are posted at the agency's stand-in
TOKEN = "upload-on-this-machine"  # noqa: S105  # opens nothing but this machine's own doors

HOUSE = House(
    name="Example House",
    contact="help@example.com",
    pay_url="https://pay.example.com/{subscription}",
    account_holder="Example House GmbH",
    iban="DE02120300000000202051",
    bic="BYLADEM1001",
    postal_address="Example Street 1, 10115 Berlin",
)


@dataclass(slots=True)
class StandIns:
    """The parties that stand in; None where a real one was chosen."""

    worlds: ScriptedWorlds = field(default_factory=ScriptedWorlds)
    stripe: StripeStandIn | None = None
    paypal: PayPalStandIn | None = None
    mail: MailCatcher | None = None
    platform: PlatformStandIn | None = None
    debitura: DebituraStandIn | None = None
    pages: dict[str, str] = field(default_factory=dict)
    """What a person can look at in a browser: name and address."""

    def vault(self, method: MethodKind) -> Vaulted | None:
        """A method that works, vaulted at its gateway's stand-in; None where none stands in for it."""
        if method == "card" and self.stripe is not None:
            payer, token = self.stripe.vault_test_card()
            return Vaulted("stripe", payer, token)
        if method == "paypal" and self.paypal is not None:
            return Vaulted("paypal", "", self.paypal.vault_test_wallet())
        return None

    def charges(self) -> list[Shown]:
        """What the gateways that stand in have in their books, each in its order."""
        taken = self.stripe.charges() if self.stripe else []
        captured = self.paypal.captures() if self.paypal else []
        return [
            *(
                Shown(
                    "Stripe",
                    one.id,
                    one.metadata.get("charge_key", ""),
                    f"{_decimal(one)} {one.currency.upper()}",
                    f"declined: {one.decline_code}" if not one.approved else _given_back(one.refunded),
                )
                for one in taken
            ),
            *(
                Shown(
                    "PayPal",
                    str(one["id"]),
                    str(one.get("invoice_id", "")),
                    f"{one['amount']['value']} {one['amount']['currency_code']}",
                    str(one["status"]).lower(),
                )
                for one in captured
            ),
        ]

    def contact(self, terms: Terms) -> Contact:
        """What a platform would say beside the terms: each of their methods vaulted."""
        methods: dict[Role, MethodKind | None] = {"primary": terms.primary, "secondary": terms.secondary}
        found = {role: self.vault(method) for role, method in methods.items() if method is not None}
        return Contact(
            phone="+49 30 0000000",
            address={"street": "Sample Road 1", "postal_code": "10115", "city": "Berlin", "country": "DE"},
            vault={role: vaulted for role, vaulted in found.items() if vaulted is not None},
        )


@asynccontextmanager
async def standing_in(
    settings: Settings, *, shelves: Path | None = None, doors: str = ""
) -> AsyncIterator[tuple[Settings, StandIns]]:
    """Settings in which every party left open is a stand-in, which runs while the block runs.

    `shelves` is the folder in which stand-ins keep their books; None keeps nothing. `doors` is the base URL to which
    they report; empty: they report nothing.
    """
    parties = StandIns()
    async with AsyncExitStack() as stack:

        def shelf(name: str) -> Shelf:
            kept = Shelf(shelves / f"{name}.sqlite" if shelves else None)
            return stack.enter_context(closing(kept))

        if not settings.cards:
            settings = await _stripe(settings, parties, shelf("stripe"), doors, stack)
        if not settings.wallets:
            settings = await _paypal(settings, parties, shelf("paypal"), doors, stack)
        if parties.stripe or parties.paypal:
            page = charges_page(parties.charges)
            parties.pages["what the gateways took"] = await stack.enter_async_context(served(page))
        if not settings.mails:
            settings = await _mail(settings, parties, shelf("mail"), stack)
        if not settings.platform:
            parties.platform = PlatformStandIn(shelf("platform"), PLATFORM_SECRET)
            url = await stack.enter_async_context(served(parties.platform.app()))
            parties.pages["what the platform was told"] = url
            webhooks = Webhooks(url + PATH, PLATFORM_SECRET, events=settings.webhooks.events)
            settings = replace(settings, platform="webhooks", webhooks=webhooks)
        if not settings.agency:
            settings = await _debitura(settings, parties, shelf("debitura"), doors, stack)
        yield replace(settings, listen=Listen(settings.listen.host, settings.listen.port, TOKEN)), parties


def _decimal(taken: Taken) -> str:
    currency = taken.currency.upper()
    return decimal_text(from_stripe(taken.amount, currency), currency)


def _given_back(minor: int) -> str:
    return f"approved, {minor} given back" if minor else "approved"


async def _stripe(settings: Settings, parties: StandIns, shelf: Shelf, doors: str, stack: AsyncExitStack) -> Settings:
    parties.stripe = StripeStandIn(shelf, worlds=parties.worlds)
    url = await stack.enter_async_context(served(parties.stripe.app()))
    secret = ""
    if doors:
        kept = shelf.get("doors", doors)
        secret = kept["secret"] if kept else parties.stripe.endpoint(f"{doors}/webhooks/stripe")
        shelf.put("doors", doors, {"secret": secret})
    return replace(settings, cards="stripe", stripe=Stripe(API_KEY, url, secret))


async def _paypal(settings: Settings, parties: StandIns, shelf: Shelf, doors: str, stack: AsyncExitStack) -> Settings:
    parties.paypal = PayPalStandIn(shelf, worlds=parties.worlds)
    url = await stack.enter_async_context(served(parties.paypal.app()))
    webhook_id = ""
    if doors:
        kept = shelf.get("doors", doors)
        webhook_id = kept["id"] if kept else parties.paypal.hooks.subscribe(f"{doors}/webhooks/paypal")
        shelf.put("doors", doors, {"id": webhook_id})
    return replace(settings, wallets="paypal", paypal=PayPal(CLIENT_ID, CLIENT_SECRET, url, webhook_id))


async def _mail(settings: Settings, parties: StandIns, shelf: Shelf, stack: AsyncExitStack) -> Settings:
    parties.mail = MailCatcher(shelf)
    port = await stack.enter_async_context(parties.mail.listening())
    parties.pages["the mailbox"] = await stack.enter_async_context(served(mailbox(parties.mail)))
    house = settings.house if settings.house.name else HOUSE
    smtp = Smtp(host="127.0.0.1", port=port, security="none", sender="billing@example.com")
    return replace(settings, mails="smtp", smtp=smtp, house=house)


async def _debitura(settings: Settings, parties: StandIns, shelf: Shelf, doors: str, stack: AsyncExitStack) -> Settings:
    parties.debitura = DebituraStandIn(shelf, team=(TEAM_MEMBER,))
    url = await stack.enter_async_context(served(parties.debitura.app()))
    parties.pages["the agency's cases"] = url
    key, secret = parties.debitura.api_key, ""
    if doors:
        kept = shelf.get("doors", doors)
        secret = kept["secret"] if kept else await _subscribe(url, key, f"{doors}/webhooks/debitura")
        shelf.put("doors", doors, {"secret": secret})
    return replace(settings, agency="debitura", debitura=Debitura(key, url, secret, TEAM_MEMBER, "test"))


async def _subscribe(api_url: str, key: str, to: str) -> str:
    """Register our endpoint at the agency as its API documents; gives the secret that it shows once."""
    async with httpx.AsyncClient(base_url=api_url, headers={"XApiKey": key}) as client:
        answer = await client.post("/webhooks", json={"url": to, "events": list(EVENTS), "isTestMode": True})
        answer.raise_for_status()
        secret: str = answer.json()["secret"]
        return secret
