"""What a payment gateway can answer, and the ways in which it, or any other outside party, can fail to.

A decline is an answer, not an error. Adapters raise these errors and activities understand them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from domain.subscription import Role


@dataclass(frozen=True, slots=True)
class GatewayAnswer:
    """What became of a charge. `not_found` is only ever the answer to a look-up: the charge never arrived."""

    outcome: Literal["approved", "declined", "not_found"]
    reason: str | None = None
    """Why it was declined, such as `insufficient_funds`: in Stripe's words, which others are translated to."""


@dataclass(frozen=True, slots=True)
class Vaulted:
    """A payment method that a gateway keeps for us, by the gateway's own names for payer and method.

    They are tokens: not card numbers, and still nobody's business. They are never shown, logged or made part of an id.
    """

    gateway: str
    """`stripe` or `paypal`."""
    payer: str = field(repr=False)
    """Stripe's customer (`cus_...`); empty where the gateway needs none."""
    method: str = field(repr=False)
    """Stripe's payment method (`pm_...`), PayPal's vault id."""
    state: Literal["usable", "expired", "removed", "refused"] = "usable"
    """As the gateway has told. `refused`: it was declined for a hard reason, and is not asked for again."""
    reason: str = ""
    """Of `refused`."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A subscription that pays by a vaulted method, and in which role."""

    subscription_id: str
    role: Role


@dataclass(frozen=True, slots=True)
class KnownCharge:
    """A charge of ours, found by the gateway's own reference."""

    charge_key: str
    subscription_id: str


class GatewayUnavailable(Exception):
    """The request could not be sent, or was turned away unread: no money moved. Asking again is safe."""


class GatewaySilent(Exception):
    """The request was sent and no answer came: money may have moved. Look the charge up by its key."""


class DeliveryRefused(Exception):
    """A party will never take this tiding, however often it is sent: an address that does not exist, say."""
