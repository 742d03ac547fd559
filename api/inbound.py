"""Taking in what outside parties report: verified, noted, told to the subscription, and only then acknowledged.

The party sends again whatever we do not acknowledge, so every step may be repeated: a report counts once by its id, the
message made of it once by the id in its payload.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from domain.reports import Report

PATIENCE = timedelta(hours=24)
"""How long a report waits for the payment it is about: gateways send again for one to three days (Stripe: three)."""


class Seen(Protocol):
    """What is known of a report: whether it has had its effect, and since when it has been known."""

    @property
    def taken_in(self) -> bool: ...
    @property
    def known_for(self) -> timedelta: ...


class Attempt(Protocol):
    """A charge of ours, as our books know it."""

    @property
    def state(self) -> str: ...


class Reports(Protocol):
    """The books, as far as reports need them."""

    async def see_report(self, report: Report) -> Seen: ...
    async def report_taken_in(self, source: str, report_id: str, note: str = "", *, refused: bool = False) -> None: ...
    async def report_refused(self, source: str, report_id: str) -> bool: ...
    async def payment(self, subscription_id: str, reference: str) -> object | None: ...
    async def attempt(self, charge_key: str) -> Attempt | None: ...
    async def ask_support(self, key: str, subscription_id: str | None, kind: str, text: str) -> None: ...


class Speaks(Protocol):
    """Tells a subscription something, durably. Gives why not where it cannot be told; raises where it may be later."""

    async def tell(self, subscription_id: str, signal: str, payload: dict[str, Any]) -> str | None: ...


class Reader(Protocol):
    """One party's webhooks: authenticated, and read. Raises domain.reports.Unverified."""

    async def read(self, headers: Mapping[str, str], body: bytes) -> tuple[Report, ...]: ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many reports were taken in now, were known already, and have to be sent again later."""

    taken_in: int = 0
    known: int = 0
    too_early: int = 0


class Inbound:
    """Takes reports in, one after another, each to its end."""

    def __init__(self, books: Reports, speaks: Speaks, readers: Mapping[str, Reader]) -> None:
        """`readers` by the name that stands in the webhook's path."""
        self._books = books
        self._speaks = speaks
        self._readers = dict(readers)

    @property
    def sources(self) -> tuple[str, ...]:
        """Who may report, in the order of their names."""
        return tuple(sorted(self._readers))

    async def take_in(self, source: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        """Take in one webhook. Raises Unverified, KeyError for an unknown source, and whatever keeps us from noting it.

        A report that is too early stays untaken: the others of the same webhook are taken in all the same.
        """
        return await self.take(await self._readers[source].read(headers, body))

    async def take(self, reports: Sequence[Report]) -> Outcome:
        """Take in reports that have been read and authenticated already, each to its end."""
        taken_in = known = too_early = 0
        for report in reports:
            seen = await self._books.see_report(report)
            if seen.taken_in:
                known += 1
            elif await self._too_early(report, seen.known_for):
                too_early += 1
            else:
                await self._act(report)
                taken_in += 1
        return Outcome(taken_in, known, too_early)

    async def _too_early(self, report: Report, known_for: timedelta) -> bool:
        """A refund or chargeback may overtake the answer to its own charge; it is not refused for that."""
        if report.needs_payment is None or report.subscription_id is None or known_for >= PATIENCE:
            return False
        return await self._books.payment(report.subscription_id, report.needs_payment) is None

    async def _act(self, report: Report) -> None:
        note, task, refused = report.note, report.task, False
        if report.signal and report.subscription_id is None:
            task = task or f"{report.what} {report.id}: belongs to no subscription of ours"
        elif report.signal and report.undoes and await self._books.report_refused(report.source, report.undoes):
            note = f"what it takes back ({report.undoes}) had no effect here"
            task = task or f"{report.what} {report.id}: {note}, so this has none. Look at both at {report.source}."
            refused = True
        elif report.signal and report.subscription_id is not None:
            why_not = await self._speaks.tell(report.subscription_id, report.signal, dict(report.payload))
            if why_not is not None:
                note, task = why_not, task or f"{report.signal} from {report.source} ({report.id}): {why_not}"
                refused = True
        if report.settles and await self._was_declined(report.settles):
            note = note or "paid, though it had been declined to us"
            task = task or (
                f"{report.source} was paid for charge {report.settles}, which it had declined to us: the ladder went "
                "on as if it were unpaid. Give the money back there, or record it with `cli.py payment-received`."
            )
        if task:
            await self._books.ask_support(
                f"report/{report.source}/{report.id}", report.subscription_id, report.source, task
            )
        await self._books.report_taken_in(report.source, report.id, note, refused=refused)

    async def _was_declined(self, charge_key: str) -> bool:
        attempt = await self._books.attempt(charge_key)
        return attempt is not None and attempt.state == "declined"
