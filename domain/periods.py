"""The calendar of a subscription: billing dates, deadlines and month ends in the customer's own time zone.

Instants are aware datetimes in UTC; dates are the customer's local dates. The zone rules come from the pinned `tzdata`
package and never from the machine, because a workflow that is replayed elsewhere must find the same dates again.
"""

from __future__ import annotations

import calendar
import re
import zoneinfo
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

from domain.quoting import quoted

zoneinfo.reset_tzpath(to=())  # only the pinned tzdata wheel; see the module's docstring

MIDNIGHT = time(0, 0)
DAY = timedelta(days=1)

REMEMBERED = 8_192
"""Answers that each function of the calendar keeps, 3 MB at most: subscriptions share dates, and one agenda after
another asks for the same deadlines. The tz database is pinned, so that an answer never grows old."""

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_LOCAL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)?", re.ASCII)


class UnknownZone(ValueError):
    """A time zone that the tz database does not have."""


def parse_date(text: object) -> date:
    """The date that "2026-03-18" writes; no other ISO form. Raises ValueError that names the value."""
    if isinstance(text, str) and _DATE.fullmatch(text):
        with suppress(ValueError):  # no such day
            return date.fromisoformat(text)
    raise ValueError(f"{quoted(text)}: expected a date such as '2026-03-18'")


def parse_local(text: object, timezone: str) -> datetime:
    """The instant that "2026-03-18T10:00" means on the customer's clock; an offset, where given, is believed.

    Raises ValueError that names the value.
    """
    if isinstance(text, str) and _LOCAL.fullmatch(text):
        with suppress(ValueError, OverflowError):  # no such day or hour; on the first and the last day that there are
            read = datetime.fromisoformat(text)
            return read.astimezone(UTC) if read.tzinfo else instant(read.date(), read.time(), timezone)
    raise ValueError(f"{quoted(text)}: expected local time such as '2026-03-18T10:00'")


@lru_cache(maxsize=1024)
def zone(name: str) -> zoneinfo.ZoneInfo:
    """The IANA zone of that name. Raises UnknownZone with the value and what was expected."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (KeyError, ValueError, TypeError, OSError):
        raise UnknownZone(f"time zone {quoted(name)}: expected an IANA name such as 'Europe/Berlin'") from None


def instant(on: date, at: time, timezone: str) -> datetime:
    """The instant (UTC) at which the clocks of `timezone` show `on` and `at`.

    A local time that does not exist moves forward by the gap; one that occurs twice means the first (spec, section 2).
    Midnight of 2026-03-29 in Asia/Beirut, where clocks go from 00:00 to 01:00, is 01:00 local time.
    """
    return _instant(on, at, at.fold, timezone)


@lru_cache(maxsize=REMEMBERED)
def _instant(on: date, at: time, fold: int, timezone: str) -> datetime:
    """`fold` is that of `at`, and named because times that differ in nothing else are equal."""
    return datetime.combine(on, at.replace(fold=fold), zone(timezone)).astimezone(UTC)


def first_instant(on: date, timezone: str) -> datetime:
    """The first local instant of a date: 00:00, or what the clocks show first where 00:00 is skipped."""
    return instant(on, MIDNIGHT, timezone)


def local(at: datetime, timezone: str) -> datetime:
    """The same instant on the customer's clock, with its offset."""
    return at.astimezone(zone(timezone))


@lru_cache(maxsize=REMEMBERED)
def local_date(at: datetime, timezone: str) -> date:
    """The customer's date at an instant."""
    return local(at, timezone).date()


def last_day_before(at: datetime, timezone: str) -> date:
    """The last date of which any part lies before `at`: the date itself, or the day before where `at` is its start.

    It is the last day of a plan that ends at `at`: at 2026-04-01T00:00 that is 2026-03-31, at 10:00 it is 2026-04-01.
    """
    on = local_date(at, timezone)
    return on - DAY if at <= first_instant(on, timezone) else on


def days_after(at: datetime, days: int, timezone: str) -> datetime:
    """`days` calendar days after an instant, at the same local time of day, so that no clock change moves a date."""
    return _days_after(at, days, timezone) if days else at


@lru_cache(maxsize=REMEMBERED)
def _days_after(at: datetime, days: int, timezone: str) -> datetime:
    clock = local(at, timezone)
    return instant(clock.date() + timedelta(days=days), clock.time().replace(fold=0), timezone)


@lru_cache(maxsize=REMEMBERED)
def add_months(on: date, months: int, anchor_day: int | None = None) -> date:
    """`months` calendar months later, on `anchor_day` (default: the same day), clamped to the end of a short month.

    31 January and one month is 28 February; with anchor 31 the month after is 31 March again.
    """
    year, month0 = divmod(on.year * 12 + on.month - 1 + months, 12)
    day = min(anchor_day or on.day, calendar.monthrange(year, month0 + 1)[1])
    return date(year, month0 + 1, day)


def billing_date(starts_on: date, period: int) -> date:
    """The local date on which period number `period` begins (0 is the first): the anchor day never drifts."""
    return add_months(starts_on, period)


def first_of_month(on: date) -> date:
    """The first day of the month of a date."""
    return on.replace(day=1)


def first_of_next_month(on: date) -> date:
    """The first day of the month after."""
    return add_months(first_of_month(on), 1)


def month_end(on: date, timezone: str) -> datetime:
    """The end of the month of a date: the first local instant of the next month."""
    return first_instant(first_of_next_month(on), timezone)


def last_of_month(on: date) -> date:
    """The last day of the month of a date."""
    return first_of_next_month(on) - DAY
