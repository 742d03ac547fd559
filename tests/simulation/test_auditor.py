"""The auditor is tested too: it is shown true stories with one thing changed, and has to object to each.

The stories are example scenarios, to which it has nothing to say as they are.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest

from domain.periods import add_months, days_after, instant, month_end
from proof.auditor.calendar import Calendar, months_later
from proof.auditor.forecasts import Forecasts
from proof.auditor.objections import Objections
from proof.auditor.steps import Cause, Step
from tests.simulation.recorded import Story, story

Doctor = Callable[[Story], Story]
SECOND = timedelta(seconds=1)

CONSERVED = "money is conserved"
ONCE = "one debt is charged at most once"
EARLY = "nothing before its time or after payment"
SKIPPED = "no required notice is skipped"
AGENCY = "collections once per debt, recalled when paid"
BILLED = "each period is billed once, on its date"


def a_day_early(what: str, **fields: object) -> Doctor:
    """The step in which an entry like this happened comes a day earlier."""

    def doctored(told: Story) -> Story:
        steps = list(told.steps)
        for number, step in enumerate(steps):
            entries = [t for t in step.happened if t["is"] == "entry"]
            if any(e["what"] == what and fields.items() <= dict(e["fields"]).items() for e in entries):
                earlier = step.cause.due - timedelta(days=1)
                happened = [{**t, "at": earlier} if "at" in t else t for t in step.happened]
                steps[number] = replace(step, cause=replace(step.cause, at=earlier, due=earlier), happened=happened)
                return replace(told, steps=steps)
        raise AssertionError(f"no {what} in the story")

    return doctored


def step_left_out(what: str, **fields: object) -> Doctor:
    """The step in which an entry like this happened is left out."""

    def doctored(told: Story) -> Story:
        def has(step: Step) -> bool:
            entries = [t for t in step.happened if t["is"] == "entry"]
            return any(e["what"] == what and fields.items() <= dict(e["fields"]).items() for e in entries)

        first = next(number for number, step in enumerate(told.steps) if has(step))
        return replace(told, steps=[*told.steps[:first], *told.steps[first + 1 :]])

    return doctored


CASES: dict[str, tuple[str, Doctor, str]] = {
    "a charge key that is drawn": (
        "monthly-retry-fails",
        lambda told: told.changed("asked", key="s-1-0001/f3a9/primary"),
        "charge keys are derived",
    ),
    "a charge for more than is owed": (
        "money-remainder-is-charged", lambda told: told.changed("asked", nth=1, minor=1_000_000), ONCE,
    ),
    "money that is taken and not booked": (
        "monthly-retry-fails", lambda told: told.without(what="payment_received"), CONSERVED,
    ),
    "a payment that is booked twice": (
        "money-partial-stays-locked", lambda told: told.twice(what="payment_received"), CONSERVED,
    ),
    "a payment of another amount": (
        "money-partial-stays-locked",
        lambda told: told.changed("ledger", nth=1, postings=[("cash:card", 1, "x"), ("credit", -1, "x")]),
        CONSERVED,
    ),
    "a ledger entry that does not balance": (
        "money-yen", lambda told: told.changed("ledger", postings=[("revenue", -5, None)]), CONSERVED,
    ),
    "a lock a day early": ("monthly-retry-fails", a_day_early("standing", to="locked"), EARLY),
    "a cancellation a day early": ("monthly-used-on-last-day", a_day_early("cancelled"), EARLY),
    "a lock that never comes": ("monthly-used-on-last-day", step_left_out("standing", to="locked"), SKIPPED),
    "a mail of a rung that is left out": (
        "hosting-no-reminder-after-the-warning",
        lambda told: told.without(what="email", template="product_locked"),
        SKIPPED,
    ),
    "a warning that is left out": (
        "hosting-no-reminder-after-the-warning",
        lambda told: told.without(what="email", template="collections_warning"),
        SKIPPED,
    ),
    "a placement a day early": ("hosting-agency-gets-everything-open", a_day_early("collections_placed"), EARLY),
    "a placement told of twice": (
        "hosting-agency-gets-everything-open", lambda told: told.twice(what="collections_placed"), AGENCY,
    ),
    "a placement of another amount": (
        "hosting-agency-gets-everything-open", lambda told: told.changed("place", minor=1), AGENCY,
    ),
    "a recall that is left out": (
        "money-direct-partial-payment-recalled", lambda told: told.changed("recall", minor=0), AGENCY,
    ),
    "a demand of what nobody owes": (
        "monthly-retry-fails",
        lambda told: told.changed("mail", about={"open": "1000000.00", "balance": "0.00"}),
        "no mail demands what is not owed",
    ),
    "a declined charge that nobody is told of": (
        "monthly-retry-fails", lambda told: told.changed("mail", template="receipt"), SKIPPED,
    ),
    "a billing date that is skipped": ("time-anchor-31", step_left_out("invoice_issued", invoice="s-1-0002"), BILLED),
    "a mail under a key that was used before": (
        "monthly-retry-fails", lambda told: told.changed("mail", nth=1, key=told_key(told)), "each key is written once",
    ),
    "access that is not given back": (
        "monthly-retry-after-new-card",
        lambda told: told.without(what="platform", command="allow_uploads"),
        "access is taken once and given back once",
    ),
    "a standing out of its order": (
        "monthly-retry-fails",
        lambda told: told.without(what="standing", to="past_due"),
        "one standing at a time, each in its order",
    ),
    "an ending that nobody wakes up for": (
        "monthly-retry-fails",
        lambda told: replace(told, steps=[replace(s, next_at=None) for s in told.steps]),
        "every ladder ends",
    ),
    "a gateway that took more than was booked": (
        "time-anchor-31", lambda told: replace(told, took={**told.took, "s-1-0001/9/primary": 5}), CONSERVED,
    ),
    "a termination charge of another amount": (
        "annual-half-rounds-up-yen", lambda told: changed_amount(told, "termination_charge"), "delinquency",
    ),
    "something that is done late": (
        "time-anchor-31",
        lambda told: replace(told, steps=[late(s) if n == 3 else s for n, s in enumerate(told.steps)]),
        "what is due is done when it is due",
    ),
}  # fmt: skip


def told_key(told: Story) -> str:
    """The key of the first mail."""
    return str(next(t["key"] for s in told.steps for t in s.happened if t["is"] == "mail"))


def changed_amount(told: Story, what: str) -> Story:
    """The story with one minor unit more in an entry."""
    steps = []
    for step in told.steps:
        things = [
            {**t, "fields": {**t["fields"], "amount": "1"}} if t["is"] == "entry" and t["what"] == what else t
            for t in step.happened
        ]
        steps.append(replace(step, happened=things))
    return replace(told, steps=steps)


def late(step: Step) -> Step:
    """The same step, an hour after its deadline."""
    return replace(step, cause=replace(step.cause, at=step.cause.due + timedelta(hours=1)))


@pytest.mark.parametrize("case", CASES)
def test_the_auditor_objects_to(case: str) -> None:
    name, doctor, promise = CASES[case]
    told = story(name)
    assert told.objections() == []
    assert promise in [o.promise for o in doctor(told).objections()]


def test_a_deadline_acted_on_before_a_message_of_its_instant_is_objected_to() -> None:
    told = story("hosting-partial-payment-stops-nothing")
    first = next(number for number, step in enumerate(told.steps) if step.cause.kind == "message")
    heard = tuple(step.cause.at for step in told.steps if step.cause.kind == "message")
    assert told.objections(heard) == []
    later = [*told.steps[:first], *told.steps[first + 1 :]]
    promises = [o.promise for o in replace(told, steps=later).objections(heard)]
    assert "a message is taken in before what is due at its instant" in promises


def test_a_forecast_that_does_not_come_true_is_objected_to() -> None:
    at = datetime(2026, 3, 18, tzinfo=UTC)
    said = {"is": "entry", "at": at, "what": "standing", "fields": {"to": "locked", "from": "past_due"}}
    other = {**said, "fields": {"to": "cancelled", "from": "past_due"}}
    for happened, promises in (([said], 0), ([other], 1), ([], 1), ([said, said], 1)):
        objections = Objections(at)
        forecasts = Forecasts(objections)
        forecasts.told([said], at + timedelta(days=9), whole=True)
        if happened:
            forecasts.see(Step(Cause("deadline", at, at), happened, {}, None))
        forecasts.close(at + timedelta(days=10))
        assert len(objections.listed) == promises, happened


def test_a_forecast_holds_only_as_long_as_nothing_comes_between() -> None:
    at = datetime(2026, 3, 18, tzinfo=UTC)
    said = {"is": "entry", "at": at, "what": "standing", "fields": {}}
    objections = Objections(at)
    forecasts = Forecasts(objections)
    forecasts.told([said], at + timedelta(days=9), whole=True)
    forecasts.see(Step(Cause("message", at - SECOND, at - SECOND, "payment-received"), [], {}, None))
    forecasts.close(at + timedelta(days=10))
    assert objections.listed == []


ZONES = (
    "America/New_York",
    "Asia/Beirut",
    "America/Havana",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Africa/Casablanca",
)


@pytest.mark.parametrize("zone", ZONES)
def test_two_calendars_that_share_no_code_agree(zone: str) -> None:
    calendar, begins = Calendar(zone), date(2019, 1, 1)
    for day in range(0, 3_000, 3):
        on = begins + timedelta(days=day)
        for at in (time(0, 0), time(2, 30), time(23, 45)):
            assert calendar.instant(on, at) == instant(on, at, zone)
        assert calendar.month_over(on) == month_end(on, zone)
        assert calendar.days_after(calendar.begins(on), 3) == days_after(calendar.begins(on), 3, zone)
        assert months_later(on, day % 30) == add_months(on, day % 30)
