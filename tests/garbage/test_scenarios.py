"""The door for scenarios and for subscriptions: what is refused is refused clearly, what is taken can be played."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

from domain.opening import InvalidTerms, read_contact, read_terms
from domain.scenario import InvalidScenario, read_scenario
from domain.simulate import simulate
from policies.load import InvalidPolicy, load
from tests.garbage.clear import Tally, assert_clear
from tests.garbage.mutations import Mutant, mutant
from tests.garbage.trying import TIMES, each

FOLDER = Path(__file__).parents[2] / "examples" / "scenarios"
ALL = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))]
VALID = [said for said in ALL if said.get("exit", 0) == 0 and "subscription" in said]
CONTACT = {
    "tenant": "lumen",
    "phone": "+49 30 1234567",
    "address": {"street": "Example Street 1", "postal_code": "10115", "city": "Berlin", "country": "DE"},
    "vault": {
        "primary": {"gateway": "stripe", "method": "pm_1", "payer": "cus_1"},
        "secondary": {"gateway": "paypal", "method": "8kk8451t"},
    },
}


@TIMES
def test_a_spoilt_scenario_is_refused_clearly_or_played_to_its_end(times: int) -> None:
    door = Tally("scenarios")

    def try_one(random: Random) -> None:
        spoilt = mutant(random.choice(VALID), random)
        try:
            scenario = read_scenario(spoilt.value)
            policy = load(scenario.policy, FOLDER)
            simulate(scenario, policy)
        except (InvalidScenario, InvalidPolicy, InvalidTerms) as refused:
            door.refuse(str(refused), spoilt.done)
        else:
            door.accept()

    each(times, try_one)
    door.closed(refused=times // 4, accepted=times // 10, kinds=20)


@TIMES
def test_a_spoilt_subscription_is_refused_clearly(times: int) -> None:
    door = Tally("subscriptions")

    def try_one(random: Random) -> None:
        good = Mutant(CONTACT, ())
        terms = mutant(random.choice(VALID)["subscription"], random, 2)
        contact = mutant(CONTACT, random, 1) if random.random() < 0.3 else good
        try:
            read_terms(terms.value)
            read_contact(contact.value)
        except InvalidTerms as refused:
            door.refuse(str(refused), terms.done + contact.done)
        else:
            door.accept()

    each(times, try_one)
    door.closed(refused=times // 4, accepted=times // 20, kinds=20)


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        (("until",), "2026-02-30", "scenario.until: '2026-02-30': expected a date such as '2026-03-18'"),
        (("messages", 0, "at"), "2026-02-30T10:00", "scenario.messages[0].at: '2026-02-30T10:00': expected local time"),
        (("messages", 0, "at"), ["x"] * 1000, "scenario.messages[0].at: ['x', "),
        (("until",), None, "scenario.until: missing"),
        (("x" * 5000,), 1, "unknown field; expected"),
        (("4111 1111 1111 1111",), 1, "scenario.(what looks like a card number): unknown field"),
        (("a\0b",), 1, "scenario.'a\\x00b': unknown field"),
        (("subscription", "plan", "price"), "4111 1111 1111 1111", "amount (what looks like a card number)"),
    ],
)
def test_what_is_wrong_is_named_and_never_repeated_at_length(
    path: tuple[str | int, ...], value: object, why: str
) -> None:
    said = json.loads(json.dumps(next(one for one in VALID if one.get("messages"))))
    at = said
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    with pytest.raises(InvalidScenario) as refused:
        read_scenario(said)
    assert why in str(refused.value)
    assert_clear(str(refused.value), path)
