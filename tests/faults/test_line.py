"""A line to a real PostgreSQL: it reads which commit passes, and breaks where it is told to."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import asyncpg
import pytest

from adapters.postgres.books import Books
from adapters.postgres.pool import connected
from domain.effects import Charge
from domain.letters import Addressee
from domain.periods import first_instant
from domain.simulate import simulate
from domain.subscription import Role
from proof.faults.expected import played
from proof.faults.line import Break, Line
from proof.faults.pgwire import Commit, Conversation
from proof.faults.stories import FOLDER, Life, plain

STORY = "monthly-retry-fails"


def through(dsn: str, port: int) -> str:
    return dsn.replace(f":{urlsplit(dsn).port}/", f":{port}/")


def a_life() -> Life:
    return plain(FOLDER / f"{STORY}.json", "lined-1")


def a_charge(life: Life, role: Role = "primary") -> Charge:
    at = first_instant(life.scenario.terms.starts_on, "UTC")
    return Charge("lined-1-0001/1/primary", "lined-1-0001", role, "card", 4900, "USD", at)


async def test_commits_are_known_by_what_they_do(database: str) -> None:
    seen: list[Commit] = []
    line = Line(urlsplit(database).port or 0, lambda commit: seen.append(commit))
    life = a_life()
    async with line.serving() as port, connected(through(database, port), size=1) as pool:
        books = Books(pool)
        await books.register(*customer(life))
        await books.begin_attempt(a_charge(life), life.id)
        await books.complete_attempt("lined-1-0001/1/primary", "declined", "insufficient_funds")
        assert len(line.known) == 1
    assert [commit.kind for commit in seen] == ["other", "begin", "complete"]
    assert [commit.key for commit in seen[1:]] == ["lined-1-0001/1/primary"] * 2


@pytest.mark.parametrize(("when", "written"), [("before", False), ("after", True)])
async def test_a_line_that_breaks_at_a_commit_leaves_the_truth_to_the_database(
    database: str, when: str, written: bool
) -> None:
    struck: list[str] = []
    broken = Break("before" if when == "before" else "after", lambda: struck.append("now"))
    watch: Callable[[Commit], Break | None] = lambda c: broken if c.kind == "begin" and not struck else None  # noqa: E731
    line, life = Line(urlsplit(database).port or 0, watch), a_life()
    async with line.serving() as port, connected(through(database, port), size=1) as pool:
        books = Books(pool)
        await books.register(*customer(life))
        with pytest.raises((OSError, asyncpg.PostgresError, asyncpg.InterfaceError)):
            await books.begin_attempt(a_charge(life), life.id)
        assert struck == ["now"]
        known = await books.attempt("lined-1-0001/1/primary")
    assert (known is not None) is written


def test_a_conversation_is_read_however_it_is_cut() -> None:
    whole = (
        (8).to_bytes(4, "big") + b"\x00\x03\x00\x00"
        + frame(b"P", b"s1\0insert into attempt (charge_key) values ($1)\0\0\0")
        + frame(b"Q", b"BEGIN;\0")
        + frame(b"B", b"\0s1\0" + b"\0\0" + b"\0\1" + (3).to_bytes(4, "big") + b"k/1" + b"\0\0")
        + frame(b"Q", b"COMMIT;\0")
    )  # fmt: skip
    for cut in range(len(whole)):
        conversation = Conversation()
        assert conversation.hear(whole[:cut]) + conversation.hear(whole[cut:]) == [Commit("begin", "k/1")]


def test_a_statement_outside_a_transaction_commits_by_itself() -> None:
    conversation = Conversation()
    conversation.hear((8).to_bytes(4, "big") + b"\x00\x03\x00\x00")
    conversation.hear(frame(b"P", b"s1\0with completed as (update attempt) select 1\0\0\0"))
    bound = frame(b"B", b"\0s1\0" + b"\0\0" + b"\0\1" + (3).to_bytes(4, "big") + b"k/1" + b"\0\0")
    assert conversation.hear(bound) == [Commit("complete", "k/1")]
    assert conversation.hear(frame(b"Q", b"BEGIN;\0") + bound) == []
    assert conversation.hear(frame(b"Q", b"COMMIT;\0")) == [Commit("complete", "k/1")]


def test_what_was_rolled_back_is_not_committed_later() -> None:
    conversation = Conversation()
    conversation.hear((8).to_bytes(4, "big") + b"\x00\x03\x00\x00")
    conversation.hear(frame(b"P", b"s1\0insert into batch (key) values ($1)\0\0\0"))
    conversation.hear(frame(b"B", b"\0s1\0" + b"\0\0" + b"\0\1" + (1).to_bytes(4, "big") + b"k" + b"\0\0"))
    conversation.hear(frame(b"Q", b"ROLLBACK;\0"))
    assert conversation.hear(frame(b"Q", b"COMMIT;\0")) == [Commit("other", "")]


def test_the_core_is_played_as_the_simulation_plays_it() -> None:
    life = a_life()
    told = played(life.scenario, life.policy, life.heard)
    core = simulate(life.scenario, life.policy)
    assert (tuple(told.entries), told.state) == (core.entries, core.state)


def frame(kind: bytes, body: bytes) -> bytes:
    return kind + (len(body) + 4).to_bytes(4, "big") + body


def customer(life: Life) -> tuple[Addressee, str]:
    who = life.scenario.terms.customer
    return Addressee(who.id, who.client_number, who.name, who.email, who.locale), life.id
