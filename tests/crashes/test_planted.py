"""The comparison objects: a party that does not know a repetition by its key is found out at the first crash."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from domain.effects import Charge
from domain.gateways import GatewayAnswer
from domain.letters import Letter
from tests.crashes.conftest import Town
from tests.crashes.outside import Outside
from tests.crashes.stories import ALL_OF_A_CUSTOMER, COLLECTIONS, HEALTHY_MONTH, Story
from tests.crashes.test_every_point import TOLD_AT_ONCE, at


class Drawing:
    """A party that draws a key of its own for each call, and so knows no call again."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self._calls: Counter[str] = Counter()

    def _drawn(self, key: str, to: str = "") -> str:
        self._calls[key + to] += 1
        return key if self._calls[key + to] == 1 else f"{key}#{self._calls[key + to]}"

    async def charge(self, charge: Charge, *, subscription_id: str, timezone: str) -> GatewayAnswer:
        drawn = replace(charge, charge_key=self._drawn(charge.charge_key))
        return await self._real.charge(drawn, subscription_id=subscription_id, timezone=timezone)

    async def look_up(self, charge_key: str, **_: object) -> GatewayAnswer:
        return GatewayAnswer("not_found")

    async def send(self, letter: Letter) -> None:
        await self._real.send(replace(letter, key=self._drawn(letter.key)))

    async def command(self, key: str, command: str, **more: Any) -> None:
        await self._real.command(self._drawn(key), command, **more)

    async def place(self, key: str, **more: Any) -> None:
        await self._real.place(self._drawn(key), **more)

    async def recall(self, key: str, **more: Any) -> None:
        await self._real.recall(self._drawn(key), **more)

    async def tell(self, key: str, *, subscription_id: str, **more: Any) -> None:
        await self._real.tell(self._drawn(key, subscription_id), subscription_id=subscription_id, **more)


PLANTED: list[tuple[Story, str, str, Callable[[Outside], Any]]] = [
    (HEALTHY_MONTH, "gateway", "gateway.charge", lambda outside: outside.gateway),
    (ALL_OF_A_CUSTOMER, "mailer", "mailer.send", lambda outside: outside.mailer),
    (ALL_OF_A_CUSTOMER, "platform", "platform.command", lambda outside: outside.platform),
    (ALL_OF_A_CUSTOMER, "siblings", "siblings.tell", lambda outside: outside.siblings),
    (COLLECTIONS, "agency", "agency.place", lambda outside: outside.agency),
    (COLLECTIONS, "agency", "agency.recall", lambda outside: outside.agency),
]
BOOKS = {"mailer": "mailbox"}


@pytest.mark.parametrize(("story", "party", "step", "real"), PLANTED, ids=[step for _, _, step, _ in PLANTED])
async def test_a_party_whose_key_is_drawn_is_found_out(
    town: Town, story: Story, party: str, step: str, real: Callable[[Outside], Any]
) -> None:
    uncut, expected = await town.run_0(story, TOLD_AT_ONCE)
    point = next(point for point in uncut.passed if point.name == f"after {step}")
    outside = Outside(town.outside.pool)
    double = Drawing(real(outside))
    if party == "siblings":
        double.heard = outside.siblings.heard  # type: ignore[attr-defined]
    setattr(outside, party, double)
    _, healthy = await town.live(story, TOLD_AT_ONCE, outside=outside)
    assert expected.differences(healthy) == []  # nobody dies: nobody can tell
    life, end = await town.live(story, TOLD_AT_ONCE, at(point), outside=outside)
    assert life.died == [point]
    found = expected.differences(end)
    assert found
    assert {line.split(":")[0] for line in found} == {f"+ {BOOKS.get(party, party)}"}
    assert all("#2" in line for line in found)
