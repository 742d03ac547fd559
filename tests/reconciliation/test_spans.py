"""Lists are read span by span, halved where there is too much, and a run that has read enough stops there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from activities import against_gateways
from activities.against_gateways import _spans
from domain.gateways import GatewayUnavailable
from domain.reports import Report
from domain.witnesses import Span

START = datetime(2026, 3, 1, tzinfo=UTC)


class Happenings:
    """A party to which so many things happened, one every `apart`."""

    def __init__(self, many: int, apart: timedelta) -> None:
        self.at = [START + n * apart for n in range(many)]
        self.asked: list[tuple[datetime, datetime]] = []

    async def told(self, since: datetime, until: datetime, limit: int) -> Span:
        self.asked.append((since, until))
        found = [at for at in self.at if since <= at < until]
        if len(found) > limit:
            return Span(left_out=True)
        return Span(reports=tuple(Report("p", at.isoformat(), "x", None) for at in found))


async def _read(happenings: Happenings, days: int) -> list[str]:
    return [
        r.id async for _, _, page in _spans(happenings.told, START, START + timedelta(days=days)) for r in page.reports
    ]


async def test_everything_is_read_once_in_its_order_however_dense_it_is() -> None:
    happenings = Happenings(5_000, timedelta(seconds=31))
    assert await _read(happenings, 3) == [at.isoformat() for at in happenings.at]
    assert all((until - since).microseconds == 0 for since, until in happenings.asked)


async def test_a_run_stops_where_it_has_read_enough_and_the_next_goes_on_there() -> None:
    happenings = Happenings(30_000, timedelta(seconds=60))
    days = timedelta(days=30)
    first = [(end, page) async for _, end, page in _spans(happenings.told, START, START + days)]
    read = sum(len(page.reports) for _, page in first)
    assert against_gateways.RUN_LIMIT <= read < against_gateways.RUN_LIMIT + against_gateways.LIMIT
    reached = first[-1][0]
    second = [page async for _, _, page in _spans(happenings.told, reached, START + days)]
    assert second[0].reports[0].id == happenings.at[read].isoformat()


async def test_a_dense_minute_does_not_make_the_rest_of_a_month_slow() -> None:
    happenings = Happenings(3_000, timedelta(milliseconds=20))
    assert len(await _read(happenings, 30)) == 3_000
    assert len(happenings.asked) < 100, "spans that were halved grow again"


async def test_more_in_one_second_than_can_be_read_is_said() -> None:
    happenings = Happenings(2_000, timedelta(microseconds=1))
    with pytest.raises(GatewayUnavailable, match="more than 1000 things"):
        await _read(happenings, 1)


async def test_where_nothing_is_left_nobody_is_asked() -> None:
    happenings = Happenings(3, timedelta(hours=1))
    assert [page async for page in _spans(happenings.told, START, START)] == []
    assert happenings.asked == []
