"""Office hours: how long support has had, counted only while it works."""

from __future__ import annotations

from datetime import datetime, timedelta

from domain.periods import DAY, instant, local
from domain.policy import OfficeHours

DAYS_LOOKED_AHEAD = 366  # a calendar with one open weekday reaches 400 hours in a year; nobody decides later than that


def after_office_hours(since: datetime, hours: int, office: OfficeHours) -> datetime:
    """The instant (UTC) at which `hours` office hours have passed since `since`.

    Two hours from Friday 17:00 with hours 8 to 18 on weekdays are over on Monday at 09:00. Raises ValueError where a
    year of office days does not hold that many.
    """
    left = timedelta(hours=hours)
    day = local(since, office.timezone).date()
    for _ in range(DAYS_LOOKED_AHEAD):
        if day.weekday() in office.weekdays:
            opens = max(since, instant(day, office.opens, office.timezone))
            closes = instant(day, office.closes, office.timezone)
            if opens < closes:
                if opens + left <= closes:
                    return opens + left
                left -= closes - opens
        day += DAY
    raise ValueError(f"{hours} office hours do not fit into a year of {office}")
