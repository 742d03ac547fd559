"""Garbage with a plan: a valid input with one to three places spoilt, as hands, programs and attackers spoil them.

Everything is drawn from the `Random` that is given, so that a seed, or hypothesis, makes the same garbage again.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

Path = tuple[str | int, ...]

LONG = 20_000  # characters; far beyond every bound of ours, and small enough to make thousands
DEEP = 200  # levels; deeper than any page of ours, within what JSON readers take
CARD = "4111 1111 1111 1111"  # a test number of Visa's: it must be repeated nowhere
BENT_TEXTS = (
    "", " ", "\t\n", "\0", "a\0b", "\ud800", "b\udfffc", "\u202egnp", "\u200b", "\x1b[31mred", "\r\nBcc: x@example.com",
    "é", "Zoë 🦄", "x" * 201, "x" * LONG, "null", "true", "undefined", "[object Object]", "../../etc/passwd",
    "s-1/../s-2",
    "'; drop table invoice; --", "{{7*7}}", "${jndi:ldap://x}", "%s%n", "<script>alert(1)</script>", CARD,
)  # fmt: skip
BENT_NUMBERS = (
    "49,00", "49.", ".5", "+49.00", "--1", "1e5", "1E400", "0x10", "1_000", "49.001", "49.0000000000", "-0.00", "-1.00",
    "NaN", "Infinity", "４９.００", "٤٩", " 49.00", "49.00 ", "49.00\n", "9" * 40, "9" * 5_000, "0",
    "1000000000000000.00",
)  # fmt: skip
BENT_DATES = (
    "2026-02-30", "2026-13-01", "0000-00-00", "0001-01-01", "9999-12-31", "2026-1-1", "20260101", "2026-W01-1",
    "1949-12-31",
    "2201-01-01", "２０２６-01-01", "2026-01-01T10:00", "0001-01-01T00:00+14:00", "9999-12-31T23:59-14:00",
    "2026-03-29T02:30", "2026-01-01T24:00", "2026-01-01T10:00:60", "2026-01-01 10:00", "2026-01-01T10:00+99:99",
    "tomorrow",
)  # fmt: skip
NUMBERS: tuple[object, ...] = (
    0, -1, 1, 7, 2**31, 2**53 + 1, 2**63, -(2**63) - 1, 10**30, 10**4000, 0.5, -0.0, 1e308, 5e-324, float("inf"),
    float("-inf"), float("nan"),
)  # fmt: skip
OTHERS: tuple[object, ...] = (None, True, False, [], {}, [[]], [{}], {"": ""}, {"a": {"b": {}}}, ["x"] * 1_000)


@dataclass(frozen=True, slots=True)
class Mutant:
    """A spoilt copy, and what was done to it: for the text of a failing test."""

    value: Any
    done: tuple[str, ...]


def strange(random: Random) -> object:
    """Any JSON value, of every kind, the awkward ones above all."""
    kind = random.randrange(5)
    if kind == 0:
        return random.choice(NUMBERS)
    if kind == 1:
        return copy.deepcopy(random.choice(OTHERS))
    if kind == 2 and random.random() < 0.1:
        return nested(DEEP)
    return random.choice((BENT_TEXTS, BENT_NUMBERS, BENT_DATES)[random.randrange(3)])


def nested(levels: int) -> object:
    """Lists in lists."""
    inner: object = []
    for _ in range(levels):
        inner = [inner]
    return inner


def mutant(valid: object, random: Random, most: int = 3) -> Mutant:
    """A copy of a JSON value with one to `most` places spoilt."""
    value = copy.deepcopy(valid)
    done: list[str] = []
    for _ in range(random.randint(1, most)):
        value, what = _spoil(value, random)
        done.append(what)
    return Mutant(value, tuple(done))


def _spoil(value: Any, random: Random) -> tuple[Any, str]:
    places = list(_places(value))
    where = random.choice(places) if len(places) > 1 else ()
    if not where:
        new = strange(random)
        return (new, f"the whole became {new!r:.40}") if random.random() < 0.2 or not places else (value, "nothing")
    holder, key = _at(value, where[:-1]), where[-1]
    how = random.choice(_HOW)
    return value, f"{'.'.join(map(str, where))} {how(holder, key, random)}"


def _replace(holder: Any, key: Any, random: Random) -> str:
    holder[key] = strange(random)
    return f"became {holder[key]!r:.40}"


def _bend(holder: Any, key: Any, random: Random) -> str:
    """Spoilt in its own kind: a text by a bent one, a number by another."""
    old = holder[key]
    match old:
        case bool():
            holder[key] = random.choice(("yes", "true", 1, 0, None))
        case int() | float():
            holder[key] = random.choice((*NUMBERS, str(old), -old, old * 1_000_000, f" {old}"))
        case str() if old[:1].isdigit():
            holder[key] = random.choice((*BENT_NUMBERS, *BENT_DATES))
        case str():
            holder[key] = random.choice(
                (*BENT_TEXTS, old.upper(), f" {old}", old + "\0", old * 300, old[: len(old) // 2])
            )
        case _:
            return _replace(holder, key, random)
    return f"was bent to {holder[key]!r:.40}"


def _confuse(holder: Any, key: Any, random: Random) -> str:
    """The right thing in the wrong kind: 49 for "49.00", ["x"] for "x", {"value": "x"} for "x"."""
    old = holder[key]
    ways: list[Callable[[], object]] = [
        lambda: [old],
        lambda: {"value": old},
        lambda: json.dumps(old, default=str)[:LONG],
    ]
    if isinstance(old, str):
        ways += [lambda: list(old[:50]), lambda: old.encode("utf-8", "replace").hex()]
        try:
            number = float(old)
        except ValueError:
            pass
        else:
            ways += [lambda: number, lambda: int(number) if abs(number) < 1e300 else number]
    holder[key] = random.choice(ways)()
    return f"turned into {holder[key]!r:.40}"


def _delete(holder: Any, key: Any, random: Random) -> str:
    del holder[key]
    return "was left out"


def _rename(holder: Any, key: Any, random: Random) -> str:
    if isinstance(holder, list):
        return _replace(holder, key, random)
    new = random.choice(
        ("", " ", f"{key} ", str(key).upper(), f"{key}\0", "__proto__", "x" * 300, "\ud800", CARD, f"{key}s")
    )
    holder[new] = holder.pop(key)
    return f"was renamed to {new!r:.40}"


def _add(holder: Any, key: Any, random: Random) -> str:
    if isinstance(holder, list):
        holder.insert(key, strange(random))
        return "got a neighbour"
    new = random.choice(("extra", "", "\0", "__class__", "1", "at ", "x" * 300, CARD))
    holder[new] = strange(random)
    return f"got a neighbour {new!r:.40}"


def _duplicate(holder: Any, key: Any, random: Random) -> str:
    if isinstance(holder, list):
        holder[key:key] = [copy.deepcopy(holder[key]) for _ in range(random.choice((1, 1, 30)))]
        return "stands there again"
    other = random.choice(list(holder))
    holder[key] = copy.deepcopy(holder[other])
    return f"became what {other!r:.40} is"


_HOW: tuple[Callable[[Any, Any, Random], str], ...] = (
    _replace, _replace, _bend, _bend, _bend, _confuse, _confuse, _delete, _rename, _add, _duplicate,
)  # fmt: skip


def _places(value: Any, here: Path = ()) -> list[Path]:
    """Every place in a JSON value, the whole first."""
    found: list[Path] = [here]
    if len(here) > 12:
        return found
    if isinstance(value, dict):
        for name in list(value)[:60]:
            found += _places(value[name], (*here, name))
    elif isinstance(value, list):
        for number in range(min(len(value), 60)):
            found += _places(value[number], (*here, number))
    return found


def _at(value: Any, where: Path) -> Any:
    for step in where:
        value = value[step]
    return value


def bent(data: bytes, random: Random) -> bytes:
    """A bank's file, XML or MT940, with one to three of its values bent."""
    text = data.decode("utf-8", "replace")
    for _ in range(random.randint(1, 3)):
        values = list(re.finditer(r">([^<>]+)<", text)) or list(re.finditer(r":\d\d\w?:([^\r\n]*)", text))
        value = random.choice(values)
        new = random.choice(random.choice((BENT_TEXTS, BENT_NUMBERS, BENT_DATES)))
        if random.random() < 0.5:
            new = new.replace("&", "&amp;").replace("<", "&lt;")
        text = text[: value.start(1)] + new + text[value.end(1) :]
    return text.encode("utf-8", "surrogatepass")


def torn(text: bytes, random: Random, most: int = 3) -> Mutant:
    """A copy of a file with one to `most` places spoilt: bytes, lines, lengths."""
    done: list[str] = []
    for _ in range(random.randint(1, most)):
        text, what = random.choice(_TEARS)(text, random)
        done.append(what)
    return Mutant(text, tuple(done))


def _cut(text: bytes, random: Random) -> tuple[bytes, str]:
    at = random.randint(0, len(text))
    return text[:at], f"cut off at {at}"


def _flip(text: bytes, random: Random) -> tuple[bytes, str]:
    at = random.randrange(max(1, len(text)))
    new = bytes([random.choice((0, 9, 10, 13, 32, 34, 38, 44, 58, 60, 62, 127, 128, 192, 255, random.randrange(256)))])
    return text[:at] + new + text[at + 1 :], f"byte {at} became {new!r}"


def _lose(text: bytes, random: Random) -> tuple[bytes, str]:
    at = random.randrange(max(1, len(text)))
    length = random.choice((1, 2, 10, 100))
    return text[:at] + text[at + length :], f"{length} bytes lost at {at}"


def _insert(text: bytes, random: Random) -> tuple[bytes, str]:
    at = random.randint(0, len(text))
    new = random.choice((*BENT_TEXTS, *BENT_NUMBERS, *BENT_DATES)).encode("utf-8", "surrogatepass")
    return text[:at] + new + text[at:], f"{new[:40]!r} inserted at {at}"


def _line(text: bytes, random: Random) -> tuple[bytes, str]:
    """A line twice, gone, or elsewhere."""
    lines = text.splitlines(keepends=True)
    if not lines:
        return text, "nothing"
    at, to = random.randrange(len(lines)), random.randrange(len(lines))
    how = random.choice(("twice", "gone", "moved", "a thousand times"))
    line = lines[at]
    if how == "gone":
        del lines[at]
    elif how == "moved":
        lines.insert(to, lines.pop(at))
    else:
        lines[at:at] = [line] * (1 if how == "twice" else 1_000)
    return b"".join(lines), f"line {at + 1} {how}"


def _encode(text: bytes, random: Random) -> tuple[bytes, str]:
    encoding = random.choice(("utf-16", "utf-32", "latin-1", "utf-8-sig", "cp037"))
    return text.decode("utf-8", "replace").encode(encoding, "replace"), f"written as {encoding}"


_TEARS: tuple[Callable[[bytes, Random], tuple[bytes, str]], ...] = (
    _cut,
    _flip,
    _flip,
    _lose,
    _insert,
    _insert,
    _line,
    _line,
    _encode,
)
