"""What deliveries need of a platform, as tests that each one passes: simulated, by webhooks, the example receiver.

A platform's own tests subclass `PlatformContract` and give the fixture `bench`. One that can tell what came late
subclasses `OrderedPlatformContract`; one whose line can break, `PlatformOnTheWireContract`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal, Protocol

import pytest

from activities.delivery import Platform
from domain.gateways import DeliveryRefused
from domain.witnesses import Obeys

SUBSCRIPTION = "s-1.eu"
"""With a full stop, which an id may hold and a signed webhook-id may not."""
AT = datetime(2026, 3, 18, 4, tzinfo=UTC)

Break = Literal["lost_before", "lost_after", "slow", "garbage", "redirect", "not_found", "throttled", "server_error"]
"""The connection ends before the platform has worked, or after; its answer comes too late; a proxy's page comes in its
place, 302, 404, 429, 503."""


class Bench(Protocol):
    """A platform with its adapter, and the hooks that the contract turns."""

    @property
    def platform(self) -> Platform: ...

    async def done(self, subscription_id: str) -> Sequence[str]:
        """What had an effect, in order, each as often as it had: commands by name, events as `event <what>`."""


class BreakableBench(Bench, Protocol):
    """One whose line can break, and whose platform can refuse."""

    async def break_(self, how: Break, *, times: int = 1) -> None:
        """Break the next `times` requests."""

    async def refuse(self, status: int, *, times: int = 1) -> None:
        """Have the platform answer the next `times` requests with this status, its work undone."""

    def unreachable(self) -> Platform:
        """The same platform where nobody listens."""

    def stranger(self) -> Platform:
        """The same platform, spoken to with a secret that it does not know."""

    def secrets(self) -> Sequence[str]:
        """What no error may tell: secrets, tokens in the URL, what the platform answers."""


async def command(platform: Platform, number: int, name: str, *, subscription_id: str = SUBSCRIPTION) -> None:
    """Send the command that was decided as the subscription's tiding `number`, which is its place, too."""
    key = f"{subscription_id}/{number:06d}/platform"
    await platform.command(key, name, subscription_id=subscription_id, place=number, at=AT, because="unpaid for 3 days")


async def event(platform: Platform, number: int, what: str, *, subscription_id: str = SUBSCRIPTION) -> None:
    """Tell what happened as the subscription's tiding `number`."""
    await platform.event(
        f"{subscription_id}/{number:06d}/event",
        what,
        subscription_id=subscription_id,
        place=number,
        fields={"from": "past_due", "to": "locked", "invoices": ["s-1-0003"], "count": 2, "retroactive": True},
        at=AT,
        by="policy",
        because="unpaid for 3 days",
    )


class PlatformContract:
    """Subclass it, and give the fixture `bench` with a fresh platform."""

    async def test_commands_are_obeyed_in_the_order_in_which_they_are_sent(self, bench: Bench) -> None:
        await command(bench.platform, 1, "block_uploads")
        await command(bench.platform, 2, "deactivate_sites")
        await command(bench.platform, 3, "allow_uploads")
        assert await bench.done(SUBSCRIPTION) == ["block_uploads", "deactivate_sites", "allow_uploads"]

    async def test_the_same_key_has_its_effect_once(self, bench: Bench) -> None:
        for _ in range(3):
            await command(bench.platform, 1, "block_uploads")
            await event(bench.platform, 2, "standing")
        assert await bench.done(SUBSCRIPTION) == ["block_uploads", "event standing"]

    async def test_the_same_command_under_another_key_is_another_command(self, bench: Bench) -> None:
        await command(bench.platform, 1, "block_uploads")
        await command(bench.platform, 2, "block_uploads")
        assert await bench.done(SUBSCRIPTION) == ["block_uploads", "block_uploads"]

    async def test_events_stand_where_they_happened_among_the_commands(self, bench: Bench) -> None:
        await event(bench.platform, 1, "standing")
        await command(bench.platform, 2, "block_uploads")
        await event(bench.platform, 3, "cancelled")
        assert await bench.done(SUBSCRIPTION) == ["event standing", "block_uploads", "event cancelled"]

    async def test_being_asked_how_it_stands_changes_nothing(self, bench: Bench) -> None:
        await command(bench.platform, 7, "block_uploads")
        told = await bench.platform.state("asked/1", subscription_id=SUBSCRIPTION, at=AT)
        assert told is None or told.place == 7
        assert await bench.done(SUBSCRIPTION) == ["block_uploads"]

    async def test_subscriptions_are_kept_apart(self, bench: Bench) -> None:
        await command(bench.platform, 7, "block_uploads")
        await command(bench.platform, 1, "block_uploads", subscription_id="s-2")
        assert await bench.done(SUBSCRIPTION) == await bench.done("s-2") == ["block_uploads"]


class OrderedPlatformContract(PlatformContract):
    """A receiver that goes by `place`."""

    async def test_a_lock_that_comes_after_its_unlock_is_not_obeyed(self, bench: Bench) -> None:
        await command(bench.platform, 5, "allow_uploads")
        await command(bench.platform, 4, "block_uploads")
        assert await bench.done(SUBSCRIPTION) == ["allow_uploads"]

    async def test_an_event_that_comes_late_is_taken_in_and_keeps_no_command_from_being_obeyed(
        self, bench: Bench
    ) -> None:
        await command(bench.platform, 5, "allow_uploads")
        await event(bench.platform, 3, "standing")
        await event(bench.platform, 9, "cancelled")
        await command(bench.platform, 6, "block_uploads")
        assert await bench.done(SUBSCRIPTION) == ["allow_uploads", "event standing", "event cancelled", "block_uploads"]


class PlatformOnTheWireContract(OrderedPlatformContract):
    """A platform behind a line that breaks."""

    @pytest.mark.parametrize(
        "how", ["lost_before", "lost_after", "slow", "garbage", "redirect", "not_found", "throttled", "server_error"]
    )
    async def test_what_was_not_acknowledged_is_sent_again_and_has_its_effect_once(
        self, bench: BreakableBench, how: Break
    ) -> None:
        await command(bench.platform, 1, "block_uploads")
        await bench.break_(how)
        with pytest.raises(Exception, match="No money moved") as broken:
            await command(bench.platform, 2, "deactivate_sites")
        assert not isinstance(broken.value, DeliveryRefused)
        assert not [secret for secret in bench.secrets() if secret in str(broken.value)]
        await command(bench.platform, 2, "deactivate_sites")
        await command(bench.platform, 3, "allow_uploads")
        assert await bench.done(SUBSCRIPTION) == ["block_uploads", "deactivate_sites", "allow_uploads"]

    async def test_it_tells_what_it_has_obeyed_and_nothing_of_what_came_late(self, bench: BreakableBench) -> None:
        assert await bench.platform.state("asked/1", subscription_id=SUBSCRIPTION, at=AT) == Obeys(0, frozenset())
        await command(bench.platform, 5, "block_uploads")
        await command(bench.platform, 6, "block_archive")
        await command(bench.platform, 9, "allow_archive")
        await command(bench.platform, 8, "allow_uploads")
        told = await bench.platform.state("asked/2", subscription_id=SUBSCRIPTION, at=AT)
        assert told == Obeys(9, frozenset({"block_uploads"}))

    @pytest.mark.parametrize("status", [400, 410, 422])
    async def test_who_was_not_taught_the_question_does_not_tell(self, bench: BreakableBench, status: int) -> None:
        await bench.refuse(status)
        assert await bench.platform.state("asked/1", subscription_id=SUBSCRIPTION, at=AT) is None

    async def test_who_could_not_be_asked_is_said_to_be_away(self, bench: BreakableBench) -> None:
        await bench.break_("server_error")
        with pytest.raises(Exception, match="No money moved") as broken:
            await bench.platform.state("asked/1", subscription_id=SUBSCRIPTION, at=AT)
        assert not [secret for secret in bench.secrets() if secret in str(broken.value)]

    @pytest.mark.parametrize("status", [400, 410, 422])
    async def test_what_the_platform_will_never_take_is_refused(self, bench: BreakableBench, status: int) -> None:
        await bench.refuse(status)
        with pytest.raises(DeliveryRefused, match=rf"status {status}\. No money moved") as refused:
            await event(bench.platform, 1, "standing")
        assert not [secret for secret in bench.secrets() if secret in str(refused.value)]
        assert await bench.done(SUBSCRIPTION) == []

    @pytest.mark.parametrize("status", [401, 403, 404, 405, 408, 409, 413, 425, 429, 500, 502, 503, 504])
    async def test_every_other_status_is_tried_again(self, bench: BreakableBench, status: int) -> None:
        await bench.refuse(status)
        with pytest.raises(Exception, match=f"status {status}") as broken:
            await command(bench.platform, 1, "block_uploads")
        assert not isinstance(broken.value, DeliveryRefused)
        await command(bench.platform, 1, "block_uploads")
        assert await bench.done(SUBSCRIPTION) == ["block_uploads"]

    async def test_a_platform_that_is_down_is_tried_again(self, bench: BreakableBench) -> None:
        with pytest.raises(Exception, match="the line failed") as broken:
            await command(bench.unreachable(), 1, "block_uploads")
        assert not isinstance(broken.value, DeliveryRefused)

    async def test_a_stranger_is_not_obeyed_and_told_to_compare_the_secret(self, bench: BreakableBench) -> None:
        with pytest.raises(Exception, match="compare the secret") as broken:
            await command(bench.stranger(), 1, "deactivate_sites")
        assert not isinstance(broken.value, DeliveryRefused)
        assert not [secret for secret in bench.secrets() if secret in str(broken.value)]
        assert await bench.done(SUBSCRIPTION) == []
