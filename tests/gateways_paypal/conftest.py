"""A bench with a fresh stand-in for every test."""

from collections.abc import AsyncIterator

import pytest

from adapters.postgres.books import Books
from adapters.postgres.pool import Pool
from tests.gateways_paypal.bench import PayPalBench, opened


@pytest.fixture
async def bench(books: Books, pool: Pool) -> AsyncIterator[PayPalBench]:
    async with opened(books, pool) as bench:
        yield bench
