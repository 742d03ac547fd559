"""Lives whose every party is at the other end of a wire, and doors by which those parties reach us."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from adapters.gateways.by_method import ByMethod
from adapters.gateways.paypal import PayPalGateway
from adapters.gateways.stripe import StripeGateway
from adapters.postgres.books import Books
from adapters.postgres.outside import Task
from adapters.postgres.pool import Pool, connected
from adapters.postgres.roles import login
from api.listening import kept, listening
from domain.gateways import Vaulted
from domain.letters import Addressee
from domain.opening import Contact
from domain.periods import first_instant
from domain.published import publish
from domain.subscription import MethodKind, Role
from embedded.child import usable_port
from embedded.postgres import postgres
from embedded.temporal import temporal
from engine.begin import NO_CONTACT, Started, begin
from engine.connect import connect
from engine.crew import crew, migrated
from engine.doors import Doors, doors
from engine.outside import Outside, events_of, reached
from engine.stage import TASK_QUEUE, Stage
from engine.stand_ins import StandIns, standing_in
from engine.virtual_time import VirtualTime
from policies.load import load
from settings import Settings
from standins.debitura import DebituraStandIn
from standins.mail import MailCatcher
from standins.paypal import PayPalStandIn
from standins.platform import PlatformStandIn
from standins.stripe import StripeStandIn
from tests.workflows.lives import LEAD, PATIENCE, Life, terms_of
from workflows.attributes import REGISTERED

GATEWAY_SECONDS = 2.0
"""How long our side waits for a gateway here, instead of nine seconds and more: a slow one takes longer than this."""
SLOW_SECONDS = 2 * GATEWAY_SECONDS


@dataclass(slots=True)
class Strait:
    """The only way to a server that is away while it is closed: nobody gets through, and who is on it is dropped."""

    host: str
    port: int
    open: bool = True
    _under_way: set[asyncio.StreamWriter] = field(default_factory=set)

    def close(self) -> None:
        self.open = False
        for writer in list(self._under_way):
            writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.open:
            writer.transport.abort()
            return
        theirs, ours = await asyncio.open_connection(self.host, self.port)
        self._under_way |= {writer, ours}
        try:
            await asyncio.gather(_copy(reader, ours), _copy(theirs, writer))
        finally:
            self._under_way -= {writer, ours}
            for each in (writer, ours):
                each.transport.abort()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[int]:
        """Gives the port on 127.0.0.1 that leads through."""
        server = await asyncio.start_server(self._pass, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            self.close()
            await server.wait_closed()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()


@dataclass(frozen=True, slots=True)
class Town:
    """Servers, a worker with the real adapters, stand-ins for all parties, and our doors for their reports."""

    stage: Stage
    settings: Settings
    outside: Outside
    doors: Doors
    url: str
    """Where the doors listen."""
    to_database: Strait
    """The doors' way; the worker has its own."""
    to_mail_server: Strait
    http: httpx.AsyncClient

    @property
    def parties(self) -> StandIns:
        assert self.stage.stand_ins is not None
        return self.stage.stand_ins

    @property
    def stripe(self) -> StripeStandIn:
        assert self.parties.stripe is not None
        return self.parties.stripe

    @property
    def paypal(self) -> PayPalStandIn:
        assert self.parties.paypal is not None
        return self.parties.paypal

    @property
    def mail(self) -> MailCatcher:
        assert self.parties.mail is not None
        return self.parties.mail

    @property
    def platform(self) -> PlatformStandIn:
        assert self.parties.platform is not None
        return self.parties.platform

    @property
    def debitura(self) -> DebituraStandIn:
        assert self.parties.debitura is not None
        return self.parties.debitura

    def mended(self) -> None:
        """Every fault that was scripted and not met is forgotten, and every way is open."""
        for wire in (self.stripe.wire, self.paypal.wire, self.platform.wire, self.debitura.wire):
            wire.faults.clear()
        self.mail.faults.clear()
        self.to_database.open = self.to_mail_server.open = True

    def vault(self, method: MethodKind, card: str = "pm_card_visa") -> Vaulted:
        """A method at its gateway; `card` is one of Stripe's test cards."""
        if method == "card":
            payer, token = self.stripe.vault_test_card(card)
            return Vaulted("stripe", payer, token)
        return Vaulted("paypal", "", self.paypal.vault_test_wallet())

    async def quiet(self) -> None:
        """Wait until every webhook on its way has been taken or given up."""
        async with asyncio.timeout(PATIENCE):
            await self.stripe.deliveries.quiet()
            await self.paypal.hooks.delivered()
            await self.debitura.hooks.settle()


@asynccontextmanager
async def town() -> AsyncIterator[Town]:
    """A town of its own, gone with the block. Takes some seconds."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="perennial-")))
        dsn, server = await asyncio.gather(
            stack.enter_async_context(postgres(folder / "books", durable=False)),
            stack.enter_async_context(temporal(None, search_attributes=REGISTERED)),
        )
        await migrated(dsn)
        pool = await stack.enter_async_context(connected(dsn))
        client = await connect(server.address, "default")
        port = usable_port(None)
        said, parties = await stack.enter_async_context(standing_in(Settings(), doors=f"http://127.0.0.1:{port}"))
        to_mail_server = Strait(said.smtp.host, said.smtp.port)
        post = await stack.enter_async_context(to_mail_server.serving())
        said = replace(said, smtp=replace(said.smtp, port=post))
        at_work = await login(dsn, "town_worker", "worker")
        outside = await stack.enter_async_context(reached(said, await stack.enter_async_context(connected(at_work))))
        outside = replace(outside, gateway=_impatient(said, outside.books, stack))
        await stack.enter_async_context(crew(client, outside, TASK_QUEUE))
        there = urlsplit(dsn)
        to_database = Strait(there.hostname or "", there.port or 0)
        through = await stack.enter_async_context(to_database.serving())
        at_doors: Pool = await stack.enter_async_context(connected(at_work.replace(f":{there.port}/", f":{through}/")))
        opened = await stack.enter_async_context(doors(said, client, at_doors, Books(at_doors, events_of(said))))
        url = await stack.enter_async_context(listening(opened.web, kept("127.0.0.1", port)))
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=PATIENCE))
        stage = Stage(client, pool, Books(pool, events_of(said)), server.address, dsn, parties)
        yield Town(stage, said, outside, opened, url, to_database, to_mail_server, http)


def _impatient(said: Settings, books: Books, stack: AsyncExitStack) -> ByMethod:
    cards = StripeGateway(
        said.stripe.api_key,
        vault=books,
        references=books,
        api_url=said.stripe.api_url,
        timeout_seconds=GATEWAY_SECONDS,
    )
    wallets = PayPalGateway(
        said.paypal.client_id,
        said.paypal.client_secret,
        vault=books,
        references=books,
        api_url=said.paypal.api_url,
        timeout_seconds=GATEWAY_SECONDS,
    )
    stack.push_async_callback(cards.close)
    stack.push_async_callback(wallets.close)
    return ByMethod({"card": cards, "paypal": wallets})


@dataclass(slots=True)
class WiredLife(Life):
    """A life in a town: begun with its methods vaulted, and compared with what the parties' own books say."""

    town: Town = field(kw_only=True)
    contact: Contact = NO_CONTACT

    async def begin(self) -> Started:
        async with asyncio.timeout(PATIENCE):
            return await begin(
                self.time.client,
                self.stage.books,
                TASK_QUEUE,
                self.terms,
                self.policy,
                self.offset_seconds,
                self.contact,
            )

    def taken(self) -> list[int]:
        """Every amount that a gateway has really taken for this subscription, in minor units, oldest first."""
        town = self.town
        by_card = [c.amount for c in town.stripe.charges() if c.approved and c.metadata.get("subscription") == self.id]
        by_wallet = [
            round(100 * float(c["amount"]["value"]))
            for c in town.paypal.captures()
            if c["status"] in ("COMPLETED", "REFUNDED", "PARTIALLY_REFUNDED")
            and str(c["custom_id"]).split("|")[0] == self.id
        ]
        return by_card + by_wallet

    async def booked(self) -> list[str]:
        """Every amount that the timeline calls received, as decimals, oldest first."""
        return [str(e.fields["amount"]) for e in await self.entries("payment_received")]

    async def charges(self) -> list[str]:
        """What support sees of charges: the outcome of each."""
        return [str(e.fields["outcome"]) for e in await self.entries("charge")]

    def mails(self) -> list[str]:
        """The subjects of mails caught, in order; one that came twice stands there twice."""
        return [str(m.message["Subject"]) for m in self.town.mail.caught if self.id in m.part("plain")]

    async def outbox(self, party: str) -> list[tuple[str, str]]:
        """What was to be told to a party: what, and the state of its delivery."""
        rows = await self.stage.pool.fetch(
            "select coalesce(body ->> 'template', body ->> 'command', body ->> 'what', kind) as what, state"
            " from outbox where subscription_id = $1 and party = $2 order by seq",
            self.id,
            party,
        )
        return [(row["what"], row["state"]) for row in rows]

    async def tasks(self) -> list[Task]:
        return await self.stage.books.tasks(self.id)

    async def until_entry(self, what: str, *, times: int = 1) -> None:
        """Wait until the timeline has so many entries of a kind: a webhook's message is taken in by itself."""
        async with asyncio.timeout(PATIENCE):
            while len(await self.entries(what)) < times:  # noqa: ASYNC110  # the worker writes, in the same loop
                await asyncio.sleep(0.01)
        await self.settled()


async def begun_in(
    town: Town,
    policy: str,
    id_: str,
    *,
    methods: tuple[MethodKind, ...] = ("card",),
    card: str = "pm_card_visa",
    starts_on: str = "2026-01-15",
    customer: Addressee | None = None,
    contact: Contact | None = None,
) -> WiredLife:
    """Begin a life an hour before its first local date; its methods are vaulted at their stand-ins."""
    rules = load(policy)
    publish(rules)
    secondary = methods[1] if len(methods) > 1 else None
    terms = replace(terms_of(policy, id_, starts_on), primary=methods[0], secondary=secondary)
    if customer is not None:
        terms = replace(terms, customer=replace(terms.customer, name=customer.name, email=customer.email))
    roles: tuple[Role, ...] = ("primary", "secondary")
    vaulted = {role: town.vault(method, card) for role, method in zip(roles, methods, strict=False)}
    contact = replace(contact or town.parties.contact(replace(terms, primary="bank_transfer", secondary=None)))
    life = WiredLife(
        town.stage,
        VirtualTime(town.stage.client),
        terms,
        rules,
        town=town,
        contact=replace(contact, vault=vaulted),
    )
    begins_at = first_instant(terms.starts_on, terms.customer.timezone) - LEAD
    life.offset_seconds = (begins_at - datetime.now(UTC)).total_seconds()
    await life.begin()
    return life
