"""Placements and recalls that the agency could not be told at once."""

from __future__ import annotations

from datetime import datetime

from temporalio import activity

from activities.delivery import Deliveries
from domain.errands import DELIVERIES, Delivered


class AgencyActivities:
    """One delivery, tried again by Temporal until nothing is left."""

    def __init__(self, deliveries: Deliveries) -> None:
        self._deliveries = deliveries

    @activity.defn(name=DELIVERIES["agency"])
    async def deliver_to_agency(self, subscription_id: str, now: datetime | None = None) -> Delivered:
        """Tell the agency every placement and recall that is pending, in order.

        Raises a retryable ApplicationError that says what is left.
        """
        return await self._deliveries.deliver_all(subscription_id, "agency", now)
