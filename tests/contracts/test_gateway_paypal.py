"""PayPal's adapter keeps what activities need of a gateway: on the wire, against the stand-in, with the real books."""

from collections.abc import AsyncIterator
from typing import ClassVar

import pytest

from adapters.postgres.books import Books
from adapters.postgres.pool import Pool
from domain.subscription import MethodKind
from tests.contracts.gateway import GatewayContract
from tests.gateways_paypal.bench import PayPalBench, opened


class TestPayPalGateway(GatewayContract):
    """Every promise of the contract; what is PayPal's alone is in tests/gateways_paypal."""

    METHOD: ClassVar[MethodKind] = "paypal"

    @pytest.fixture
    async def bench(self, books: Books, pool: Pool) -> AsyncIterator[PayPalBench]:
        async with opened(books, pool) as bench:
            yield bench
