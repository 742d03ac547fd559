"""One harbour for the session: lives in it are kept apart by their ids."""

import zlib
from collections.abc import AsyncIterator

import pytest

from tests.reconciliation.harbour import Harbour
from tests.reconciliation.harbour import harbour as a_harbour

IN_CI = 11  # one in so many of what is planted or lost; clean lives, the schedule and a lost refund always
ALWAYS = ("schedule", "refund_at_stripe")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Lives on the wire are slow; of those with something planted CI runs a part, the same every time."""
    for item in items:
        sampled = item.path.parent.name == "reconciliation" and item.path.name in ("test_lost.py", "test_planted.py")
        always = any(name in item.name for name in ALWAYS)
        if sampled and not always and zlib.crc32(item.name.encode()) % IN_CI:
            item.add_marker(pytest.mark.exhaustive)


@pytest.fixture(scope="session")
async def harbour() -> AsyncIterator[Harbour]:
    """Servers, a worker, stand-ins whose webhooks are lost, and the reconciliation."""
    async with a_harbour() as parts:
        yield parts
