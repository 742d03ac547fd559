"""What PayPal's own books say: our orders by the names we remembered, and every event it told or should have.

PayPal has no list of orders. Each order of ours is known by its id, kept before money could move, and its page shows
capture and refunds (Orders v2). Events are listed by time (`GET /v1/notifications/webhooks-events`, Webhooks v1) and
are the objects that its webhooks bring. Payments made without us are known by their events alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from adapters.gateways.needs import References
from adapters.gateways.paypal import GATEWAY, ORDERS_LIMIT
from adapters.gateways.paypal_amounts import minor_of
from adapters.gateways.paypal_issues import GONE
from adapters.gateways.paypal_orders import Unreadable, charge_key_of, order_key, read_order
from adapters.gateways.paypal_wire import LIVE_URL, TIMEOUT_SECONDS, NotHeard, NotSent, PayPalWire, Said
from domain.gateways import GatewayUnavailable
from domain.money import InvalidAmount
from domain.reports import Report
from domain.witnesses import Span, Taking

PAGE = (
    100  # events of one answer; PayPal documents a default of 10 and no largest: `next` is followed, however many come
)
PAGES = 1000  # of one span; a list whose `next` never ends must not hold us for ever
KEPT_FOR = timedelta(days=30)
"""How long PayPal shows an event. Assumption: its dashboard shows 30 days, and the API documents no other span."""


class Named(Protocol):
    """Which names of a gateway's charges were remembered when; the books in PostgreSQL fit."""

    async def named_between(
        self, gateway: str, since: datetime, until: datetime, subscription_id: str | None, limit: int
    ) -> Sequence[tuple[str, str, str]]:
        """The key, the gateway's reference and the subscription of each, oldest first; at most `limit`."""


class ReadsEvents(Protocol):
    """What makes reports of events; `PayPalWebhooks` fits."""

    async def reports(self, event: Mapping[str, Any]) -> tuple[Report, ...]: ...


class PayPalAccount:
    """Reads only. Safe for concurrent use; `close` it. All raise GatewayUnavailable where PayPal is away."""

    name = GATEWAY
    kept_for = KEPT_FOR

    def __init__(
        self,
        client_id: str,
        client_secret: str,
        *,
        references: References,
        named: Named,
        reader: ReadsEvents,
        api_url: str = LIVE_URL,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._wire = PayPalWire(client_id, client_secret, api_url=api_url, timeout_seconds=timeout_seconds)
        self._references = references
        self._named = named
        self._reader = reader

    async def close(self) -> None:
        await self._wire.close()

    async def told(self, since: datetime, until: datetime, limit: int) -> Span:
        """The reports of every event from `since` (inclusive) to `until` (exclusive), oldest first."""
        path = (
            f"/v1/notifications/webhooks-events?page_size={PAGE}&start_time={_instant(since)}"
            f"&end_time={_instant(until - timedelta(seconds=1))}"
        )
        found: dict[str, Mapping[str, Any]] = {}
        for _ in range(PAGES):
            said = await self._ask(path)
            if not said.ok:
                raise GatewayUnavailable(f"PayPal does not list its events, {said}; nothing was changed")
            listed = said.body.get("events", [])
            found |= {str(event.get("id", "")): event for event in listed}
            after = _next(said.body)
            if not listed or after is None:
                break
            if len(found) >= limit:
                return Span(left_out=True)
            path = after
        ordered = sorted(found.values(), key=lambda event: str(event.get("create_time", "")))
        reports: list[Report] = []
        for event in ordered:
            reports += await self._reader.reports(event)
        return Span(reports=tuple(reports))

    async def taken(self, since: datetime, until: datetime, subscription_id: str | None, limit: int) -> Span:
        """The orders that were made for our charges from `since` (inclusive) to `until` (exclusive), as they stand."""
        names = await self._named.named_between(GATEWAY, since, until, subscription_id, limit + 1)
        if len(names) > limit:
            return Span(left_out=True)
        found = []
        for key, reference, owner in names:
            taking = await self._order(reference, charge_key_of(key), owner)
            if taking is not None:
                found.append(taking)
        return Span(takings=tuple(found))

    async def taking(self, charge_key: str) -> Taking | None:
        """A charge of ours as it stands: its order that was captured, else its newest; None where there is none."""
        newest = None
        for ordinal in range(1, ORDERS_LIMIT + 1):
            reference = await self._references.remembered(order_key(charge_key, ordinal), GATEWAY)
            if reference is None:
                break
            found = await self._order(reference, charge_key, None)
            if found is not None and (newest is None or newest.outcome != "approved"):
                newest = found
        return newest

    async def shown(self, reference: str) -> Taking | None:
        """A payment by the name under which the books count it: an order or, where it is none of ours, a capture."""
        return await self._order(reference, None, None)

    async def returned(self, reference: str) -> int | None:
        """What was refunded of an order's capture, minor units; None where its page does not tell.

        Assumption: a chargeback stands among the refunds of the order's page, as PayPal sends it as an object of the
        same shape (PAYMENT.CAPTURE.REVERSED); where it does not, it is told by its event alone.
        """
        said = await self._ask(f"/v2/checkout/orders/{reference}")
        if not said.ok:
            return None
        try:
            refunds = said.body["purchase_units"][0].get("payments", {}).get("refunds", [])
            return sum(
                minor_of(refund["amount"]["value"], refund["amount"]["currency_code"])
                for refund in refunds
                if refund.get("status") not in ("FAILED", "CANCELLED")
            )
        except (KeyError, IndexError, TypeError, AttributeError, InvalidAmount):
            return None

    async def _order(self, reference: str, charge_key: str | None, subscription_id: str | None) -> Taking | None:
        """An order as it stands; None where PayPal has dropped it, as it does with those that nobody captured."""
        said = await self._ask(f"/v2/checkout/orders/{reference}")
        if not said.ok:
            if GONE & {*said.issues()}:
                return None
            raise GatewayUnavailable(f"PayPal does not show an order, {said}; nothing was changed")
        try:
            order = read_order(said.body)
            captures = said.body["purchase_units"][0].get("payments", {}).get("captures", [])
        except (Unreadable, KeyError, IndexError, TypeError, AttributeError) as why:
            raise GatewayUnavailable(f"PayPal's order cannot be read ({type(why).__name__}); nothing changed") from None
        refunded = any(capture.get("status") in ("REFUNDED", "PARTIALLY_REFUNDED") for capture in captures)
        match order.standing:
            case "approved" | "declined" as outcome:
                stands = outcome
            case _:
                return Taking(GATEWAY, order.id, charge_key, subscription_id, order.minor, order.currency, "open")
        return Taking(
            GATEWAY, order.id, charge_key, subscription_id, order.minor, order.currency, stands, gives_back=refunded
        )

    async def _ask(self, path: str) -> Said:
        try:
            return await self._wire.ask("GET", path)
        except (NotSent, NotHeard) as why:
            raise GatewayUnavailable(f"PayPal: {why}; nothing was changed and no money moved") from None


def _next(body: Mapping[str, Any]) -> str | None:
    """The path of the next page, by its link; the host is our own setting, never the answer's."""
    for found in body.get("links", ()):
        if found.get("rel") == "next":
            href = str(found.get("href", ""))
            _, found_path, rest = href.partition("/v1/notifications/")
            return found_path + rest if rest else None
    return None


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
