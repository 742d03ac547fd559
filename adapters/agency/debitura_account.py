"""What Debitura's own pages say of a case: what it was made for, whether it is closed, and what it should have told."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.agency.debitura_api import DebituraApi, NotAtDebitura
from adapters.agency.debitura_models import Unreadable, minor_of, word
from adapters.agency.debitura_webhooks import DebituraWebhooks
from adapters.agency.needs import AgencyAway
from domain.reports import Report
from domain.witnesses import CaseStands, PlacedCase


class DebituraAccount:
    """Reads only. Raises AgencyAway where Debitura could not be asked."""

    def __init__(self, api: DebituraApi, reader: DebituraWebhooks) -> None:
        """`reader` makes the reports that its webhooks would have made."""
        self._api = api
        self._reader = reader

    async def stands(self, case: PlacedCase) -> CaseStands | None:
        """A case as it stands; None where Debitura knows none of that name.

        Assumption: `grossAmount` stays what the case was made for, whatever is paid; `remainder` is what is left.
        """
        try:
            said = await self._api.case(case.case_id)
            minor = minor_of(said.gross_amount, case.currency)
        except NotAtDebitura:
            return None
        except Unreadable as why:
            raise AgencyAway(f"case {case.case_id} at debitura: {why}; no money moved") from None
        return CaseStands(minor, (said.currency or case.currency).upper(), word(said.lifecycle) == "closed")

    async def told(self, case: PlacedCase) -> Sequence[Report]:
        """What the webhooks of a case would have said; deleted payments excepted, which Debitura no longer shows."""
        return await self._reader.told(case.case_id)
