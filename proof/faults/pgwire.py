"""What a client says to PostgreSQL, read on its way: which transaction it is about to commit.

Only as much of the protocol (version 3) as asyncpg speaks: `Query` for BEGIN, COMMIT and ROLLBACK, `Parse` and `Bind`
for everything else. A statement outside a transaction commits by itself. Frames are a byte of kind, four bytes of
length that count themselves, and a body.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["begin", "complete", "batch", "other"]
"""What a transaction does: begins a charge, completes one, records a batch, or anything else."""

STARTUP_BYTES = 4  # the first message of a connection has no byte of kind
HEAD_BYTES = 5
BEGUN = ("insert into attempt", "with begun as")
COMPLETED = ("update attempt set state = $2", "with completed as")
RECORDED = ("insert into batch", "with recorded as")
"""How the statements begin by which a transaction is known. The key is the first parameter of each."""


@dataclass(frozen=True, slots=True)
class Commit:
    """A transaction that the client asks to commit, and whose it is: a charge's key, or a batch's."""

    kind: Kind
    key: str


@dataclass(slots=True)
class Conversation:
    """One connection, as the client's side of it is heard. `hear` gives the commits in what was sent."""

    _left: bytes = b""
    _started: bool = False
    _statements: dict[bytes, str] = field(default_factory=dict)
    _doing: dict[Kind, str] = field(default_factory=dict)
    _within: bool = False

    def hear(self, sent: bytes) -> list[Commit]:
        """Give each commit that this part of the conversation asks for. Parts of frames are kept for the next call."""
        self._left += sent
        return [commit for kind, body in self._frames() if (commit := self._read(kind, body)) is not None]

    def _frames(self) -> Iterator[tuple[bytes, bytes]]:
        while True:
            start = HEAD_BYTES if self._started else STARTUP_BYTES
            if len(self._left) < start:
                return
            end = start - 4 + int.from_bytes(self._left[start - 4 : start], "big")
            if len(self._left) < end:
                return
            kind, body, self._left = self._left[: start - 4], self._left[start:end], self._left[end:]
            if self._started:
                yield kind, body
            self._started = True

    def _read(self, kind: bytes, body: bytes) -> Commit | None:
        if kind == b"P":
            name, query, _ = body.split(b"\0", 2)
            self._statements[name] = query.decode("utf-8", "replace")
        elif kind == b"B":
            self._bound(body)
            if self._doing and not self._within:
                return self._commit()
        elif kind == b"Q":
            said = body.rstrip(b"\0; ").upper()
            if said == b"COMMIT":
                return self._commit()
            if said.startswith((b"BEGIN", b"ROLLBACK")):
                self._within = said.startswith(b"BEGIN")
                self._doing.clear()
        return None

    def _bound(self, body: bytes) -> None:
        _, name, rest = body.split(b"\0", 2)
        query = self._statements.get(name, "")
        if query.startswith(BEGUN):
            self._doing["begin"] = _first(rest)
        elif query.startswith(COMPLETED):
            self._doing["complete"] = _first(rest)
        elif query.startswith(RECORDED):
            self._doing.setdefault("batch", _first(rest))

    def _commit(self) -> Commit:
        done, kinds = dict(self._doing), list[Kind](("complete", "begin", "batch"))
        self._doing.clear()
        self._within = False
        kind: Kind = next((kind for kind in kinds if kind in done), "other")
        return Commit(kind, done.get(kind, ""))


def _first(bound: bytes) -> str:
    """The first parameter of a `Bind`, as text."""
    formats = int.from_bytes(bound[:2], "big")
    at = 2 + 2 * formats + 2  # past the formats, and past the number of parameters
    length = int.from_bytes(bound[at : at + 4], "big", signed=True)
    return bound[at + 4 : at + 4 + max(length, 0)].decode("utf-8", "replace")
