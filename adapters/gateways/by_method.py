"""Cards to one gateway, wallets to another: what a charge is made with decides who is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from domain.effects import Charge
from domain.gateways import GatewayAnswer
from domain.subscription import MethodKind


class OneGateway(Protocol):
    """A gateway of one kind of method."""

    async def charge(self, charge: Charge, *, subscription_id: str, timezone: str) -> GatewayAnswer: ...
    async def look_up(self, charge_key: str, *, subscription_id: str, method: MethodKind) -> GatewayAnswer: ...


class ByMethod:
    """Sends each charge to its method's gateway, and looks it up there.

    Raises what that gateway raises, and KeyError for a kind that none takes: a bank transfer is never charged.
    """

    def __init__(self, gateways: Mapping[MethodKind, OneGateway]) -> None:
        self._gateways = dict(gateways)

    async def charge(self, charge: Charge, *, subscription_id: str, timezone: str) -> GatewayAnswer:
        """Take the money, or decline."""
        gateway = self._gateways[charge.method]
        return await gateway.charge(charge, subscription_id=subscription_id, timezone=timezone)

    async def look_up(self, charge_key: str, *, subscription_id: str, method: MethodKind) -> GatewayAnswer:
        """What became of a charge, by its key."""
        return await self._gateways[method].look_up(charge_key, subscription_id=subscription_id, method=method)
