"""A worker that dies at one chosen step: from there on nothing of it runs, and its connections are cut, not closed.

A step is a call to a party or to the books. It has a point before it takes effect, and one after it took effect and
before the activity hears of it. Within a transaction every further statement has a point before it, the commit too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from adapters.postgres.pool import Connection, Pool

SHOWN = 60  # characters of a statement in a point's name; enough to tell the table


class Died(BaseException):
    """The worker is gone. No `except Exception` of the code under test can catch it, as none can catch a SIGKILL."""


@dataclass(slots=True)
class Watch:
    """Counts the points that one try of an activity passes, and dies at one of them."""

    die_at: int | None = None
    """Which point, counted from 0; None: live."""
    passed: list[str] = field(default_factory=list)
    dead: bool = False

    def pass_by(self, point: str) -> None:
        """Raise Died at the chosen point and at every later one: whoever is dead does nothing more."""
        if self.dead:
            raise Died(point)
        self.passed.append(point)
        if self.die_at == len(self.passed) - 1:
            self.dead = True
            raise Died(point)


class Watched:
    """An object each of whose calls is a step; what is called is the real thing."""

    def __init__(self, name: str, real: object, watch: Watch) -> None:
        self._name = name
        self._real = real
        self._watch = watch

    def __getattr__(self, called: str) -> Callable[..., Any]:
        real, step = getattr(self._real, called), f"{self._name}.{called}"

        async def call(*args: Any, **named: Any) -> Any:
            self._watch.pass_by(f"before {step}")
            try:
                given = await real(*args, **named)
            except Exception as error:
                self._watch.pass_by(f"after {step}, which raised {type(error).__name__}")
                raise
            self._watch.pass_by(f"after {step}")
            return given

        return call


class WatchedPool:
    """Connections each of whose statements, after the first of a call, is a point; those of the dead are cut."""

    def __init__(self, pool: Pool, watch: Watch) -> None:
        self._pool = pool
        self._watch = watch

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[_WatchedConnection]:
        """One call's connection. A dead worker's is dropped without a word to the server."""
        connection = await self._pool.acquire()
        try:
            yield _WatchedConnection(connection, self._watch)
        except Died:
            connection.terminate()
            raise
        finally:
            await self._pool.release(connection)


class _WatchedConnection:
    def __init__(self, real: Connection, watch: Watch) -> None:
        self._real = real
        self._watch = watch
        self._first = True

    def transaction(self, **kind: Any) -> Any:
        return self._transaction(kind)

    @asynccontextmanager
    async def _transaction(self, kind: dict[str, Any]) -> AsyncIterator[None]:
        transaction = self._real.transaction(**kind)
        self._before("begin")
        await transaction.start()
        try:
            yield
        except Exception:
            await transaction.rollback()
            raise
        self._before("commit")
        await transaction.commit()

    def __getattr__(self, called: str) -> Callable[..., Any]:
        real = getattr(self._real, called)

        async def run(statement: str, *args: Any, **named: Any) -> Any:
            self._before(" ".join(statement.split())[:SHOWN])
            return await real(statement, *args, **named)

        return run

    def _before(self, statement: str) -> None:
        """The first statement is no point of its own: nothing lies between it and the call's beginning."""
        if self._first:
            self._first = False
        else:
            self._watch.pass_by(f"before statement: {statement}")
