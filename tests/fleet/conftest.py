"""Servers, this release and a newer one, for the tests of this folder."""

from collections.abc import AsyncIterator

import pytest

from embedded import temporal
from tests.fleet.releases import DRAINAGE, OTHER_COMMANDS, OTHER_SCHEMA, Fleet, fleet, release


@pytest.fixture(scope="session")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fleet]:
    """Servers, and a worker of the newer release, which is given nothing until it is made current."""
    tree = release(tmp_path_factory.mktemp("newer") / "tree", *OTHER_COMMANDS, *OTHER_SCHEMA)
    with pytest.MonkeyPatch.context() as patch:
        for name, json in DRAINAGE.items():
            patch.setitem(temporal.DYNAMIC_CONFIG, name, json)
        async with fleet(tmp_path_factory.mktemp("fleet")) as parts, parts.away(tree, "new"):
            yield parts
