"""`make run`: servers, a worker and a handful of lives on this machine, to look at in the Temporal UI."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

import settings as settings_file
from adapters.postgres.books import Books
from adapters.postgres.pool import Pool, connected
from adapters.simulated.world import load_world
from domain.messages import digests, parse
from domain.scenario import Said, Scenario, read_scenario
from domain.timeline import as_lines, as_list
from embedded.postgres import create_database, postgres
from embedded.temporal import temporal
from engine.begin import begin, handle_of
from engine.connect import connect
from engine.crew import crew, migrated
from engine.here import ADDRESSES, Addresses, carry_policies, keep_addresses
from engine.outside import reached
from engine.virtual_time import TIE, VirtualTime
from policies.load import load
from settings import Settings
from workflows.attributes import REGISTERED

LIVES = Path(__file__).parent.parent / "examples" / "demo"
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
    """Start everything, move the demo's lives to telling moments, print them, and stay up until Ctrl-C."""
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
            database_url = await create_database(dsn, "perennial")
            await migrated(database_url)
        pool = await stack.enter_async_context(connected(database_url, size=said.database_connections))
        client = await connect(server.address, "default")
        outside = await stack.enter_async_context(reached(said, pool))
        await stack.enter_async_context(crew(client, outside, said.task_queue, cached_workflows=said.cached_workflows))
        addresses = Addresses(database_url, server.address, server.ui_address or "")
        keep_addresses(said, addresses)
        stack.callback((Path(said.data) / ADDRESSES).unlink, missing_ok=True)
        books, virtual = Books(pool), VirtualTime(client)
        today = datetime.now(UTC).date()
        for file in sorted(LIVES.glob("*.json")):
            if stop.is_set():
                break
            scenario = read_scenario(beginning(json.loads(file.read_text(encoding="utf-8")), today))
            async with steps.step(f"the life of {file.stem}"):
                await _live(virtual, pool, said, scenario, stop)
        for file in sorted(LIVES.glob("*.json")):
            await _print_life(console, books, file)
        print()
        print("\n".join(as_list(await books.find())))
        _print_ways(console, addresses)
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


async def _live(virtual: VirtualTime, pool: Pool, said: Settings, scenario: Scenario, stop: asyncio.Event) -> None:
    """Start a life, or go on where an earlier run left it, up to its telling moment."""
    id_, books = scenario.terms.id, Books(pool)
    policy = load(scenario.policy)
    if await books.view(id_) is None:
        await load_world(pool, id_, scenario.world)
    started = await begin(virtual.client, books, said.task_queue, scenario.terms, policy)
    if started.how == "ended":
        return
    for message in scenario.messages:
        if stop.is_set() or await _known(books, id_, message, scenario):
            continue
        if await virtual.hop(id_, message.at - TIE) is None:
            return
        await handle_of(virtual.client, id_).signal(message.signal, message.payload)
    if not stop.is_set():
        await virtual.hop(id_, scenario.until - TIE)


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


def _print_ways(console: Console, addresses: Addresses) -> None:
    console.print(f"\nTemporal UI: {addresses.ui}/namespaces/default/workflows")
    console.print(f"Temporal:    {addresses.temporal}  (temporal workflow list --address {addresses.temporal})")
    console.print("As support:  .venv/bin/python cli.py find")
    console.print("             .venv/bin/python cli.py forecast eve")
    console.print(
        "             .venv/bin/python cli.py reactivate eve --by support:you --reason 'paid, first time'",
        soft_wrap=True,
    )
