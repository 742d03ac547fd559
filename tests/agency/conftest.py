"""Debitura's stand-in with our adapters at the other end, for each test."""

from collections.abc import AsyncIterator

import pytest

from adapters.postgres.pool import Pool
from tests.agency.bench import DebituraBench, debitura


@pytest.fixture
async def bench(pool: Pool) -> AsyncIterator[DebituraBench]:
    """One account, without a collection partner in Greenland."""
    async with debitura(pool, unsupported_countries=("GL",)) as made:
        yield made
