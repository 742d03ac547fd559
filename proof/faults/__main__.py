"""Break a fleet on real servers, and compare everybody's books: python -m proof.faults [--seed N] [--subscriptions N]

Exit status: 0 where nothing was lost, doubled or different; 1 where anything was; 2 where it could not be run.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import time
from pathlib import Path

from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig

from embedded.child import ServerFailed
from engine.leaving import leave
from proof.faults import report
from proof.faults.run import run

SUBSCRIPTIONS = 200


def be_quiet() -> None:
    """Let nobody log what is broken on purpose: connections that end, servers that are away."""
    for name in ("aiohttp", "asyncio", "asyncpg", "mail.log"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    Runtime.set_default(Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(filter="off"))))


def main() -> None:
    """Run once."""
    asked = argparse.ArgumentParser(prog="python -m proof.faults", description=__doc__)
    asked.add_argument("--seed", type=int, default=int(time.time()), help="0 and more; the clock's seconds by default")
    asked.add_argument("--subscriptions", type=int, default=SUBSCRIPTIONS, help="1 to 999")
    asked.add_argument("--keep", type=Path, default=None, help="a folder for the logs of all processes")
    said = asked.parse_args()
    if not 1 <= said.subscriptions <= 999:
        asked.error(f"--subscriptions {said.subscriptions}: expected 1 to 999")
    be_quiet()
    try:
        ran = asyncio.run(run(said.seed, said.subscriptions, said.keep))
    except (ServerFailed, TimeoutError) as error:
        print(f"it could not be run: {type(error).__name__}: {error}", file=sys.stderr)
        leave(2)
    except KeyboardInterrupt:
        print("stopped; nothing was compared", file=sys.stderr)
        leave(2)
    print("\nBusiness dates of the charges that were hit:")
    print("\n".join(report.business_dates(ran.log, ran.compared)))
    print(f"\n{len(ran.log.struck)} faults:")
    for what, times in ran.log.counts():
        print(f"  {times:5d}  {what}")
    for what in ran.log.not_here:
        print(f"  not injected here: {what}")
    compared = ran.compared
    print(
        f"\n{compared.unheard} charges whose answer was not heard, looked up by key; {compared.withdrawn} tidings "
        f"withdrawn, since they were untrue before they could go out; arrived once more under a known id: "
        f"{compared.mails_again} mails, {compared.commands_again} webhooks to the platform"
    )
    print("\nWhat was lost or doubled:")
    print("\n".join(report.table(compared.verdict)))
    print("\n".join(report.findings(compared.verdict)))
    end = "nothing was lost or doubled, and nothing differs" if ran.well else "NOT WELL: see above"
    print(f"seed {said.seed}, {said.subscriptions} subscriptions, {ran.log.seconds:.0f} s: {end}")
    leave(0 if ran.well else 1)


if __name__ == "__main__":
    main()
