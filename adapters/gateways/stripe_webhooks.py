"""What Stripe reports by webhook, as our messages: money given back, disputes, methods, payments that are no charge.

Stripe delivers events in any order, and more than once (https://docs.stripe.com/webhooks#event-ordering). So a report
is named for what happened to which thing, not for the event; and what undoes a report always brings that one along.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, Literal, Protocol, cast

from adapters.gateways.needs import References, Vault
from adapters.gateways.stripe_event import StripeEvent, Unclear, read_event
from domain.effects import View
from domain.gateways import Holder, Vaulted
from domain.keys import short_digest
from domain.reports import Report
from domain.subscription import Role

NAME: Final = "stripe"
ROLES: Final[dict[str, Role]] = {"primary": "primary", "secondary": "secondary"}
TOLERANCE_SECONDS = 300  # Stripe's own default: a webhook that is older may be a replay

Reports = tuple[Report, ...]


class Keeps(Protocol):
    """A vault that new methods can be put into; the books in PostgreSQL fit."""

    async def keep_vaulted(
        self, subscription_id: str, role: Role, method: Vaulted, told_at: datetime | None = None
    ) -> bool: ...


class StripeVault(Vault, Keeps, Protocol):
    """All that webhooks need of the vault."""


class Views(Protocol):
    """Which subscriptions there are, and in which currency."""

    async def view(self, subscription_id: str) -> View | None: ...


class StripeWebhooks:
    """Reads webhooks of one endpoint. Safe for concurrent use; it owns no connection."""

    def __init__(
        self,
        secret: str,
        *,
        vault: StripeVault,
        references: References,
        views: Views,
        tolerance_seconds: int = TOLERANCE_SECONDS,
    ) -> None:
        """`secret` is the endpoint's own signing secret (`whsec_...`)."""
        self._secret = secret
        self._vault = vault
        self._references = references
        self._views = views
        self._tolerance_seconds = tolerance_seconds
        self._readers: dict[str, Callable[[StripeEvent], Coroutine[None, None, Reports]]] = {
            "payment_intent.succeeded": self._paid,
            "payment_intent.payment_failed": self._not_paid,
            "refund.created": self._refunded,
            "refund.updated": self._refunded,
            "refund.failed": self._refunded,
            "charge.dispute.created": self._disputed,
            "charge.dispute.updated": self._disputed,
            "charge.dispute.funds_withdrawn": self._disputed,
            "charge.dispute.funds_reinstated": self._disputed,
            "charge.dispute.closed": self._disputed,
            "payment_method.updated": self._method_updated,
            "payment_method.automatically_updated": self._method_updated,
            "payment_method.detached": self._method_detached,
            "customer.deleted": self._customer_deleted,
            "setup_intent.succeeded": self._set_up,
        }

    @property
    def events(self) -> tuple[str, ...]:
        """The types of events to subscribe the endpoint to; others do no harm."""
        return tuple(self._readers)

    async def read(self, headers: Mapping[str, str], body: bytes) -> Reports:
        """What a webhook reports; its method's state is noted in the vault already.

        Raises domain.reports.Unverified for a signature, a time or a body that cannot be trusted.
        """
        return await self.reports(read_event(headers, body, self._secret, self._tolerance_seconds))

    async def reports(self, event: StripeEvent) -> Reports:
        """What an event reports, however it came here: the same event gives the same reports."""
        reader = self._readers.get(event.type)
        if reader is None:
            return (_nothing(event, "this kind of event asks for nothing"),)
        try:
            return await reader(event)
        except Unclear as missing:
            task = f"Stripe's event {event.id} ({event.type}) could not be understood: {missing}. Look at it there."
            return (_nothing(event, f"could not be understood: {missing}", task=task),)

    # Payments

    async def _paid(self, event: StripeEvent) -> Reports:
        """A payment that is none of our charges, such as one by a payment link, is money received."""
        reference = event.thing.text("id")
        known = await self._references.charge_of(NAME, reference)
        if event.charge_key or (known is not None and known.charge_key != reference):
            key = known.charge_key if known is not None else event.charge_key
            return (_nothing(event, "own charge: the charge's own answer counts", settles=key),)
        subscription_id = event.subscription_id
        if subscription_id is None:
            return (_nothing(event, "a payment that names no subscription"),)
        view, currency = await self._views.view(subscription_id), event.thing.text("currency").upper()
        if view is None or view.currency != currency:
            kept = f"the subscription's currency is {view.currency}" if view else "there is no such subscription"
            task = f"Payment {reference} at Stripe, in {currency}, names subscription {subscription_id}, but {kept}. "
            task += "It was counted nowhere: give it back there, or record what it is worth."
            return (_nothing(event, f"paid in {currency}; {kept}", task=task),)
        # kept under its own name, so that its refunds and disputes find the subscription
        await self._references.remember(reference, NAME, reference, subscription_id=subscription_id)
        return (_received(event, reference, subscription_id, event.thing.amount("amount_received"), reference),)

    async def _not_paid(self, event: StripeEvent) -> Reports:
        own = event.charge_key or await self._references.charge_of(NAME, event.thing.text("id"))
        return (_nothing(event, "own charge: the charge's own answer counts" if own else "nothing was paid"),)

    # Money that goes back

    async def _refunded(self, event: StripeEvent) -> Reports:
        """A refund counts from its creation. One that fails is told as both: given back, and returned to us."""
        id_, status = event.thing.text("id"), event.thing.text("status")
        taken = await self._reversed(event, f"refund/{id_}", "refund")
        if status not in ("failed", "canceled") or not taken.signal:
            return (taken,)
        return (taken, await self._back(event, f"refund/{id_}/failed", f"{id_}/failed", taken))

    async def _disputed(self, event: StripeEvent) -> Reports:
        """A dispute takes the money at once, an inquiry (`warning_...`) takes none, and winning gives it back."""
        id_, status = event.thing.text("id"), event.thing.text("status")
        if status.startswith("warning_") or status == "prevented":
            if event.type != "charge.dispute.created":
                return (await self._silent(event, f"dispute/{id_}/{status}", "an inquiry, which takes no money"),)
            said = "A bank asks about a payment at Stripe; no money was taken. Answer it there before it is a dispute."
            return (await self._silent(event, f"dispute/{id_}/inquiry", "an inquiry takes no money", task=said),)
        taken = await self._reversed(event, f"dispute/{id_}", "chargeback")
        if status == "won" and taken.signal:
            return (taken, await self._back(event, f"dispute/{id_}/won", f"{id_}/won", taken))
        if status == "lost":
            return (taken, await self._silent(event, f"dispute/{id_}/lost", "lost: the money stays with the customer"))
        return (taken,)

    async def _reversed(self, event: StripeEvent, report_id: str, reason: Literal["refund", "chargeback"]) -> Report:
        payment = event.thing.named("payment_intent")
        known = await self._references.charge_of(NAME, payment) if payment else None
        if known is None:
            return Report(
                source=NAME,
                id=f"{report_id}/unknown",
                what=event.type,
                subscription_id=None,
                note=f"a {reason} of a payment that is not in our books",
                task=f"Stripe tells of a {reason} ({report_id}) of a payment that we do not know. If it belongs to a "
                "subscription, record the reversal there.",
            )
        payload: dict[str, object] = {
            "id": f"{NAME}/{report_id}",
            "amount": event.thing.amount(),
            "reference": known.charge_key,
            "reason": reason,
        }
        return Report(
            source=NAME,
            id=report_id,
            what=event.type,
            subscription_id=known.subscription_id,
            signal="payment-reversed",
            payload=payload,
            needs_payment=known.charge_key,
        )

    async def _back(self, event: StripeEvent, report_id: str, reference: str, taken: Report) -> Report:
        """The same money received again; it waits for the same payment as the report that took it."""
        back = _received(
            event, report_id, cast(str, taken.subscription_id), event.thing.amount(), reference, taken.needs_payment
        )
        return replace(back, undoes=taken.id)

    async def _silent(self, event: StripeEvent, report_id: str, note: str, task: str = "") -> Report:
        payment = event.thing.named("payment_intent")
        known = await self._references.charge_of(NAME, payment) if payment else None
        subscription_id = known.subscription_id if known else None
        return Report(NAME, report_id, event.type, subscription_id, note=note, task=task)

    # Methods

    async def _method_updated(self, event: StripeEvent) -> Reports:
        """New details of a card, by the customer or its network: it can be charged again, unless they have run out."""
        if event.type == "payment_method.updated" and "card" not in event.before.of:
            return (_nothing(event, "nothing about the card itself has changed"),)
        method, card = event.thing.text("id"), event.thing.inner("card")
        year, month = card.whole("exp_year"), card.whole("exp_month")
        if not (2000 <= year <= 2200 and 1 <= month <= 12):
            raise Unclear("no month in exp_year and exp_month")
        if event.thing.named("customer") is None or await self._is_removed(method):
            return (_nothing(event, "a method that was removed stays removed"),)
        ended = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)  # a card is good through its last month
        state: Literal["usable", "expired"] = "expired" if ended <= event.at else "usable"
        holders = await self._vault.mark_vaulted(NAME, method, state, event.at)
        return _each(event, holders, f"{short_digest(method)}/{year}-{month:02d}", state)

    async def _method_detached(self, event: StripeEvent) -> Reports:
        method = event.thing.text("id")
        holders = await self._vault.mark_vaulted(NAME, method, "removed")
        return _each(event, holders, f"{short_digest(method)}/removed", "removed")

    async def _customer_deleted(self, event: StripeEvent) -> Reports:
        """With a customer all their methods are gone, and Stripe tells only of the customer."""
        reports: list[Report] = []
        for holder in await self._vault.holders_of_payer(NAME, event.thing.text("id")):
            kept = await self._vault.vaulted(holder.subscription_id, holder.role)
            if kept is not None:
                await self._vault.mark_vaulted(NAME, kept.method, "removed")
                reports += _each(event, [holder], f"{short_digest(kept.method)}/removed", "removed")
        return tuple(reports) or (_nothing(event, "nobody pays by a method of this customer"),)

    async def _set_up(self, event: StripeEvent) -> Reports:
        """A new method that the customer has set up for a subscription, named in the SetupIntent's metadata."""
        id_, subscription_id = event.thing.text("id"), event.subscription_id
        role = ROLES.get(event.thing.inner("metadata").text_or_none("role") or "primary")
        method, payer = event.thing.named("payment_method"), event.thing.named("customer")
        if subscription_id is None or role is None:
            return (_nothing(event, "a set-up that names no subscription, or no role that there is"),)
        if method is None or payer is None:
            raise Unclear("no payment_method, or no customer to charge it by")
        holder = Holder(subscription_id, role)
        if await self._references.charge_of(NAME, id_) is None:  # told again, it must not undo a later change
            if not await self._vault.keep_vaulted(subscription_id, role, Vaulted(NAME, payer, method), event.at):
                return (_nothing(event, "older than what is kept: the customer has set up another method since"),)
            await self._references.remember(f"setup/{id_}", NAME, id_, subscription_id=subscription_id)
        return (_changed(event, holder, f"setup/{id_}", None),)

    async def _is_removed(self, method: str) -> bool:
        """Whether a method was detached: Stripe lets nobody attach it again, so a later update is an older event."""
        for holder in await self._vault.holders_of(NAME, method):
            kept = await self._vault.vaulted(holder.subscription_id, holder.role)
            if kept is not None and kept.method == method and kept.state == "removed":
                return True
        return False


def _nothing(event: StripeEvent, note: str, task: str = "", settles: str | None = None) -> Report:
    return Report(NAME, event.id, event.type, event.subscription_id, note=note, task=task, settles=settles)


def _received(
    event: StripeEvent,
    report_id: str,
    subscription_id: str,
    amount: str,
    reference: str,
    needs_payment: str | None = None,
) -> Report:
    payload: dict[str, object] = {
        "id": f"{NAME}/{report_id}",
        "amount": amount,
        "channel": "card",
        "reference": reference,
    }
    return Report(
        source=NAME,
        id=report_id,
        what=event.type,
        subscription_id=subscription_id,
        signal="payment-received",
        payload=payload,
        needs_payment=needs_payment,
    )


def _each(
    event: StripeEvent,
    holders: Sequence[Holder],
    change: str,
    state: Literal["usable", "expired", "removed"],
) -> Reports:
    """One report for everybody who pays by a method. `change` names method and change, and gives neither away."""
    told = tuple(
        _changed(event, holder, f"method/{change}/{holder.subscription_id}/{holder.role}", state) for holder in holders
    )
    return told or (_nothing(event, "nobody pays by this method"),)


def _changed(
    event: StripeEvent, holder: Holder, report_id: str, state: Literal["usable", "expired", "removed"] | None
) -> Report:
    """`state` None: a new method, which the subscription pays by from now on; else how the one it has stands."""
    payload: dict[str, object] = {"id": f"{NAME}/{report_id}", "role": holder.role, "method": "card"}
    if state is not None:
        payload["state"] = state
    return Report(
        source=NAME,
        id=report_id,
        what=event.type,
        subscription_id=holder.subscription_id,
        signal="payment-method-updated",
        payload=payload,
    )
