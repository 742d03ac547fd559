"""PayPal's own SDK, driven against the stand-in: what it sends is understood, and what it reads is all it expects."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from apimatic_core.exceptions.auth_validation_exception import AuthValidationException
from paypalserversdk.configuration import Configuration, Environment, Server
from paypalserversdk.exceptions.error_exception import ErrorException
from paypalserversdk.http.auth.o_auth_2 import ClientCredentialsAuthCredentials
from paypalserversdk.models.amount_with_breakdown import AmountWithBreakdown
from paypalserversdk.models.captured_payment import CapturedPayment
from paypalserversdk.models.money import Money
from paypalserversdk.models.order import Order
from paypalserversdk.models.order_capture_request import OrderCaptureRequest
from paypalserversdk.models.order_capture_request_payment_source import OrderCaptureRequestPaymentSource
from paypalserversdk.models.order_request import OrderRequest
from paypalserversdk.models.payment_token_request import PaymentTokenRequest
from paypalserversdk.models.payment_token_request_payment_source import PaymentTokenRequestPaymentSource
from paypalserversdk.models.payment_token_response import PaymentTokenResponse
from paypalserversdk.models.paypal_wallet import PaypalWallet
from paypalserversdk.models.paypal_wallet_stored_credential import PaypalWalletStoredCredential
from paypalserversdk.models.purchase_unit_request import PurchaseUnitRequest
from paypalserversdk.models.refund import Refund
from paypalserversdk.models.refund_request import RefundRequest
from paypalserversdk.models.setup_token_request import SetupTokenRequest
from paypalserversdk.models.setup_token_request_payment_source import SetupTokenRequestPaymentSource
from paypalserversdk.models.setup_token_response import SetupTokenResponse
from paypalserversdk.models.vault_paypal_wallet_request import VaultPaypalWalletRequest
from paypalserversdk.models.vault_token_request import VaultTokenRequest
from paypalserversdk.paypal_serversdk_client import PaypalServersdkClient

from standins.paypal import CLIENT_ID, CLIENT_SECRET, PayPalStandIn
from standins.wire import Shelf, served


class Bench:
    """The SDK with the stand-in's address in it, and the stand-in."""

    def __init__(self, paypal: PayPalStandIn, url: str) -> None:
        self.paypal = paypal
        self.url = url
        self.sdk = self.client(CLIENT_SECRET)

    def client(self, secret: str) -> PaypalServersdkClient:
        class Here(Configuration):  # type: ignore[misc]  # the SDK is untyped
            environments = {Environment.SANDBOX: {Server.DEFAULT: self.url}}  # noqa: RUF012  # as the SDK has it

        credentials = ClientCredentialsAuthCredentials(CLIENT_ID, secret)
        config = Here(environment=Environment.SANDBOX, client_credentials_auth_credentials=credentials)
        return PaypalServersdkClient(config=config)

    async def ask(self, method: Callable[[dict[str, Any]], Any], **options: Any) -> Any:
        """What the SDK makes of the answer; it is synchronous."""
        response = await asyncio.to_thread(method, options)
        return response.body

    async def order(self, request_id: str = "r-1", value: str = "49.00", currency: str = "USD") -> Any:
        unit = PurchaseUnitRequest(amount=AmountWithBreakdown(currency, value), invoice_id="i-1", custom_id="c-1")
        body = OrderRequest(intent="CAPTURE", purchase_units=[unit])
        prefer = "return=representation"
        return await self.ask(self.sdk.orders.create_order, body=body, paypal_request_id=request_id, prefer=prefer)

    async def capture(self, order_id: str, vault_id: str, request_id: str = "c-1") -> Any:
        credential = PaypalWalletStoredCredential("MERCHANT", usage_pattern="SUBSCRIPTION_PREPAID", usage="SUBSEQUENT")
        wallet = PaypalWallet(vault_id=vault_id, stored_credential=credential)
        body = OrderCaptureRequest(OrderCaptureRequestPaymentSource(paypal=wallet))
        return await self.ask(
            self.sdk.orders.capture_order,
            id=order_id,
            body=body,
            paypal_request_id=request_id,
            prefer="return=representation",
        )

    async def raw(self, method: str, path: str) -> dict[str, Any]:
        """An answer as it stands on the wire."""
        async with httpx.AsyncClient(base_url=self.url) as client:
            granted = await client.post("/v1/oauth2/token", auth=(CLIENT_ID, CLIENT_SECRET))
            headers = {"Authorization": f"Bearer {granted.json()['access_token']}"}
            found: dict[str, Any] = (await client.request(method, path, headers=headers)).json()
            return found


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    paypal = PayPalStandIn(Shelf())
    async with served(paypal.app()) as url:
        yield Bench(paypal, url)


def known_to(model: Any, said: dict[str, Any]) -> bool:
    """Whether the SDK's model has a name for every member of an answer."""
    return not {*said} - {*model._names.values()}


async def test_an_order_is_made_shown_and_captured_from_a_vaulted_wallet(bench: Bench) -> None:
    order = await bench.order()
    assert (order.status, order.purchase_units[0].amount.value) == ("CREATED", "49.00")
    captured = await bench.capture(order.id, bench.paypal.vault_test_wallet())
    assert captured.status == "COMPLETED"
    capture = captured.purchase_units[0].payments.captures[0]
    assert (capture.status, capture.amount.value, capture.invoice_id) == ("COMPLETED", "49.00", "i-1")
    shown = await bench.ask(bench.sdk.orders.get_order, id=order.id)
    assert shown.purchase_units[0].payments.captures[0].id == capture.id
    page = await bench.ask(bench.sdk.payments.get_captured_payment, capture_id=capture.id)
    assert page.supplementary_data.related_ids.order_id == order.id


async def test_the_same_request_id_makes_the_same_order_and_the_same_capture(bench: Bench) -> None:
    wallet = bench.paypal.vault_test_wallet()
    first, again = await bench.order(), await bench.order()
    assert first.id == again.id != (await bench.order("r-2")).id
    captures = [(await bench.capture(first.id, wallet)).purchase_units[0].payments.captures[0].id for _ in range(2)]
    assert captures[0] == captures[1]
    assert len(bench.paypal.captures()) == 1


async def test_another_capture_of_the_same_order_is_refused_by_name(bench: Bench) -> None:
    wallet, order = bench.paypal.vault_test_wallet(), await bench.order()
    await bench.capture(order.id, wallet)
    with pytest.raises(ErrorException) as refused:
        await bench.capture(order.id, wallet, "c-2")
    assert refused.value.response_code == 422
    assert refused.value.details[0].issue == "ORDER_ALREADY_CAPTURED"
    assert refused.value.debug_id


@pytest.mark.parametrize("issue", ["INSTRUMENT_DECLINED", "PAYER_ACTION_REQUIRED"])
async def test_a_wallet_can_be_made_to_decline_and_the_order_stays_open(bench: Bench, issue: str) -> None:
    wallet, order = bench.paypal.vault_test_wallet(), await bench.order()
    bench.paypal.decline(wallet, issue)
    with pytest.raises(ErrorException) as refused:
        await bench.capture(order.id, wallet)
    assert refused.value.details[0].issue == issue
    assert (await bench.ask(bench.sdk.orders.get_order, id=order.id)).status == "CREATED"
    bench.paypal.decline(wallet, None)
    assert (await bench.capture(order.id, wallet)).status == "COMPLETED"


@pytest.mark.parametrize(
    ("value", "currency", "issue"),
    [
        ("49.00", "KWD", "CURRENCY_NOT_SUPPORTED"),
        ("49.00", "JPY", "DECIMALS_NOT_SUPPORTED"),
        ("49.001", "USD", "DECIMAL_PRECISION"),
        ("0.00", "USD", "CANNOT_BE_ZERO_OR_NEGATIVE"),
    ],
)
async def test_amounts_that_paypal_does_not_take_are_refused_by_name(
    bench: Bench, value: str, currency: str, issue: str
) -> None:
    with pytest.raises(ErrorException) as refused:
        await bench.order(value=value, currency=currency)
    assert refused.value.details[0].issue == issue


async def test_a_wallet_is_vaulted_once_its_setup_token_is_approved_and_deleted_again(bench: Bench) -> None:
    wallet = VaultPaypalWalletRequest(usage_type="MERCHANT", usage_pattern="SUBSCRIPTION_PREPAID")
    setup_body = SetupTokenRequest(payment_source=SetupTokenRequestPaymentSource(paypal=wallet))
    setup = await bench.ask(bench.sdk.vault.create_setup_token, body=setup_body, paypal_request_id="s-1")
    assert setup.status == "PAYER_ACTION_REQUIRED"
    assert any(link.rel == "approve" for link in setup.links)
    source = PaymentTokenRequestPaymentSource(token=VaultTokenRequest(setup.id, "SETUP_TOKEN"))
    body = PaymentTokenRequest(payment_source=source)
    with pytest.raises(ErrorException) as early:
        await bench.ask(bench.sdk.vault.create_payment_token, body=body, paypal_request_id="t-1")
    assert early.value.details[0].issue == "TOKEN_NOT_APPROVED"
    bench.paypal.vault.approve(setup.id)
    token = await bench.ask(bench.sdk.vault.create_payment_token, body=body, paypal_request_id="t-2")
    assert (await bench.capture((await bench.order()).id, token.id)).status == "COMPLETED"
    await asyncio.to_thread(bench.sdk.vault.delete_payment_token, token.id)
    with pytest.raises(ErrorException) as unknown:
        await asyncio.to_thread(bench.sdk.vault.get_payment_token, token.id)
    assert unknown.value.response_code == 404
    with pytest.raises(ErrorException) as gone:
        await bench.capture((await bench.order("r-2")).id, token.id)
    assert gone.value.details[0].issue == "TOKEN_ID_NOT_FOUND"


async def test_the_vault_refuses_a_request_id_with_another_body(bench: Bench) -> None:
    for description in ("monthly", "yearly"):
        wallet = VaultPaypalWalletRequest(usage_type="MERCHANT", description=description)
        body = SetupTokenRequest(payment_source=SetupTokenRequestPaymentSource(paypal=wallet))
        if description == "monthly":
            await bench.ask(bench.sdk.vault.create_setup_token, body=body, paypal_request_id="s-1")
            continue
        with pytest.raises(ErrorException) as refused:
            await bench.ask(bench.sdk.vault.create_setup_token, body=body, paypal_request_id="s-1")
        assert refused.value.details[0].issue == "PAYPAL_REQUEST_ID_PREVIOUSLY_USED"


async def test_a_capture_is_refunded_in_parts_and_not_beyond_what_was_taken(bench: Bench) -> None:
    captured = await bench.capture((await bench.order()).id, bench.paypal.vault_test_wallet())
    capture_id = captured.purchase_units[0].payments.captures[0].id

    async def refunded(value: str, request_id: str) -> Any:
        body = RefundRequest(amount=Money("USD", value))
        refund = bench.sdk.payments.refund_captured_payment
        return await bench.ask(refund, capture_id=capture_id, body=body, paypal_request_id=request_id)

    first = await refunded("20.00", "f-1")
    assert (await refunded("20.00", "f-1")).id == first.id
    assert (await bench.ask(bench.sdk.payments.get_refund, refund_id=first.id)).amount.value == "20.00"
    with pytest.raises(ErrorException) as beyond:
        await refunded("29.01", "f-2")
    assert beyond.value.details[0].issue == "REFUND_AMOUNT_EXCEEDED"
    await refunded("29.00", "f-3")
    page = await bench.ask(bench.sdk.payments.get_captured_payment, capture_id=capture_id)
    assert page.status == "REFUNDED"


async def test_wrong_credentials_get_no_token(bench: Bench) -> None:
    sdk = bench.client("wrong")
    with pytest.raises(AuthValidationException, match="OAuthToken"):
        await bench.ask(sdk.orders.get_order, id="5O190127TN364715T")


async def test_every_member_of_an_answer_is_one_that_the_sdk_knows(bench: Bench) -> None:
    order, wallet = await bench.order(), bench.paypal.vault_test_wallet()
    captured = await bench.capture(order.id, wallet)
    capture_id = captured.purchase_units[0].payments.captures[0].id
    refund = bench.sdk.payments.refund_captured_payment
    refund_id = (await bench.ask(refund, capture_id=capture_id, body=RefundRequest())).id
    body = SetupTokenRequest(payment_source=SetupTokenRequestPaymentSource(paypal=VaultPaypalWalletRequest()))
    setup_id = (await bench.ask(bench.sdk.vault.create_setup_token, body=body)).id
    for model, path in (
        (Order, f"/v2/checkout/orders/{order.id}"),
        (CapturedPayment, f"/v2/payments/captures/{capture_id}"),
        (Refund, f"/v2/payments/refunds/{refund_id}"),
        (PaymentTokenResponse, f"/v3/vault/payment-tokens/{wallet}"),
        (SetupTokenResponse, f"/v3/vault/setup-tokens/{setup_id}"),
    ):
        assert known_to(model, await bench.raw("GET", path)), path


async def test_its_books_survive_in_a_file(bench: Bench, tmp_path: Any) -> None:
    shelf = Shelf(tmp_path / "paypal.sqlite")
    wallet = PayPalStandIn(shelf).vault_test_wallet()
    shelf.close()
    later = Shelf(tmp_path / "paypal.sqlite")
    assert PayPalStandIn(later).vault.usable(wallet)
    later.close()
