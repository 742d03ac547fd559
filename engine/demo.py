"""`make run`: servers, a worker and a handful of lives on this machine, to look at in the Temporal UI."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

import settings as settings_file
from adapters.bank.creditor_reference import creditor_reference
from adapters.postgres.books import Books
from adapters.postgres.pool import Pool, connected
from adapters.postgres.roles import login
from adapters.simulated.world import load_world
from domain.effects import Entry
from domain.messages import digests, parse
from domain.money import Money
from domain.scenario import Said, Scenario, read_scenario
from domain.timeline import as_lines, as_list
from embedded.postgres import create_database, postgres
from embedded.temporal import temporal
from engine.begin import NO_CONTACT, begin, handle_of
from engine.connect import connect
from engine.crew import Capacity, crew, migrated
from engine.here import ADDRESSES, Addresses, carry_policies, keep_addresses
from engine.outside import chosen, events_of, reached
from engine.reconciliation import reconciler
from engine.schedule import scheduled
from engine.surroundings import Surroundings, surrounded
from engine.virtual_time import TIE, VirtualTime
from policies.load import load
from workflows.attributes import REGISTERED

LIVES = Path(__file__).parent.parent / "examples" / "demo"
STATEMENT_SECONDS = 60  # until a transfer has come through the bank's file; it takes about two
LOOK_SECONDS = 0.1
OWNERS_CONNECTIONS, DESK_CONNECTIONS = 1, 3  # one life after another, beside the worker's own
DATES = ("starts_on", "from", "until", "on", "at")


class Steps:
    """Progress for people: what is being done, and how long it took."""

    def __init__(self, console: Console) -> None:
        self.console = console

    @asynccontextmanager
    async def step(self, what: str) -> AsyncIterator[None]:
        """Show one step while the block runs."""
        began = time.monotonic()
        if self.console.is_terminal:
            with self.console.status(f"{what} ..."):
                yield
        else:
            yield
        self.console.print(f"  {what}: {time.monotonic() - began:.1f} s")


async def show(*, once: bool) -> None:
    """Start everything, move the demo's lives to telling moments, print them, and stay up until Ctrl-C.

    Every outside party that the settings leave open stands in on this machine, and is reached over its real protocol.
    """
    console = Console(file=sys.stdout, highlight=False)
    steps = Steps(console)
    said = settings_file.load()
    data = Path(said.data).resolve()
    data.mkdir(parents=True, exist_ok=True)
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    carry_policies(said)
    async with AsyncExitStack() as stack:
        console.print("[bold]Perennial[/bold] is setting up in", str(data.name))
        async with steps.step("PostgreSQL"):
            dsn = await stack.enter_async_context(postgres(data / "postgres"))
        async with steps.step("Temporal server with its UI"):
            server = await stack.enter_async_context(temporal(data / "temporal", ui=True, search_attributes=REGISTERED))
        async with steps.step("tables"):
            owner_url = await create_database(dsn, "perennial")
            await migrated(owner_url)
            database_url = await login(owner_url, "perennial_serving", "worker")
            support_url = await login(owner_url, "perennial_desk", "support")
        pool = await stack.enter_async_context(connected(database_url, size=said.database_connections))
        owners = await stack.enter_async_context(connected(owner_url, size=OWNERS_CONNECTIONS))
        at_desk = await stack.enter_async_context(connected(support_url, size=DESK_CONNECTIONS))
        client = await connect(server.address, "default", encryption=said.encryption)
        async with steps.step("gateways, mail server, platform, agency and bank, standing in"):
            around = await stack.enter_async_context(surrounded(said, data, client, pool))
        outside = await stack.enter_async_context(reached(around.settings, pool))
        reconciliation = await stack.enter_async_context(reconciler(around.settings, client, pool, outside))
        await stack.enter_async_context(
            crew(
                client,
                outside,
                said.task_queue,
                Capacity.of(said),
                reconciliation=reconciliation,
            )
        )
        await scheduled(client, said)
        addresses = Addresses(
            database_url,
            server.address,
            server.ui_address or "",
            settings_file.flattened(around.settings),
            support_url,
        )
        keep_addresses(said, addresses)
        stack.callback((Path(said.data) / ADDRESSES).unlink, missing_ok=True)
        books = Books(at_desk, events_of(around.settings))
        stage = Stage(VirtualTime(client), owners, books, around, said.task_queue)
        today = datetime.now(UTC).date()
        for file in sorted(LIVES.glob("*.json")):
            if stop.is_set():
                break
            scenario = read_scenario(beginning(json.loads(file.read_text(encoding="utf-8")), today))
            async with steps.step(f"the life of {file.stem}"):
                await _live(stage, scenario, stop)
        for file in sorted(LIVES.glob("*.json")):
            await _print_life(console, books, file)
        print()
        print("\n".join(as_list(await books.find())))
        _print_ways(console, addresses, around)
        if not once and not stop.is_set():
            console.print("\nCtrl-C stops it; `make run` goes on from here.")
            await stop.wait()
            console.print("\nStopping.")


def beginning(scenario: dict[str, Any], today: date) -> dict[str, Any]:
    """The scenario with every date moved by the same number of days, so that the subscription starts today."""
    shift = today - date.fromisoformat(scenario["subscription"]["starts_on"])

    def moved(value: Any, name: str) -> Any:
        if isinstance(value, dict):
            return {key: moved(inner, key) for key, inner in value.items()}
        if isinstance(value, list):
            return [moved(inner, name) for inner in value]
        if name in DATES and isinstance(value, str):
            return (date.fromisoformat(value[:10]) + shift).isoformat() + value[10:]
        return value

    result: dict[str, Any] = moved(scenario, "")
    return result


@dataclass(frozen=True, slots=True)
class Stage:
    """What a life is played on."""

    virtual: VirtualTime
    owners: Pool
    """Of the tables' owner, who scripts what the simulated parties answer."""
    books: Books
    around: Surroundings
    task_queue: str


async def _live(stage: Stage, scenario: Scenario, stop: asyncio.Event) -> None:
    """Start a life, or go on where an earlier run left it, up to its telling moment."""
    id_, books, virtual, around = scenario.terms.id, stage.books, stage.virtual, stage.around
    policy = load(scenario.policy)
    around.stand_ins.worlds.script(id_, scenario.world, scenario.terms.customer.timezone)
    contact = NO_CONTACT
    if await books.view(id_) is None:
        await load_world(stage.owners, id_, scenario.world)
        contact = around.stand_ins.contact(scenario.terms)
    started = await begin(virtual.client, books, stage.task_queue, scenario.terms, policy, contact=contact)
    if started.how == "ended":
        return
    for message in scenario.messages:
        if stop.is_set() or await _known(books, id_, message, scenario):
            continue
        if await virtual.hop(id_, message.at - TIE) is None:
            return
        if message.payload.get("channel") == "bank_transfer":
            await _by_bank(stage, scenario, message, stop)
        else:
            await handle_of(virtual.client, id_).signal(message.signal, message.payload)
    if not stop.is_set():
        await virtual.hop(id_, scenario.until - TIE)


async def _by_bank(stage: Stage, scenario: Scenario, message: Said, stop: asyncio.Event) -> None:
    """Pay by a real file: the bank books a transfer and writes a statement, which is found in the watched folder."""
    id_, currency = scenario.terms.id, scenario.terms.currency
    paid_before = await _transfers(stage.books, id_)
    if paid_before:  # by an earlier run
        return
    owed = await stage.books.open_invoices(id_)
    await stage.around.bank.transfer(
        minor=Money.parse(message.payload["amount"], currency).minor,
        currency=currency,
        payer=scenario.terms.customer.name,
        payer_iban="DE89370400440532013000",
        reference=creditor_reference(owed[0].number) if owed else "",
        note=f"client {scenario.terms.customer.client_number}",
    )
    await stage.around.bank.end_the_day()
    async with asyncio.timeout(STATEMENT_SECONDS):
        while not stop.is_set() and not await _transfers(stage.books, id_):  # noqa: ASYNC110 another task writes
            await asyncio.sleep(LOOK_SECONDS)


async def _transfers(books: Books, id_: str) -> list[Entry]:
    return [
        entry
        for entry in await books.timeline(id_)
        if entry.what == "payment_received" and entry.fields["channel"] == "bank_transfer"
    ]


async def _known(books: Books, id_: str, message: Said, scenario: Scenario) -> bool:
    zone = scenario.terms.customer.timezone
    names = digests(parse(message.signal, (message.payload,), scenario.terms.currency, zone, message.at))
    return bool(await books.known_messages(id_, names))


async def _print_life(console: Console, books: Books, file: Path) -> None:
    view = await books.view(file.stem)
    if view is None:
        return
    console.print(
        f"\n[bold]{json.loads(file.read_text(encoding='utf-8'))['title']}[/bold]  ({view.subscription_id})",
        soft_wrap=True,
    )
    entries = await books.timeline(view.subscription_id)
    for line in as_lines(entries, view.timezone, view.currency, coloured=console.is_terminal):
        print(line)


def _print_ways(console: Console, addresses: Addresses, around: Surroundings) -> None:
    console.print(f"\nTemporal UI: {addresses.ui}/namespaces/default/workflows")
    for what, url in around.stand_ins.pages.items():
        console.print(f"Look at {what}: {url}")
    console.print(f"Put bank statements into {around.statements}", soft_wrap=True)
    console.print(f"Webhooks come to {around.listening_at}")
    console.print(f"Who takes what: {chosen(around.settings)}", soft_wrap=True)
    console.print(f"Temporal:    {addresses.temporal}  (temporal workflow list --address {addresses.temporal})")
    console.print("As support:  .venv/bin/python cli.py find")
    console.print("             .venv/bin/python cli.py forecast eve")
    console.print("             .venv/bin/python cli.py tasks")
    console.print(
        "             .venv/bin/python cli.py reactivate eve --by support:you --reason 'paid, first time'",
        soft_wrap=True,
    )
