"""Whoever kills a worker, at whatever step of whatever activity, finds the same end.

The lives here run through the activities without Temporal, so that the same request comes again exactly as Temporal
sends it, in a hundredth of the time. What a crash does to the workflow itself is a replay of its history: that every
task of every scenario can be one is shown by `tests/timelines/test_told_twice.py`, whose worker keeps no workflow in
memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from domain import errands
from tests.crashes.conftest import Town
from tests.crashes.endings import MONEY
from tests.crashes.lives import Life, Manner, Point
from tests.crashes.stories import ALL_OF_A_CUSTOMER, COLLECTIONS, STORIES, Story

TOLD_AT_ONCE = Manner("told at once")
TOLD_LATER = Manner("told by couriers", parties_away=True)
MANNERS = (TOLD_AT_ONCE, TOLD_LATER)
OTHER_ORDERS = (
    Manner("told at once, found dead after a heartbeat", after_heartbeat=True),
    Manner("told by couriers that wait", parties_away=True, couriers_wait=True),
)
ACTIVITIES = {
    errands.CARRY_OUT,
    errands.CHARGE,
    errands.LOOK_UP_CHARGE,
    errands.READ_FACTS,
    errands.LOOK_UP_PAYMENT,
    errands.LOOK_UP_MESSAGE,
    *errands.DELIVERIES.values(),
}

named = pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name.replace(" ", "-"))


def how(manners: tuple[Manner, ...]) -> pytest.MarkDecorator:
    """Each manner as a test of its own."""
    return pytest.mark.parametrize("manner", manners, ids=lambda manner: manner.name.replace(" ", "-"))


def at(point: Point) -> Callable[[str], int | None]:
    """Die at one point of one activity."""
    return lambda activity: point.place if activity == point.activity else None


def _rest(story: Story, manner: Manner) -> tuple[pytest.MarkDecorator, ...]:
    """CI tells each story at once, and by couriers two in which every party has one."""
    in_ci = manner is TOLD_AT_ONCE or story in (COLLECTIONS, ALL_OF_A_CUSTOMER)
    return () if in_ci else (pytest.mark.exhaustive,)


MANY_IN_ONE = [
    pytest.param(story, manner, marks=_rest(story, manner), id=f"{story.name}-{manner.name}".replace(" ", "-"))
    for story in STORIES
    for manner in MANNERS
]


async def test_the_stories_have_points_in_every_activity(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    counted: Counter[str] = Counter()
    lines = []
    for story in STORIES:
        for manner in MANNERS:
            life, end = await town.run_0(story, manner)
            assert end.lines["audit"] == ()
            assert [line for line in end.lines["outbox"] if '"pending"' in line] == []
            counted.update(point.activity[3:] for point in life.passed)
            lines.append(f"  {story.name}, {manner.name}: {len(life.passed)} in {life.activities} activities")
    with capsys.disabled():
        print(f"\ncrash points: {counted.total()}", *lines, sep="\n")
        print("  of these: " + ", ".join(f"{name} {many}" for name, many in counted.most_common()))
    assert set(counted) == ACTIVITIES


@pytest.mark.slow
@pytest.mark.parametrize(("story", "manner"), MANY_IN_ONE)
async def test_of_activities_alike_the_first_dies_at_each_of_its_points_many_in_one_life(
    town: Town, story: Story, manner: Manner, subtests: pytest.Subtests
) -> None:
    uncut, expected = await town.run_0(story, manner)
    earlier = [(await town.run_0(other, manner))[0] for other in STORIES[: STORIES.index(story)]]
    mortal = first_of_each_kind([*earlier, uncut], deliveries=manner.parties_away)
    died: set[Point] = set()
    for place in range(1 + max((point.place for point in mortal), default=-1)):
        chosen = {point.activity: place for point in mortal if point.place == place}
        life, end = await town.live(story, manner, chosen.get)
        died |= set(life.died)
        with subtests.test(f"{story.name}, {manner.name}: point {place:02d} of " + ", ".join(chosen)):
            assert expected.differences(end, () if story.same_way else MONEY) == [], shown(life)
    if story.same_way:
        assert died == mortal


@pytest.mark.slow
@pytest.mark.exhaustive
@how(MANNERS + OTHER_ORDERS)
@named
async def test_a_worker_that_dies_at_one_point_changes_nothing(
    town: Town, story: Story, manner: Manner, subtests: pytest.Subtests
) -> None:
    uncut, expected = await town.run_0(story, manner)
    for point in uncut.passed:
        life, end = await town.live(story, manner, at(point))
        with subtests.test(f"{story.name}, {manner.name}: {point}"):
            assert life.died == [point]
            assert expected.differences(end, () if story.same_way else MONEY) == []


def first_of_each_kind(lives: list[Life], *, deliveries: bool) -> set[Point]:
    """The points of those activities of the last life that are the first to pass just these; of deliveries, or of all.

    Which activities are alike is told by their steps: the stories before it have a crash at each of those already.
    """
    kinds: set[tuple[str, ...]] = set()
    first: set[Point] = set()
    for life in lives:
        first = set()
        for activity in dict.fromkeys(point.activity for point in life.passed):
            passed = [point for point in life.passed if point.activity == activity]
            kind = (activity[3:], *(point.name for point in passed))
            if kind not in kinds and (not deliveries or kind[0] in errands.DELIVERIES.values()):
                kinds.add(kind)
                first |= set(passed)
    return first


def shown(life: Life) -> str:
    """Where the workers of a life died."""
    return "died at:\n" + "\n".join(f"  {point}" for point in life.died)
