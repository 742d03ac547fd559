"""The line between deliveries and the platform's stand-in."""

from collections.abc import AsyncIterator

import pytest

from adapters.postgres.pool import Pool
from tests.platform.lines import Line
from tests.platform.lines import line as line_to


@pytest.fixture
async def line(pool: Pool) -> AsyncIterator[Line]:
    """Real books and deliveries, over webhooks to a fresh stand-in."""
    async with line_to(pool) as fresh:
        yield fresh
