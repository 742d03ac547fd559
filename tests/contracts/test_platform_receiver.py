"""The example receiver, run as its README says, keeps the contract, and remembers beyond its own end."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import httpx
import pytest

from adapters.platform.webhooks import PlatformWebhooks
from tests.contracts.platform import SUBSCRIPTION, OrderedPlatformContract, command
from tests.platform.secrets import SECRET

RECEIVER = Path(__file__).parents[2] / "examples" / "receiver" / "receiver.py"


class _Bench:
    def __init__(self, url: str) -> None:
        self.url = url
        self.platform = PlatformWebhooks(url, SECRET)

    async def done(self, subscription_id: str) -> Sequence[str]:
        async with httpx.AsyncClient(trust_env=False) as client:
            page = (await client.get(self.url)).text
        lines = [line.split(" ") for line in page.splitlines()]
        told = [line for line in lines if line[0] == subscription_id and line[4] != "late"]
        return [type_.removeprefix("command.").replace("event.", "event ") for _, _, _, type_, _ in told]


async def _started(*more: str) -> tuple[asyncio.subprocess.Process, str]:
    """The receiver as a program, and where it listens by its own word."""
    program = await asyncio.create_subprocess_exec(
        sys.executable, RECEIVER, "--port", "0", "--secret", SECRET, *more, stdout=PIPE
    )
    assert program.stdout is not None
    line = (await program.stdout.readline()).decode()
    return program, line.removeprefix("listening on ").strip()


async def _stopped(program: asyncio.subprocess.Process) -> str:
    """End it as Ctrl-C does; gives what else it printed."""
    program.terminate()
    said, _ = await program.communicate()
    return said.decode()


class TestReceiver(OrderedPlatformContract):
    @pytest.fixture
    async def bench(self) -> AsyncIterator[_Bench]:
        program, url = await _started()
        bench = _Bench(url)
        yield bench
        await bench.platform.close()
        await _stopped(program)


async def test_a_receiver_that_was_started_again_remembers_what_it_has_obeyed(tmp_path: Path) -> None:
    printed = ""
    for _ in range(2):
        program, url = await _started("--file", str(tmp_path / "platform.db"))
        bench = _Bench(url)
        await command(bench.platform, 1, "block_uploads")
        await command(bench.platform, 2, "allow_uploads")
        assert await bench.done(SUBSCRIPTION) == ["block_uploads", "allow_uploads"]
        await bench.platform.close()
        printed += await _stopped(program)
    assert printed.splitlines() == [f"{SUBSCRIPTION}: block_uploads", f"{SUBSCRIPTION}: allow_uploads"]
