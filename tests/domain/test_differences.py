"""What counts as a difference, case by case; what agrees, or is still in flight, is none."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain import differences, takings
from domain.reconciliation import Difference
from domain.reports import Report
from domain.witnesses import (
    BookedCharge,
    CaseStands,
    Commanded,
    Handed,
    Life,
    Obeys,
    Owed,
    PlacedCase,
    Projected,
    Taking,
    Waiting,
)

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=30)
KEY = "s-1-0001/1/primary"
TAKING = Taking("stripe", "pi_1", KEY, "s-1", 4900, "USD", "approved")
BOOKED = BookedCharge(KEY, "s-1", "card", 4900, "USD", "approved", LONG_AGO, 4900)
DECLINED = replace(BOOKED, state="declined", paid_minor=None)
UNKNOWN = replace(BOOKED, state="unknown", paid_minor=None)
OWED = Owed("active", "photo-monthly 1", 0, 4900, 0, 0, (("s-1-0002", 4900),))
PROJECTED = Projected("s-1", "USD", False, OWED, LONG_AGO, LONG_AGO)
RUNNING = Life("running", owed=OWED, answered=True)
CASE = PlacedCase("case-1", "debitura", "s-1", "EUR", 6700, 0, 0, None, LONG_AGO)
WAITING = Waiting("s-1", "mail", "s-1/000001/mail", "receipt", NOW - timedelta(hours=2), 3, 2, "no answer in time")


def kind(found: Difference | None) -> str | None:
    """The kind of what was found; its text says what every text must."""
    if found is None:
        return None
    assert any(word in found.money.lower() for word in ("money", "collect")), "says whether money moved"
    assert found.do.endswith("."), "says what to do"
    assert len(found.sides) > 1, "says both sides"
    assert found.kind in found.text
    return found.kind


@pytest.mark.parametrize(
    ("taking", "booked", "expected"),
    [
        (TAKING, BOOKED, None),
        (replace(TAKING, outcome="declined"), DECLINED, None),
        (replace(TAKING, outcome="open"), DECLINED, None),
        (None, DECLINED, None),
        (replace(TAKING, minor=4800), BOOKED, "charge_amount"),
        (replace(TAKING, currency="EUR"), BOOKED, "charge_amount"),
        (TAKING, replace(BOOKED, paid_minor=None), "charge_unbooked"),
        (TAKING, DECLINED, "charge_paid_though_declined"),
        (TAKING, replace(DECLINED, paid_minor=4900), None),
        (None, BOOKED, "payment_untaken"),
        (None, replace(BOOKED, reversed_minor=4900), None),
        (None, replace(BOOKED, reversed_minor=4800), "payment_untaken"),
        (replace(TAKING, outcome="declined"), BOOKED, "payment_untaken"),
        (TAKING, None, "charge_unknown"),
        (replace(TAKING, outcome="open"), None, None),
        (None, None, None),
        (TAKING, UNKNOWN, "charge_unresolved"),
        (None, replace(UNKNOWN, state="started"), "charge_unresolved"),
        (TAKING, replace(UNKNOWN, started_at=NOW - timedelta(hours=1)), None),
        (TAKING, replace(UNKNOWN, started_at=NOW - takings.UNRESOLVED_AFTER), "charge_unresolved"),
    ],
)
def test_a_charge(taking: Taking | None, booked: BookedCharge | None, expected: str | None) -> None:
    assert kind(takings.charge(taking, booked, NOW)) == expected


@pytest.mark.parametrize(
    ("returned", "reversed_", "expected"),
    [(0, 0, None), (1900, 1900, None), (1900, 0, "reversal_amount"), (0, 1900, "reversal_amount"), (9999, 4900, None)],
)
def test_what_was_taken_back_counts_up_to_the_payment(returned: int, reversed_: int, expected: str | None) -> None:
    found = takings.reversal(replace(BOOKED, reversed_minor=reversed_), "stripe", returned)
    assert kind(found) == expected
    if found is not None:
        assert "--amount 19.00" in found.do


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (RUNNING, []),
        (replace(RUNNING, owed=None), []),
        (Life("running"), []),
        (replace(RUNNING, failing=4), []),
        (Life("running", failing=5), ["life_wedged"]),
        (replace(RUNNING, errand="activity carry_out has been tried 12 times"), ["life_errand_failing"]),
        (replace(RUNNING, owed=replace(OWED, standing="locked")), ["life_and_projection"]),
        (replace(RUNNING, owed=replace(OWED, open_invoices=())), ["life_and_projection"]),
        (Life("missing"), ["life_missing"]),
        (Life("closed", "terminated"), ["life_closed"]),
    ],
)
def test_a_workflow(seen: Life, expected: list[str]) -> None:
    assert [kind(found) for found in differences.life(PROJECTED, seen)] == expected


@pytest.mark.parametrize("found", ["missing", "closed", "running"])
def test_a_life_that_is_over_needs_no_workflow(found: str) -> None:
    ended = replace(PROJECTED, ended=True, owed=replace(OWED, standing="ended"))
    seen = (
        replace(RUNNING, owed=ended.owed) if found == "running" else Life("missing" if found == "missing" else "closed")
    )
    assert differences.life(ended, seen) == []


def test_a_workflow_that_has_recorded_nothing_yet_is_compared_with_nothing() -> None:
    assert differences.life(replace(PROJECTED, owed=None), RUNNING) == []
    (found,) = differences.life(replace(PROJECTED, owed=None), Life("missing"))
    assert "registered, with nothing recorded yet" in found.text


@pytest.mark.parametrize(
    ("case", "stands", "expected"),
    [
        (CASE, CaseStands(6700, "EUR", False), None),
        (CASE, CaseStands(6700, "EUR", True), None),
        (CASE, CaseStands(9700, "EUR", False), "case_amount"),
        (CASE, CaseStands(6700, "USD", False), "case_amount"),
        (CASE, None, "case_missing"),
        (replace(CASE, closed_as="Paid"), None, None),
        (replace(CASE, recalled_minor=6700), CaseStands(6700, "EUR", False), "case_still_open"),
        (replace(CASE, paid_minor=6700), CaseStands(6700, "EUR", True), None),
        (replace(CASE, recalled_minor=6700, quiet_since=NOW), CaseStands(6700, "EUR", False), None),
    ],
)
def test_a_case(case: PlacedCase, stands: CaseStands | None, expected: str | None) -> None:
    assert kind(differences.case(case, stands, NOW)) == expected


@pytest.mark.parametrize(
    ("decided", "told", "expected"),
    [(6700, 6700, None), (-3000, 0, None), (0, 6700, "placement_amount"), (6700, 0, "placement_amount")],
)
def test_what_was_handed_over(decided: int, told: int, expected: str | None) -> None:
    assert kind(differences.handed(Handed("s-1", "EUR", decided, told))) == expected


@pytest.mark.parametrize(
    ("obeys", "in_force", "plan_running", "expected"),
    [
        (Obeys(7, frozenset({"block_uploads"})), {"block_uploads"}, True, []),
        (Obeys(7), {"block_uploads"}, True, []),
        (Obeys(6), {"block_uploads"}, True, ["command_not_obeyed"]),
        (Obeys(8), {"block_uploads"}, True, ["places_behind"]),
        (Obeys(7, frozenset()), {"block_uploads"}, True, ["commands_in_force"]),
        (Obeys(7, frozenset({"block_uploads"})), set(), True, ["commands_in_force"]),
        (Obeys(7, frozenset({"block_uploads"})), set(), False, []),
    ],
)
def test_a_platform(obeys: Obeys, in_force: set[str], plan_running: bool, expected: list[str]) -> None:
    seen = replace(RUNNING, in_force=frozenset(in_force), plan_running=plan_running)
    found = differences.obedience(Commanded("s-1", 7, "block_uploads"), obeys, seen)
    assert [kind(each) for each in found] == expected


@pytest.mark.parametrize(
    ("hours", "courier", "expected"),
    [(2, True, None), (25, True, "untold"), (2, None, "untold"), (2, False, "untold"), (0.5, False, None)],
)
def test_a_line_that_waits(hours: float, courier: bool | None, expected: str | None) -> None:
    waiting = replace(WAITING, put_at=NOW - timedelta(hours=hours))
    assert kind(differences.line(waiting, NOW, courier)) == expected


def test_a_difference_has_one_key_for_as_long_as_it_lasts_and_tells_no_payer() -> None:
    first = takings.charge(replace(TAKING, minor=4800, payer="cus_secret"), BOOKED, NOW)
    later = takings.charge(replace(TAKING, minor=4700, payer="cus_secret"), BOOKED, NOW + timedelta(days=1))
    assert first is not None
    assert later is not None
    assert first.key == later.key
    assert "cus_secret" not in repr(first)
    assert "cus_secret" not in repr(replace(TAKING, payer="cus_secret"))
    assert kind(takings.keyless(TAKING)) == "payment_unbooked"
    assert kind(takings.twice(TAKING, replace(TAKING, reference="pi_2"))) == "charge_twice"


def refund(amount: object) -> Report:
    """A refund of KEY's charge, as a gateway reports it."""
    return Report("stripe", "refund/re_1", "refund.created", "s-1", "payment-reversed", {"amount": amount})


@pytest.mark.parametrize(
    ("amount", "returned_minor", "reversed_minor", "expected"),
    [
        pytest.param("20.00", 2000, 0, 2000, id="nobody has counted it"),
        pytest.param("20.00", 2000, 2000, 0, id="recorded by hand"),
        pytest.param("10.00", 3000, 2000, 1000, id="the other of two was recorded by hand"),
        pytest.param("20.00", 3000, 2000, 0, id="more than is left of what went back"),
        pytest.param("49.00", 4900, 0, 4900, id="all of it"),
        pytest.param("49.00", 9800, 4900, 0, id="no more than was paid"),
        pytest.param("20.00", None, 0, None, id="the gateway does not say"),
        pytest.param("twenty", 2000, 0, None, id="no amount"),
    ],
)
def test_what_went_back_is_taken_in_only_where_the_ledger_has_room_for_it(
    amount: str, returned_minor: int | None, reversed_minor: int, expected: int | None
) -> None:
    assert takings.room_for(refund(amount), BOOKED, returned_minor, reversed_minor) == expected


def test_nobody_can_tell_of_a_payment_that_is_none_of_ours() -> None:
    assert takings.room_for(refund("20.00"), None, 2000, 0) is None
    assert takings.room_for(refund("20.00"), DECLINED, 2000, 0) is None
