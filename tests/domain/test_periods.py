"""The calendar holds in every time zone there is: dates do not drift, clocks do not lie, no deadline comes early."""

import calendar
import zoneinfo
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.periods import (
    UnknownZone,
    add_months,
    billing_date,
    days_after,
    first_instant,
    first_of_month,
    first_of_next_month,
    instant,
    last_day_before,
    last_of_month,
    local,
    local_date,
    month_end,
    parse_date,
    parse_local,
    zone,
)

ZONES = sorted(zoneinfo.available_timezones())
FIRST, LAST = date(1950, 1, 1), date(2200, 12, 31)  # the years that a scenario may play in
MOMENT = timedelta(microseconds=1)

zones = st.sampled_from(ZONES)
dates = st.dates(FIRST, LAST)
clocks = st.builds(time, st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
instants = st.datetimes(datetime(1950, 1, 2), datetime(2200, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001
days = st.integers(0, 400)


def shown(at: datetime, timezone: str) -> datetime:
    """What the clocks of a zone show, without the offset; read from the tz database and not from what is tested."""
    return at.astimezone(zoneinfo.ZoneInfo(timezone)).replace(tzinfo=None, fold=0)


def test_the_zones_come_from_the_pinned_database_and_not_from_the_machine() -> None:
    assert zoneinfo.TZPATH == ()
    assert len(ZONES) > 400


def test_every_zone_shows_the_time_asked_for_or_the_time_after_the_gap() -> None:
    for timezone in ZONES:
        for month in range(1, 13):
            for day in (1, 8, 29 if month != 2 else 28):
                asked = datetime.combine(date(2026, month, day), time(2, 30))
                found = shown(instant(asked.date(), asked.time(), timezone), timezone)
                assert timedelta() <= found - asked <= timedelta(hours=2), timezone  # two hours: Antarctica/Troll


@given(zones, instants)
def test_an_instant_is_found_again_from_what_the_clocks_show(timezone: str, at: datetime) -> None:
    clock = shown(at, timezone)
    found = instant(clock.date(), clock.time(), timezone)
    assert shown(found, timezone) == clock
    assert found <= at, "of a time that occurs twice the first is meant"


@given(zones, dates, clocks)
@example("Asia/Beirut", date(2026, 3, 29), time(0, 0))
@example("America/Havana", date(2026, 3, 8), time(0, 0))
@example("Australia/Lord_Howe", date(2026, 10, 4), time(2, 15))
@example("Pacific/Apia", date(2011, 12, 30), time(12, 0))
def test_a_time_that_does_not_exist_moves_forward_by_the_gap(timezone: str, on: date, at: time) -> None:
    asked, found = datetime.combine(on, at), instant(on, at, timezone)
    moved = shown(found, timezone) - asked
    assert timedelta() <= moved <= timedelta(days=1)
    if moved:
        clock, before = local(found, timezone), local(found - moved, timezone)
        assert (clock.utcoffset() or timedelta()) - (before.utcoffset() or timedelta()) == moved, (
            "by the gap and no more"
        )


@pytest.mark.parametrize(
    ("timezone", "asked", "found"),
    [
        ("America/New_York", "2026-03-08T02:30", "2026-03-08T03:30:00-04:00"),  # the hour that is skipped
        ("America/New_York", "2026-11-01T01:30", "2026-11-01T01:30:00-04:00"),  # twice: the first
        ("Asia/Beirut", "2026-03-29T00:00", "2026-03-29T01:00:00+03:00"),  # no midnight
        ("America/Havana", "2026-11-01T00:00", "2026-11-01T00:00:00-04:00"),  # midnight twice
        ("Australia/Lord_Howe", "2026-10-04T02:00", "2026-10-04T02:30:00+11:00"),  # a gap of half an hour
        ("Pacific/Apia", "2011-12-30T09:00", "2011-12-31T09:00:00+14:00"),  # a whole day that never was
        ("Asia/Kathmandu", "2026-06-01T00:00", "2026-06-01T00:00:00+05:45"),
        ("UTC", "2026-06-01T00:00", "2026-06-01T00:00:00+00:00"),
    ],
)
def test_clock_changes_are_settled_as_the_contract_says(timezone: str, asked: str, found: str) -> None:
    assert local(parse_local(asked, timezone), timezone).isoformat() == found


@given(zones, instants, days)
def test_days_after_moves_the_date_by_exactly_so_many_days(timezone: str, at: datetime, number: int) -> None:
    start, later = shown(at, timezone), shown(days_after(at, number, timezone), timezone)
    wanted = datetime.combine(start.date() + timedelta(days=number), start.time())
    assert timedelta() <= later - wanted <= timedelta(days=1), "only a gap moves it, and only forward"
    if later != wanted:
        assert instant(wanted.date(), wanted.time(), timezone) == days_after(at, number, timezone)


@given(zones, instants, days)
def test_no_deadline_is_early(timezone: str, at: datetime, number: int) -> None:
    deadline = days_after(at, number, timezone)
    assert deadline >= at
    assert (local_date(deadline, timezone) - local_date(at, timezone)).days >= number


@given(zones, instants, days, days)
def test_a_later_deadline_is_never_due_before_an_earlier_one(timezone: str, at: datetime, one: int, two: int) -> None:
    few, many = sorted((one, two))
    assert days_after(at, few, timezone) <= days_after(at, many, timezone)


def test_the_second_of_two_equal_times_leads_to_the_first_of_the_next_two() -> None:
    second = parse_local("2025-11-02T01:30-05:00", "America/New_York")
    later = days_after(second, 364, "America/New_York")
    assert local(later, "America/New_York").isoformat() == "2026-11-01T01:30:00-04:00"


@given(zones, instants)
def test_zero_days_after_is_the_instant_itself(timezone: str, at: datetime) -> None:
    assert days_after(at, 0, timezone) == at


@given(dates.filter(lambda on: on.year < 2150), st.integers(0, 600))
@example(date(2026, 1, 31), 1)
@example(date(2000, 1, 29), 1)
@example(date(2024, 2, 29), 48)
def test_billing_dates_keep_their_anchor_and_clamp_to_short_months(starts_on: date, period: int) -> None:
    on = billing_date(starts_on, period)
    assert (on.year * 12 + on.month) - (starts_on.year * 12 + starts_on.month) == period
    assert on.day == min(starts_on.day, calendar.monthrange(on.year, on.month)[1])


@pytest.mark.parametrize(
    ("starts_on", "period", "found"),
    [
        ("2026-01-28", 1, "2026-02-28"),
        ("2026-01-29", 1, "2026-02-28"),
        ("2026-01-30", 1, "2026-02-28"),
        ("2026-01-31", 1, "2026-02-28"),
        ("2026-01-31", 2, "2026-03-31"),  # the anchor returns
        ("2026-01-31", 3, "2026-04-30"),
        ("2026-01-31", 12, "2027-01-31"),
        ("2024-02-29", 12, "2025-02-28"),
        ("2024-02-29", 48, "2028-02-29"),
        ("1999-12-31", 2, "2000-02-29"),  # a century that is a leap year
        ("2099-12-31", 2, "2100-02-28"),  # and one that is none
        ("2096-02-29", 48, "2100-02-28"),
        ("2096-02-29", 96, "2104-02-29"),
        ("2026-12-15", 1, "2027-01-15"),
        ("2026-03-31", 0, "2026-03-31"),
    ],
)
def test_the_anchor_day_of_every_kind_of_month(starts_on: str, period: int, found: str) -> None:
    assert billing_date(date.fromisoformat(starts_on), period).isoformat() == found


@given(st.sampled_from((28, 29, 30, 31)), st.integers(0, 600))
def test_a_clamped_date_never_becomes_the_new_anchor(day: int, period: int) -> None:
    """Counting on from the clamped date would drift; counting from the start does not."""
    starts_on = date(2026, 1, day)
    assert billing_date(starts_on, period) == add_months(billing_date(starts_on, max(0, period - 1)), period and 1, day)


@given(zones, dates.filter(lambda on: on < date(2200, 12, 1)))
def test_a_month_ends_with_the_first_instant_of_the_next(timezone: str, on: date) -> None:
    end = month_end(on, timezone)
    assert local_date(end - MOMENT, timezone) <= last_of_month(on) < local_date(end, timezone)
    assert end == first_instant(first_of_next_month(on), timezone)


@given(dates)
def test_the_last_of_a_month_is_the_day_before_the_first_of_the_next(on: date) -> None:
    assert first_of_month(on).day == 1
    assert last_of_month(on).day == calendar.monthrange(on.year, on.month)[1]
    assert first_of_month(on) <= on <= last_of_month(on)


@given(zones, instants)
def test_the_last_day_of_a_plan_is_the_last_of_which_any_part_is_over(timezone: str, at: datetime) -> None:
    on = last_day_before(at, timezone)
    assert first_instant(on, timezone) < at
    assert at <= first_instant(on + timedelta(days=1), timezone)


@pytest.mark.parametrize(
    ("ends", "last_day"),
    [
        ("2026-04-01T00:00", "2026-03-31"),  # at the very start of a day, the day before was the last
        ("2026-04-01T00:01", "2026-04-01"),
        ("2026-03-31T23:59", "2026-03-31"),
    ],
)
def test_the_last_day_of_a_plan_by_the_clock(ends: str, last_day: str) -> None:
    timezone = "America/New_York"
    assert last_day_before(parse_local(ends, timezone), timezone).isoformat() == last_day


@settings(max_examples=50)
@given(zones, st.dates(date(2000, 1, 1), date(2100, 12, 31)))
def test_days_follow_each_other_without_overlap(timezone: str, on: date) -> None:
    assert first_instant(on, timezone) <= first_instant(on + timedelta(days=1), timezone)


@pytest.mark.parametrize("text", ["2026-02-30", "2026-W01-1", "20260301", "2026-3-1", " 2026-03-01", "", None, 2026])
def test_a_date_is_written_in_one_way_only(text: object) -> None:
    with pytest.raises(ValueError, match=r"day|expected a date"):
        parse_date(text)


@pytest.mark.parametrize("text", ["2026-03-18", "2026-03-18 10:00", "2026-03-18T25:00", "2026-W12-3T10", "", None, 5])
def test_a_local_time_is_written_in_one_way_only(text: object) -> None:
    with pytest.raises(ValueError):
        parse_local(text, "UTC")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2026-03-18T10:00", "2026-03-18T14:00:00+00:00"),
        ("2026-03-18T10:00:30", "2026-03-18T14:00:30+00:00"),
        ("2026-03-18T10:00Z", "2026-03-18T10:00:00+00:00"),
        ("2026-03-18T10:00+05:45", "2026-03-18T04:15:00+00:00"),
    ],
)
def test_an_offset_is_believed_where_one_is_given(text: str, found: str) -> None:
    assert parse_local(text, "America/New_York").isoformat() == found


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd", "/etc/localtime", "Europe", "\x00", None, 7])
def test_a_zone_that_is_none_is_named(name: str) -> None:
    with pytest.raises(UnknownZone, match="expected an IANA name such as 'Europe/Berlin'"):
        zone(name)
