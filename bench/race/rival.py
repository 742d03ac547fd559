"""boilpayment on the same PostgreSQL: its environment, its database, its gateway's, and its processes."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from bench.finding import tell
from bench.ground import Ground
from embedded.child import on_leash
from embedded.postgres import create_database
from engine.crew import migrated

HERE = Path(__file__).resolve().parent
REQUIREMENTS = HERE / "requirements.txt"
PROGRAM = HERE / "rival_program.py"
ENVIRONMENT = HERE.parent.parent / ".bench" / "rival"
SERVING = "serving"


class RivalFailed(RuntimeError):
    """It could not be installed or did not run; says what it said."""


@dataclass(frozen=True, slots=True)
class Run:
    """What its processes did: `seconds` from the first one's first tick to the last renewal."""

    seconds: float
    charged: int
    declined: int
    errors: int


@dataclass(frozen=True, slots=True)
class Book:
    """Its database, and its gateway's, which a killed process does not take along."""

    dsn: str
    gateway: str
    due: int
    retries: bool = True
    """Whether declined charges are scheduled to be tried again, as is its default."""

    async def tick(self, processes: int = 1, *, lapsed: bool = False) -> Run:
        """Tick, in so many processes at once, until nothing is found any more. `lapsed`: dead ones' leases are over."""
        running = [await self.start(lapsed=lapsed) for _ in range(processes)]
        return _together([await said(each) for each in running])

    async def start(self, *, lapsed: bool = False) -> asyncio.subprocess.Process:
        """One process that ticks."""
        more = [*(["--lapsed"] if lapsed else []), *([] if self.retries else ["--no-retries"])]
        return await _python([str(PROGRAM), "tick", self.dsn, "--gateway", self.gateway, *more])

    async def charges(self) -> dict[str, int]:
        """What the gateway has taken and declined, and by how many charges a subscription has paid twice."""
        return await charges(self.gateway)

    async def answered(self) -> int:
        """How many charges the gateway has answered."""
        found = await self.charges()
        return found["approved"] + found["declined"]

    async def unpaid(self, wanted: int) -> int:
        """How many of those whom nothing keeps from paying have not got the period that they owe."""
        connection = await asyncpg.connect(self.dsn)
        try:
            renewed: int = await connection.fetchval(
                "select count(*) from subscriptions where id < $1 and status = 'active' and period_end > now()",
                f"r-{self.due:06d}",
            )
        finally:
            await connection.close()
        return wanted - renewed


async def installed() -> None:
    """Make its environment, unless it is there, of the very files that are pinned. Raises RivalFailed."""
    stamp, wanted = ENVIRONMENT / "requirements.sha256", hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    tell(f"installing {REQUIREMENTS.name} into {ENVIRONMENT.name}, once")
    shutil.rmtree(ENVIRONMENT, ignore_errors=True)
    await _finished(await _run([sys.executable, "-m", "venv", str(ENVIRONMENT)]))
    pip = ["-m", "pip", "install", "--quiet", "--only-binary", ":all:", "--require-hashes", "-r", str(REQUIREMENTS)]
    await _finished(await _python(pip))
    stamp.write_text(wanted)


async def book(at: Ground, name: str, due: int, asleep: int, declined: Sequence[int], *, retries: bool = True) -> Book:
    """A new one, filled; the gateway declines the subscriptions with these numbers."""
    dsn, gateway = await create_database(at.dsn, name), await create_database(at.dsn, f"{name}_gateway")
    await migrated(gateway)
    connection = await asyncpg.connect(gateway)
    try:
        await connection.executemany(
            "insert into simulated_gateway_rule (subscription_id, role, first_on, outcome, reason)"
            " values ($1, 'primary', '2000-01-01', 'declined', 'insufficient_funds')",
            [(f"r-{number:06d}",) for number in declined],
        )
    finally:
        await connection.close()
    filling = ["prepare", dsn, "--due", str(due), "--asleep", str(asleep)]
    await _finished(await _python([str(PROGRAM), *filling]))
    return Book(dsn, gateway, due, retries)


async def charges(dsn: str, prefix: str = "") -> dict[str, int]:
    """From a gateway's own book: `approved`, `declined`, and how many approved ones are a second one of a period.

    Everybody here owes one period.
    """
    connection = await asyncpg.connect(dsn)
    try:
        row = await connection.fetchrow(
            "select count(*) filter (where outcome = 'approved') as approved,"
            " count(distinct subscription_id) filter (where outcome = 'declined') as declined,"
            " count(*) filter (where outcome = 'approved')"
            " - count(distinct subscription_id) filter (where outcome = 'approved') as double"
            " from simulated_charge where starts_with(subscription_id, $1)",
            prefix,
        )
    finally:
        await connection.close()
    return dict(row) if row else {}


async def said(process: asyncio.subprocess.Process) -> dict[str, float]:
    """What a process that ticks has said at its end. Raises RivalFailed."""
    last = (await _finished(process)).strip().splitlines()[-1]
    answer: dict[str, float] = json.loads(last)
    return answer


def _together(runs: Sequence[dict[str, float]]) -> Run:
    return Run(
        max(each["ended"] for each in runs) - min(each["begun"] for each in runs),
        int(sum(each["charged"] for each in runs)),
        int(sum(each["failed"] for each in runs)),
        int(max(each["errors"] for each in runs)),
    )


async def _python(arguments: Sequence[str]) -> asyncio.subprocess.Process:
    return await _run([str(ENVIRONMENT / "bin" / "python"), *arguments])


async def _run(command: Sequence[str]) -> asyncio.subprocess.Process:
    """One process, which ends with this one however that ends."""
    return await asyncio.create_subprocess_exec(
        *on_leash(command, at_death=signal.SIGKILL, account="own"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


async def _finished(process: asyncio.subprocess.Process) -> str:
    out, _ = await process.communicate()
    if process.returncode:
        raise RivalFailed(f"the rival's process ended with status {process.returncode}: {out.decode()[-2000:]}")
    return out.decode()
