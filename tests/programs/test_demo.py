"""`make run` and the hands that work beside it, in processes of their own. Slow: a demo takes half a minute."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.embedded.deaths import Watch
from tests.programs.programs import children, environment, program, running

pytestmark = pytest.mark.slow

UP = "Ctrl-C stops it"


async def test_the_demo_tells_its_lives_goes_on_after_a_kill_and_leaves_nothing_running(tmp_path: Path) -> None:
    async with running(tmp_path, "starter.py", "demo", until=UP) as first:
        found = program(tmp_path, "cli.py", "find", "--json").json()
        standings = {view["subscription_id"]: view["standing"] for view in found}
        assert standings == {
            "ada": "active",
            "ben": "active",
            "cleo": "in_collections",
            "dan": "in_collections",
            "eve": "awaiting_review",
            "finn": "account_locked",
        }
        told = program(tmp_path, "cli.py", "timeline", "ben").out
        assert "standing locked" in told
        assert "payment received" in told
        servers = [Watch(pid) for pid in children(first.pid)]
        assert len(servers) >= 2
        os.kill(first.pid, signal.SIGKILL)
        assert all(server.ended() for server in servers)
    before = told
    async with running(tmp_path, "starter.py", "demo", until=UP):
        assert program(tmp_path, "cli.py", "timeline", "ben").out == before, "a second run goes on, and repeats nothing"
        assert program(tmp_path, "cli.py", "audit").out == "0 differences\n"


async def test_support_and_platform_work_beside_the_demo(tmp_path: Path) -> None:
    async with running(tmp_path, "starter.py", "demo", until=UP):
        asked = program(
            tmp_path, "cli.py", "reactivate", "eve", "--by", "support:kim", "--reason", "first time", "--json"
        )
        assert asked.status == 0, asked.err
        assert asked.json()["standing"] == "active"
        assert [entry["what"] for entry in asked.json()["happened"]] == ["standing", "platform"]

        again = program(tmp_path, "cli.py", "reactivate", "eve", "--by", "support:kim", "--reason", "again")
        assert (again.status, again.out) == (1, "")
        assert "there is nothing to decide" in again.err

        wrong = program(
            tmp_path, "cli.py", "payment-received", "finn", "--amount", "ten", "--channel", "card", "--reference", "r"
        )
        assert wrong.status == 1
        assert "expected a decimal string such as '49.00'" in wrong.err

        nobody = program(tmp_path, "cli.py", "hold-dunning", "nobody", "--by", "support:kim", "--reason", "who?")
        assert nobody.status == 1
        assert "not running here" in nobody.err

        paid = program(
            tmp_path,
            *("cli.py", "payment-received", "finn", "--amount", "80.00", "--channel", "bank_transfer"),
            *("--reference", "transfer-9", "--json"),
        )
        assert paid.json()["standing"] == "awaiting_review"
        assert program(tmp_path, "cli.py", "forecast", "ada", "--json").status == 0
        shown = program(tmp_path, "cli.py", "show", "finn", "--json").json()
        assert (shown["standing"], shown["balance_minor"]) == ("awaiting_review", 0)

        many = tmp_path / "many.jsonl"
        ada = json.loads(Path("examples/demo/ada.json").read_text())["subscription"]
        lines = [{"policy": "photo-monthly", "subscription": ada | {"id": f"many-{n}"}} for n in range(5)]
        lines = [line | {"subscription": line["subscription"] | {"starts_on": "2099-01-31"}} for line in lines]
        many.write_text("\n".join(json.dumps(line) for line in lines))
        started = program(tmp_path, "starter.py", "start", str(many), "--json")
        assert [one["how"] for one in started.json()] == ["started"] * 5, started.err
        again = program(tmp_path, "starter.py", "start", str(many), "--json")
        assert [one["how"] for one in again.json()] == ["running"] * 5


def test_without_servers_the_hands_say_what_to_do(tmp_path: Path) -> None:
    found = program(tmp_path, "cli.py", "find")
    assert (found.status, found.out) == (1, "")
    assert "make run" in found.err
    assert "Traceback" not in found.err


def test_an_unknown_setting_is_named(tmp_path: Path) -> None:
    (tmp_path / "wrong.toml").write_text("databse_url = 'x'\n")
    done = subprocess.run(
        [sys.executable, "worker.py"],
        env=environment(tmp_path) | {"PERENNIAL_SETTINGS": str(tmp_path / "wrong.toml")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "'databse_url' is no setting" in done.stderr
