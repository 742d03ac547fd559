"""What tests of the activities need besides."""

import pytest

from adapters.postgres.pool import Pool
from tests.activities.parts import Parts


@pytest.fixture
def parts(pool: Pool) -> Parts:
    """The activities on the test's own books, with simulated parties."""
    return Parts(pool)
