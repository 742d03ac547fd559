"""PayPal as a payment gateway: a vaulted wallet is charged by an order that is made first and captured then.

Making the order moves nothing, and its id is kept before the capture is asked for. PayPal captures an order once,
however often it is asked, so that whatever breaks on the way, the order's own page tells the truth afterwards; unlike
PayPal's idempotency keys, which it forgets after six hours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from adapters.gateways import paypal_issues as issues
from adapters.gateways.needs import References, Vault
from adapters.gateways.paypal_amounts import NotPayable, value_of
from adapters.gateways.paypal_orders import Order, Unreadable, make_request, order_key, read_order, request_id
from adapters.gateways.paypal_wire import LIVE_URL, TIMEOUT_SECONDS, NotHeard, NotSent, PayPalWire, Said
from domain.effects import Charge
from domain.gateways import GatewayAnswer, GatewaySilent, GatewayUnavailable
from domain.subscription import MethodKind

GATEWAY = "paypal"

ORDERS_LIMIT = 8  # orders made for one charge; each but the last has expired uncaptured, which takes hours

UsagePattern = Literal[
    "RECURRING_PREPAID",
    "RECURRING_POSTPAID",
    "SUBSCRIPTION_PREPAID",
    "SUBSCRIPTION_POSTPAID",
    "UNSCHEDULED_PREPAID",
    "UNSCHEDULED_POSTPAID",
]
"""What the customer agreed to when the wallet was vaulted, in PayPal's words."""


class PayPalGateway:
    """Charges vaulted wallets. Safe for concurrent use; `close` it at the end."""

    def __init__(
        self,
        client_id: str,
        client_secret: str,
        *,
        vault: Vault,
        references: References,
        api_url: str = LIVE_URL,
        timeout_seconds: float = TIMEOUT_SECONDS,
        usage_pattern: UsagePattern = "SUBSCRIPTION_PREPAID",
    ) -> None:
        """`usage_pattern` is what was said when the wallets were vaulted; by default, a fixed price in advance."""
        self._wire = PayPalWire(client_id, client_secret, api_url=api_url, timeout_seconds=timeout_seconds)
        self._vault = vault
        self._references = references
        self._usage_pattern = usage_pattern

    async def close(self) -> None:
        await self._wire.close()

    async def charge(self, charge: Charge, *, subscription_id: str, timezone: str) -> GatewayAnswer:
        """Take the money from the wallet that is vaulted for the role, or decline. The same key is the same charge.

        Raises GatewayUnavailable where no money moved, GatewaySilent where it may have, ValueError for a key that is
        known with another amount.
        """
        key = charge.charge_key
        ordinal, order = await self._newest_order(key)
        if order is not None:
            _same_amount(charge, order)
            if order.standing != "open":
                return _answer(key, order)
        wallet = await self._vault.vaulted(subscription_id, charge.role)
        if wallet is None or wallet.gateway != GATEWAY or wallet.state == "removed":
            if order is not None:  # its capture may be on its way; a decline would let another method be charged
                raise GatewaySilent(
                    f"charge {key}: its wallet is gone, its order is open; looked up until that expires"
                )
            return GatewayAnswer("declined", "no_such_payment_method")
        if order is None:
            made = await self._make_order(charge, subscription_id, ordinal)
            if isinstance(made, GatewayAnswer):
                return made
            order = made
            if order.standing != "open":
                return _answer(key, order)
        return await self._capture(charge, order, wallet.method, ordinal)

    async def look_up(self, charge_key: str, *, subscription_id: str, method: MethodKind) -> GatewayAnswer:
        """What became of a charge. `not_found`: no order was made, or none was captured. Raises as `charge`."""
        _, order = await self._newest_order(charge_key)
        if order is None or order.standing == "open":
            return GatewayAnswer("not_found")
        return _answer(charge_key, order)

    async def refund(self, charge_key: str, *, refund_key: str, minor: int, currency: str) -> str:
        """Give back `minor` of what a charge took; gives PayPal's id of the refund. The same key is the same refund.

        The books hear of it by the webhook PAYMENT.CAPTURE.REFUNDED. Raises as `charge`, and ValueError where PayPal
        refuses: nothing was taken under that key, or less than is asked back.
        """
        _, order = await self._newest_order(charge_key)
        if order is None or order.capture_id is None or order.standing != "approved":
            raise ValueError(f"charge {charge_key}: PayPal took nothing under it; nothing was given back")
        body = {"amount": {"currency_code": currency, "value": value_of(minor, currency)}}
        path = f"/v2/payments/captures/{order.capture_id}/refund"
        this = request_id(charge_key, f"refund:{refund_key}")
        said = await self._ask(charge_key, "POST", path, body, this, moves_money=True)
        if not said.ok:
            raise ValueError(f"charge {charge_key}: PayPal refuses to refund, {said}; nothing was given back")
        return str(said.body.get("id", ""))

    # Orders

    async def _newest_order(self, key: str) -> tuple[int, Order | None]:
        """The charge's order that still exists, with its ordinal; or the ordinal of the one to be made.

        An order that PayPal no longer shows was never captured: PayPal drops those that nobody paid after hours, and
        keeps the captured.
        """
        for ordinal in range(1, ORDERS_LIMIT + 1):
            order_id = await self._references.remembered(order_key(key, ordinal), GATEWAY)
            if order_id is None:
                return ordinal, None
            order = await self._show_order(key, order_id)
            if order is not None:
                return ordinal, order
        raise GatewaySilent(f"charge {key}: {ORDERS_LIMIT} orders expired at PayPal uncaptured; let somebody look")

    async def _show_order(self, key: str, order_id: str) -> Order | None:
        """The order as it stands; None where PayPal has dropped it."""
        said = await self._ask(key, "GET", f"/v2/checkout/orders/{order_id}")
        if said.ok:
            return _read(key, said, GatewaySilent)
        if issues.GONE & {*said.issues()}:  # PayPal's own word, not any 404 that a proxy may answer
            return None
        raise GatewaySilent(f"charge {key}: PayPal does not show its order, {said}; money may have moved before")

    async def _make_order(self, charge: Charge, subscription_id: str, ordinal: int) -> Order | GatewayAnswer:
        """Make the order and keep its id. No money moves here."""
        key = charge.charge_key
        try:
            body = make_request(charge, subscription_id)
        except NotPayable as refusal:
            return GatewayAnswer("declined", refusal.reason)
        this = order_key(key, ordinal)
        said = await self._ask(key, "POST", "/v2/checkout/orders", body, request_id(this, "order"))
        if not said.ok:
            for issue in said.issues():
                if issue in issues.DECLINES:
                    return GatewayAnswer("declined", issues.DECLINES[issue])
            raise GatewayUnavailable(f"charge {key}: PayPal makes no order, {said}; no money moved")
        made = _read(key, said, GatewayUnavailable)
        kept = await self._references.remember(this, GATEWAY, made.id, subscription_id=subscription_id)
        order = made if kept == made.id else await self._show_order(key, kept)
        if order is None:
            raise GatewayUnavailable(f"charge {key}: its order expired just now; no money moved, ask again")
        _same_amount(charge, order)
        return order

    async def _capture(self, charge: Charge, order: Order, vault_id: str, ordinal: int) -> GatewayAnswer:
        """Ask for the money, once more or for the first time: PayPal captures the order once."""
        key = charge.charge_key
        credential = {"payment_initiator": "MERCHANT", "usage": "SUBSEQUENT", "usage_pattern": self._usage_pattern}
        body = {"payment_source": {"paypal": {"vault_id": vault_id, "stored_credential": credential}}}
        path = f"/v2/checkout/orders/{order.id}/capture"
        this = request_id(order_key(key, ordinal), "capture")
        said = await self._ask(key, "POST", path, body, this, moves_money=True)
        if said.ok:
            captured = _read(key, said, GatewaySilent)
            return _answer(key, captured) if captured.standing != "open" else await self._settled(charge, order)
        for issue in said.issues():
            if issue in issues.DECLINES:
                return GatewayAnswer("declined", issues.DECLINES[issue])
            if issue in issues.SETTLED:
                return await self._settled(charge, order)
            if issue in issues.PENDING:
                raise GatewaySilent(f"charge {key}: PayPal is still working on it, {said}; look it up by its key")
            if issue in issues.TAKEN_ELSEWHERE:
                raise GatewaySilent(
                    f"charge {key}: PayPal has another payment under this invoice_id, {said}. This order took nothing; "
                    "find that payment at PayPal and record or refund it"
                )
            if issue in issues.GONE:
                raise GatewayUnavailable(f"charge {key}: its order expired uncaptured, {said}; no money moved")
        raise GatewayUnavailable(
            f"charge {key}: PayPal refuses for a reason that is not the customer's, {said}; no money moved. Look at "
            "the account's set-up at PayPal"
        )

    async def _settled(self, charge: Charge, order: Order) -> GatewayAnswer:
        """The truth about an order of which PayPal says that it is done."""
        shown = await self._show_order(charge.charge_key, order.id)
        if shown is None or shown.standing == "open":
            raise GatewaySilent(
                f"charge {charge.charge_key}: captured, says PayPal, but its order does not show it yet"
            )
        return _answer(charge.charge_key, shown)

    async def _ask(
        self,
        key: str,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        this: str | None = None,
        *,
        moves_money: bool = False,
    ) -> Said:
        """PayPal's answer to a request, which is the same request under the same name; raises as `charge`."""
        try:
            return await self._wire.ask(method, path, body=body, request_id=this)
        except NotSent as why:
            raise GatewayUnavailable(f"charge {key}: {why}; no money moved, ask again") from None
        except NotHeard as why:
            if moves_money or method == "GET":
                raise GatewaySilent(f"charge {key}: {why}; money may have moved, look it up by its key") from None
            raise GatewayUnavailable(f"charge {key}: {why}; no money moved, ask again") from None


def _read(key: str, said: Said, failure: type[GatewayUnavailable | GatewaySilent]) -> Order:
    try:
        return read_order(said.body)
    except Unreadable as why:
        raise failure(f"charge {key}: {why}; ask PayPal with debug id {said.debug_id}") from None


def _answer(key: str, order: Order) -> GatewayAnswer:
    match order.standing:
        case "approved":
            return GatewayAnswer("approved")
        case "declined":
            return GatewayAnswer("declined", order.reason)
        case _:
            raise GatewaySilent(f"charge {key}: PayPal holds the payment as pending; look it up by its key")


def _same_amount(charge: Charge, order: Order) -> None:
    if (order.minor, order.currency) != (charge.minor, charge.currency):
        raise ValueError(
            f"charge {charge.charge_key}: PayPal's order is for {order.minor} {order.currency}, now asked for "
            f"{charge.minor} {charge.currency}; no money moved this time. One key means one charge."
        )
