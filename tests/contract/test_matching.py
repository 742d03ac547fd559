"""The comparison itself: what it takes for a match, and how it says what is missing."""

import pytest

from tests.contract.matching import faults, matches

TIMELINE = [
    {"at": "2026-03-15T00:00:00-04:00", "what": "charge", "method": "primary", "outcome": "declined"},
    {"at": "2026-03-15T00:00:00-04:00", "what": "standing", "to": "past_due", "from": "active"},
    {"at": "2026-03-18T00:00:00-04:00", "what": "standing", "to": "locked", "from": "past_due"},
]
FINAL = {"standing": "locked", "balance": "49.00", "ended": False}


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, True),
        ({"what": "charge"}, True),
        ({"what": "standing"}, False),
        ({"on": "2026-03-15"}, True),
        ({"on": "2026-03-16"}, False),
        ({"at": "2026-03-15T00:00:00-04:00"}, True),
        ({"at": "2026-03-15T00:00"}, True),
        ({"at": "2026-03-15T01"}, False),
        ({"what": "charge", "reason": "stolen"}, False),
        ({"what": "charge", "outcome": "declined", "method": "primary"}, True),
    ],
)
def test_an_entry_matches_in_what_is_named(wanted: dict[str, str], found: bool) -> None:
    assert matches(TIMELINE[0], wanted) is found


@pytest.mark.parametrize(
    ("scenario", "told"),
    [
        ({}, []),
        ({"expect": [{"what": "charge"}, {"to": "locked"}]}, []),
        ({"expect": [{"what": "standing"}, {"what": "standing"}]}, []),
        ({"expect": [{"to": "locked"}, {"what": "charge"}]}, ["expected, in order, but not found"]),
        ({"expect": [{"what": "charge"}, {"what": "charge"}]}, ["expected, in order, but not found"]),
        ({"expect": [{"to": "x"}, {"to": "y"}]}, ["expected, in order, but not found"]),
        ({"never": [{"what": "ended"}]}, []),
        ({"never": [{"what": "charge"}]}, ["must never happen"]),
        ({"never": [{"what": "charge", "from": "2026-03-16"}]}, []),
        ({"never": [{"what": "charge", "until": "2026-03-15"}]}, []),
        ({"never": [{"what": "charge", "from": "2026-03-15", "until": "2026-03-16"}]}, ["must never happen"]),
        ({"count": [{"match": {"what": "standing"}, "is": 2}]}, []),
        ({"count": [{"match": {"what": "standing"}, "is": 1}]}, ["expected 1 of"]),
        ({"final": {"standing": "locked", "ended": False}}, []),
        ({"final": {"balance": "0.00", "credit": "0.00"}}, ["final balance", "final credit"]),
    ],
)
def test_every_way_of_falling_short_is_told(scenario: dict[str, object], told: list[str]) -> None:
    found = list(faults(scenario, TIMELINE, FINAL))
    assert len(found) == len(told)
    assert all(line.startswith(start) for line, start in zip(found, told, strict=True))
