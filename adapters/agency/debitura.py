"""Collections through Debitura's Customer API: one case for each placement, whatever breaks on the way.

A placement is looked up under our own reference before it is made, and made under an idempotency key; Debitura also
turns down a second case of the same reference. So it may be interrupted anywhere and sent again. A creditor cannot
close a case there or report a payment by API: a recall is a message in the case's chat, as Debitura's own guide asks,
and a task for support, who watch that it is acted upon.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Literal

from adapters.agency.debitura_api import DebituraApi, TurnedDown
from adapters.agency.debitura_models import CaseSaid, Unreadable, minor_of, missing_of_address, new_case
from adapters.agency.needs import AgencyAway, AgencyCase, AgencyName, Cases, Tasks
from adapters.agency.placement import Line, left_to_place, placed_lines, reference_of, take_back_from_nobody
from adapters.agency.statement import Document, history, statement
from domain.effects import Entry
from domain.gateways import DeliveryRefused
from domain.letters import Addressee
from domain.money import decimal_text
from domain.subscription import Invoice

AGENCY: AgencyName = "debitura"
_KEY_IN_USE = "IdempotencyConflict"
_REFERENCE_IN_USE = "DuplicateCreditorReference"


class DebituraAgency:
    """Hands debts over and takes amounts back; the same key is the same placement or recall.

    Raises AgencyAway where it is worth trying again, DeliveryRefused for what Debitura will never take as it is.
    """

    def __init__(
        self,
        api: DebituraApi,
        *,
        cases: Cases,
        tasks: Tasks,
        sender_email: str,
        case_kind: Literal["real", "test"],
        tag: str = "perennial",
    ) -> None:
        """`sender_email` is a member of our team at Debitura, in whose name messages are posted.

        `tag` groups test cases (`DELETE /test/cases?tag=`); real cases carry none.
        """
        self._api = api
        self._cases = cases
        self._tasks = tasks
        self._sender_email = sender_email
        self._case_kind = case_kind
        self._tag = tag

    async def place(
        self,
        key: str,
        *,
        subscription_id: str,
        debtor: Addressee,
        currency: str,
        invoices: Sequence[Invoice],
        history: Sequence[Entry],
        at: datetime,
    ) -> None:
        """Hand over of each invoice its `placed_minor`, with documents. Goes on where an earlier try broke off."""
        reference = reference_of(key)
        placed = placed_lines(invoices, history)
        case = await self._cases.of_placement(key)
        if case is None:
            case = await self._made(key, reference, subscription_id, debtor, currency, placed, at)
        if case is not None:
            claimed = [replace(line, placed_minor=case.lines.get(line.invoice, 0)) for line in placed]
            await self._document(
                case, reference, debtor.client_number, [line for line in claimed if line.placed_minor], history
            )

    async def recall(
        self, key: str, *, subscription_id: str, invoice: str, minor: int, currency: str, because: str, at: datetime
    ) -> None:
        """Tell the agency not to collect an amount of an invoice any more, once; and ask support to follow it up."""
        if await self._cases.forestalled(key):
            return  # it came before the case was made, which was made without it
        case = await self._cases.holding(AGENCY, subscription_id, invoice)
        if case is None:
            await take_back_from_nobody(
                self._cases,
                self._tasks,
                key,
                subscription_id=subscription_id,
                invoice=invoice,
                minor=minor,
                currency=currency,
                at=at,
            )
            return
        amount = f"{decimal_text(minor, currency)} {currency}"
        await self._tasks.ask_support(
            f"recall/{key}",
            subscription_id,
            "recall at debitura",
            f"{amount} of invoice {invoice} is not to be collected any more ({because}). Debitura has no call for "
            f"that, so a message is posted to the chat of case {case.case_id}. See in its portal that the agency has "
            "recorded it, or close the case there if nothing is left of it.",
        )
        marker = f"Our reference: {reference_of(key)}"
        chats = await self._api.chats(case.case_id)
        if not any(marker in (said.message or "").splitlines() for said in chats):
            message = (
                f"Please do not collect {amount} of invoice {invoice} any more. It is not owed since {at:%Y-%m-%d} "
                f"({because}; settled with us). Please record this and reduce the claim, or close the case if nothing "
                f"is left.\n{marker}"
            )
            await self._api.say(
                case.case_id, message, sender_email=self._sender_email, key=f"recall-{reference_of(key)}"
            )
        await self._cases.keep_recall(
            key, subscription_id=subscription_id, invoice=invoice, minor=minor, case=case, at=at
        )

    async def _made(
        self,
        key: str,
        reference: str,
        subscription_id: str,
        debtor: Addressee,
        currency: str,
        placed: tuple[Line, ...],
        at: datetime,
    ) -> AgencyCase | None:
        """The case under this reference, found or made, and kept; None where nothing is left to be collected."""
        said = await self._api.case_of(reference)
        if said is None:  # nobody there has heard of it, and need not hear of what is paid by now
            await self._cases.forestall(key, subscription_id)
        left = await left_to_place(self._cases, subscription_id, placed, at)
        if said is None:
            if not left:
                return None
            await self._ask_for_address(key, subscription_id, debtor)
            body = new_case(
                reference=reference, debtor=debtor, currency=currency, lines=left, kind=self._case_kind, tag=self._tag
            )
            said = await self._create(body, reference)
        lines = _as_placed(said, reference, currency, (placed, left))
        return await self._cases.keep(
            AgencyCase(
                key, AGENCY, said.id, subscription_id, currency, {line.invoice: line.placed_minor for line in lines}
            )
        )

    async def _create(self, body: bytes, reference: str) -> CaseSaid:
        """Submit it. Where the key is in use with other content and made no case, submit it as what it is now.

        That happens where Debitura turned down an earlier try and the debtor's details were mended since: its refusal
        stays stored under the key. No second case can come of it, because a reference is taken once.
        """
        try:
            return await self._api.create(body, reference, reference)
        except TurnedDown as refusal:
            if not {_KEY_IN_USE, _REFERENCE_IN_USE} & set(refusal.why):
                raise
            found = await self._api.case_of(reference)
            if found is not None:
                return found
            if _REFERENCE_IN_USE in refusal.why:
                raise AgencyAway(
                    f"debitura has a case {reference} and does not show it yet; it is tried again"
                ) from None
        return await self._api.create(body, f"{reference}-{hashlib.sha256(body).hexdigest()[:16]}", reference)

    async def _ask_for_address(self, key: str, subscription_id: str, debtor: Addressee) -> None:
        missing = missing_of_address(debtor)
        if missing:
            await self._tasks.ask_support(
                f"address/{key}",
                subscription_id,
                "the agency needs the debtor's address",
                f"Placement {key} goes to Debitura without {', '.join(missing)}, which it requires. Register the "
                "customer's address. If the placement was turned down, see `cli.py dead-letters` and replay it.",
            )

    async def _document(
        self, case: AgencyCase, reference: str, client_number: str, lines: Sequence[Line], entries: Sequence[Entry]
    ) -> None:
        """Upload what is not there yet. A document that is turned down holds up no placement: support is asked."""
        wanted = [statement(reference, client_number, lines, case.currency), history(reference, entries)]
        there = {said.file_name for said in await self._api.files(case.case_id)}
        for document in wanted:
            if document.name not in there:
                await self._upload(case, document)

    async def _upload(self, case: AgencyCase, document: Document) -> None:
        try:
            await self._api.upload(case.case_id, document)
        except TurnedDown as refusal:
            await self._tasks.ask_support(
                f"document/{case.placement_key}/{document.name}",
                case.subscription_id,
                "document not taken by debitura",
                f"Case {case.case_id} stands, but {refusal}. Upload what the agency needs in its portal by hand.",
            )


def _as_placed(said: CaseSaid, reference: str, currency: str, known: Sequence[tuple[Line, ...]]) -> tuple[Line, ...]:
    """Which of the known ways to place this debt the case is about. Raises DeliveryRefused where it is none of them."""
    try:
        theirs = minor_of(said.gross_amount, currency)
    except Unreadable as error:
        raise DeliveryRefused(
            f"case {said.id} at debitura, our {reference}: {error}; look at it in its portal"
        ) from None
    sums = {sum(line.placed_minor for line in lines): lines for lines in reversed(known)}
    if theirs in sums and (said.currency or currency).upper() == currency:
        return sums[theirs]
    expected = " or ".join(f"{decimal_text(total, currency)} {currency}" for total in sums)
    raise DeliveryRefused(
        f"case {said.id} at debitura has our reference {reference} and is about {decimal_text(theirs, currency)} "
        f"{said.currency or currency}, expected {expected}. No money moved; mend the case in its portal"
    )
