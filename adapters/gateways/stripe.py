"""Charges at Stripe: a PaymentIntent is made and remembered before it is confirmed, and it can be confirmed only once.

Stripe forgets an idempotency key after a day or so (https://docs.stripe.com/api/idempotent_requests), and an outage may
last longer. A PaymentIntent's own id lasts for ever: it is kept in our books before any money can move under it, and
all repeats of a charge, and all look-ups, ask for the state of that one PaymentIntent.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Awaitable, Callable
from typing import Final

import httpx
import stripe

from adapters.gateways.needs import References, Vault
from adapters.gateways.stripe_amounts import InexpressibleAmount, from_stripe, to_stripe
from adapters.gateways.stripe_declines import NO_METHOD
from adapters.gateways.stripe_intent import Intent, Unintelligible, reason_in
from adapters.gateways.stripe_line import Line
from domain.effects import Charge
from domain.gateways import GatewayAnswer, GatewaySilent, GatewayUnavailable, Vaulted
from domain.subscription import MethodKind

NAME: Final = "stripe"
TIMEOUT_SECONDS = 9.0  # of one request; a charge makes two, rarely more, within the 30 s that its activity waits
KEYS_FOR_STORED_FAULTS = 5  # Stripe stores a 500 under its key and repeats it for a day; so often we take the next key
IDEMPOTENCY_KEY_LIMIT = 255  # characters, from Stripe's page on idempotent requests

_Made = Callable[[str], Awaitable[object]]


class StripeGateway:
    """Charges vaulted methods off session. Safe for concurrent use; close it once done."""

    def __init__(
        self,
        api_key: str,
        *,
        vault: Vault,
        references: References,
        api_url: str | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        """`api_key` is a secret or restricted key (PaymentIntents: write). `api_url` None: Stripe's own.

        `timeout_seconds` is for each request, above 0.
        """
        logging.getLogger("stripe").setLevel(logging.WARNING)  # below that the SDK logs the bodies of requests
        self._vault = vault
        self._references = references
        self._line = Line(timeout_seconds)
        client = stripe.StripeClient(
            api_key,
            http_client=self._line,
            max_network_retries=0,  # Temporal tries again, and looks first
            base_addresses={} if api_url is None else {"api": api_url},
        )
        self._intents = client.v1.payment_intents

    async def close(self) -> None:
        """End the connections to Stripe."""
        await self._line.close_async()

    async def charge(self, charge: Charge, *, subscription_id: str, timezone: str) -> GatewayAnswer:
        """Take the money from the vaulted method of the charge's role, or say why it was declined.

        Raises GatewaySilent where money may have moved, GatewayUnavailable where none did, ValueError for a key that is
        known with another amount.
        """
        key = charge.charge_key
        reference = await self._references.remembered(key, NAME)
        if reference is None:
            made = await self._make(charge, subscription_id)
            if isinstance(made, GatewayAnswer):
                return made
            reference = await self._references.remember(key, NAME, made, subscription_id=subscription_id)
            if reference == made:
                return await self._confirm(key, reference)
        intent = await self._retrieve(key, reference, GatewaySilent)
        _check_amount(charge, intent)
        answer = await self._settled(key, intent)
        return await self._confirm(key, reference) if answer.outcome == "not_found" else answer

    async def look_up(self, charge_key: str, *, subscription_id: str, method: MethodKind) -> GatewayAnswer:
        """What became of a charge, by its remembered PaymentIntent; `not_found` where nothing can have moved.

        Raises GatewayUnavailable where Stripe could not be asked, GatewaySilent where it does not know yet.
        """
        reference = await self._references.remembered(charge_key, NAME)
        if reference is None:
            return GatewayAnswer("not_found")
        return await self._settled(charge_key, await self._retrieve(charge_key, reference, GatewayUnavailable))

    async def _make(self, charge: Charge, subscription_id: str) -> str | GatewayAnswer:
        """The id of a PaymentIntent that is not confirmed yet, or why there can be none."""
        key = charge.charge_key
        method = await self._vault.vaulted(subscription_id, charge.role)
        if method is None or method.gateway != NAME or method.state == "removed":
            return GatewayAnswer("declined", NO_METHOD)
        try:
            amount = to_stripe(charge.minor, charge.currency)
        except InexpressibleAmount:
            return GatewayAnswer("declined", "invalid_amount")
        params: stripe.params.PaymentIntentCreateParams = {
            "amount": amount,
            "currency": charge.currency.lower(),
            "customer": method.payer,
            "payment_method": method.method,
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
            "metadata": {
                "charge_key": key,
                "subscription": subscription_id,
                "role": charge.role,
                "billing_at": charge.at.isoformat(),
            },
        }

        async def create(idempotency_key: str) -> object:
            return await self._intents.create_async(params, {"idempotency_key": idempotency_key})

        try:
            return Intent.read(await _once(_creation_key(key, amount, charge.currency, method), create)).id
        except stripe.CardError as error:
            return GatewayAnswer("declined", reason_in(error))
        except stripe.InvalidRequestError as error:
            reason = _refusal(error)
            if reason is not None:
                return GatewayAnswer("declined", reason)
            raise GatewayUnavailable(_text(key, error, "nothing was confirmed, no money moved")) from None
        except (stripe.StripeError, Unintelligible) as error:
            raise GatewayUnavailable(_text(key, error, "nothing was confirmed, no money moved")) from None

    async def _confirm(self, key: str, reference: str) -> GatewayAnswer:
        """Have Stripe take the money now. The PaymentIntent's own method is charged, the one it was made with."""

        async def confirm(idempotency_key: str) -> object:
            return await self._intents.confirm_async(
                reference, {"off_session": True}, {"idempotency_key": idempotency_key}
            )

        try:
            answer = await self._settled(key, Intent.read(await _once(_shortened(f"{key}:confirm"), confirm)))
        except stripe.CardError as error:
            return GatewayAnswer("declined", reason_in(error))
        except (stripe.InvalidRequestError, stripe.IdempotencyError) as error:
            refused = error
        except (stripe.AuthenticationError, stripe.PermissionError) as error:
            raise GatewayUnavailable(_text(key, error, "it was turned away unread, no money moved")) from None
        except stripe.RateLimitError as error:
            if _code(error) == "lock_timeout":  # another request holds this very PaymentIntent, and may move money
                raise GatewaySilent(_text(key, error, "another request is at it; look it up")) from None
            raise GatewayUnavailable(_text(key, error, "it was turned away unread, no money moved")) from None
        except stripe.APIConnectionError as error:
            if _unsent(error):
                raise GatewayUnavailable(_text(key, error, "it was never sent, no money moved")) from None
            raise GatewaySilent(_text(key, error, "money may have moved; look it up")) from None
        except (stripe.StripeError, Unintelligible) as error:
            raise GatewaySilent(_text(key, error, "money may have moved; look it up")) from None
        else:
            if answer.outcome == "not_found":
                raise GatewaySilent(f"charge {key}: Stripe confirmed nothing and said no reason; look it up")
            return answer
        return await self._truth(key, reference, refused)

    async def _truth(self, key: str, reference: str, refused: stripe.StripeError) -> GatewayAnswer:
        """What a PaymentIntent that could not be confirmed stands at: most often it has been confirmed before."""
        answer = await self._settled(key, await self._retrieve(key, reference, GatewaySilent))
        if answer.outcome != "not_found":
            return answer
        reason = _refusal(refused) if isinstance(refused, stripe.InvalidRequestError) else None
        if reason is not None:
            return GatewayAnswer("declined", reason)
        raise GatewayUnavailable(_text(key, refused, "it stays unconfirmed, no money moved"))

    async def _retrieve(
        self, key: str, reference: str, failing: type[GatewaySilent] | type[GatewayUnavailable]
    ) -> Intent:
        """The PaymentIntent as it stands; every failure to learn that is of the class `failing`."""
        try:
            return Intent.read(await self._intents.retrieve_async(reference))
        except stripe.InvalidRequestError as error:
            hint = "Stripe does not know its PaymentIntent: is the API key of another account or mode?"
            raise failing(_text(key, error, hint if error.http_status == 404 else "it could not be read")) from None
        except (stripe.StripeError, Unintelligible) as error:
            raise failing(_text(key, error, "what became of it could not be asked; ask again")) from None

    async def _settled(self, key: str, intent: Intent) -> GatewayAnswer:
        """The answer that a PaymentIntent's state gives; one that waits for the customer is cancelled first.

        Else the customer could complete it later, and pay what we have told to be declined.
        """
        answer = intent.answer(key)
        if answer is not None:
            return answer
        try:
            after = Intent.read(await self._intents.cancel_async(intent.id, {"cancellation_reason": "abandoned"}))
        except (stripe.StripeError, Unintelligible):
            after = await self._retrieve(key, intent.id, GatewaySilent)
        answer = after.answer(key)
        if answer is None:
            raise GatewaySilent(f"charge {key}: waits for the customer and could not be cancelled; look it up again")
        return answer


async def _once(key: str, made: _Made) -> object:
    """One request under an idempotency key; where Stripe only repeats a fault that it has stored, under the next key.

    That moves no money twice: what is made is confirmed by its id alone, and Stripe confirms a PaymentIntent once.
    """
    for number in range(2, KEYS_FOR_STORED_FAULTS + 1):
        try:
            return await made(key)
        except stripe.APIError as error:
            if (error.http_status or 0) < 500 or (error.headers or {}).get("idempotent-replayed") != "true":
                raise
            key = f"{key.partition('#')[0]}#{number}"
    return await made(key)


def _creation_key(charge_key: str, amount: int, currency: str, method: Vaulted) -> str:
    """Names what is asked for, too: a customer may replace their card between two tries of one charge."""
    asked = hashlib.sha256(f"{amount} {currency} {method.payer} {method.method}".encode()).hexdigest()[:15]
    return _shortened(f"{charge_key}:create:{asked}")


def _shortened(key: str) -> str:
    """A key that fits a header of Stripe's, with room for a number behind it."""
    if len(key) <= IDEMPOTENCY_KEY_LIMIT - 3 and key.isascii() and key.isprintable() and "#" not in key:
        return key
    return hashlib.sha256(key.encode()).hexdigest()


def _refusal(error: stripe.InvalidRequestError) -> str | None:
    """The reason of a decline that Stripe put as an invalid request; None where the fault is ours or the account's."""
    if error.code in ("amount_too_small", "amount_too_large"):
        return "invalid_amount"
    if error.param == "currency":
        return "currency_not_supported"
    return NO_METHOD if error.param in ("payment_method", "customer") else None


def _check_amount(charge: Charge, intent: Intent) -> None:
    known = (from_stripe(intent.amount, intent.currency), intent.currency.upper())
    if known != (charge.minor, charge.currency):
        raise ValueError(
            f"charge {charge.charge_key}: known at Stripe for {known[0]} {known[1]}, now asked for {charge.minor} "
            f"{charge.currency}; no money moved this time. One key means one charge."
        )


def _code(error: stripe.StripeError) -> str | None:
    """Stripe's code for an error; the SDK copies it to some classes of errors only."""
    told = error.error.to_dict() if error.error is not None else {}
    code = told.get("code")
    return code if isinstance(code, str) else None


def _unsent(error: stripe.APIConnectionError) -> bool:
    """Whether no byte of the request can have arrived."""
    return isinstance(error.__cause__, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)


def _text(key: str, error: stripe.StripeError | Unintelligible, meaning: str) -> str:
    """What went wrong in Stripe's terms, without Stripe's own text, which may quote what was sent."""
    if isinstance(error, Unintelligible):
        return f"charge {key}: Stripe's answer could not be understood ({error}); {meaning}"
    if isinstance(error, stripe.AuthenticationError | stripe.PermissionError):
        meaning = f"its credentials are not taken, see the API key and its permissions; {meaning}"
    cause = type(error.__cause__).__name__ if error.__cause__ is not None else ""
    param = error.param if isinstance(error, stripe.InvalidRequestError) else None
    status = f"HTTP {error.http_status}" if error.http_status else ""
    said = ", ".join(
        part for part in (type(error).__name__, cause, status, _code(error), param, error.request_id) if part
    )
    return f"charge {key}: Stripe could not be asked, or refused ({said}); {meaning}"
