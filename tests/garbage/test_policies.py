"""The door for policies: a spoilt one is refused with file and line, and one that is taken can be lived under."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from domain.opening import opened
from domain.policy import Policy
from domain.scenario import read_scenario
from domain.simulate import play
from domain.world import Book
from policies.load import InvalidPolicy, load_file
from tests.garbage.clear import Tally, assert_clear
from tests.garbage.mutations import mutant, torn
from tests.garbage.trying import TIMES, each

ROOT = Path(__file__).parents[2]
FILES = [*sorted((ROOT / "policies").glob("*.yaml")), ROOT / "tests" / "domain" / "every-word.yaml"]
VALID = [path.read_bytes() for path in FILES]
MONTHLY = (ROOT / "policies" / "photo-monthly.yaml").read_text(encoding="utf-8")
DECISIONS_LIMIT = 20_000  # of two years; the busiest of these lives takes some 350

MESSAGES = [
    {"at": "2026-04-10T10:00", "signal": "payment-received", "amount": "20.00", "channel": "card", "reference": "r1"},
    {"at": "2026-05-10T10:00", "signal": "payment-reversed", "amount": "20.00", "reference": "r1", "reason": "refund"},
    {"at": "2026-06-10T10:00", "signal": "hold-dunning", "by": "kim", "reason": "asked"},
    {"at": "2026-06-20T10:00", "signal": "release-dunning", "by": "kim", "reason": "asked"},
    {"at": "2026-07-10T10:00", "signal": "payment-received", "amount": "900.00", "channel": "card", "reference": "r2"},
    {"at": "2026-07-11T10:00", "signal": "reactivate", "by": "kim", "reason": "asked"},
    {"at": "2027-02-11T10:00", "signal": "cancel", "by": "kim", "reason": "asked", "when": "period_end"},
]


def _lived(policy: Policy, random: Random) -> None:
    """Two years under a policy, paid or unpaid, with or without messages."""
    outcome = random.choice(["approved", "declined", "declined", "unknown_then_declined"])
    said: dict[str, Any] = {
        "policy": "it",
        "subscription": {
            "id": "s-1",
            "customer": {
                "id": "c-1",
                "client_number": "K1",
                "timezone": random.choice(["America/New_York", "Europe/Berlin", "Asia/Beirut"]),
            },
            "plan": {"name": "p", "price": random.choice(["49.00", "0.00"]), "currency": "EUR", "instalments": 12},
            "starts_on": random.choice(["2026-01-31", "2026-03-15"]),
            "payment_methods": {"primary": random.choice(["card", "bank_transfer"]), "secondary": "card"},
        },
        "gateway": [
            {"method": method, "from": "2026-02-01", "outcome": outcome} for method in ("primary", "secondary")
        ],
        "messages": random.choice([[], MESSAGES]),
        "until": "2028-03-31",
    }
    scenario = read_scenario(said)
    decisions = 0

    def count(*_: object) -> None:
        nonlocal decisions
        decisions += 1
        assert decisions < DECISIONS_LIMIT, "it does not come forward in time"

    play(
        opened(scenario.terms, policy), policy, scenario.world, Book(), scenario.messages, scenario.until,
        witness=count,
    )  # fmt: skip


def _spoilt(random: Random) -> tuple[bytes, tuple[str, ...]]:
    text = random.choice(VALID)
    if random.random() < 0.5:
        spoilt = mutant(yaml.safe_load(text), random, 2)
        try:
            return yaml.safe_dump(spoilt.value, sort_keys=False, allow_unicode=True).encode(), spoilt.done
        except (yaml.YAMLError, ValueError):  # a number beyond what YAML writes
            return repr(spoilt.done).encode(), spoilt.done
    if random.random() < 0.5:
        spoilt = torn(text, random)
        return spoilt.value, spoilt.done
    done = []
    for _ in range(2):  # other numbers, which may well be meant
        number = random.choice(list(re.finditer(rb": (\d+)\b", text)))
        new = random.choice([b"0", b"1", b"2", b"12", b"30", b"365", b"3660", b"400", b"99999"])
        text = text[: number.start(1)] + new + text[number.end(1) :]
        done.append(f"{number[0]!r} became {new!r}")
    return text, tuple(done)


@TIMES
def test_a_spoilt_policy_is_refused_with_its_line_or_can_be_lived_under(tmp_path: Path, times: int) -> None:
    door = Tally("policies")
    file = tmp_path / "it.yaml"

    def try_one(random: Random) -> None:
        text, done = _spoilt(random)
        file.write_bytes(text)
        try:
            policy = load_file(file)
        except InvalidPolicy as refused:
            for line in str(refused).replace(str(file), "it.yaml").splitlines():
                assert re.match(r"it\.yaml:\d+: ", line), line
            door.refuse(str(refused).replace(str(file), "it.yaml"), done)
        else:
            door.accept()
            _lived(policy, random)

    each(times, try_one)
    door.closed(refused=times // 4, accepted=times // 20, kinds=20)


MERGES = "b0: &b0 {k: v}\n" + "".join(f"b{i}: &b{i} {{<<: [{', '.join([f'*b{i - 1}'] * 10)}]}}\n" for i in range(1, 10))
LAUGHS = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 10))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param(MONTHLY + MERGES, "merges included; expected at most 1000", id="merges of merges"),
        pytest.param(MONTHLY + LAUGHS, "a0: extra inputs", id="a billion laughs"),
        pytest.param(MONTHLY + "x: &x {y: *x}\n", "x: extra inputs", id="a circle"),
        pytest.param(MONTHLY.replace("version: 1", "version: " + "9" * 5000), "is no int", id="5000 digits"),
        pytest.param(MONTHLY.replace("version: 1", "version: 0x" + "f" * 6000), "10000", id="6000 hexadecimal digits"),
        pytest.param(MONTHLY.replace("version: 1", "version: 2026-02-30"), "'2026-02-30' is no timestamp", id="a date"),
        pytest.param(MONTHLY.replace("version: 1", "version: !!int x"), "'x' is no int", id="a tagged number"),
        pytest.param(MONTHLY.replace("version: 1", "version: !!bool x"), "'x' is no bool", id="a tagged truth"),
        pytest.param(MONTHLY.replace("version: 1", "version: !!timestamp x"), "'x' is no timestamp", id="a time"),
        pytest.param(MONTHLY.replace("version: 1", "version: !!binary é"), "the tag", id="binary"),
        pytest.param(MONTHLY.replace("version: 1", r'version: "\UFFFFFFFF"'), "no character", id="no character"),
        pytest.param(MONTHLY.replace("version: 1", "version: 1\0"), r"'\x00'", id="a zero byte"),
        pytest.param(MONTHLY + "? [a, b]\n: c\n", "it.yaml:68: ", id="a list as a key"),
        pytest.param(MONTHLY + "1: c\n", "keys should be strings", id="a number as a key"),
        pytest.param(MONTHLY + "x" * 300 + ": 1\n", "extra inputs", id="a long key"),
        pytest.param(MONTHLY + "x: !!python/object/apply:os.system [ls]\n", "python/object", id="an object"),
        pytest.param("[" * 90_000, "without end", id="deep", marks=pytest.mark.slow),
        pytest.param("{a: " * 3_000, "without end", id="deep mappings"),
        pytest.param(MONTHLY.encode("utf-16"), "expected UTF-8", id="UTF-16"),
        pytest.param(MONTHLY.encode() + b"\xff", "it.yaml:68: byte 0xff; expected UTF-8", id="a byte that is none"),
    ],
)  # fmt: skip
def test_what_would_break_a_reader_is_refused_with_its_line(tmp_path: Path, text: str | bytes, why: str) -> None:
    file = tmp_path / "it.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InvalidPolicy) as refused:
        load_file(file)
    told = str(refused.value).replace(str(file), "it.yaml")
    assert_clear(told)
    assert why in told
    assert all(re.match(r"it\.yaml:\d+: ", line) for line in told.splitlines())


@pytest.mark.parametrize("text", [r"a\0b", r"a\eb", r"a\nb", r"\u202e", " "])
@pytest.mark.parametrize("field", ["title", "why", "rung"])
def test_a_text_that_no_books_and_no_page_can_show_is_refused(tmp_path: Path, field: str, text: str) -> None:
    """PostgreSQL refuses a zero byte: every batch of a subscription under such a policy would be tried for ever."""
    file = tmp_path / "it.yaml"
    file.write_text(re.sub(rf"(?m)({field}: ).*$", lambda found: f'{found[1]}"{text}"', MONTHLY, count=1))
    with pytest.raises(InvalidPolicy, match="expected printable characters in one line"):
        load_file(file)
