"""One run: a fleet, a town, a schedule, and the comparison at the end."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

from proof.faults import report
from proof.faults.compare import Compared, compare
from proof.faults.drive import Drive
from proof.faults.expected import played
from proof.faults.log import FaultLog
from proof.faults.plan import Expected, Plan, drawn
from proof.faults.stories import Life, fleet, told_apart
from proof.faults.strike import Strikes
from proof.faults.town import Town, town

QUIET_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Ran:
    """What a run came to."""

    log: FaultLog
    compared: Compared
    plan: Plan

    @property
    def well(self) -> bool:
        """Nothing was lost, doubled or different, and faults did strike."""
        return not self.compared.verdict.findings and bool(self.log.struck)


@asynccontextmanager
async def lived(lives: list[Life], plan: Plan, log: FaultLog, random: Random) -> AsyncIterator[tuple[Town, Drive]]:
    """A town in which every life has been lived under a schedule of faults, and everything that waited is delivered.

    Nothing breaks any more, and nothing is under way; the town is gone with the block. Raises TimeoutError where it
    does not come to rest.
    """
    strikes = Strikes(plan, log)
    async with town(log, random, strikes.watch) as here:
        print(f"{log.seconds:.0f} s: the town stands; faults as they strike:", flush=True)
        drive = Drive(here, lives)
        strikes.begin(here)
        outages = asyncio.create_task(strikes.outages(drive))
        await drive.play()
        await outages
        strikes.mend()
        print(f"{log.seconds:.0f} s: every life is at its end; what waits is delivered", flush=True)
        await asyncio.gather(here.doors.ready("listening at"), *(w.ready("serving task queue") for w in here.workers))
        await drive.rest()
        async with asyncio.timeout(QUIET_SECONDS):
            await here.relay.quiet()
        yield here, drive


async def run(seed: int, subscriptions: int, keep: Path | None = None) -> Ran:
    """Run it, and print what happens. `keep` is where the logs of all processes are copied at the end."""
    random = Random(seed)  # noqa: S311  # a schedule, no secret
    lives = fleet(subscriptions, random)
    print(f"seed {seed}: {told_apart(lives)}", flush=True)
    expected = Expected.of([played(life.scenario, life.policy, life.heard) for life in lives])
    plan, log = drawn(random, expected), FaultLog(report.struck)
    async with lived(lives, plan, log, random) as (here, drive):
        compared = await compare(here, drive)
        if keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
            for file in [*here.folder.glob("*.log"), here.folder / "disk" / "books.log"]:
                shutil.copy(file, keep / file.name)
            (keep / "findings.txt").write_text("\n".join(report.findings(compared.verdict, limit=10_000)))
    return Ran(log, compared, plan)
