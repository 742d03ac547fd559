"""What is to be reached, figure by figure: the head of docs/performance.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from bench.finding import table

Direction = Literal["at most", "at least"]


@dataclass(frozen=True, slots=True)
class Goal:
    """`figure` as it is called in bench/results.json; the bound counts as reached."""

    figure: str
    what: str
    direction: Direction
    bound: float
    digits: int = 0
    bound_by: str = ""
    """The figure that says what is reached of the same by something else, where that says why."""
    without: str = "the bare engine"
    """What reaches that."""

    def reached(self, measured: float) -> bool:
        """Whether a measurement is on the right side of the bound; it is compared unrounded."""
        return measured <= self.bound if self.direction == "at most" else measured >= self.bound


GOALS = (
    Goal("healthy_month_actions", "billable actions of a healthy month, receipts off", "at most", 3),
    Goal("healthy_month_events", "history events of a healthy month", "at most", 16),
    Goal("healthy_month_bytes", "bytes of history of a healthy month", "at most", 5_000),
    Goal("dunning_month_actions", "billable actions of a dunning month of `photo-monthly`", "at most", 15),
    Goal("renewals_to_floor_ratio", "renewals a second, to the bare floor", "at least", 0.8, 2),
    Goal(
        "race_1000_ratio",
        "renewals a second with 1,000 due, to boilpayment",
        "at least",
        1.0,
        2,
        "race_1000_bare_ratio",
    ),
    Goal("race_3000_ratio", "with 3,000 due", "at least", 1.0, 2, "race_3000_bare_ratio"),
    Goal("race_10000_ratio", "with 10,000 due", "at least", 1.0, 2, "race_10000_bare_ratio"),
    Goal("growth_50000_to_1000_ratio", "time for 1,000 due among 50,000 sleeping, to among 1,000", "at most", 1.1, 2),
    Goal("kill_double_charges_ours", "double charges with the worker killed half way", "at most", 0),
    Goal("idle_queries_per_minute", "queries a minute while all sleep", "at most", 0),
    Goal("herd_drain_to_limit_ratio", "a herd's time, to what the gateway's limit allows", "at most", 1.05, 2),
    Goal(
        "book_100000x12_seconds",
        "seconds for a book of 100,000 over 12 months, two cores",
        "at most",
        60,
        1,
        "book_100000x12_compiled_seconds",
        "the same sources compiled",
    ),
    Goal("life_36_months_seconds", "seconds for 36 months, every task replayed", "at most", 12, 1),
    Goal("life_36_months_cached_ratio", "the same, to its cached run", "at most", 2.0, 2),
    Goal("replay_1000_histories_seconds", "seconds for 1,000 histories replayed on a core", "at most", 30, 1),
    Goal("cached_workflow_kb", "KB for a cached workflow, sandbox on", "at most", 110, 1),
)


def against_goals(figures: Mapping[str, float]) -> str:
    """Every goal beside what was measured."""
    rows = []
    for goal in GOALS:
        measured = figures.get(goal.figure)
        if measured is None:
            said, reached = "not measured", ""
        else:
            said, reached = f"{measured:,.{goal.digits}f}", "yes" if goal.reached(measured) else "**no**"
            if goal.bound_by in figures and not goal.reached(measured):
                reached += f"; {goal.without} {figures[goal.bound_by]:,.{goal.digits}f}"
        rows.append([goal.what, f"{goal.direction} {goal.bound:,.{goal.digits}f}", said, reached])
    return table(["", "goal", "measured", "reached"], rows)
