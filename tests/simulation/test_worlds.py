"""Random worlds are lived under audit: nothing is found in the code as it is, and planted defects are."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.policy import Mail, Policy, Rung
from domain.scenario import Said
from domain.simulate import Played, play
from policies.load import load
from proof.auditor.objections import Objection
from proof.simulation import failures
from proof.simulation.lives import lived
from proof.simulation.runs import run
from proof.simulation.scripts import Script
from proof.simulation.shrinking import Shrinking, objection_to
from proof.simulation.worlds import world

ROOT = Path(__file__).parents[2]
SEED = "fixed"


def test_twenty_random_lives_keep_every_promise(tmp_path: Path) -> None:
    tally = run(SEED, 20, tmp_path, processes=1)
    assert [(f.number, str(f.objection or f.error)) for f in tally.failed] == []
    assert tally.lives == 20
    assert tally.counts["asked"] > 100


@pytest.mark.slow
def test_sixty_more_keep_them_too_and_meet_everything_there_is(tmp_path: Path) -> None:
    tally = run(f"{SEED}-more", 60, tmp_path, processes=2)
    assert [(f.number, str(f.objection or f.error)) for f in tally.failed] == []
    met = tally.counts
    for what in ("place", "recall", "mail", "moves", "forecasts compared", "charge unknown", "charge declined"):
        assert met[what], what
    for entry in ("cancelled", "payment_reversed", "written_off", "evidence_hold", "promise_broken", "ended"):
        assert met[f"entry {entry}"], entry


def test_a_seed_makes_the_same_world_again(tmp_path: Path) -> None:
    first, again = (world(SEED, 3, tmp_path) for _ in range(2))
    assert first.script == again.script
    assert first.state == again.state
    assert world(SEED, 4, tmp_path).script != first.script


def test_a_life_lived_in_pieces_is_the_same_when_played_from_its_script(tmp_path: Path) -> None:
    life = world(SEED, 5, tmp_path)
    again = lived(life.script)
    assert (again.keys, again.state) == (life.keys, life.state)


def unpaid(policy: str, until: str = "2027-03-01", **terms: Any) -> Script:
    """A life in which two months are paid and then nothing is any more."""
    declined = [{"method": m, "from": "2026-03-02", "outcome": "declined"} for m in ("primary", "secondary")]
    customer = {"id": "c-1", "client_number": "K100", "timezone": "Europe/Berlin"}
    subscription = {
        "id": "s-1",
        "customer": customer,
        "plan": {"name": "pro", "price": "49.00", "currency": "EUR", "instalments": 12},
        "starts_on": "2026-01-15",
        "payment_methods": {"primary": "card", "secondary": "card"},
        **terms,
    }
    noise = [
        {"at": "2026-01-20T10:00", "signal": "reactivation-requested", "reason": "hello"},
        {"at": "2026-02-20T10:00", "signal": "block-access", "by": "support", "reason": "abuse"},
        {"at": "2026-02-21T10:00", "signal": "unblock-access", "by": "support", "reason": "abuse"},
    ]
    scenario = {"policy": policy, "subscription": subscription, "gateway": declined, "messages": noise, "until": until}
    return Script({**scenario, "usage": [{"on": "2026-03-20", "kind": "batch_uploaded"}]})


def rungs(policy: Policy, change: Any) -> Policy:
    """The policy with each rung changed, under the digest of the true one: a defect of the code, to the auditor."""
    return replace(policy, ladder=tuple(change(rung) for rung in policy.ladder))


def sooner(rung: Rung) -> Rung:
    """The rung a day too early."""
    return replace(rung, when=replace(rung.when, number=max(0, rung.when.number - 1)))


def silent(rung: Rung) -> Rung:
    """The rung without its mails."""
    return replace(rung, then=tuple(e for e in rung.then if not isinstance(e, Mail)) or rung.then[:0])


def unwarned(rung: Rung) -> Rung:
    """The rung without the distance from its warning."""
    when = replace(rung.when, number=30) if rung.days_after_warning is not None else rung.when
    return replace(rung, when=when, days_after_warning=None)


@pytest.mark.parametrize(
    ("policy", "defect"),
    [
        ("photo-monthly", sooner),
        ("photo-monthly", silent),
        ("photo-annual", sooner),
        ("photo-annual", silent),
        ("hosting", sooner),
        ("hosting", silent),
        ("hosting", unwarned),
    ],
)
def test_code_that_climbs_another_ladder_than_the_published_one_is_found(policy: str, defect: Any) -> None:
    script = unpaid(policy)
    assert lived(script).objection is None
    assert lived(script, policy=rungs(load(policy), defect)).objection is not None


def deadlines_first(*args: Any, **named: Any) -> Played:
    """A shell that takes messages in a moment late: after what is due at their instant."""
    state, policy, world_, book, messages, until = args
    late = [replace(m, at=m.at + timedelta(microseconds=1)) for m in _said(messages)]
    return play(state, policy, world_, book, late, until, **named)


def _said(messages: Sequence[Said]) -> Sequence[Said]:
    return messages


def test_a_shell_that_acts_on_deadlines_before_messages_of_the_same_instant_is_found() -> None:
    script = unpaid("photo-monthly")
    said = {"at": "2026-03-18T00:00", "signal": "payment-received", "amount": "49.00", "channel": "card"}
    script.scenario["messages"].append({**said, "reference": "r-1"})
    assert lived(script).objection is None
    objection = lived(script, shell=deadlines_first).objection
    assert objection is not None
    assert objection.promise == "a message is taken in before what is due at its instant"


def locks_early(script: Script) -> Objection | None:
    """What the auditor says where code locks a day early."""
    return lived(script, policy=rungs(load("photo-monthly"), sooner)).objection


def test_a_life_that_is_objected_to_is_made_small() -> None:
    script = unpaid("photo-monthly", until="2028-01-01")
    objection = locks_early(script)
    assert objection is not None
    small = Shrinking(objection.promise, locks_early).shrink(script)
    found = locks_early(small)
    assert found is not None
    assert found.promise == objection.promise
    said = small.scenario
    assert (said["messages"], said["usage"], small.extras) == ([], [], {})
    assert len(said["gateway"]) <= 2
    assert datetime.fromisoformat(said["until"]) < datetime(2026, 4, 15)  # noqa: DTZ001 -- a local date
    assert said["subscription"]["customer"]["timezone"] == "UTC"


def test_shrinking_keeps_what_cannot_be_spared() -> None:
    script = unpaid("photo-monthly")
    shrinking = Shrinking("any", lambda s: None)
    assert shrinking.shrink(script).scenario == script.scenario


def test_a_failure_is_written_as_a_scenario_with_all_that_it_needs(tmp_path: Path) -> None:
    life = next(w for n in range(40) if "moves" in (w := world(SEED, n, tmp_path)).script.extras)
    objection = Objection("nothing", life.scenario.until, "for a test")
    path = failures.write(life.script, objection, "failed-x-1", tmp_path)
    assert json.loads(path.read_text())["title"].startswith("failed-x-1: nothing")
    again = lived(failures.read(path))
    assert (again.keys, again.objection) == (life.keys, None)
    assert again.counts["moves"] == life.counts["moves"]


def simulate(*args: str) -> "subprocess.CompletedProcess[str]":
    """The command."""
    command = [sys.executable, "-m", "proof.simulation", *args]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.slow
def test_the_command_prints_its_seed_and_its_counts_and_ends_with_0() -> None:
    done = simulate("--seed", "s", "--runs", "4", "--processes", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "seed s, 4 lives" in done.stdout
    assert "charges asked" in done.stdout


@pytest.mark.slow
def test_the_command_ends_with_2_where_its_input_is_invalid(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("[]")
    for args in (["--policy", "no-such-policy"], ["--replay", str(tmp_path / "x.json")], ["--runs", "0"]):
        assert simulate(*args, *([] if "--replay" in args else ["--seed", "s"])).returncode == 2, args


@pytest.mark.slow
def test_a_replay_ends_with_0_where_nothing_is_objected_to(tmp_path: Path) -> None:
    path = failures.write(unpaid("hosting"), Objection("x", datetime.now().astimezone(), "x"), "replayed", tmp_path)
    done = simulate("--replay", str(path))
    assert (done.returncode, done.stdout) == (0, "0 objections\n")


def test_an_unplayable_script_is_not_objected_to() -> None:
    script = unpaid("photo-monthly", until="no date")
    assert objection_to(script) is None
