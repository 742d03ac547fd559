"""What a payment gateway can answer, and the ways in which it, or any other outside party, can fail to.

A decline is an answer, not an error. Adapters raise these errors and activities understand them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class GatewayAnswer:
    """What became of a charge. `not_found` is only ever the answer to a look-up: the charge never arrived."""

    outcome: Literal["approved", "declined", "not_found"]
    reason: str | None = None
    """The gateway's own word for a decline, such as `insufficient_funds`."""


class GatewayUnavailable(Exception):
    """The request could not be sent, or was turned away unread: no money moved. Asking again is safe."""


class GatewaySilent(Exception):
    """The request was sent and no answer came: money may have moved. Look the charge up by its key."""


class DeliveryRefused(Exception):
    """A party will never take this tiding, however often it is sent: an address that does not exist, say."""
