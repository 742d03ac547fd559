"""What strikes: arms lines and stand-ins with the schedule, and brings servers and machines down when it is due."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import asyncpg
from aiohttp import web

from proof.faults.drive import Drive
from proof.faults.line import Break, Watch
from proof.faults.log import FaultLog
from proof.faults.pgwire import Commit, Kind
from proof.faults.plan import Outage, Plan
from proof.faults.town import SKEW_SECONDS, WORKERS, Town
from standins.mail import MailFault, MailFaultKind
from standins.wire import Fault, FaultKind, Wire

MAKE = {"card": r"^POST /v1/payment_intents$", "paypal": r"^POST /v2/checkout/orders$"}
TAKE = {"card": r"^POST /v1/payment_intents/[^/]+/confirm$", "paypal": r"^POST /v2/checkout/orders/[^/]+/capture$"}
TELL = {"platform": r"^POST /hooks", "agency": r"^POST /cases"}
STEP = {"begin": "begins a charge", "complete": "completes a charge", "batch": "records a decision", "other": "writes"}
SAID = {
    "lost_before": "request lost",
    "lost_after": "reply lost",
    "twice": "request doubled",
    "status": "answers 500",
    "garbage": "answers garbage",
    "refuse_mail": "answers 451",
}
AWAY_SECONDS = 1.5  # of a server that is started again at once
BROKEN_SECONDS = 4.0  # of a database that may not write
SKEWED_SECONDS = 6.0  # that the doors serve with a wrong clock
LOOK_SECONDS = 0.2


@dataclass(slots=True)
class Strikes:
    """Does what a plan says. `begin` once the town stands; until then every line holds."""

    plan: Plan
    log: FaultLog
    town: Town | None = None
    calm: bool = False
    """Nothing breaks any more."""
    _commits: Counter[Kind] = field(default_factory=Counter)

    def watch(self, worker: str) -> Watch:
        """What the line of a worker to the database asks at each commit."""

        def watched(commit: Commit) -> Break | None:
            if self.town is None or self.calm:
                return None
            self._commits[commit.kind] += 1
            fault = self.plan.commits.get((commit.kind, self._commits[commit.kind]))
            if fault is None:
                return None
            how, when = fault.split()

            def strikes() -> None:
                done = f"{'before' if when == 'before' else 'after'} the commit that {STEP[commit.kind]}"
                if how == "killed":
                    self._kill(worker)
                    self.log.note(f"worker killed {done}", worker, commit.key)
                else:
                    self.log.note(f"line to the database cut {done}", worker, commit.key)

            return Break("before" if when == "before" else "after", strikes)

        return watched

    def begin(self, town: Town) -> None:
        """Arm the stand-ins."""
        self.town = town
        wires = {
            "card": town.stripe.wire,
            "paypal": town.paypal.wire,
            "platform": town.platform.wire,
            "agency": town.debitura.wire,
        }
        for method in ("card", "paypal"):
            for nth in self.plan.kills[method]:
                wires[method].faults.append(self._fatal(method, nth))
        for party, wire in wires.items():
            for place, (nth, kind) in enumerate(self.plan.requests[party]):
                at = TELL.get(party) or (MAKE[party] if place % 3 == 0 else TAKE[party])
                wire.faults.append(self._broken(party, wire, at, nth, kind))
        self._arm_mail(town)

    async def outages(self, drive: Drive) -> None:
        """Bring down servers and machines, each at its progress of the fleet."""
        for progress, outage in self.plan.outages:
            while drive.progress < progress:  # noqa: ASYNC110  # lives go on beside this
                await asyncio.sleep(LOOK_SECONDS)
            await self._outage(outage, drive)

    def mend(self) -> None:
        """Break nothing any more, and let every clock be right."""
        self.calm = True
        town = self._here
        for each in (town.stripe, town.paypal, town.platform, town.debitura):
            each.wire.faults.clear()
        town.mail.faults.clear()

    @property
    def _here(self) -> Town:
        if self.town is None:
            raise AssertionError("no town stands yet")
        return self.town

    def _kill(self, worker: str) -> None:
        self._here.workers[WORKERS.index(worker)].kill()

    def _fatal(self, method: str, nth: int) -> Fault:
        """The worker that asked is killed when the money has been taken, before it hears of it."""

        def strikes(request: web.Request) -> None:
            port = request.transport.get_extra_info("peername")[1] if request.transport else 0
            machine = self._here.worker_at(port)
            if machine is not None and machine.kill():
                what = "worker killed between a charge and its answer"
                self.log.note(what, f"{machine.name}, {_name(method)}", self._charge(method, request))

        return Fault(TAKE[method], "lost_after", skip=nth - 1, strikes=strikes)

    def _broken(self, party: str, wire: Wire, at: str, nth: int, kind: str) -> Fault:
        def strikes(request: web.Request) -> None:
            subject = self._charge(party, request) if party in TAKE else _told(wire, request)
            self.log.note(SAID[kind], f"{_name(party)}, {request.method} {_shape(request.path)}", subject)

        known: dict[str, FaultKind] = {
            "lost_before": "lost_before", "lost_after": "lost_after", "twice": "twice", "status": "status",
            "garbage": "garbage",
        }  # fmt: skip
        return Fault(at, known[kind], skip=nth - 1, strikes=strikes)

    def _arm_mail(self, town: Town) -> None:
        known: dict[str, MailFaultKind] = {
            "lost_before": "lost_before", "lost_after": "lost_after", "refuse_mail": "refuse_mail",
        }  # fmt: skip
        for nth, kind in self.plan.requests["mail"]:

            def strikes(to: str, kind: str = kind) -> None:
                self.log.note(SAID[kind], "mail server", to.partition("@")[0])

            said = "451 4.3.0 Try again later"
            town.mail.faults.append(MailFault(known[kind], said, skip=nth - 1, strikes=strikes))

    def _charge(self, method: str, request: web.Request) -> str:
        """The key of the charge that a request to a gateway is about."""
        if method == "card":
            return request.headers.get("Idempotency-Key", "").partition(":")[0]
        order = request.match_info.get("id")
        if order is not None:
            return self._here.paypal.till.charge_of(order)
        asked = _asked(self._here.paypal.wire, request)
        return str(asked["purchase_units"][0].get("invoice_id", "")) if "purchase_units" in asked else ""

    async def _outage(self, outage: Outage, drive: Drive) -> None:
        town, note = self._here, self.log.note
        match outage:
            case "worker killed":
                busy = max(town.workers, key=lambda machine: sum(len(line.known) for line in machine.lines.values()))
                if busy.kill():
                    note("worker killed at any moment", busy.name)
            case "doors killed":
                if town.doors.kill():
                    note("doors killed", "python -m api")
            case "doors' clock off":
                note(f"clock {SKEW_SECONDS:.0f} s wrong", "python -m api")
                town.doors.restart(SKEW_SECONDS)
                await asyncio.sleep(SKEWED_SECONDS)
                town.doors.restart(0.0)
            case "temporal killed" | "temporal restarted":
                how = "killed" if outage == "temporal killed" else "asked to stop"
                note(f"Temporal {how}, back after {AWAY_SECONDS} s", "Temporal")
                await town.temporal.restart("killed" if how == "killed" else "asked to stop", AWAY_SECONDS)
            case _:
                async with town.clocks.standstill(list(drive.under_way)):
                    await self._database_outage(outage)

    async def _database_outage(self, outage: Outage) -> None:
        database, note = self._here.database, self.log.note
        match outage:
            case "database killed":
                note(f"PostgreSQL killed, back after {AWAY_SECONDS} s", "PostgreSQL")
                await database.restart("killed", AWAY_SECONDS)
            case "database restarted":
                note(f"PostgreSQL asked to stop, back after {AWAY_SECONDS} s", "PostgreSQL")
                await database.restart("asked to stop", AWAY_SECONDS)
            case "database read-only":
                with suppress(OSError, asyncpg.PostgresError):
                    async with database.read_only():
                        note(f"database read-only for {BROKEN_SECONDS} s", "PostgreSQL")
                        await asyncio.sleep(BROKEN_SECONDS)
            case "disk full" if database.small:
                async with database.full():
                    note(f"disk full for {BROKEN_SECONDS} s", "PostgreSQL")
                    await asyncio.sleep(BROKEN_SECONDS)
            case _:
                pass  # why not is among the log's `not_here`


def _told(wire: Wire, request: web.Request) -> str:
    """Which tiding a request to platform or agency is about: its key, where it says one."""
    said = _asked(wire, request)
    data = said.get("data")
    return str(data.get("key", "")) if isinstance(data, dict) else str(said.get("creditorReference", ""))


def _asked(wire: Wire, request: web.Request) -> dict[str, Any]:
    """What a request says, as the wire has kept it; empty where that is no JSON object."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    seen = next((s for s in reversed(wire.requests) if s.path == request.path_qs and s.headers == headers), None)
    try:
        said = json.loads(seen.body) if seen else {}
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _name(party: str) -> str:
    return {"card": "Stripe", "paypal": "PayPal", "platform": "platform", "agency": "agency"}[party]


def _shape(path: str) -> str:
    """A path with its ids taken out."""
    return "/".join("..." if any(c.isdigit() for c in part) and len(part) > 4 else part for part in path.split("/"))
