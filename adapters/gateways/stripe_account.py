"""What Stripe's own books say: the charges it made, what it took back of them, and every event it told or should have.

An event is the same object in a webhook and in the list of events, which goes back 30 days
(https://docs.stripe.com/webhooks/process-undelivered-events), so that a webhook that was lost makes the very report it
would have made. Charges are listed by when money was asked for; a PaymentIntent is made before that, at times by days.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import stripe

from adapters.gateways.needs import References
from adapters.gateways.stripe import NAME, TIMEOUT_SECONDS
from adapters.gateways.stripe_amounts import InexpressibleAmount, from_stripe
from adapters.gateways.stripe_event import Fields, StripeEvent, Unclear, event_of
from adapters.gateways.stripe_line import Line
from domain.gateways import GatewayUnavailable
from domain.money import InvalidAmount
from domain.reports import Report
from domain.witnesses import Span, Taking

PAGE = 100  # Stripe's largest
KEPT_FOR = timedelta(days=30)
"""How long Stripe shows an event."""


class ReadsEvents(Protocol):
    """What makes reports of events; `StripeWebhooks` fits."""

    @property
    def events(self) -> tuple[str, ...]: ...
    async def reports(self, event: StripeEvent) -> tuple[Report, ...]: ...


class StripeAccount:
    """Reads only. Safe for concurrent use; close it once done. All raise GatewayUnavailable where Stripe is away.

    The key needs to read Charges, Refunds, Disputes, Events and PaymentIntents.
    """

    name = NAME
    kept_for = KEPT_FOR

    def __init__(
        self,
        api_key: str,
        *,
        references: References,
        reader: ReadsEvents,
        api_url: str | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        """As `StripeGateway`; `reader` makes reports of events."""
        self._references = references
        self._reader = reader
        self._line = Line(timeout_seconds)
        client = stripe.StripeClient(
            api_key,
            http_client=self._line,
            max_network_retries=0,  # the next run asks again
            base_addresses={} if api_url is None else {"api": api_url},
        )
        self._v1 = client.v1

    async def close(self) -> None:
        """End the connections to Stripe."""
        await self._line.close_async()

    async def told(self, since: datetime, until: datetime, limit: int) -> Span:
        """The reports of every event from `since` (inclusive) to `until` (exclusive), whole seconds, oldest first."""
        listed = await self._all("events", _within(since, until) | {"types": list(self._reader.events)}, limit)
        if listed is None:
            return Span(left_out=True)
        reports: list[Report] = []
        for one in reversed(listed):
            try:
                reports += await self._reader.reports(event_of(one))
            except Unclear as missing:
                raise GatewayUnavailable(f"Stripe's list of events: no event: {missing}; ask again") from None
        return Span(reports=tuple(reports))

    async def taken(self, since: datetime, until: datetime, subscription_id: str | None, limit: int) -> Span:
        """The charges that succeeded from `since` (inclusive) to `until` (exclusive), oldest first.

        With a subscription, only those that name it: then only they count for `limit`.
        """
        listed = await self._all("charges", _within(since, until), limit)
        if listed is None:
            return Span(left_out=True)
        found = [taking for one in reversed(listed) if (taking := await self._charge(Fields(one))) is not None]
        of_it = [taking for taking in found if subscription_id in (None, taking.subscription_id)]
        return Span(takings=tuple(of_it))

    async def taking(self, charge_key: str) -> Taking | None:
        """A charge of ours as it stands, by the name that was remembered for it; None where there is none."""
        reference = await self._references.remembered(charge_key, NAME)
        return await self.shown(reference, charge_key) if reference is not None else None

    async def shown(self, reference: str, charge_key: str | None = None) -> Taking | None:
        """A PaymentIntent by its name; None where Stripe shows none."""
        try:
            told = await self._v1.payment_intents.retrieve_async(reference)
        except stripe.InvalidRequestError as error:
            if error.http_status == 404:
                return None
            raise _away("a PaymentIntent", error) from None
        except stripe.StripeError as error:
            raise _away("a PaymentIntent", error) from None
        known = await self._references.charge_of(NAME, reference)
        ours = known is not None and known.charge_key != reference
        return _intent(Fields(told.to_dict()), charge_key or (known.charge_key if known and ours else None), ours)

    async def returned(self, reference: str) -> int | None:
        """What was taken back of a PaymentIntent, refunds and disputes, as its webhooks count it: minor units.

        A refund counts from its creation, also if it fails later, and a dispute also if it is won: what comes back then
        is a payment of its own in the ledger.
        """
        of = {"payment_intent": reference}
        refunds, disputes = await self._all("refunds", of, PAGE), await self._all("disputes", of, PAGE)
        if refunds is None or disputes is None:
            return None
        lines = [Fields(one) for one in refunds]
        lines += [Fields(one) for one in disputes if not _takes_nothing(str(one.get("status", "")))]
        try:
            return sum(from_stripe(line.whole("amount"), line.text("currency")) for line in lines)
        except (Unclear, InexpressibleAmount, InvalidAmount):
            return None

    async def _charge(self, charge: Fields) -> Taking | None:
        """A charge that succeeded; None for another, and for an amount in which nobody is billed."""
        if charge.of.get("status") != "succeeded":
            return None
        intent = charge.named("payment_intent")
        known = await self._references.charge_of(NAME, intent) if intent else None
        ours = known is not None and known.charge_key != intent  # money by a link is remembered under its own name
        return _intent(charge, known.charge_key if known and ours else None, ours)

    async def _all(self, kind: str, query: dict[str, Any], limit: int) -> Sequence[dict[str, Any]] | None:
        """Everything that fits a query, newest first; None where that is more than `limit`."""
        found: list[dict[str, Any]] = []
        more: dict[str, Any] = {}
        try:
            while True:
                page = await getattr(self._v1, kind).list_async({**query, **more, "limit": PAGE})
                found += [one.to_dict() for one in page.data]
                if not page.has_more or not page.data:
                    return found
                if len(found) >= limit:
                    return None
                more = {"starting_after": page.data[-1].id}
        except stripe.StripeError as error:
            raise _away(f"its {kind}", error) from None


def _intent(thing: Fields, charge_key: str | None, remembered: bool) -> Taking | None:
    """A charge or a PaymentIntent; both have these fields by the same names."""
    about = thing.inner("metadata")
    try:
        currency = thing.text("currency").upper()
        named = thing.of.get("payment_intent")
        payer = thing.named("customer")
        return Taking(
            NAME,
            named if isinstance(named, str) else thing.text("id"),
            charge_key or about.text_or_none("charge_key"),
            about.text_or_none("subscription"),
            from_stripe(thing.whole("amount"), currency),
            currency,
            _outcome(thing.text("status")),
            datetime.fromtimestamp(thing.whole("created"), UTC),
            payer or "",
            remembered,
            bool(thing.of.get("amount_refunded")) or thing.of.get("disputed") is True,
        )
    except (Unclear, InexpressibleAmount, InvalidAmount):
        return None


def _outcome(status: str) -> Any:
    return {"succeeded": "approved", "canceled": "declined", "requires_payment_method": "declined"}.get(status, "open")


def _takes_nothing(status: str) -> bool:
    """Of a dispute: an inquiry, or one that was prevented."""
    return status.startswith("warning_") or status == "prevented"


def _within(since: datetime, until: datetime) -> dict[str, Any]:
    return {"created": {"gte": int(since.timestamp()), "lt": int(until.timestamp())}}


def _away(what: str, error: stripe.StripeError) -> GatewayUnavailable:
    said = f"{type(error).__name__} {error.http_status or ''} {error.code or ''}".strip()
    return GatewayUnavailable(f"Stripe does not show {what} ({said}); nothing was changed and no money moved")
