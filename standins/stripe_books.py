"""The stand-in's own books of Stripe: what each request does to customers, methods, intents, refunds and disputes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from domain.subscription import Role
from standins import stripe_objects as objects
from standins.stripe_cards import CARDS, DECLINE_CODES, TestCard
from standins.stripe_objects import Object
from standins.wire import Shelf
from standins.world import Scripted, ScriptedWorlds

SMALLEST = {
    "usd": 50,
    "eur": 50,
    "chf": 50,
    "gbp": 30,
    "jpy": 50,
}  # https://docs.stripe.com/currencies, minimum amounts
CANCELLABLE = frozenset({"requires_payment_method", "requires_confirmation", "requires_action", "requires_capture"})

Emit = Callable[[str, Object, Object | None], None]


class Refused(Exception):
    """An answer that is an error, as Stripe's API words it."""

    def __init__(self, status: int, error: Object) -> None:
        super().__init__(error.get("code"))
        self.status = status
        self.error = error


class LostReply(Exception):
    """The work is done, and nobody shall hear of it."""


@dataclass(slots=True)
class Confirmed:
    """A PaymentIntent after an attempt, and whether the reply to the attempt is to be heard."""

    intent: Object
    heard: bool


class StripeBooks:
    """Every method is one request that has been let in; what changed is told to `emit` as an event."""

    def __init__(self, shelf: Shelf, worlds: ScriptedWorlds | None, emit: Emit) -> None:
        self.shelf = shelf
        self._worlds = worlds
        self._emit = emit

    # Customers and methods

    def create_customer(self, p: Object) -> Object:
        return self._keep(objects.customer(p.get("email"), p.get("name"), p.get("metadata", {})), "customer.created")

    def delete_customer(self, id_: str) -> Object:
        customer = self.get("customer", id_)
        self.shelf.put("customer", id_, {**customer, "deleted": True})
        for method in self.shelf.all("payment_method"):
            if method["customer"] == id_:
                self.shelf.put("payment_method", method["id"], {**method, "customer": None})
                self._put_secret(method["id"], spent=True)
        self._emit("customer.deleted", customer, None)
        return {"id": id_, "object": "customer", "deleted": True}

    def method_of_token(self, token: str) -> Object:
        """A test token is cloned into a method of its own wherever it is used."""
        card = CARDS.get(token)
        if card is None:
            raise missing("payment_method", token)
        method = objects.payment_method(token, card)
        self.shelf.put("payment_method", method["id"], method)
        self.shelf.put("secret", method["id"], {"token": token, "set_up": False, "spent": False})
        return method

    def method(self, id_: str) -> Object:
        return self.method_of_token(id_) if id_ in CARDS else self.get("payment_method", id_)

    def attach(self, id_: str, p: Object) -> Object:
        method, customer = self.method(id_), self.get("customer", p["customer"])
        card, secret = self._card(method)
        if card.behaviour == "decline":
            raise Refused(402, objects.card_error(cast(str, card.decline_code), None, method))
        if secret["spent"]:
            message = "This PaymentMethod was previously used without being attached to a Customer or was detached."
            raise invalid("payment_method", None, message)
        method["customer"] = customer["id"]
        return self._keep(method, "payment_method.attached")

    def detach(self, id_: str) -> Object:
        method = self.get("payment_method", id_)
        before = method["customer"]
        method["customer"] = None
        self._put_secret(id_, spent=True)
        return self._keep(method, "payment_method.detached", {"customer": before})

    def update_card(self, id_: str, exp_month: int, exp_year: int, *, by_the_network: bool) -> Object:
        method = self.get("payment_method", id_)
        before = {"exp_month": method["card"]["exp_month"], "exp_year": method["card"]["exp_year"]}
        method["card"] = {**method["card"], "exp_month": exp_month, "exp_year": exp_year}
        kind = "payment_method.automatically_updated" if by_the_network else "payment_method.updated"
        return self._keep(method, kind, {"card": before})

    # Setting methods up

    def create_setup(self, p: Object) -> Object:
        if p.get("customer"):
            self.get("customer", p["customer"])
        setup = objects.setup_intent(p.get("customer"), p.get("usage", "off_session"), p.get("metadata", {}))
        if p.get("payment_method"):
            setup.update(status="requires_confirmation", payment_method=self.method(p["payment_method"])["id"])
        self._keep(setup, "setup_intent.created")
        return self.confirm_setup(setup["id"], {}) if p.get("confirm") == "true" else setup

    def confirm_setup(self, id_: str, p: Object) -> Object:
        setup = self.get("setup_intent", id_)
        if p.get("payment_method"):
            setup["payment_method"] = self.method(p["payment_method"])["id"]
        if setup["status"] not in ("requires_confirmation", "requires_payment_method") or not setup["payment_method"]:
            raise unexpected_state("setup_intent", setup)
        card, _ = self._card(self.get("payment_method", setup["payment_method"]))
        if card.behaviour in ("authenticate", "authenticate_unless_set_up"):
            setup.update(status="requires_action", next_action={"type": "use_stripe_sdk", "use_stripe_sdk": {}})
            return self._keep(setup, "setup_intent.requires_action")
        return self._set_up(setup)

    def _set_up(self, setup: Object) -> Object:
        if setup["customer"]:
            self.attach(setup["payment_method"], {"customer": setup["customer"]})
        self._put_secret(setup["payment_method"], set_up=True)
        setup.update(status="succeeded", next_action=None)
        return self._keep(setup, "setup_intent.succeeded")

    # Payments

    def create_intent(self, p: Object) -> Confirmed:
        amount, currency = int(p["amount"]), str(p["currency"])
        if amount < SMALLEST.get(currency, 1):
            raise invalid("amount", "amount_too_small", "Amount must be at least the minimum of its currency.")
        if p.get("customer"):
            self.get("customer", p["customer"], parameter="customer")
        intent = objects.payment_intent(amount, currency, p.get("customer"), p.get("metadata", {}))
        if p.get("automatic_payment_methods", {}).get("enabled") == "true":
            intent["automatic_payment_methods"] = {
                "enabled": True,
                "allow_redirects": p["automatic_payment_methods"].get("allow_redirects", "always"),
            }
        if p.get("payment_method"):
            method = self._payable(p["payment_method"], p.get("customer"))
            intent.update(status="requires_confirmation", payment_method=method["id"])
        self._keep(intent, "payment_intent.created")
        if p.get("confirm") != "true":
            return Confirmed(intent, heard=True)
        return self.confirm_intent(intent["id"], {"off_session": p.get("off_session")})

    def confirm_intent(self, id_: str, p: Object) -> Confirmed:
        """Raises Refused for a decline, LostReply where the script wants nobody to hear of what became of it."""
        intent = self.get("payment_intent", id_)
        if intent["status"] in ("requires_confirmation", "requires_payment_method") and p.get("payment_method"):
            intent["payment_method"] = self._payable(p["payment_method"], intent["customer"])["id"]
        elif intent["status"] != "requires_confirmation":
            raise unexpected_state("payment_intent", intent)
        method = self._payable(intent["payment_method"], intent["customer"])
        scripted = self._scripted(intent)
        if scripted is not None:
            declined = _stripes_own(scripted.reason) if scripted.outcome == "declined" else None
        else:
            declined = self._declined(method, off_session=p.get("off_session") not in (None, "false"))
        heard = scripted is None or scripted.heard
        if declined == "requires_action":
            intent.update(status="requires_action", next_action={"type": "use_stripe_sdk", "use_stripe_sdk": {}})
            return Confirmed(self._keep(intent, "payment_intent.requires_action"), heard)
        if declined is not None:
            self._decline(intent, method, declined, heard)
        return Confirmed(self._take(intent, method), heard)

    def _scripted(self, intent: Object) -> Scripted | None:
        about = intent["metadata"]
        if self._worlds is None or not {"subscription", "role", "billing_at"} <= set(about):
            return None
        at = datetime.fromisoformat(about["billing_at"])
        return self._worlds.answer(about["subscription"], cast(Role, about["role"]), at)

    def _declined(self, method: Object, *, off_session: bool) -> str | None:
        card, secret = self._card(method)
        match card.behaviour:
            case "decline" | "decline_once_attached":
                return card.decline_code
            case "authenticate":
                return "authentication_required" if off_session else "requires_action"
            case "authenticate_unless_set_up" if not secret["set_up"]:
                return "authentication_required" if off_session else "requires_action"
        return None

    def _decline(self, intent: Object, method: Object, decline_code: str, heard: bool) -> None:
        charge = objects.charge(intent, method["id"])
        error = objects.card_error(decline_code, charge["id"], method)
        charge.update(status="failed", paid=False, captured=False, amount_captured=0, balance_transaction=None)
        charge.update(failure_code=error["code"], failure_message=error["message"])
        charge["outcome"] = {
            "type": "issuer_declined",
            "network_status": "declined_by_network",
            "reason": decline_code,
            "risk_level": "normal",
        }
        intent.update(
            status="requires_payment_method", payment_method=None, latest_charge=charge["id"], last_payment_error=error
        )
        self._keep(charge, "charge.failed")
        self._keep(intent, "payment_intent.payment_failed")
        if not heard:
            raise LostReply
        raise Refused(402, {**error, "payment_intent": intent})

    def _take(self, intent: Object, method: Object) -> Object:
        charge = objects.charge(intent, method["id"])
        intent.update(status="succeeded", amount_received=intent["amount"], latest_charge=charge["id"])
        intent.update(last_payment_error=None, next_action=None, payment_method=method["id"])
        self._keep(charge, "charge.succeeded")
        self._keep(intent, "payment_intent.succeeded")
        card, _ = self._card(method)
        if card.behaviour in ("dispute", "inquiry"):
            self.dispute(charge["id"], inquiry=card.behaviour == "inquiry")
        return intent

    def cancel_intent(self, id_: str, p: Object) -> Object:
        intent = self.get("payment_intent", id_)
        if intent["status"] not in CANCELLABLE:
            raise unexpected_state("payment_intent", intent)
        intent.update(status="canceled", canceled_at=objects.now(), next_action=None)
        intent["cancellation_reason"] = p.get("cancellation_reason")
        return self._keep(intent, "payment_intent.canceled")

    def authenticate(self, id_: str) -> Object:
        """The customer passes 3-D Secure in their browser, of a PaymentIntent or a SetupIntent."""
        if id_.startswith("seti_"):
            return self._set_up(self.get("setup_intent", id_))
        intent = self.get("payment_intent", id_)
        return self._take(intent, self.get("payment_method", intent["payment_method"]))

    def pay_by_link(self, subscription_id: str, amount: int, currency: str) -> Object:
        """A customer pays by a payment link of ours, which knows the subscription and is no charge of ours."""
        intent = objects.payment_intent(amount, currency, None, {"subscription": subscription_id})
        return self._take(self._keep(intent, "payment_intent.created"), self.method_of_token("pm_card_visa"))

    # Money back

    def refund(self, p: Object) -> Object:
        charge = self._charge(str(p.get("charge") or p.get("payment_intent")))
        left = charge["amount"] - charge["amount_refunded"]
        amount = int(p.get("amount", left))
        if charge["status"] != "succeeded" or charge["refunded"]:
            raise invalid("charge", "charge_already_refunded", "This charge cannot be refunded.")
        if not 0 < amount <= left:
            raise invalid("amount", None, "Refund amount is greater than unrefunded amount on charge.")
        card, _ = self._card(self.get("payment_method", charge["payment_method"]))
        status = "pending" if card.refund == "pending" else "succeeded"
        refund = objects.refund(charge, amount, p.get("reason"), p.get("metadata", {}), status)
        charge["amount_refunded"] += amount
        charge["refunded"] = charge["amount_refunded"] == charge["amount"]
        self._keep(refund, "refund.created")
        self._keep(charge, "charge.refunded")
        if card.refund == "failed":
            self.fail_refund(refund["id"])
        return refund

    def fail_refund(self, id_: str) -> Object:
        """The customer's bank sends a refund back: the money returns to the account, as Stripe tells days later."""
        refund = self.get("refund", id_)
        refund.update(status="failed", failure_reason="expired_or_canceled_card")
        self._keep(refund, "refund.updated", {"status": "succeeded"})
        return self._keep(refund, "refund.failed")

    def dispute(self, id_: str, *, amount: int | None = None, inquiry: bool = False) -> Object:
        """A customer disputes a payment: of a charge or PaymentIntent, whole or in part."""
        charge = self._charge(id_)
        status = "warning_needs_response" if inquiry else "needs_response"
        dispute = objects.dispute(charge, amount or charge["amount"], status)
        self._keep({**charge, "disputed": True}, "charge.updated")
        self._keep(dispute, "charge.dispute.created")
        if not inquiry:
            self._emit("charge.dispute.funds_withdrawn", dispute, None)
        return dispute

    def escalate(self, id_: str) -> Object:
        """An inquiry becomes a chargeback: only now the money is taken."""
        dispute = {**self.get("dispute", id_), "status": "needs_response", "is_charge_refundable": False}
        self._keep(dispute, "charge.dispute.updated", {"status": "warning_needs_response"})
        self._emit("charge.dispute.funds_withdrawn", dispute, None)
        return dispute

    def close_dispute(self, id_: str, status: str) -> Object:
        """`won` gives the money back, `lost` does not, `warning_closed` ends an inquiry."""
        dispute = self._keep({**self.get("dispute", id_), "status": status}, "charge.dispute.closed")
        if status == "won":
            self._emit("charge.dispute.funds_reinstated", dispute, None)
        return dispute

    # Reading

    def get(self, kind: str, id_: str, *, parameter: str = "id") -> Object:
        found = self.shelf.get(kind, id_)
        if found is None or found.get("deleted"):
            raise missing(kind, id_, parameter)
        return found

    def listed(self, kind: str, query: Object) -> list[Object]:
        """Newest first, of those whose fields are as the query has them; everything of that kind.

        `created` is a span (gt, gte, lt, lte), `types` of events a list, as in Stripe's reference of each list.
        """
        wanted = {name: query[name] for name in ("customer", "payment_intent", "charge", "type") if name in query}
        found = [o for o in self.shelf.all(kind) if all(o.get(name) == value for name, value in wanted.items())]
        bounds, types = query.get("created", {}), query.get("types")
        found = [o for o in found if _within(o["created"], bounds) and (types is None or o["type"] in types)]
        return found[::-1]

    def _keep(self, thing: Object, kind: str, previous: Object | None = None) -> Object:
        self.shelf.put(thing["object"], thing["id"], thing)
        self._emit(kind, thing, previous)
        return thing

    def _payable(self, id_: str, customer_id: str | None) -> Object:
        """A method that this customer may pay by."""
        if id_ not in CARDS and self.shelf.get("payment_method", id_) is None:
            raise missing("payment_method", id_, "payment_method")
        method = self.method(id_)
        if customer_id != method["customer"]:
            raise invalid("payment_method", None, "The PaymentMethod does not belong to this customer, or to any more.")
        return method

    def _charge(self, id_: str) -> Object:
        return self.get("charge", self.get("payment_intent", id_)["latest_charge"] if id_.startswith("pi_") else id_)

    def _card(self, method: Object) -> tuple[TestCard, dict[str, Any]]:
        secret = self._secret(method["id"])
        return CARDS[secret["token"]], secret

    def _put_secret(self, method_id: str, **changed: bool) -> None:
        self.shelf.put("secret", method_id, {**self._secret(method_id), **changed})

    def _secret(self, method_id: str) -> dict[str, Any]:
        """What a test card does, which no answer tells."""
        return self.shelf.get("secret", method_id) or {"token": "pm_card_visa", "set_up": False, "spent": False}


def _within(at: int, bounds: Any) -> bool:
    if not isinstance(bounds, dict):
        return at == int(bounds)
    after = at > int(bounds.get("gt", -1)) and at >= int(bounds.get("gte", 0))
    return after and at < int(bounds.get("lt", at + 1)) and at <= int(bounds.get("lte", at))


def _stripes_own(reason: str | None) -> str:
    """The decline code for a reason of a scenario, which may be none that Stripe knows."""
    return reason if reason in DECLINE_CODES else "generic_decline"


def invalid(param: str | None, code: str | None, message: str) -> Refused:
    error = {"type": "invalid_request_error", "message": message}
    return Refused(400, error | ({"param": param} if param else {}) | ({"code": code} if code else {}))


def missing(kind: str, id_: str, parameter: str = "id") -> Refused:
    """Stripe answers 404 for what the address names, and 400 for what a parameter names."""
    error = {
        "type": "invalid_request_error",
        "code": "resource_missing",
        "param": parameter,
        "message": f"No such {kind}: '{id_}'",
    }
    return Refused(404 if parameter == "id" else 400, error)


def unexpected_state(kind: str, thing: Object) -> Refused:
    error = {
        "type": "invalid_request_error",
        "code": f"{kind}_unexpected_state",
        "message": f"This {kind} could not be confirmed or cancelled because of its status: {thing['status']}.",
        kind: thing,
    }
    return Refused(400, error)
