"""What PayPal reports by webhook, read into messages: refunds, chargebacks, payments made elsewhere, removed wallets.

A webhook is believed only after PayPal has said that it sent it (`verify-webhook-signature`). Which payment it is about
is read from PayPal's own page of the capture, never guessed from the event, whose shapes differ by kind and age.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from adapters.gateways.needs import References, Vault
from adapters.gateways.paypal import GATEWAY
from adapters.gateways.paypal_amounts import minor_of
from adapters.gateways.paypal_orders import charge_key_of
from adapters.gateways.paypal_wire import LIVE_URL, TIMEOUT_SECONDS, NotHeard, NotSent, PayPalWire, Said
from domain.effects import View
from domain.gateways import GatewayUnavailable
from domain.keys import is_identifier
from domain.money import decimal_text
from domain.quoting import legible
from domain.reports import Report, Unverified

SIGNED = ("auth-algo", "cert-url", "transmission-id", "transmission-sig", "transmission-time")
"""The headers of a webhook without their prefix `paypal-`; PayPal's verifying door names them the same, with `_`."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")
"""Ids and kinds of events: PayPal's own are shorter than 50 characters, those of vaulted wallets at most 255."""

SELLER_KEEPS = frozenset({"RESOLVED_SELLER_FAVOUR", "RESOLVED_WITH_PAYOUT", "CANCELED_BY_BUYER", "DENIED"})
"""Outcomes of a dispute after which the money stays, or PayPal bears the loss. After the others it goes back.

https://developer.paypal.com/api/customer-disputes/v1/definitions/dispute_outcome
"""


class Views(Protocol):
    """The subscription that a payment made elsewhere names, and its currency."""

    async def view(self, subscription_id: str) -> View | None: ...


@dataclass(frozen=True, slots=True)
class Payment:
    """A capture, and whose money it is. `reference` is its name in the books: a charge key, or the capture's id."""

    capture_id: str
    reference: str
    subscription_id: str | None
    ours: bool
    """Taken by a charge of these books, which count it already."""
    doubt: str = ""
    """Why nobody can say whose it is, or in which currency to count it."""


class PayPalWebhooks:
    """Reads what PayPal posts to one webhook. Safe for concurrent use; `close` it at the end."""

    def __init__(
        self,
        client_id: str,
        client_secret: str,
        webhook_id: str,
        *,
        vault: Vault,
        references: References,
        views: Views,
        api_url: str = LIVE_URL,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        """`webhook_id` is what PayPal's dashboard shows beside the subscribed URL."""
        self._wire = PayPalWire(client_id, client_secret, api_url=api_url, timeout_seconds=timeout_seconds)
        self._webhook_id = webhook_id
        self._vault = vault
        self._references = references
        self._views = views

    async def close(self) -> None:
        await self._wire.close()

    async def read(self, headers: Mapping[str, str], body: bytes) -> tuple[Report, ...]:
        """What a webhook reports, at least one report. Reading it again gives the same.

        A wallet that was removed is noted in the vault here. Raises Unverified for what PayPal did not send, and
        GatewayUnavailable where PayPal cannot be asked just now: have it send again (any status but 2xx).
        """
        return await self.reports(await self._verified(headers, body))

    async def reports(self, event: Mapping[str, Any]) -> tuple[Report, ...]:
        """What an event reports, however it came here: the same event gives the same reports. Raises as `read`."""
        try:
            event_id, what = _name(event["id"]), _name(event["event_type"])
        except (KeyError, ValueError):
            raise Unverified("PayPal webhook: no event, without id or event_type; nothing was taken in") from None
        try:
            return await self._reports(event_id, what, event["resource"])
        except (KeyError, IndexError, TypeError, AttributeError, ValueError):
            note = "could not be understood"
            task = f"PayPal's event {event_id} ({what}) {note}. Look at it in PayPal's dashboard; nothing was done."
            return (Report(GATEWAY, f"event/{event_id}", what, None, note=note, task=task),)

    async def _verified(self, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        """The event, once PayPal has said that it sent it."""
        given = {name.lower(): value for name, value in headers.items()}
        signed = {name.replace("-", "_"): given.get(f"paypal-{name}", "") for name in SIGNED}
        missing = [name for name, value in signed.items() if not (value.isascii() and value.isprintable() and value)]
        if missing:
            raise Unverified(f"PayPal webhook without {', '.join(missing)}: not from PayPal, or changed on the way")
        try:
            event = json.loads(body)
        except (ValueError, RecursionError):
            raise Unverified("PayPal webhook: no JSON; nothing was taken in") from None
        if not isinstance(event, dict):
            raise Unverified("PayPal webhook: no JSON object; nothing was taken in")
        # The event goes back byte for byte: written anew, its checksum could differ and PayPal would deny it.
        envelope = json.dumps(signed | {"webhook_id": self._webhook_id})
        request = envelope[:-1].encode() + b', "webhook_event": ' + body + b"}"
        said = await self._ask("POST", "/v1/notifications/verify-webhook-signature", request)
        if not said.ok or said.body.get("verification_status") != "SUCCESS":
            raise Unverified(
                f"PayPal webhook: PayPal says that it did not send it ({said.status}); nothing was taken in"
            )
        return event

    async def _reports(self, event_id: str, what: str, resource: Mapping[str, Any]) -> tuple[Report, ...]:
        match what:
            case "PAYMENT.CAPTURE.COMPLETED":
                return (await self._received(what, resource),)
            case "PAYMENT.CAPTURE.REFUNDED":
                return (await self._taken_back(what, resource, "refund"),)
            case "PAYMENT.CAPTURE.REVERSED":
                return (await self._taken_back(what, resource, "chargeback"),)
            case "CUSTOMER.DISPUTE.CREATED" | "CUSTOMER.DISPUTE.RESOLVED":
                return (await self._disputed(what, resource),)
            case "VAULT.PAYMENT-TOKEN.DELETED":
                return await self._wallet_removed(event_id, what, resource)
            case "PAYMENT.CAPTURE.DENIED" | "PAYMENT.CAPTURE.DECLINED" | "PAYMENT.CAPTURE.PENDING":
                note = "no money has come; a charge of ours is looked up by itself"
                return (Report(GATEWAY, f"event/{event_id}", what, None, note=note),)
            case _:
                return (Report(GATEWAY, f"event/{event_id}", what, None, note="nothing to be done for this kind"),)

    async def _received(self, what: str, capture: Mapping[str, Any]) -> Report:
        payment = await self._payment(_name(capture["id"]))
        report_id = f"capture/{payment.capture_id}"
        if payment.ours:
            note = "a charge of ours, which counts it itself"
            return Report(GATEWAY, report_id, what, payment.subscription_id, note=note, settles=payment.reference)
        if payment.subscription_id is None or payment.doubt:
            return _nobody_knows(report_id, what, payment)
        payload: dict[str, object] = {
            "id": f"paypal/{report_id}",
            "amount": _amount(capture["amount"]),
            "channel": "paypal",
            "reference": payment.reference,
        }
        return Report(GATEWAY, report_id, what, payment.subscription_id, "payment-received", payload)

    async def _taken_back(
        self, what: str, refund: Mapping[str, Any], reason: Literal["refund", "chargeback"]
    ) -> Report:
        report_id = f"{'refund' if reason == 'refund' else 'reversal'}/{_name(refund['id'])}"
        payment = await self._payment(_name(_linked_capture(refund) or refund["id"]))
        if refund.get("status") in ("FAILED", "CANCELLED"):
            return Report(GATEWAY, report_id, what, payment.subscription_id, note=f"the refund is {refund['status']}")
        if payment.subscription_id is None or payment.doubt:
            return _nobody_knows(report_id, what, payment)
        payload: dict[str, object] = {
            "id": f"paypal/{report_id}",
            "amount": _amount(refund["amount"]),
            "reference": payment.reference,
            "reason": reason,
        }
        return Report(
            GATEWAY,
            report_id,
            what,
            payment.subscription_id,
            "payment-reversed",
            payload,
            needs_payment=payment.reference,
        )

    async def _disputed(self, what: str, dispute: Mapping[str, Any]) -> Report:
        """A dispute moves no money here: what is taken back comes as a reversal or a refund of its own."""
        capture_id, dispute_id = (
            dispute["disputed_transactions"][0]["seller_transaction_id"],
            _name(dispute["dispute_id"]),
        )
        payment = await self._payment(_name(capture_id))
        about = f"PayPal's dispute {dispute_id} about payment {payment.reference}"
        if what == "CUSTOMER.DISPUTE.CREATED":
            report_id, note = f"dispute/{dispute_id}", "disputed; money stays until it is decided"
            reason = legible(str(dispute.get("reason", "no reason given")))
            task = f"{about} was opened ({reason}). Answer it at PayPal in time."
        else:
            outcome = legible(str(dispute.get("dispute_outcome", {}).get("outcome_code", "NONE")))
            report_id, note = f"dispute/{dispute_id}/resolved", f"resolved: {outcome}"
            after = (
                "The money stays; if a reversal was booked meanwhile, record the payment again."
                if outcome in SELLER_KEEPS
                else "What goes back is booked by a refund or reversal of its own; see that it has come."
            )
            task = f"{about} was resolved: {outcome}. {after}"
        return Report(GATEWAY, report_id, what, payment.subscription_id, note=note, task=task)

    async def _wallet_removed(self, event_id: str, what: str, token: Mapping[str, Any]) -> tuple[Report, ...]:
        """One message for everybody who pays by the wallet. The wallet's id is a token: it is in none of them."""
        holders = await self._vault.mark_vaulted(GATEWAY, _name(token["id"]), "removed")
        if not holders:
            note = "nobody here pays by this wallet"
            return (Report(GATEWAY, f"event/{event_id}", what, None, note=note),)
        reports = []
        for holder in holders:
            report_id = f"event/{event_id}/{holder.subscription_id}/{holder.role}"
            payload: dict[str, object] = {
                "id": f"paypal/{report_id}",
                "role": holder.role,
                "method": "paypal",
                "state": "removed",
            }
            reports.append(Report(GATEWAY, report_id, what, holder.subscription_id, "payment-method-updated", payload))
        return tuple(reports)

    async def _payment(self, capture_id: str) -> Payment:
        """Whose money a capture is, by PayPal's own page of it."""
        said = await self._ask("GET", f"/v2/payments/captures/{capture_id}")
        if said.status == 404:
            return Payment(capture_id, capture_id, None, ours=False, doubt="PayPal does not show this capture")
        if not said.ok:
            raise GatewayUnavailable(f"PayPal does not show capture {capture_id}, {said}; ask again")
        order_id = said.body.get("supplementary_data", {}).get("related_ids", {}).get("order_id")
        known = await self._references.charge_of(GATEWAY, order_id) if order_id else None
        if known is not None:
            return Payment(capture_id, charge_key_of(known.charge_key), known.subscription_id, ours=True)
        named = said.body.get("custom_id") or ""
        view = await self._views.view(named) if is_identifier(named) else None
        if view is None:
            of_ours = named.count("|") >= 2
            doubt = "a charge of ours that these books do not know" if of_ours else "names no subscription"
            return Payment(capture_id, capture_id, None, ours=False, doubt=doubt)
        currency = said.body["amount"]["currency_code"]
        doubt = (
            "" if currency == view.currency else f"paid in {currency}, the subscription's currency is {view.currency}"
        )
        return Payment(capture_id, capture_id, view.subscription_id, ours=False, doubt=doubt)

    async def _ask(self, method: str, path: str, body: bytes | None = None) -> Said:
        try:
            return await self._wire.ask(method, path, body=body)
        except (NotSent, NotHeard) as why:
            raise GatewayUnavailable(f"PayPal webhook: {why}; nothing was taken in, have it sent again") from None


def _name(said: object) -> str:
    """A name of PayPal's, which goes into addresses there and into names of ours. Raises ValueError for others."""
    if isinstance(said, str) and _NAME.fullmatch(said):
        return said
    raise ValueError("no name of PayPal's")


def _nobody_knows(report_id: str, what: str, payment: Payment) -> Report:
    task = (
        f"PayPal's capture {payment.capture_id} ({what}): {payment.doubt}. Nothing was booked; find out at PayPal "
        "whose money it is, and record or refund it."
    )
    return Report(GATEWAY, report_id, what, payment.subscription_id, note=payment.doubt, task=task)


def _linked_capture(refund: Mapping[str, Any]) -> str | None:
    """The capture that a refund belongs to: the end of its link `up`. A capture has that link too, to its order."""
    for found in refund.get("links", ()):
        path = str(found.get("href", "")).split("?")[0]
        if found.get("rel") == "up" and "/payments/captures/" in path:
            return path.rsplit("/", 1)[1]
    return None


def _amount(amount: Mapping[str, Any]) -> str:
    """The decimal string with the currency's ISO digits."""
    currency = amount["currency_code"]
    return decimal_text(minor_of(amount["value"], currency), currency)
