"""Debitura's stand-in on the wire with the adapters at the other end, for every test of the agency."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from activities.delivery import Agency
from adapters.agency.debitura import DebituraAgency
from adapters.agency.debitura_api import DebituraApi
from adapters.postgres.agency import AgencyCases
from adapters.postgres.books import Books
from adapters.postgres.pool import Pool
from standins.debitura import DebituraStandIn
from standins.wire import Shelf, served
from tests.contracts.agency import Break, Where

KEY = "a-secret-key"
SENDER = "billing@example.com"
PATIENT_SECONDS = 20.0  # of the adapter: a busy machine is no slow party
IMPATIENT_SECONDS = 0.5  # of the adapter that meets a slow party, which takes three times as long

_AT: dict[Where, str] = {
    "look_up": r"GET /cases/by-creditor-reference/",
    "create": r"POST /cases$",
    "documents": r"POST /cases/[^/]+/files",
    "recall": r"POST /cases/[^/]+/chats",
}


class DebituraBench:
    """One account at the stand-in, and an adapter that was given its key."""

    def __init__(self, party: DebituraStandIn, url: str, pool: Pool) -> None:
        self.party = party
        self.pool = pool
        self.cases = AgencyCases(pool)
        self.books = Books(pool)
        self.apis: list[DebituraApi] = []
        self.url = url
        self.api = self._api(KEY, url)
        self.agency: DebituraAgency = self.over(self.api)

    def over(self, api: DebituraApi, sender_email: str = SENDER) -> DebituraAgency:
        """The adapter over an account."""
        return DebituraAgency(
            api, cases=self.cases, tasks=self.books, sender_email=sender_email, case_kind="test", tag="run-1"
        )

    async def break_(self, how: Break, where: Where, *, times: int = 1) -> None:
        at = _AT[where]
        match how:
            case "throttled":
                self.party.wire.break_(at, "status", status=429, times=times)
            case "server_error":
                self.party.wire.break_(at, "status", status=500, times=times)
            case "slow":
                self.api = self._api(KEY, self.url, IMPATIENT_SECONDS)
                self.agency = self.over(self.api)
                self.party.wire.break_(at, "slow", seconds=3 * IMPATIENT_SECONDS, times=times)
            case _:
                self.party.wire.break_(at, how, times=times)

    async def unused_faults(self) -> int:
        return sum(fault.times for fault in self.party.wire.faults)

    def unreachable(self) -> Agency:
        return self.over(self._api(KEY, "http://127.0.0.1:9"))

    def refused(self) -> Agency:
        return self.over(self._api("an-expired-key", self.url))

    async def placements(self) -> Sequence[int]:
        return [round(case["grossAmount"] * 100) for case in self.party.partner.cases()]

    async def recalls(self) -> Sequence[int]:
        said = [m for case in self.party.partner.cases() for m in self.party.partner.messages(case["id"])]
        amounts = [re.search(r"do not collect (\d+)\.(\d\d) EUR", message) for message in said]
        return [int(found[1] + found[2]) for found in amounts if found]

    def secrets(self) -> Sequence[str]:
        return (KEY, "an-expired-key")

    def _api(self, key: str, url: str, patience: float = PATIENT_SECONDS) -> DebituraApi:
        api = DebituraApi(key, url=url, timeout_seconds=patience)
        self.apis.append(api)
        return api


@asynccontextmanager
async def debitura(pool: Pool, unsupported_countries: tuple[str, ...] = ()) -> AsyncIterator[DebituraBench]:
    """The stand-in, served; its connections are closed with the block."""
    shelf = Shelf()
    party = DebituraStandIn(shelf, api_key=KEY, unsupported_countries=unsupported_countries)
    party.hooks.delays = (0.0, 0.0, 0.0)
    async with served(party.app()) as url:
        bench = DebituraBench(party, url, pool)
        try:
            yield bench
        finally:
            for api in bench.apis:
                await api.close()
    shelf.close()
