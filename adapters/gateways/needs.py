"""What a gateway's adapter needs to know and to remember; the books in PostgreSQL fit both."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Protocol

from domain.gateways import Holder, KnownCharge, Vaulted
from domain.subscription import Role


class Vault(Protocol):
    """Which vaulted method a subscription pays by, and who pays by a method."""

    async def vaulted(self, subscription_id: str, role: Role) -> Vaulted | None: ...
    async def holders_of(self, gateway: str, method: str) -> Sequence[Holder]: ...
    async def holders_of_payer(self, gateway: str, payer: str) -> Sequence[Holder]: ...
    async def mark_vaulted(
        self,
        gateway: str,
        method: str,
        state: Literal["usable", "expired", "removed"],
        told_at: datetime | None = None,
    ) -> Sequence[Holder]: ...


class Refusals(Protocol):
    """Which methods were declined for good."""

    async def vaulted(self, subscription_id: str, role: Role) -> Vaulted | None: ...
    async def refuse_vaulted(self, gateway: str, method: str, reason: str) -> None: ...
    async def remembered(self, charge_key: str, gateway: str) -> str | None: ...


class References(Protocol):
    """The gateway's own name for each charge, kept before any money can move under it.

    `remember` gives the reference that is kept: the first one for a charge stands for ever.
    """

    async def remember(self, charge_key: str, gateway: str, reference: str, *, subscription_id: str) -> str: ...
    async def remembered(self, charge_key: str, gateway: str) -> str | None: ...
    async def charge_of(self, gateway: str, reference: str) -> KnownCharge | None: ...
