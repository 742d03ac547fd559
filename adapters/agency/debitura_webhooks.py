"""Debitura's webhooks as reports. A webhook only says where to look: money and states are read from the API.

So what a webhook's body leaves out, delays or gets out of order does no harm, and a payment whose own webhook was lost
is reported by the next one of its case. Signature and window as in https://docs.debitura.com/developer-concepts/webhooks
(read in November 2026): `X-Debitura-Signature: t=<seconds>,v1=<hex>`, HMAC-SHA256 of `<t>.<body>`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import time
from collections.abc import Callable, Mapping
from typing import Literal

from pydantic import ValidationError

from adapters.agency.closing import outcome_of
from adapters.agency.debitura import AGENCY
from adapters.agency.debitura_api import DebituraApi, NotAtDebitura
from adapters.agency.debitura_models import CaseSaid, EventSaid, PaymentSaid, Unreadable, minor_of, read_json, word
from adapters.agency.needs import AgencyCase, AgencyPayment, Cases
from domain.money import decimal_text
from domain.reports import Report, Unverified

WINDOW_SECONDS = 300  # how far the signature's time may be off, either way
SIGNATURE = "x-debitura-signature"
EVENTS = ("case.updated", "case.closed", "payment.created", "payment.deleted", "chat.created")
"""What to subscribe to. `case.created` tells nothing new to who has made the case."""

_WAITS_FOR_US: Mapping[str, str] = {
    "needsadditionaldetails": "the agency needs more information",
    "moreinforequired": "the agency needs more information",
    "pendingcontractsigning": "a contract with the agency has to be signed",
    "leadsquotegiven": "a quote for further action waits to be accepted or declined",
    "quotegivenbypartner": "a quote for further action waits to be accepted or declined",
    "pendingquoteselection": "a quote for further action waits to be accepted or declined",
    "merged": "the case was merged into another one; what happens there does not come back by itself",
}
"""Lifecycles in which a case stands still until somebody on our side does something."""


class DebituraWebhooks:
    """Reads what Debitura sends. The same event, and another about the same payment or closure, gives the same ids."""

    def __init__(self, secret: str, *, api: DebituraApi, cases: Cases, clock: Callable[[], float] = time.time) -> None:
        """`secret` is the Base64 text that Debitura showed once. Raises ValueError where it is none."""
        try:
            self._secret = base64.b64decode(secret, validate=True)
        except binascii.Error:
            raise ValueError("the webhook secret of Debitura is not Base64; copy it as it was shown") from None
        if not self._secret:
            raise ValueError("the webhook secret of Debitura is empty")
        self._api = api
        self._cases = cases
        self._clock = clock

    async def read(self, headers: Mapping[str, str], body: bytes) -> tuple[Report, ...]:
        """What a webhook means. Raises Unverified, and AgencyAway where Debitura could not be asked about it.

        In the latter case answer with an error, so that Debitura sends it again.
        """
        event = self._verified(headers, body)
        case_id = event.data.case_id
        case = await self._cases.find(AGENCY, case_id)
        if case is None:
            return (_unknown(event),)
        try:
            match event.event:
                case "payment.created":
                    return await self._money(event, case, event.data.payment_id)
                case "payment.deleted":
                    return (await self._undone(event, case),)
                case "case.closed":
                    return await self._closed(event, case)
                case "case.updated":
                    return await self._updated(event, case)
                case "chat.created":
                    return (*await self._disputed(event, case), await self._chat(event, case))
                case _:
                    return (_report(event, case, f"event/{event.id}", note="nothing to be done"),)
        except NotAtDebitura:
            return (_report(event, case, f"event/{event.id}", note=f"debitura has no case {case_id} any more"),)

    async def told(self, case_id: str) -> tuple[Report, ...]:
        """The same for a case by the agency's own name; nothing for one that was not placed from here."""
        case = await self._cases.find(AGENCY, case_id)
        return await self.sweep(case) if case is not None else ()

    async def sweep(self, case: AgencyCase) -> tuple[Report, ...]:
        """What a case's webhooks would have said, for those that never came; deleted payments excepted."""
        said = await self._api.case(case.case_id)
        event = EventSaid.model_validate(
            {"id": f"sweep/{case.case_id}", "event": "sweep", "data": {"caseId": case.case_id}}
        )
        if word(said.lifecycle) == "closed":
            return await self._closed(event, case)
        return (*await self._money(event, case), *_dispute(event, case, said))

    def _verified(self, headers: Mapping[str, str], body: bytes) -> EventSaid:
        found = {name.lower(): value for name, value in headers.items()}.get(SIGNATURE, "")
        parts = [part.strip().partition("=") for part in found.split(",")]
        times = [value for name, _, value in parts if name == "t"]
        signatures = [value for name, _, value in parts if name == "v1"]
        if len(times) != 1 or not re.fullmatch(r"[0-9]{1,12}", times[0]) or not signatures:
            raise Unverified("debitura: the signature is missing or malformed; nothing was taken in")
        if abs(self._clock() - int(times[0])) > WINDOW_SECONDS:
            raise Unverified(f"debitura: signed more than {WINDOW_SECONDS} s from now; nothing was taken in")
        expected = hmac.new(self._secret, times[0].encode() + b"." + body, hashlib.sha256).hexdigest().encode()
        if not any(hmac.compare_digest(expected, given.encode()) for given in signatures):
            raise Unverified("debitura: the signature does not match; nothing was taken in")
        try:
            return EventSaid.model_validate(read_json(body))
        except (Unreadable, ValidationError):
            raise Unverified("debitura: the body is not an event as documented; nothing was taken in") from None

    async def _money(self, event: EventSaid, case: AgencyCase, announced: str | None = None) -> tuple[Report, ...]:
        """One report for each payment on the case, reported before or not; their ids tell."""
        listed = await self._api.payments(case.case_id)
        reports = [await self._payment(event, case, said) for said in listed]
        if announced is not None and announced not in {said.id for said in listed}:
            reports.append(
                _report(
                    event,
                    case,
                    f"event/{event.id}",
                    note=f"payment {announced} is not listed",
                    task=f"Debitura announced payment {announced} on case {case.case_id} and does not list it. If its "
                    "portal shows it, have the webhook sent again there; if it was deleted, nothing is to be done.",
                )
            )
        return tuple(reports)

    async def _payment(self, event: EventSaid, case: AgencyCase, said: PaymentSaid) -> Report:
        id_ = f"payment/{said.id}"
        shown = f"{said.gross_amount} {said.currency or case.currency}"
        try:
            minor = minor_of(said.gross_amount, case.currency)
        except Unreadable:
            minor = 0
        paid_to = said.paid_to
        if minor <= 0 or (said.currency or case.currency).upper() != case.currency or paid_to is None:
            return _report(
                event,
                case,
                id_,
                note="not understood",
                task=f"Debitura reports a payment of {shown} on case {case.case_id} ({said.id}) that cannot be booked "
                "by itself: its amount, its currency or who has the money is not clear. Expected "
                f"{case.currency}. Look at it in the portal and record it by hand.",
            )
        kept = await self._cases.keep_payment(case, said.id, minor, paid_to=paid_to)
        if kept.minor != minor:
            return _report(
                event,
                case,
                f"payment/{said.id}/{minor}",
                note="its amount was changed",
                task=f"Debitura changed payment {said.id} on case {case.case_id} to {shown}; it was taken in as "
                f"{decimal_text(kept.minor, case.currency)}. Reverse it and record it anew.",
            )
        if paid_to == "us":
            return _report(
                event,
                case,
                id_,
                note="paid to us directly: it is counted where it arrives",
                task=f"Debitura says that {shown} for case {case.case_id} was paid to us directly ({said.id}). It is "
                "not counted again here: see that it has arrived, at the gateway or the bank. The agency will invoice "
                "its fee.",
            )
        return self._counted(event, case, kept, id_)

    def _counted(self, event: EventSaid, case: AgencyCase, kept: AgencyPayment, id_: str) -> Report:
        """A payment that the agency holds, up to what was placed: what exceeds it are its own fees and interest."""
        over = kept.minor - kept.counted_minor
        task = ""
        if over:
            task = (
                f"Of payment {kept.payment_id} on case {case.case_id}, {decimal_text(over, case.currency)} "
                f"{case.currency} is more than was placed. It is taken for the agency's fees and interest and not "
                "counted; compare its payout."
            )
        if not kept.counted_minor:
            return _report(event, case, id_, note="more than was placed: nothing of it is counted", task=task)
        payload: dict[str, object] = {
            "id": f"{AGENCY}/{id_}",
            "amount": decimal_text(kept.counted_minor, case.currency),
            "channel": "agency",
            "reference": f"{AGENCY}/{kept.payment_id}",
        }
        if len(case.lines) == 1:
            payload["invoice"] = next(iter(case.lines))  # with several, the oldest open one is paid first
        return _report(event, case, id_, signal="payment-received", payload=payload, task=task)

    async def _undone(self, event: EventSaid, case: AgencyCase) -> Report:
        payment_id = event.data.payment_id
        kept = await self._cases.undo_payment(AGENCY, payment_id) if payment_id else None
        if kept is None or not kept.counted_minor:
            return _report(event, case, f"event/{event.id}", note="a payment was deleted that was not counted")
        id_ = f"payment/{kept.payment_id}/deleted"
        reference = f"{AGENCY}/{kept.payment_id}"
        payload: dict[str, object] = {
            "id": f"{AGENCY}/{id_}",
            "amount": decimal_text(kept.counted_minor, case.currency),
            "reference": reference,
            "reason": "bounced",
        }
        return _report(event, case, id_, signal="payment-reversed", payload=payload, needs_payment=reference)

    async def _updated(self, event: EventSaid, case: AgencyCase) -> tuple[Report, ...]:
        said = await self._api.case(case.case_id)
        waits = _WAITS_FOR_US.get(word(event.data.new_lifecycle or said.lifecycle))
        task = f"Case {case.case_id} at Debitura: {waits}. See its portal." if waits else ""
        now = word(said.lifecycle) or "unknown"
        return (
            *_dispute(event, case, said),
            _report(event, case, f"event/{event.id}", note=f"lifecycle {now}", task=task),
        )

    async def _disputed(self, event: EventSaid, case: AgencyCase) -> tuple[Report, ...]:
        return _dispute(event, case, await self._api.case(case.case_id))

    async def _chat(self, event: EventSaid, case: AgencyCase) -> Report:
        theirs = [said.id for said in await self._api.chats(case.case_id) if not said.ours]
        if not theirs:
            return _report(event, case, f"event/{event.id}", note="our own message")
        return _report(
            event,
            case,
            f"chat/{theirs[-1]}",
            note="a message from the agency",
            task=f"The agency wrote to the chat of case {case.case_id} at Debitura. Read and answer it in the portal.",
        )

    async def _closed(self, event: EventSaid, case: AgencyCase) -> tuple[Report, ...]:
        """The payments first, then what the closure means for what was not paid."""
        said = await self._api.case(case.case_id)
        money = await self._money(event, case)
        if word(said.lifecycle) != "closed":
            return (*money, _report(event, case, f"event/{event.id}", note="the case is open again"))
        code = said.close_code or "without a close code"
        await self._cases.close(case, code)
        settled = await self._cases.paid(case) + await self._cases.recalled(case)
        beside = await self._cases.open_beside(case)
        outcome = outcome_of(code, left_minor=case.minor - settled, open_beside=beside)
        left = decimal_text(max(0, case.minor - settled), case.currency)
        reports = [
            _report(
                event,
                case,
                f"case/{case.case_id}/closed/{status}",
                signal="agency-update",
                payload={"id": f"{AGENCY}/case/{case.case_id}/{status}", "status": status, "reason": code},
            )
            for status in outcome.statuses
        ]
        task = ""
        if outcome.ask:
            task = f"Debitura closed case {case.case_id} as {code!r}; {left} {case.currency} of it is not settled: " + (
                outcome.ask
            )
        return (*money, *reports, _report(event, case, f"case/{case.case_id}/closed", note=f"as {code}", task=task))


def _dispute(event: EventSaid, case: AgencyCase, said: CaseSaid) -> tuple[Report, ...]:
    """That the debtor disputes the claim, once for each case."""
    if not said.disputed:
        return ()
    payload: dict[str, object] = {"id": f"{AGENCY}/case/{case.case_id}/disputed", "status": "disputed"}
    return (_report(event, case, f"case/{case.case_id}/disputed", signal="agency-update", payload=payload),)


def _unknown(event: EventSaid) -> Report:
    """An event about a case that is not ours. Money on it is somebody's, so that support looks."""
    case_id = event.data.case_id
    money = event.event in ("payment.created", "payment.deleted", "case.closed")
    return Report(
        AGENCY,
        f"event/{event.id}",
        event.event,
        None,
        note=f"case {case_id} was not placed from here",
        task=f"Debitura reports {event.event} on case {case_id}, which was not placed from here. See whose it is."
        if money
        else "",
    )


def _report(
    event: EventSaid,
    case: AgencyCase,
    id_: str,
    *,
    signal: Literal["", "payment-received", "payment-reversed", "agency-update"] = "",
    payload: dict[str, object] | None = None,
    note: str = "",
    task: str = "",
    needs_payment: str | None = None,
) -> Report:
    return Report(AGENCY, id_, event.event, case.subscription_id, signal, payload or {}, note, task, needs_payment)
