"""The head of the page: what was to be reached, and what was."""

from bench.goals import GOALS, against_goals


def test_every_goal_has_a_row_and_says_whether_it_was_reached() -> None:
    rows = against_goals({"healthy_month_actions": 3, "race_1000_ratio": 0.5, "race_3000_ratio": 1.0}).splitlines()[2:]
    assert len(rows) == len(GOALS)
    assert rows[0] == "| billable actions of a healthy month, receipts off | at most 3 | 3 | yes |"
    due = [row for row in rows if "due" in row]
    assert due[0].endswith("| 0.50 | **no** |")
    assert due[1].endswith("| 1.00 | yes |")
    assert due[2].endswith("| not measured |  |")


def test_what_the_bare_engine_reaches_stands_beside_a_goal_that_was_missed() -> None:
    (row,) = [
        r for r in against_goals({"race_1000_ratio": 0.5, "race_1000_bare_ratio": 0.6}).splitlines() if "0.50" in r
    ]
    assert row.endswith("| 0.50 | **no**; the bare engine 0.60 |")
    (row,) = [
        r for r in against_goals({"race_1000_ratio": 1.5, "race_1000_bare_ratio": 2.0}).splitlines() if "1.50" in r
    ]
    assert row.endswith("| 1.50 | yes |")


def test_a_book_that_takes_too_long_stands_beside_the_same_sources_compiled() -> None:
    figures = {"book_100000x12_seconds": 61.0, "book_100000x12_compiled_seconds": 50.04}
    (row,) = [r for r in against_goals(figures).splitlines() if "61.0" in r]
    assert row.endswith("| 61.0 | **no**; the same sources compiled 50.0 |")
