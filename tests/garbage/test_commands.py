"""The door at the command line: whatever is typed, a clear line and a status, and never a traceback."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from uuid import uuid4

import pytest

from tests.bank.samples import Transfer, statement
from tests.garbage.clear import ANYTHING, HELPS, Tally
from tests.garbage.mutations import BENT_DATES, BENT_NUMBERS, BENT_TEXTS, CARD
from tests.garbage.test_messages import SAMPLES
from tests.garbage.typist import Typist, typist
from tests.programs.programs import ROOT, Said
from tests.wire.lives_on_the_wire import Town, WiredLife, begun_in

pytestmark = pytest.mark.slow

LINES = 20
SCENARIO = json.loads((ROOT / "examples" / "demo" / "ben.json").read_text(encoding="utf-8"))
WHO = ("--by", "kim", "--reason", "asked")


def _typed(said: Said, door: Tally, words: object) -> None:
    """Done, or refused in clear words; a usage error of the command-line library is a few lines."""
    assert said.status in (0, 1, 2), (words, said)
    if said.status == 0:
        door.accept()
        return
    assert said.out == "" or "differences" in said.out, (words, said)
    text = re.sub(r"[│─╭╮╰╯]", "", said.err)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    door.refuse("\n".join(lines), words, HELPS if said.status == 2 else ANYTHING)


def _words(texts: tuple[str, ...]) -> list[str]:
    """What a shell can hand over: no zero bytes, at most so long, half characters for bytes that are no UTF-8."""
    return [text.replace("\0", "").replace("\ud800", "\udcff")[:5_000] for text in texts]


AWKWARD = _words((*BENT_TEXTS, *BENT_NUMBERS, *BENT_DATES))


@pytest.fixture(scope="module")
async def at_desk(town: Town, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Typist]:
    """Someone who types, and reaches the town."""
    more = {"PERENNIAL_DATABASE_URL": town.stage.dsn, "TEMPORAL_ADDRESS": town.stage.address}
    async with typist(tmp_path_factory.mktemp("typed"), more) as one:
        yield one


@pytest.fixture(scope="module")
async def life(town: Town) -> WiredLife:
    begun = await begun_in(town, "hosting", f"typed-{uuid4().hex[:8]}", card="pm_card_chargeCustomerFail")
    await begun.until("2026-02-16T12:00")
    return begun


def _message(random: Random, id_: str) -> list[str]:
    """A message as it is typed, with one or two of its options spoilt."""
    signal = random.choice(list(SAMPLES))
    options = [[f"--{name.replace('_', '-')}", *(value if isinstance(value, list) else [str(value)])]
               for name, value in SAMPLES[signal].items()]  # fmt: skip
    for _ in range(random.randint(1, 2)):
        spoilt = random.choice(options)
        match random.randrange(4):
            case 0:
                options.remove(spoilt) if len(options) > 1 else None
            case 1:
                options.append([random.choice(["--extra", "-x", "--", ""]), random.choice(AWKWARD)])
            case _:
                spoilt[-1] = random.choice(AWKWARD)
    if random.random() < 0.2:
        id_ = random.choice(AWKWARD)
    return [signal, id_, *(word for option in options for word in option)]


async def test_spoilt_messages_are_refused_where_they_are_typed(at_desk: Typist, life: WiredLife) -> None:
    door, random = Tally("typed messages"), Random(42)
    for _ in range(LINES):
        words = _message(random, life.id)
        if words[0] in ("cancel", "write-off"):
            words[1] = "nobody"  # the subscription is still needed
        _typed(await at_desk.type("cli", *words), door, words)
    assert await life.stage.books.audit(life.id) == []
    door.closed(refused=LINES // 2, accepted=0, kinds=5)


@pytest.mark.parametrize(
    ("words", "status", "why"),
    [
        (("show", "a/b"), 2, "expected 1 to 100 letters"),
        (("show", "x" * 5_000), 2, "expected 1 to 100 letters"),
        (("show", "\udcff"), 2, "expected 1 to 100 letters"),
        (("show", "nobody"), 1, "is not known here"),
        (("show",), 2, "Missing argument"),
        (("dance",), 2, "No such command"),
        (("retry-payment", "nobody", "--by", "kim"), 1, "is not running here"),
        (("tasks", "a b"), 2, "expected 1 to 100 letters"),
        (("tasks", "--limit", "0"), 2, "greater than or equal to 1"),
        (("tasks", "--limit", "99999999999999999999"), 2, "less than or equal to 1000"),
        (("task-done", "99999999999999999999", *WHO), 2, "less than or equal to 9223372036854775807"),
        (("task-done", "9999999999", *WHO), 1, "unknown, or done already"),
        (("task-done", "x", *WHO), 2, "valid integer"),
        (("task-done", "1", "--by", "\udcff", "--reason", "x"), 2, "printable characters"),
        (("task-done", "1", "--by", "", "--reason", "x"), 2, "printable characters"),
        (("task-done", "1", "--by", "x" * 5_000, "--reason", "x"), 2, "printable characters"),
        (("assign", "-1", "nobody", *WHO), 2, ""),
        (("assign", "1", "nobody", *WHO), 1, "unknown, or applied"),
        (("return-money", "9999999999999999", *WHO), 1, "unknown, or applied"),
        (("find", "--standing", "rich"), 2, "expected among"),
        (("deadlines", "--until", "2026-03-18T00:00"), 2, "expected an instant with its offset"),
        (("deadlines", "--since", "0001-01-01T00:00+01:00"), 2, "expected an instant with its offset"),
        (("ageing", "--on", "2026-02-30"), 2, "expected a date"),
        (("used", "nobody", "sunshine", "2026-03-18"), 2, "expected one of"),
        (("used", "nobody", "credit_used", "2026-02-30"), 2, "expected a date"),
        (("move-policy", "nobody", "hosting", "0", *WHO), 1, "is not known here"),
        (("replay", "\udcff", *WHO), 2, "printable characters"),
        (("replay", "x" * 5_000, *WHO), 2, "printable characters"),
        (("vault", "nobody", "third", "stripe", "pm_1"), 2, "expected one of primary, secondary"),
        (("vault", "nobody", "primary", "stripe", CARD), 2, "looks like a card number"),
        (("import-statement", "/nowhere.xml"), 2, "cannot be read"),
        (("import-statement", "/tmp"), 2, "cannot be read"),
        (("import-agency-file", "/nowhere.csv"), 2, "cannot be read"),
        (("bounce", "/tmp"), 2, "cannot be read"),
        (("retry-payment", "x", "--by", CARD), 1, "looks like a card number"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, tuple) else None,
)
async def test_what_cannot_be_done_is_told_in_a_line(
    at_desk: Typist, words: tuple[str, ...], status: int, why: str
) -> None:
    said = await at_desk.type("cli", *words)
    assert said.status == status, said
    told = " ".join(re.sub(r"[│─╭╮╰╯]", " ", said.err).split())
    assert why in told, told[-300:]
    _typed(said, Tally("a line"), words)


FILES: dict[str, bytes] = {
    "empty": b"",
    "binary": bytes(range(256)) * 100,
    "UTF-16": json.dumps(SCENARIO).encode("utf-16"),
    "half": json.dumps(SCENARIO).encode()[:300],
    "deep": b"[" * 200_000,
    "NaN": b'{"policy": NaN}',
    "a number of 5000 digits": b'{"policy": 1' + b"0" * 5_000 + b"}",
    "twenty megabytes": b" " * 20_000_001,
    "a list": b"[]",
    "another policy": json.dumps(SCENARIO | {"policy": "nobody's"}).encode(),
    "a policy that is elsewhere": json.dumps(SCENARIO | {"policy": "../../nowhere.yaml"}).encode(),
    "a policy that is a folder": json.dumps(SCENARIO | {"policy": "/tmp"}).encode(),
    "a policy that is a number": json.dumps(SCENARIO | {"policy": 7}).encode(),
    "a card number": json.dumps(SCENARIO | {CARD: CARD}).encode(),
}


@pytest.mark.parametrize("command", ["simulate", "forecast", "check-policy", "start"])
async def test_a_file_that_is_none_is_refused_with_status_2(at_desk: Typist, tmp_path: Path, command: str) -> None:
    door = Tally(f"files of {command}")
    for number, (name, data) in enumerate(FILES.items()):
        file = tmp_path / f"{number}.{'jsonl' if command == 'start' and number % 2 else 'json'}"
        file.write_bytes(data)
        said = await at_desk.type("starter", command, str(file))
        assert said.status == 2 or (name == "empty" and file.suffix == ".jsonl"), (name, said)
        _typed(said, door, name)
    lines = ([str(tmp_path)], ["/nowhere.json"], ["\udcff.json"], ["x" * 100], [""], [], ["a", "b"], ["--help!"])
    for typed in lines:
        said = await at_desk.type("starter", command, *typed)
        assert said.status == 2, (typed, said)
        _typed(said, door, typed)
    door.closed(refused=20, accepted=0, kinds=5)


async def test_subscriptions_that_cannot_be_meant_are_refused_before_any_is_started(
    at_desk: Typist, town: Town, tmp_path: Path
) -> None:
    good = {"policy": "hosting", "subscription": SCENARIO["subscription"] | {"id": "typed-good"}}
    bad: list[object] = [
        *(7, {}, good | {"policy": 7}, good | {"policy": "a\0b.yaml"}, good | {"policy": ["hosting"]}),
        *(good | {"subscription": 7}, good | {"contact": [1]}, good | {"contact": {"phone": "\0"}}),
        good | {"contcat": {}},
    ]
    door = Tally("subscriptions to start")
    for number, one in enumerate(bad):
        file = tmp_path / f"{number}.jsonl"
        file.write_text(json.dumps(good) + "\n" + json.dumps(one) + "\n")
        said = await at_desk.type("starter", "start", str(file))
        assert said.status == 2, (one, said)
        assert f"{file}:2" in said.err
        _typed(said, door, one)
    assert await town.stage.pool.fetchval("select count(*) from subscription where id = 'typed-good'") == 0
    door.closed(refused=len(bad), accepted=0)


async def test_statements_that_are_none_are_refused_and_the_rest_of_the_line_is_not_taken_in(
    at_desk: Typist, town: Town, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.xml"
    bad.write_bytes(statement(Transfer("31.00", reference=uuid4().hex)).replace(b"31.00", b"abc"))
    before = await town.stage.pool.fetchval("select count(*) from bank_entry")
    said = await at_desk.type("cli", "import-statement", str(bad))
    assert said.status == 2
    assert "expected a decimal string" in said.err
    assert await town.stage.pool.fetchval("select count(*) from bank_entry") == before
