"""Debitura's adapter keeps what activities need of an agency, on a line that breaks in every way."""

from collections.abc import AsyncIterator

import pytest

from adapters.postgres.pool import Pool
from tests.agency.bench import DebituraBench, debitura
from tests.contracts.agency import AgencyContract


class TestDebitura(AgencyContract):
    """Every promise of the contract, over HTTP."""

    @pytest.fixture
    async def bench(self, pool: Pool) -> AsyncIterator[DebituraBench]:
        async with debitura(pool) as bench:
            yield bench
