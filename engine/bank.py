"""A bank's statement taken in: each transfer once, to whom it belongs, and to support where that is not certain.

What is to become of a transfer is written down before it has any effect, and every effect can be had again without
harm; so a file whose import was cut off is simply imported again. Messages carry no `at`: a subscription may live in
another time than the bank (a demonstration, a clock that lags), and a message from its future would be refused. The
booking date stands in the entry's record and in the message's reason.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

from temporalio.client import Client

from adapters.bank.files import BankFile, keyed_by, payer, read_statement
from adapters.postgres.bank import BankBooks, Decided, EntryFacts, Kept, Outcome, part_reference
from adapters.postgres.books import Books
from domain.matching import Part, StatementEntry, clues, match
from domain.money import decimal_text
from engine import speak

BY = "bank"
HAND = '--by support:<you> --reason "<why>"'


class CutOff(Exception):
    """A return of a transfer whose own import was cut off: taking it back now would leave it to be paid later."""


class Speak(Protocol):
    """Says something to a subscription; durable once it returns."""

    async def tell(self, subscription_id: str, signal: str, payload: dict[str, Any]) -> bool:
        """False where it has ended and refused. Raises engine.speak.UnknownSubscription where there is none."""
        ...


class Door:
    """The real one: `engine.speak.tell`."""

    def __init__(self, client: Client, books: Books) -> None:
        self._client = client
        self._books = books

    async def tell(self, subscription_id: str, signal: str, payload: dict[str, Any]) -> bool:
        """Send a message as a signal; one to a subscription that has ended is refused, and its money kept."""
        return await speak.tell(self._client, self._books, subscription_id, signal, payload)


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What became of one transfer; holds no personal data. `anew`: this import is the one that did it."""

    key: str
    minor: int
    currency: str
    booked_on: date
    outcome: Outcome
    why: str
    anew: bool

    def __str__(self) -> str:
        amount = f"{decimal_text(self.minor, self.currency)} {self.currency}"
        known = "" if self.anew else " (known)"
        return f"{self.key}  {self.booked_on}  {amount:>16}  {self.outcome}{known}: {self.why}"


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a file. `pending`: entries that are not booked yet and will come again."""

    file: str
    format: str
    entries: tuple[TakenIn, ...]
    pending: int

    @property
    def counts(self) -> dict[str, int]:
        """How many transfers had which outcome now, and how many were `known` before."""
        return dict(Counter(entry.outcome if entry.anew else "known" for entry in self.entries))

    def __str__(self) -> str:
        counts = ", ".join(f"{number} {what}" for what, number in sorted(self.counts.items())) or "no transfers"
        return f"{self.file} ({self.format}): {counts}" + (f", {self.pending} not booked yet" if self.pending else "")


async def import_statement(
    books: Books, bank: BankBooks, door: Speak, file_name: str, data: bytes, now: datetime
) -> Imported:
    """Take in a camt.053, camt.054 or MT940 file. `now` dates what is kept as unapplied money.

    Raises adapters.bank.lines.BadStatement where the file is not whole; nothing of it was taken in then. Anything else
    that is raised (CutOff; the database or Temporal is away) leaves transfers that are taken in, and others that are
    not: import it again.
    """
    file = read_statement(file_name, data)
    importing = _Import(books, bank, door, file, now)
    # Returns last: a bank may list one before the transfer that it takes back.
    ordered = sorted(file.entries, key=lambda entry: entry.kind == "return_of_credit")
    return Imported(file.name, file.format, tuple([await importing.take_in(e) for e in ordered]), file.pending)


class _Import:
    """The import of one file."""

    def __init__(self, books: Books, bank: BankBooks, door: Speak, file: BankFile, now: datetime) -> None:
        self._books = books
        self._bank = bank
        self._door = door
        self._file = file
        self._now = now

    async def take_in(self, entry: StatementEntry) -> TakenIn:
        """Decide what is to become of a transfer, keep that, and do it; what was done before is not done again."""
        kept = await self._bank.entry(entry.key)
        if kept is None:
            facts = EntryFacts(payer(entry), keyed_by(entry), self._file.name, self._file.format)
            kept = await self._bank.decide(entry, facts, await self._decided(entry, facts))
        anew, outcome, why = not kept.done, kept.decided.outcome, kept.decided.why
        if anew:
            outcome, why = await self._carry_out(entry, kept.decided)
            await self._bank.done(entry.key, outcome, why)
        return TakenIn(entry.key, entry.minor, entry.currency, entry.booked_on, outcome, why, anew)

    async def _decided(self, entry: StatementEntry, facts: EntryFacts) -> Decided:
        match entry.kind:
            case "debit":
                return Decided("ignored", "money out")
            case "return_of_debit":
                return Decided("proposed", "a transfer of ours came back; it belongs to whoever it was sent to")
            case "lump":
                if await self._bank.taken_singly(entry):
                    return Decided("ignored", "its transfers have been taken in one by one")
                return Decided("proposed", f"{entry.text}; import the notification (camt.054) that lists them")
            case "return_of_credit":
                return await self._returned(entry, facts)
            case "credit":
                return await self._received(entry, facts)

    async def _received(self, entry: StatementEntry, facts: EntryFacts) -> Decided:
        if entry.group_reference and await self._bank.taken_singly(entry):
            return Decided("proposed", f"part of booking {entry.group_reference}, whose sum was taken in as one")
        twin = await self._bank.twin(entry, facts)
        if twin is not None:
            return Decided("proposed", f"probably {twin}, which was reported in another way; nothing was applied")
        if await self._bank.summed_up(entry):
            return Decided(
                "ignored", f"its transfers, of booking {entry.bank_reference}, have been taken in one by one"
            )
        judged = match(entry, await self._bank.found(entry, clues(entry)))
        match judged.certainty:
            case "certain" if judged.ended:
                why = f"{judged.why}; but the subscription has ended, so the money is kept"
                return Decided("unapplied", why, judged.parts, judged.client_number)
            case "certain":
                return Decided("applied", judged.why, judged.parts, judged.client_number)
            case "likely":
                return Decided("proposed", judged.why, judged.parts, judged.client_number)
            case "none":
                return Decided("unapplied", judged.why, (), judged.client_number)

    async def _returned(self, entry: StatementEntry, facts: EntryFacts) -> Decided:
        key = await self._bank.returned_transfer(entry, facts.payer)
        taken = await self._bank.entry(key) if key else None
        if taken is None:
            return Decided(
                "proposed", "a returned transfer; none that was taken in fits, or those of several owners do"
            )
        if not taken.done:
            raise CutOff(
                f"{self._file.name}: {entry.key} takes back {key}, of which not all has had its effect. Nothing of it "
                "was done and no money moved. Import the file of that transfer again, and then this one."
            )
        parts = taken.decided.parts
        if entry.minor < taken.minor:
            if len(parts) > 1:
                return Decided("proposed", f"a part of {key} was returned, which paid several; which one is not said")
            parts = tuple(Part(part.subscription_id, part.invoice, entry.minor) for part in parts)
        return Decided("returned", f"takes back {key}", parts, returns=key)

    async def _carry_out(self, entry: StatementEntry, decided: Decided) -> tuple[Outcome, str]:
        """Have every effect of what was decided; gives what became of it in the end."""
        match decided.outcome:
            case "ignored":
                return "ignored", decided.why
            case "applied":
                return await self._apply(entry, decided)
            case "unapplied" if decided.parts:
                outcome, why = await self._apply(entry, decided)
                text = (
                    f"{why}. `cli.py unapplied` lists it; send it back and say `cli.py return-money <number> {HAND}`."
                )
                await self._ask(entry, decided, text)
                return outcome, why
            case "unapplied" | "proposed":
                return await self._put_aside(entry, decided)
            case "returned":
                return await self._take_back(entry, decided)

    async def _apply(self, entry: StatementEntry, decided: Decided) -> tuple[Outcome, str]:
        for number, part in enumerate(decided.parts, start=1):
            reference = part_reference(entry.key, number, len(decided.parts))
            payload: dict[str, Any] = {
                "id": reference,
                "amount": decimal_text(part.minor, entry.currency),
                "channel": "bank_transfer",
                "reference": reference,
                "by": BY,
                "reason": f"transfer booked on {entry.booked_on.isoformat()}",
            }
            if part.invoice is not None:
                payload["invoice"] = part.invoice
            try:
                await self._door.tell(part.subscription_id, "payment-received", payload)
            except (speak.UnknownSubscription, speak.MessageRefused):
                await self._keep(entry, reference, part.minor, decided.client_number)
                text = f"{part.subscription_id} could not be told; {_amount(part.minor, entry)} of it is kept"
                await self._ask(entry, decided, text)
                decided = Decided("unapplied", f"{decided.why}; {text}", decided.parts, decided.client_number)
        return decided.outcome, decided.why

    async def _put_aside(self, entry: StatementEntry, decided: Decided) -> tuple[Outcome, str]:
        """Keep money that is not certainly anybody's, and ask support; or only ask, where it is not money to keep."""
        if entry.kind != "credit" or (decided.outcome == "proposed" and not decided.parts):
            await self._ask(entry, decided, f"{decided.why}.")
            return decided.outcome, decided.why
        number = await self._keep(entry, entry.key, entry.minor, decided.client_number)
        whose = decided.parts[0].subscription_id if decided.parts else "<subscription>"
        text = (
            f"{decided.why}. It is kept as unapplied money {number}. "
            f"Assign it with `cli.py assign {number} {whose} {HAND}`, "
            f"or send it back and say `cli.py return-money {number} {HAND}`."
        )
        await self._ask(entry, decided, text)
        return decided.outcome, decided.why

    async def _take_back(self, entry: StatementEntry, decided: Decided) -> tuple[Outcome, str]:
        taken = await self._bank.entry(decided.returns or "")
        if taken is None:
            raise LookupError(f"bank entry {entry.key}: {decided.returns} was deleted; no money moved")
        missed = [
            reference
            for reference, part, message_id in _payments(taken, entry, decided)
            if not await self._take_back_payment(entry, reference, part, message_id)
        ]
        if not missed:
            return "returned", decided.why
        why = f"{decided.why}, but of {', '.join(missed)} no payment is known, its subscription has ended, "
        why += "or only a part came back"
        await self._ask(entry, decided, f"{why}. Find out whose it was, and say `cli.py payment-reversed`.")
        return "proposed", why

    async def _take_back_payment(
        self, entry: StatementEntry, reference: str, part: Part | None, message_id: str
    ) -> bool:
        """Take one payment back wherever its money is now; False where that is not known, or not for a part of it."""
        minor = part.minor if part else entry.minor
        held = await self._bank.held(reference)
        if held is not None and held.state == "returned":
            return True
        if held is not None and held.state == "open":
            if held.minor != minor:
                return False
            reason = f"returned by the bank on {entry.booked_on.isoformat()}"
            await self._books.resolve_unapplied(held.id, "returned", by=BY, reason=reason, at=self._now)
            return True
        paid = await self._bank.paid_to(reference)
        whose = paid.subscription_id if paid else part.subscription_id if part and held is None else None
        if whose is None:
            return False
        payload: dict[str, Any] = {
            "id": message_id,
            "amount": decimal_text(minor, entry.currency),
            "reference": reference,
            "reason": "bounced",
            "by": BY,
        }
        try:
            return await self._door.tell(whose, "payment-reversed", payload)
        except (speak.UnknownSubscription, speak.MessageRefused):
            return False

    async def _keep(self, entry: StatementEntry, reference: str, minor: int, client_number: str | None) -> int:
        kept = await self._books.keep_unapplied(
            source=BY,
            reference=reference,
            minor=minor,
            currency=entry.currency,
            channel="bank_transfer",
            at=self._now,
            client_number=client_number,
            name=entry.name or None,
        )
        if kept is not None:
            return kept
        held = await self._bank.held(reference)
        if held is None:
            raise LookupError(f"unapplied money {reference}: deleted while it was kept; import the file again")
        return held.id

    async def _ask(self, entry: StatementEntry, decided: Decided, text: str) -> None:
        whose = {part.subscription_id for part in decided.parts}
        said = f"{_amount(entry.minor, entry)} booked on {entry.booked_on}, bank's reference "
        said += f"{entry.bank_reference or 'none'}: {text}"
        await self._books.ask_support(entry.key, whose.pop() if len(whose) == 1 else None, "bank", said)


def _payments(taken: Kept, entry: StatementEntry, decided: Decided) -> list[tuple[str, Part | None, str]]:
    """What a return takes back: the payment's reference, whose and how much, and the id of the message."""
    parts: tuple[Part | None, ...] = decided.parts or (None,)
    of = len(parts)
    return [
        (part_reference(taken.key, n, of), part, part_reference(entry.key, n, of))
        for n, part in enumerate(parts, start=1)
    ]


def _amount(minor: int, entry: StatementEntry) -> str:
    return f"{decimal_text(minor, entry.currency)} {entry.currency}"
