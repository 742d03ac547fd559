"""Placements and recalls that the agency could not be told at once."""

from __future__ import annotations

from temporalio import activity

from activities.delivery import Deliveries
from domain.errands import DELIVERIES


class AgencyActivities:
    """One delivery, tried again by Temporal until nothing is left."""

    def __init__(self, deliveries: Deliveries) -> None:
        self._deliveries = deliveries

    @activity.defn(name=DELIVERIES["agency"])
    async def deliver_to_agency(self, subscription_id: str) -> None:
        """Tell the agency every placement and recall that is pending, in order.

        Raises a retryable ApplicationError that says what is left.
        """
        await self._deliveries.deliver_all(subscription_id, "agency")
