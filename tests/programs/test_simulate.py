"""`starter.py simulate` and `forecast`, as the scenario contract wants them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.programs.programs import ROOT, program

LOCKED = "examples/demo/ben.json"


def test_a_scenario_is_told_as_one_json_object(tmp_path: Path) -> None:
    said = program(tmp_path, "starter.py", "simulate", LOCKED, "--json")
    assert said.status == 0
    assert set(said.json()) == {"timeline", "final"}
    assert said.json()["final"]["standing"] == "active"


def test_both_engines_tell_the_same_life(tmp_path: Path) -> None:
    core = program(tmp_path, "starter.py", "simulate", LOCKED, "--json")
    real = program(tmp_path, "starter.py", "simulate", LOCKED, "--json", "--engine", "temporal")
    assert (core.status, real.status) == (0, 0), real.err
    assert core.json() == real.json()


def test_the_core_engine_loads_neither_temporal_nor_a_driver() -> None:
    code = (
        "import sys, starter\n"
        f"sys.argv = ['starter.py', 'simulate', {LOCKED!r}, '--json']\n"
        "try:\n    starter.app()\nexcept SystemExit:\n    pass\n"
        "print([name for name in ('temporalio', 'asyncpg') if name in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_a_forecast_tells_both_futures(tmp_path: Path) -> None:
    said = program(tmp_path, "starter.py", "forecast", LOCKED, "--json")
    assert said.status == 0
    unpaid, paid = said.json()["if_nothing_is_paid"], said.json()["if_everything_is"]
    assert "cancelled" in [entry["what"] for entry in unpaid]
    assert {entry["what"] for entry in paid} == {"invoice_issued", "charge", "payment_received"}


def _without(path: str) -> dict[str, Any]:
    scenario = json.loads((ROOT / LOCKED).read_text())
    inner = scenario
    *way, last = path.split(".")
    for step in way:
        inner = inner[step]
    del inner[last]
    return dict(scenario)


def _with(path: str, value: object) -> dict[str, Any]:
    scenario = json.loads((ROOT / LOCKED).read_text())
    inner = scenario
    *way, last = path.split(".")
    for step in way:
        inner = inner[step]
    inner[last] = value
    return dict(scenario)


@pytest.mark.parametrize(
    ("scenario", "said"),
    [
        (_without("policy"), "scenario.policy: missing"),
        (_with("policy", "photo-weekly"), "policy 'photo-weekly': unknown; expected one of hosting, photo-annual"),
        (_with("policy", "./none.yaml"), "cannot be read"),
        (_with("subscription.customer.timezone", "Mars/Base"), "time zone 'Mars/Base': expected an IANA name"),
        (_with("subscription.plan.currency", "usd"), "currency 'usd': expected an ISO 4217 code in capitals"),
        (_with("subscription.plan.price", "49.005"), "USD has 2 decimals"),
        (_with("subscription.plan.price", "-1.00"), "is below zero"),
        (_with("subscription.plan.price", 49), "expected a decimal string such as '49.00'"),
        (_with("subscription.starts_on", "2026-02-30"), "starts_on: '2026-02-30': expected a date"),
        (_with("subscription.payment_methods.primary", "cash"), "expected one of card, paypal, bank_transfer"),
        (_with("subscription.id", "a/b"), "expected letters, digits"),
        (_with("until", "2080-01-01"), "at most 50 years"),
        (_with("untill", "2026-06-01"), "untill: unknown field"),
        (_with("gateway", [{"method": "primary", "from": "2026-01-01", "outcome": "maybe"}]), "outcome: 'maybe'"),
        (_with("usage", [{"on": "2026-01-01", "kind": "slept"}]), "kind: 'slept'"),
        (_with("messages", [{"signal": "cancel"}]), "messages[0].at: missing"),
        (_with("messages", [{"at": "soon", "signal": "cancel"}]), "messages[0].at: 'soon': expected local time"),
        (_with("messages", [{"at": "2026-02-01T10:00", "signal": "cancel"}] * 1001), "1001 messages; expected at most"),
        ([], "scenario: []: expected a JSON object"),
    ],
)
def test_an_invalid_scenario_is_refused_in_one_line_with_status_2(scenario: object, said: str, tmp_path: Path) -> None:
    file = tmp_path / "scenario.json"
    file.write_text(json.dumps(scenario))
    told = program(tmp_path, "starter.py", "simulate", str(file), "--json")
    assert told.status == 2
    assert told.out == ""
    assert said in told.err
    assert len(told.err.strip().splitlines()) == 1
    assert str(file) in told.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"{", "expected JSON"),
        (b"\xff\xfe", "expected UTF-8"),
        (b'{"until": NaN}', "NaN is no JSON number"),
        (b"[" * 100_000, "expected JSON"),
    ],
)
def test_a_file_that_is_no_json_is_refused(text: bytes, said: str, tmp_path: Path) -> None:
    file = tmp_path / "scenario.json"
    file.write_bytes(text)
    told = program(tmp_path, "starter.py", "simulate", str(file))
    assert (told.status, "Traceback" in told.err) == (2, False)
    assert said in told.err


def test_messages_that_mean_nothing_are_played_and_refused(tmp_path: Path) -> None:
    messages = [
        {"at": "2026-01-20T10:00", "signal": "pay-me"},
        {"at": "2026-01-20T10:01", "signal": "payment-received", "amount": "ten"},
        {"at": "2026-01-20T10:02", "signal": "cancel", "by": "support:kim"},
    ]
    file = tmp_path / "scenario.json"
    file.write_text(json.dumps(_with("messages", messages)))
    told = program(tmp_path, "starter.py", "simulate", str(file), "--json")
    refused = [entry for entry in told.json()["timeline"] if entry["what"] == "refused"]
    assert [entry["signal"] for entry in refused] == ["pay-me", "payment-received", "cancel"]
    assert "unknown" in refused[0]["why"]
    assert "expected a decimal string" in refused[1]["why"]
    assert "'reason' is missing" in refused[2]["why"]
