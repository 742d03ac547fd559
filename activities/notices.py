"""Mails to the customer that could not be sent at once."""

from __future__ import annotations

from datetime import datetime

from temporalio import activity

from activities.delivery import Deliveries
from domain.errands import DELIVERIES, Delivered


class NoticeActivities:
    """One delivery, tried again by Temporal until nothing is left."""

    def __init__(self, deliveries: Deliveries) -> None:
        self._deliveries = deliveries

    @activity.defn(name=DELIVERIES["mail"])
    async def deliver_mails(self, subscription_id: str, now: datetime | None = None) -> Delivered:
        """Send every mail that is pending, still true, and allowed out at `now` (business time), in order.

        Raises a retryable ApplicationError that says what is left.
        """
        return await self._deliveries.deliver_all(subscription_id, "mail", now)
