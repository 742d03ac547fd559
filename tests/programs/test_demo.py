"""`make run` and the hands that work beside it, in processes of their own. Slow: a demo takes half a minute."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.bank.creditor_reference import creditor_reference
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


STATEMENT = """<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><GrpHdr><MsgId>S1</MsgId>
<CreDtTm>2026-03-20T06:00:00</CreDtTm></GrpHdr><Stmt><Id>S1</Id>
<Acct><Id><IBAN>DE02120300000000202051</IBAN></Id><Ccy>EUR</Ccy></Acct>
<Ntry><Amt Ccy="EUR">30.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>
<BookgDt><Dt>2026-03-20</Dt></BookgDt><AcctSvcrRef>T-1</AcctSvcrRef><NtryDtls><TxDtls><RmtInf><Strd><CdtrRefInf>
<Ref>{reference}</Ref></CdtrRefInf></Strd></RmtInf></TxDtls></NtryDtls></Ntry>
<Ntry><Amt Ccy="EUR">12.34</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>
<BookgDt><Dt>2026-03-20</Dt></BookgDt><AcctSvcrRef>T-2</AcctSvcrRef><NtryDtls><TxDtls><RmtInf>
<Ustrd>happy birthday</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry></Stmt></BkToCstmrStmt></Document>
"""


@pytest.fixture(scope="module")
async def shown(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Path]:
    """The folder of a demo that runs for the tests of this file."""
    data = tmp_path_factory.mktemp("shown")
    async with running(data, "starter.py", "demo", until=UP):
        yield data


def test_support_and_platform_work_beside_the_demo(shown: Path, tmp_path: Path) -> None:
    asked = program(shown, "cli.py", "reactivate", "eve", "--by", "support:kim", "--reason", "first time", "--json")
    assert asked.status == 0, asked.err
    assert asked.json()["standing"] == "active"
    assert [entry["what"] for entry in asked.json()["happened"]] == ["standing", "platform"]

    again = program(shown, "cli.py", "reactivate", "eve", "--by", "support:kim", "--reason", "again")
    assert (again.status, again.out) == (1, "")
    assert "there is nothing to decide" in again.err

    wrong = program(
        shown, "cli.py", "payment-received", "finn", "--amount", "ten", "--channel", "card", "--reference", "r"
    )
    assert wrong.status == 1
    assert "expected a decimal string such as '49.00'" in wrong.err

    nobody = program(shown, "cli.py", "hold-dunning", "nobody", "--by", "support:kim", "--reason", "who?")
    assert nobody.status == 1
    assert "not running here" in nobody.err

    paid = program(
        shown,
        *("cli.py", "payment-received", "finn", "--amount", "80.00", "--channel", "bank_transfer"),
        *("--reference", "transfer-9", "--json"),
    )
    assert paid.json()["standing"] == "awaiting_review"
    assert program(shown, "cli.py", "forecast", "ada", "--json").status == 0
    finn = program(shown, "cli.py", "show", "finn", "--json").json()
    assert (finn["standing"], finn["balance_minor"]) == ("awaiting_review", 0)

    many = tmp_path / "many.jsonl"
    ada = json.loads(Path("examples/demo/ada.json").read_text())["subscription"]
    lines = [{"policy": "photo-monthly", "subscription": ada | {"id": f"many-{n}"}} for n in range(5)]
    lines = [line | {"subscription": line["subscription"] | {"starts_on": "2099-01-31"}} for line in lines]
    many.write_text("\n".join(json.dumps(line) for line in lines))
    started = program(shown, "starter.py", "start", str(many), "--json")
    assert started.status == 0, started.err
    assert [one["how"] for one in started.json()] == ["started"] * 5
    again = program(shown, "starter.py", "start", str(many), "--json")
    assert [one["how"] for one in again.json()] == ["running"] * 5


def test_a_bank_statement_pays_by_the_reference_that_the_mails_print(shown: Path, tmp_path: Path) -> None:
    file = tmp_path / "statement.xml"
    file.write_text(STATEMENT.format(reference=creditor_reference("cleo-0002")))
    taken = program(shown, "cli.py", "import-statement", str(file), "--json")
    assert taken.status == 0, taken.err
    [statement] = taken.json()
    assert [entry["outcome"] for entry in statement["entries"]] == ["applied", "unapplied"]
    again = program(shown, "cli.py", "import-statement", str(file), "--json").json()
    assert [entry["anew"] for entry in again[0]["entries"]] == [False, False]
    paid = program(shown, "cli.py", "timeline", "cleo").out
    assert paid.count("payment received                           30.00 EUR  by bank_transfer") == 1
    assert "collections recalled                       30.00 EUR" in paid
    [money] = program(shown, "cli.py", "unapplied", "--json").json()
    assert money["minor"] == 1234
    asked = {task["kind"]: task for task in program(shown, "cli.py", "tasks", "--json").json()}
    assert "30.00 EUR of invoice cleo-0002" in asked["recall at debitura"]["text"]
    done = program(
        shown, *("cli.py", "task-done", str(asked["recall at debitura"]["id"])), *("--by", "kim", "--reason", "seen")
    )
    assert done.status == 0, done.err
    assert "recall at debitura" not in program(shown, "cli.py", "tasks").out
    torn = tmp_path / "torn.xml"
    torn.write_text(file.read_text()[:700])
    refused = program(shown, "cli.py", "import-statement", str(torn))
    assert refused.status == 2
    assert "no money moved" in refused.err
    assert program(shown, "cli.py", "audit").out == "0 differences\n"


def test_a_new_card_is_vaulted_by_its_token_and_never_by_its_number(shown: Path) -> None:
    kept = program(shown, "cli.py", "vault", "ada", "primary", "stripe", "pm_new", "--payer", "cus_ada")
    assert kept.status == 0, kept.err
    assert "payment method updated" in program(shown, "cli.py", "timeline", "ada").out
    number = program(shown, "cli.py", "vault", "ada", "primary", "stripe", "4242424242424242")
    assert number.status == 2
    assert "looks like a card number" in number.err
    assert "4242" not in number.err


def test_nothing_is_stuck_and_no_letter_is_dead(shown: Path) -> None:
    assert program(shown, "cli.py", "stuck").out == "0 waiting\n"
    assert program(shown, "cli.py", "dead-letters").out == "0 dead letters\n"
    nothing = program(shown, "cli.py", "replay", "ada/000001/mail", "--by", "kim", "--reason", "why not")
    assert nothing.status == 1
    assert "Traceback" not in nothing.err


def test_lists_and_ageing_say_the_same_of_everybody(shown: Path) -> None:
    found = program(shown, "cli.py", "find", "--json", "--limit", "1000").json()
    upcoming = program(shown, "cli.py", "deadlines", "--json").json()
    assert sorted(one["subscription_id"] for one in upcoming) == [
        one["subscription_id"] for one in found if one["next_at"]
    ]
    past_due = program(shown, "cli.py", "ageing", "--json").json()
    assert {one["currency"] for one in past_due} == {one["currency"] for one in found if one["balance_minor"]}
    assert sum(one["minor"] for one in past_due) == sum(one["balance_minor"] for one in found) > 0
    printed = program(shown, "cli.py", "ageing").out.splitlines()
    assert printed[0].split() == ["days", "since", "due", "past", "due", "invoices"]
    assert len(printed) == 1 + len(past_due) + len({one["currency"] for one in past_due})


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
