"""A PaymentIntent as Stripe tells of it, and the answer that its state gives to the charge it stands for."""

from __future__ import annotations

from dataclasses import dataclass

import stripe

from adapters.gateways.stripe_declines import NO_METHOD, reason_of
from domain.gateways import GatewayAnswer, GatewaySilent


class Unintelligible(Exception):
    """What came as an answer of Stripe's is none."""


@dataclass(frozen=True, slots=True)
class Intent:
    """The part of a PaymentIntent that decides; amounts in Stripe's own units, the currency in small letters."""

    id: str
    status: str
    amount: int
    currency: str
    failure: str | None
    """Our reason for its last payment error; None where it had none."""
    cancelled_for: str | None

    @classmethod
    def read(cls, told: object) -> Intent:
        """Raises Unintelligible for what is no PaymentIntent."""
        fields = told.to_dict() if isinstance(told, stripe.StripeObject) else {}
        match fields:
            case {"object": "payment_intent", "id": str(id_), "status": str(status), "amount": int(amount)}:
                pass
            case _:
                raise Unintelligible("a PaymentIntent was expected")
        currency, failed = fields.get("currency"), fields.get("last_payment_error")
        if not isinstance(currency, str):
            raise Unintelligible("a PaymentIntent without a currency")
        failure = reason_told(failed) if isinstance(failed, dict) else None
        return cls(id_, status, amount, currency, failure, _word(fields.get("cancellation_reason")))

    def answer(self, charge_key: str) -> GatewayAnswer | None:
        """The charge's answer; `not_found` where it is not confirmed yet, None where it waits for the customer.

        Raises GatewaySilent where Stripe itself does not know yet.
        """
        match self.status:
            case "succeeded":
                return GatewayAnswer("approved")
            case "requires_confirmation":
                return GatewayAnswer("not_found")
            case "requires_payment_method":
                # without an error its method was detached before it could be tried
                return GatewayAnswer("declined", self.failure or NO_METHOD)
            case "requires_action":
                return None
            case "canceled":
                return GatewayAnswer("declined", self.failure or self._given_up())
            case _:  # `processing`: bank debits take days; `requires_capture` is a hold that nobody asked for
                raise GatewaySilent(f"charge {charge_key}: Stripe says {self.status[:40]}; look it up later")

    def _given_up(self) -> str:
        """Why one that never failed was cancelled; `abandoned` is how we end one that waits for the customer."""
        match self.cancelled_for:
            case "abandoned":
                return "authentication_required"
            case "fraudulent":
                return "fraudulent"
            case _:
                return "canceled"


def reason_in(error: stripe.CardError) -> str:
    """Our reason for a card error."""
    told = error.error.to_dict() if error.error is not None else {}
    return reason_told({"code": error.code, **told})


def reason_told(failed: dict[str, object]) -> str:
    """Our reason for an error as Stripe writes it, in an answer or in a PaymentIntent's `last_payment_error`."""
    return reason_of(_word(failed.get("code")), _word(failed.get("decline_code")), _word(failed.get("advice_code")))


def _word(value: object) -> str | None:
    return value if isinstance(value, str) else None
