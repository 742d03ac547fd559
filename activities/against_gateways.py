"""Gateways and the ledger: every charge that took money is booked once, and what was not heard of is taken in.

What a gateway's webhooks should have told is told by its list of events and taken in by the same door, under the same
id; that is the one repair. Whatever differs in money is for a person.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from time import monotonic
from typing import Protocol

from activities.reconciliation import MARGIN, Places, now
from domain import takings
from domain.gateways import GatewaySilent, GatewayUnavailable, Holder
from domain.reconciliation import Asked, Difference, Known, Looked
from domain.reports import Report
from domain.subscription import MethodKind
from domain.witnesses import BookedCharge, Span, Taking

SPAN = timedelta(days=1)  # asked for at once; halved where it holds more than LIMIT
LIMIT = 1_000  # events or charges of one span
SHORTEST = timedelta(seconds=1)  # the least that gateways tell apart
RUN_LIMIT = 10_000  # events, and as many charges, of one run; the next goes on there
IN_FLIGHT = timedelta(hours=1)  # a webhook that came in this time may still be on its way into the ledger
RUN_SECONDS = 300.0  # for each list of each account: four of them stay within the activity's 30 minutes
ONE_LOOKS_BACK = timedelta(days=3)  # for the events of one subscription: as long as gateways send webhooks again


class GatewayAccount(Protocol):
    """A gateway's own books. All raise GatewayUnavailable where it cannot be asked."""

    @property
    def name(self) -> str: ...
    @property
    def kept_for(self) -> timedelta: ...
    async def told(self, since: datetime, until: datetime, limit: int) -> Span: ...
    async def taken(self, since: datetime, until: datetime, subscription_id: str | None, limit: int) -> Span: ...
    async def taking(self, charge_key: str) -> Taking | None: ...
    async def shown(self, reference: str) -> Taking | None: ...
    async def returned(self, reference: str) -> int | None: ...


class Witness(Protocol):
    """What our books say of charges."""

    async def charges(self, keys: Sequence[str]) -> Mapping[str, BookedCharge]: ...
    async def approved_between(
        self, since: datetime, until: datetime, subscription_id: str | None, limit: int
    ) -> Sequence[BookedCharge]: ...
    async def unfinished(self, before: datetime, subscription_id: str | None) -> Sequence[BookedCharge]: ...
    async def counted(self, references: Sequence[str]) -> frozenset[str]: ...
    async def known_reports(self, source: str, ids: Sequence[str]) -> frozenset[str]: ...


class Holders(Protocol):
    """Who pays by a gateway's payer."""

    async def holders_of_payer(self, gateway: str, payer: str) -> Sequence[Holder]: ...


TakeIn = Callable[[Sequence[Report]], Awaitable[int]]
"""The door of webhooks, behind its signature; gives how many reports have had their effect now."""


@dataclass(slots=True)
class _Run:
    """One account in one run."""

    account: GatewayAccount
    methods: frozenset[MethodKind]
    asked: Asked
    at: datetime
    until: datetime
    compared: int = 0
    found: dict[str, Difference] = field(default_factory=dict)
    subjects: set[str] = field(default_factory=set)
    heard: set[str] = field(default_factory=set)
    """References of payments about which something was told or taken in just now: it is in flight."""
    taken_in: set[str] = field(default_factory=set)
    """Ids of the reports that had their effect by this run."""
    hurried: bool = False
    """More was told of late than can be read: everything may be in flight."""
    taken_back: dict[str, int] = field(default_factory=dict)
    """By charge: what the ledger had taken back when this run began with it, and what was taken in since."""
    repaired: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    reached: dict[str, str] = field(default_factory=dict)


class AgainstGateways:
    """Compares each gateway's account with the books."""

    def __init__(
        self,
        accounts: Mapping[MethodKind, GatewayAccount],
        witness: Witness,
        holders: Holders,
        take_in: TakeIn,
        *,
        margin: timedelta = MARGIN,
        clock: Callable[[], datetime] = now,
    ) -> None:
        """`margin`: how old something must be to be compared."""
        self._accounts = dict(accounts)
        self._witness = witness
        self._holders = holders
        self._take_in = take_in
        self._margin = margin
        self._clock = clock

    async def look(self, asked: Asked, standing: Sequence[Known], places: Places) -> Looked:
        """Each account in turn; one that is away keeps none of the others from being compared."""
        at = self._clock()
        until = (at - self._margin).replace(microsecond=0)
        runs, away = [], []
        for account in {id(one): one for one in self._accounts.values()}.values():
            methods = frozenset(kind for kind, one in self._accounts.items() if one is account)
            run = _Run(account, methods, asked, at, until)
            try:
                await self._hear(run, places)
                await self._list(run, places)
                await self._look_at(run, standing)
            except (GatewayUnavailable, GatewaySilent) as error:
                away.append(f"{account.name}: {error}")
            runs.append(run)
        return Looked(
            sum(run.compared for run in runs),
            tuple(difference for run in runs for difference in run.found.values()),
            tuple(line for run in runs for line in run.repaired),
            tuple(away),
            tuple(line for run in runs for line in run.notes),
            frozenset(subject for run in runs for subject in run.subjects),
            reached={name: place for run in runs for name, place in run.reached.items()},
        )

    async def _hear(self, run: _Run, places: Places) -> None:
        """Take in what its webhooks should have told."""
        account, one = run.account, run.asked.subscription_id
        since = run.until - ONE_LOOKS_BACK if one else await self._since(run, places, "told")
        async for _, reached, page in _spans(account.told, since, run.until):
            known = await self._witness.known_reports(account.name, [report.id for report in page.reports])
            unheard = [r for r in page.reports if r.id not in known and one in (None, r.subscription_id)]
            for report in unheard:
                await self._unheard(run, report)
            run.reached[f"{account.name}/told"] = reached.isoformat()
        lately = await account.told(max(since, run.until - IN_FLIGHT), run.at + SHORTEST, LIMIT)
        run.heard |= {_about(report) for report in lately.reports}
        run.hurried = lately.left_out

    async def _unheard(self, run: _Run, report: Report) -> None:
        """One report that never came: taken in where it can count only once, else shown to support."""
        telling = bool(report.signal or report.task)
        fits = await self._fits(run, report)
        if fits is None:
            difference = takings.unheard(report)
            run.found[difference.key] = difference
            return
        if run.asked.dry:
            what = "would be taken in" if fits else "recorded by hand, it seems, and would be noted"
            run.notes += [f"{what}: {_line(report)}"] if telling else []
            return
        if not fits:
            note = "what it reports stands in the ledger already: recorded by hand"
            report = replace(report, signal="", payload={}, task="", note=note, needs_payment=None, settles=None)
            telling = False
            run.notes.append(f"noted without effect, recorded by hand: {_line(report)}")
        if await self._take_in([report]) and telling:
            run.repaired.append(f"taken in, its webhook never came: {_line(report)}")
            run.taken_in.add(report.id)
        run.heard.add(_about(report))

    async def _fits(self, run: _Run, report: Report) -> bool | None:
        """Whether the ledger has room for what a report says; None where that cannot be known.

        A payment is known by its reference, whoever records it. What was taken back is not: a person may have recorded
        it under a name of their own, and it must not count again.
        """
        if report.undoes is not None:
            return True if report.undoes in run.taken_in else None
        if report.signal != "payment-reversed":
            return True
        key = _about(report)
        booked = (await self._witness.charges([key])).get(key)
        taking = await run.account.taking(key) if booked is not None else None
        returned = await run.account.returned(taking.reference) if taking is not None else None
        before = run.taken_back.setdefault(key, booked.reversed_minor) if booked is not None else 0
        minor = takings.room_for(report, booked, returned, before)
        run.taken_back[key] = before + (minor or 0)
        return None if minor is None else minor > 0

    async def _list(self, run: _Run, places: Places) -> None:
        """Compare its charges with ours and ours with its, span by span."""
        account, one = run.account, run.asked.subscription_id
        since = run.until - account.kept_for if one else await self._since(run, places, "taken")

        async def taken(start: datetime, end: datetime, limit: int) -> Span:
            return await account.taken(start, end, one, limit)

        async for start, reached, page in _spans(taken, since, run.until):
            await self._compare(run, page.takings)
            there = {taking.charge_key for taking in page.takings}
            ours = await self._witness.approved_between(start, reached, one, LIMIT)
            await self._ours(run, [booked for booked in ours if booked.charge_key not in there])
            run.reached[f"{account.name}/taken"] = reached.isoformat()
        unfinished = await self._witness.unfinished(run.at - takings.UNRESOLVED_AFTER, one)
        await self._ours(run, unfinished)

    async def _look_at(self, run: _Run, standing: Sequence[Known]) -> None:
        """What differed before, wherever it is in the lists."""
        left = [known.subject for known in standing if known.subject not in run.subjects]
        ours = await self._witness.charges(left)
        await self._ours(run, list(ours.values()))
        for subject in left:
            if subject not in ours and len(subject) < 100 and "/" not in subject:
                shown = await run.account.shown(subject)
                if shown is not None:
                    await self._compare(run, [shown])

    async def _ours(self, run: _Run, booked: Iterable[BookedCharge]) -> None:
        """Charges that the books name, each looked up at its gateway."""
        for one in booked:
            if one.method in run.methods and one.charge_key not in run.subjects:
                taking = await run.account.taking(one.charge_key)
                await self._judge(run, one.charge_key, taking)

    async def _compare(self, run: _Run, listed: Sequence[Taking]) -> None:
        """Charges that the gateway shows, each looked up in the books."""
        for taking in listed:
            if taking.charge_key is None:
                await self._without_key(run, taking)
            elif taking.remembered:
                await self._judge(run, taking.charge_key, taking)
            else:
                await self._claims(run, taking, taking.charge_key)

    async def _judge(self, run: _Run, key: str, taking: Taking | None) -> None:
        """One charge by both. The books are read after the gateway, and once more where they differ."""
        run.compared += 1
        run.subjects.add(key)
        difference = None
        for _ in range(2):
            booked = (await self._witness.charges([key])).get(key)
            difference = takings.charge(taking, booked, run.at)
            if difference is None:
                if booked is not None and taking is not None:
                    await self._judge_reversal(run, taking, booked)
                return
        if difference is not None and not await self._all_returned(run, taking):
            run.found[difference.key] = difference

    async def _judge_reversal(self, run: _Run, taking: Taking, booked: BookedCharge) -> None:
        told = taking.gives_back or booked.reversed_minor
        if booked.paid_minor is None or taking.outcome != "approved" or not told:
            return
        if run.hurried or booked.charge_key in run.heard:
            return
        returned = await run.account.returned(taking.reference)
        again = (await self._witness.charges([booked.charge_key])).get(booked.charge_key)
        if returned is None or again is None:
            return
        difference = takings.reversal(again, taking.gateway, returned)
        if difference is not None:
            run.found[difference.key] = difference

    async def _claims(self, run: _Run, taking: Taking, key: str) -> None:
        """A charge under a key of ours that the books do not know it by: a second one, or nobody's."""
        run.compared += 1
        run.subjects.add(taking.reference)
        named = await run.account.taking(key)
        if named is not None and named.reference != taking.reference and named.outcome == taking.outcome == "approved":
            difference: Difference | None = takings.twice(named, taking)
        else:
            booked = (await self._witness.charges([key])).get(key)
            difference = takings.charge(taking, booked, run.at)
        counted = await self._witness.counted([taking.reference])
        if difference is not None and not counted and not await self._all_returned(run, taking):
            run.found[difference.key] = difference

    async def _without_key(self, run: _Run, taking: Taking) -> None:
        """A charge that no charge of ours made. Only one of a customer of ours is ours to ask about."""
        if taking.outcome != "approved" or taking.reference in run.heard:
            return
        ours = taking.subscription_id is not None or (
            taking.payer and await self._holders.holders_of_payer(taking.gateway, taking.payer)
        )
        if not ours:
            return
        run.compared += 1
        run.subjects.add(taking.reference)
        if not await self._witness.counted([taking.reference]) and not await self._all_returned(run, taking):
            difference = takings.keyless(taking)
            run.found[difference.key] = difference

    async def _all_returned(self, run: _Run, taking: Taking | None) -> bool:
        """Whether all of a charge has been given back since, so that nothing is left to ask about."""
        if taking is None or taking.outcome != "approved":
            return False
        returned = await run.account.returned(taking.reference)
        return returned is not None and returned >= taking.minor

    async def _since(self, run: _Run, places: Places, list_: str) -> datetime:
        """Where the last run came to; at first, as far back as the gateway goes."""
        oldest = run.until - run.account.kept_for
        place = await places.place(f"{run.account.name}/{list_}")
        return max(datetime.fromisoformat(place), oldest) if place else oldest


async def _spans(
    ask: Callable[[datetime, datetime, int], Awaitable[Span]], since: datetime, until: datetime
) -> AsyncIterator[tuple[datetime, datetime, Span]]:
    """Span after span, each with its beginning (inclusive) and end (exclusive), within the limits of a run."""
    length, read, begun = SPAN, 0, monotonic()
    while since < until and read < RUN_LIMIT and monotonic() - begun < RUN_SECONDS:
        end = min(since + length, until)
        page = await ask(since, end, LIMIT)
        if page.left_out:
            length = (end - since) / 2
            if length < SHORTEST:
                raise GatewayUnavailable(f"more than {LIMIT} things happened from {since} to {end}: not compared")
            length = timedelta(seconds=int(length.total_seconds()))
            continue
        yield since, end, page
        read += len(page.reports) + len(page.takings)
        since, length = end, min(SPAN, 2 * length)


def _about(report: Report) -> str:
    """The reference of the payment that a report is about."""
    return report.needs_payment or str(report.payload.get("reference", ""))


def _line(report: Report) -> str:
    return f"{report.source} {report.id} ({report.what}) of {report.subscription_id or 'no subscription'}"
