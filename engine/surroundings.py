"""Everything outside, on this machine: stand-ins, a bank with its folder of statements, and doors for their reports."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from temporalio.client import Client

from adapters.postgres.books import Books
from adapters.postgres.pool import Pool
from api.listening import kept, listening
from embedded.bank import bank
from engine.doors import doors
from engine.outside import events_of
from engine.stand_ins import HOUSE, StandIns, standing_in
from engine.statements import watching
from settings import Settings
from standins.bank import BankStandIn

LOOK_SECONDS = 0.5  # between two looks at the folder of statements: somebody is waiting
IBANS = {"EUR": HOUSE.iban, "USD": "DE98120300000000202069"}  # a bank has one account under a number


@dataclass(frozen=True, slots=True)
class Surroundings:
    settings: Settings
    """With every party that was left open standing in."""
    stand_ins: StandIns
    bank: BankStandIn
    statements: Path
    listening_at: str


@asynccontextmanager
async def surrounded(settings: Settings, data: Path, client: Client, pool: Pool) -> AsyncIterator[Surroundings]:
    """Run it all while the block runs; the parties keep their books under `data`."""
    async with AsyncExitStack() as stack:
        door = _door(settings.listen.host, settings.listen.port)
        stack.callback(door.close)
        host, port = door.getsockname()[:2]
        said, parties = await stack.enter_async_context(
            standing_in(settings, shelves=data / "stand-ins", doors=f"http://{host}:{port}")
        )
        statements = Path(said.folder.bank) if said.folder.bank else data / "bank" / "statements"
        said = replace(said, folder=replace(said.folder, bank=str(statements)))
        at_bank = BankStandIn(await stack.enter_async_context(bank(data / "bank", statements)))
        stack.push_async_callback(at_bank.close)
        for currency, iban in IBANS.items():
            await at_bank.open_account(HOUSE.account_holder, iban, HOUSE.bic, currency)
        books = Books(pool, events_of(said))
        open_doors = await stack.enter_async_context(doors(said, client, pool, books))
        listening_at = await stack.enter_async_context(listening(open_doors.web, door))
        await stack.enter_async_context(watching(statements, open_doors.bank.take_in, LOOK_SECONDS))
        yield Surroundings(said, parties, at_bank, statements, listening_at)


def _door(host: str, wanted: int) -> socket.socket:
    """The wanted port, so that parties find us again after a restart; a free one where it is taken.

    Kept from now on: the parties are told of it before anybody listens there.
    """
    try:
        return kept(host, wanted)
    except OSError:
        return kept(host, 0)
