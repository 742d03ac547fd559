"""The auditor's own calendar: month arithmetic and local time by the rules of spec section 2.

Written from the sentences, not from the code that is audited: an instant is found by trying the offsets that the zone
has around that day, not by asking the zone which one it would take.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

ONE_DAY = timedelta(days=1)
LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def length_of_month(year: int, month: int) -> int:
    """How many days a month has; `month` counts from 1."""
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 29 if month == 2 and leap else LENGTHS[month - 1]


def months_later(on: date, months: int) -> date:
    """The same day so many months later, the last of that month where it has no such day."""
    counted = on.year * 12 + (on.month - 1) + months
    year, month = counted // 12, counted % 12 + 1
    return date(year, month, min(on.day, length_of_month(year, month)))


def first_of_next(on: date) -> date:
    """The first day of the month after that of a date."""
    return date(on.year + on.month // 12, on.month % 12 + 1, 1)


def last_of(on: date) -> date:
    """The last day of the month of a date."""
    return date(on.year, on.month, length_of_month(on.year, on.month))


class Calendar:
    """Dates and instants of one customer's zone."""

    def __init__(self, timezone: str) -> None:
        self.zone = ZoneInfo(timezone)
        self.instant = lru_cache(maxsize=4096)(self._instant)
        self.date_of = lru_cache(maxsize=4096)(self._date_of)

    def _instant(self, on: date, at: time) -> datetime:
        """When the clocks show that: the first time where they do twice; where never, later by what they skip."""
        shown = datetime.combine(on, at)
        around = [self._offset(shown - ONE_DAY), self._offset(shown + ONE_DAY)]
        found = [shown - offset for offset in around if self._shows(shown - offset) == shown]
        return (min(found) if found else shown - around[0]).replace(tzinfo=UTC)

    def _offset(self, utc: datetime) -> timedelta:
        offset = utc.replace(tzinfo=UTC).astimezone(self.zone).utcoffset()
        if offset is None:
            raise AssertionError(f"zone {self.zone} has no offset at {utc}")
        return offset

    def _shows(self, utc: datetime) -> datetime:
        return utc + self._offset(utc)

    def clock(self, at: datetime) -> datetime:
        """What the customer's clock shows at an instant, without a zone."""
        return at.astimezone(self.zone).replace(tzinfo=None, fold=0)

    def _date_of(self, at: datetime) -> date:
        return self.clock(at).date()

    def begins(self, on: date) -> datetime:
        """The first instant of a date."""
        return self.instant(on, time(0, 0))

    def days_after(self, at: datetime, days: int) -> datetime:
        """So many calendar days later, at the same local time of day."""
        if days == 0:
            return at
        shown = self.clock(at)
        return self.instant(shown.date() + days * ONE_DAY, shown.time())

    def month_over(self, on: date) -> datetime:
        """The end of the month of a date: the first instant of the next."""
        return self.begins(first_of_next(on))

    def said(self, text: str) -> datetime:
        """The instant of `2026-03-18T10:00`, local unless it carries an offset."""
        read = datetime.fromisoformat(text)
        return read.astimezone(UTC) if read.tzinfo else self.instant(read.date(), read.time())
