"""What could not be told at once to those who hold access: the platform, and the customer's other subscriptions."""

from __future__ import annotations

from datetime import datetime

from temporalio import activity

from activities.delivery import Deliveries
from domain.errands import DELIVERIES, Delivered


class AccessActivities:
    """Two deliveries, each tried again by Temporal until nothing is left."""

    def __init__(self, deliveries: Deliveries) -> None:
        self._deliveries = deliveries

    @activity.defn(name=DELIVERIES["platform"])
    async def deliver_commands(self, subscription_id: str, now: datetime | None = None) -> Delivered:
        """Send every pending command, in order, until each is acknowledged.

        Raises a retryable ApplicationError that says what is left.
        """
        return await self._deliveries.deliver_all(subscription_id, "platform", now)

    @activity.defn(name=DELIVERIES["siblings"])
    async def tell_siblings(self, subscription_id: str, now: datetime | None = None) -> Delivered:
        """Block or unblock the customer's other subscriptions.

        Raises a retryable ApplicationError that says what is left.
        """
        return await self._deliveries.deliver_all(subscription_id, "siblings", now)
