"""What every command stands on: connect, do, print; and say plainly what kept it from being done."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, NoReturn, TypeVar

import asyncpg
import typer
from temporalio.client import WorkflowQueryFailedError
from temporalio.service import RPCError

import settings
from domain.effects import Entry, View
from domain.keys import is_identifier
from domain.messages import TEXT_LIMIT
from domain.quoting import legible, quoted
from domain.run import Told
from domain.timeline import as_lines
from engine.connect import Unreachable
from engine.here import Desk, desk
from engine.leaving import leave
from engine.speak import MessageRefused, UnknownSubscription
from engine.virtual_time import ClockOvershot, NotSettled
from policies.load import InvalidPolicy

LINE_LIMIT = 2_000  # characters of a line on stderr
NUMBER_LIMIT = 2**63 - 1  # of a row in PostgreSQL


def _identifier(id_: str | None) -> str | None:
    if id_ is not None and not is_identifier(id_):
        raise typer.BadParameter(f"{quoted(id_)}: expected 1 to 100 letters, digits, '-', '_' or '.'")
    return id_


def line(text: str) -> str:
    """An option or argument of one printable line. Raises typer.BadParameter."""
    if not text.strip() or not text.isprintable() or len(text) > TEXT_LIMIT:
        raise typer.BadParameter(f"{quoted(text)}: expected a text of 1 to {TEXT_LIMIT} printable characters")
    return text


Id = Annotated[str, typer.Argument(help="The subscription's id.", callback=_identifier)]
MaybeId = Annotated[str | None, typer.Argument(help="One subscription; all of them without it.", callback=_identifier)]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on stdout.")]
By = Annotated[str, typer.Option(help="who says so", callback=line)]
Reason = Annotated[str, typer.Option(help="why", callback=line)]
T = TypeVar("T")


def with_desk(run: Callable[[Desk], Awaitable[T]]) -> T:
    """Connect, do, and say plainly what kept it from being done."""

    async def at_desk() -> T:
        async with desk(settings.load()) as at:
            return await run(at)

    try:
        return asyncio.run(at_desk())
    except (Unreachable, MessageRefused, UnknownSubscription, ClockOvershot, NotSettled, InvalidPolicy) as error:
        fail(str(error), 1)
    except (RPCError, WorkflowQueryFailedError) as error:
        fail(
            f"the subscription did not answer: {error}. No worker serves it, or its task fails; the Temporal UI says "
            "which. What was sent as a signal waits for it; an update may be sent again under the same --id.",
            1,
        )
    except settings.InvalidSettings as error:
        fail(str(error), 2)
    except (asyncpg.DataError, UnicodeEncodeError):
        fail("a number or a text that the books cannot hold; expected printable UTF-8. Nothing was changed.", 2)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, ConnectionError) as error:
        fail(f"the database did not answer as it should ({type(error).__name__}): say it again once it is back.", 1)


def print_told(told: list[Told], view: View) -> None:
    entries = [
        Entry(number, datetime.fromisoformat(t.at), t.what, t.fields, t.by, t.because)
        for number, t in enumerate(told, start=1)
    ]
    for told_line in as_lines(entries, view.timezone, view.currency, coloured=sys.stdout.isatty()):
        print(told_line)


async def known(at: Desk, id_: str) -> View:
    view = await at.books.view(id_)
    if view is None:
        raise UnknownSubscription(f"subscription {id_!r} is not known here. Look for it with `cli.py find`.")
    return view


def print_json(value: object) -> None:
    print(json.dumps(value, indent=2, default=str))


def fail(why: str, status: int) -> NoReturn:
    print("\n".join(legible(each, LINE_LIMIT) for each in why.splitlines()), file=sys.stderr)
    leave(status)
