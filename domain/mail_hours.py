"""When a policy lets mails go out: never in the quiet hours, on the weekdays it names, in the customer's zone."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from domain.periods import instant, local_date, zone
from domain.policy import MailHours

DAYS_AHEAD = 8  # some weekday is allowed, so that the next allowed moment lies within a week


def may_go_out(at: datetime, template: str, hours: MailHours, timezone: str) -> datetime:
    """The first moment from `at` (inclusive) at which a mail may go out; `at` itself for what is never kept waiting."""
    if template in hours.prompt:
        return at
    on = local_date(at, timezone)
    for day in (on + timedelta(days=n) for n in range(DAYS_AHEAD + 1)):
        if day.weekday() in hours.weekdays:
            start = max(at, instant(day, time.min, timezone))
            found = _outside_quiet_hours(start, day, hours, timezone)
            if found is not None:
                return found
    raise AssertionError(f"mail hours {hours}: no allowed moment within {DAYS_AHEAD} days of {at}")


def _outside_quiet_hours(start: datetime, day: date, hours: MailHours, timezone: str) -> datetime | None:
    """The first moment of a local day, not before `start`, that is not quiet; None where the rest of the day is."""
    if hours.quiet_from is None or hours.quiet_until is None:
        return start
    clock = start.astimezone(zone(timezone)).time().replace(fold=0)
    if not _quiet(clock, hours.quiet_from, hours.quiet_until):
        return start
    until = instant(day, hours.quiet_until, timezone)
    return until if until >= start else None


def _quiet(clock: time, quiet_from: time, quiet_until: time) -> bool:
    """Whether a time of day lies from `quiet_from` (inclusive) to `quiet_until` (exclusive), over midnight or not."""
    if quiet_from <= quiet_until:
        return quiet_from <= clock < quiet_until
    return clock >= quiet_from or clock < quiet_until
