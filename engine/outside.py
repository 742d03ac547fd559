"""The outside parties, as the settings choose them: built here, handed to activities, closed with the block."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from activities.delivery import Agency, Mailer, Platform
from activities.payments import Gateway
from adapters.gateways.by_method import ByMethod, OneGateway
from adapters.postgres.books import Books
from adapters.postgres.pool import Pool
from adapters.simulated.agency import SimulatedAgency
from adapters.simulated.gateway import SimulatedGateway
from adapters.simulated.mailbox import Mailbox
from adapters.simulated.platform import SimulatedPlatform
from settings import Settings


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
    """The parties of a process. Nobody is asked anything yet."""
    async with AsyncExitStack():
        books = Books(pool)
        simulated = SimulatedGateway(pool)
        cards: OneGateway = simulated
        wallets: OneGateway = simulated
        yield Outside(
            books,
            ByMethod({"card": cards, "paypal": wallets}),
            Mailbox(pool),
            SimulatedPlatform(pool),
            SimulatedAgency(pool),
        )


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
