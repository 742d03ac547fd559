"""The platform by webhooks keeps the contract on the wire, against the stand-in's own reading of the specification."""

from collections.abc import AsyncIterator, Sequence

import pytest

from activities.delivery import Platform
from adapters.platform.webhooks import PlatformWebhooks
from standins.platform import PATH, PlatformStandIn
from standins.wire import Shelf, served
from tests.contracts.platform import Break, PlatformOnTheWireContract
from tests.platform.secrets import OTHER_SECRET, SECRET

TOKEN = "t0ken-in-the-url"
PATIENT_SECONDS = 20.0  # of the adapter: a busy machine is no slow party
IMPATIENT_SECONDS = 0.5  # of the adapter that meets a slow party, which takes three times as long


class _Bench:
    def __init__(self, stand_in: PlatformStandIn, url: str) -> None:
        self.stand_in = stand_in
        hooks = f"{url}{PATH}?token={TOKEN}"
        self._hooks = hooks
        self.platform = PlatformWebhooks(hooks, SECRET, timeout_seconds=PATIENT_SECONDS)
        self._patient = self.platform
        self._stranger = PlatformWebhooks(hooks, OTHER_SECRET, timeout_seconds=PATIENT_SECONDS)
        nobody = f"http://127.0.0.1:1/?token={TOKEN}"
        self._unreachable = PlatformWebhooks(nobody, SECRET, timeout_seconds=PATIENT_SECONDS)

    async def done(self, subscription_id: str) -> Sequence[str]:
        told = [heard for heard in self.stand_in.told(subscription_id) if heard.verdict != "late"]
        return [heard.what if heard.verdict == "obeyed" else f"event {heard.what}" for heard in told]

    async def break_(self, how: Break, *, times: int = 1) -> None:
        statuses = {"redirect": 302, "not_found": 404, "throttled": 429, "server_error": 503}
        match how:
            case "lost_before" | "lost_after" | "garbage":
                self.stand_in.wire.break_("POST", how, times=times)
            case "slow":
                self.platform = PlatformWebhooks(self._hooks, SECRET, timeout_seconds=IMPATIENT_SECONDS)
                self.stand_in.wire.break_("POST", "slow", times=times, seconds=3 * IMPATIENT_SECONDS)
            case _:
                self.stand_in.wire.break_("POST", "status", times=times, status=statuses[how])

    async def refuse(self, status: int, *, times: int = 1) -> None:
        self.stand_in.wire.break_("POST", "status", times=times, status=status)

    def unreachable(self) -> Platform:
        return self._unreachable

    def stranger(self) -> Platform:
        return self._stranger

    def secrets(self) -> Sequence[str]:
        bare = [secret.removeprefix("whsec_") for secret in (SECRET, OTHER_SECRET)]
        return [*bare, TOKEN, "127.0.0.1", "scripted", "upstream"]

    async def close(self) -> None:
        for platform in {self.platform, self._patient, self._stranger, self._unreachable}:
            await platform.close()


class TestPlatformWebhooks(PlatformOnTheWireContract):
    @pytest.fixture
    async def bench(self) -> AsyncIterator[_Bench]:
        shelf = Shelf()
        stand_in = PlatformStandIn(shelf, SECRET)
        async with served(stand_in.app()) as url:
            bench = _Bench(stand_in, url)
            yield bench
            await bench.close()
        shelf.close()
