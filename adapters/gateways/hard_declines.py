"""A method that was declined for good is not asked for again: the networks fine those who try, and nothing comes of it.

The subscription still has its attempt and hears the same decline, so that its ladder goes on as the policy says; only
the gateway is left alone, until the customer brings another method or the gateway says that this one works again.
"""

from __future__ import annotations

from adapters.gateways.by_method import OneGateway
from adapters.gateways.needs import Refusals
from domain.declines import kind_of
from domain.effects import Charge
from domain.gateways import GatewayAnswer, Vaulted
from domain.subscription import MethodKind


class NeverAgain:
    """A gateway that remembers hard declines (domain/declines.py) by the vaulted method they were given for.

    Raises what the gateway raises. A look-up always asks: it is about a charge that was made, perhaps with a method
    that has been replaced since. So a hard decline that only a look-up brings to light is remembered at the next one.
    """

    def __init__(self, gateway: OneGateway, refusals: Refusals) -> None:
        self._gateway = gateway
        self._refusals = refusals

    async def charge(self, charge: Charge, *, subscription_id: str, timezone: str) -> GatewayAnswer:
        """Take the money, or decline: without asking where this method was declined for good before."""
        method = await self._refusals.vaulted(subscription_id, charge.role)
        if method is not None and method.state == "refused" and not await self._begun(charge, method):
            return GatewayAnswer("declined", method.reason)
        answer = await self._gateway.charge(charge, subscription_id=subscription_id, timezone=timezone)
        hard = answer.outcome == "declined" and kind_of(answer.reason) == "hard"
        if hard and method is not None:
            await self._refusals.refuse_vaulted(method.gateway, method.method, answer.reason or "")
        return answer

    async def _begun(self, charge: Charge, method: Vaulted) -> bool:
        """Whether the gateway was asked for this very charge before: only it can tell what became of that."""
        return await self._refusals.remembered(charge.charge_key, method.gateway) is not None

    async def look_up(self, charge_key: str, *, subscription_id: str, method: MethodKind) -> GatewayAnswer:
        """What became of a charge, by its key."""
        return await self._gateway.look_up(charge_key, subscription_id=subscription_id, method=method)
