"""What every command stands on: connect, do, print; and say plainly what kept it from being done."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, NoReturn, TypeVar

import typer
from temporalio.client import WorkflowQueryFailedError
from temporalio.service import RPCError

import settings
from domain.effects import Entry, View
from domain.run import Told
from domain.timeline import as_lines
from engine.connect import Unreachable
from engine.here import Desk, desk
from engine.leaving import leave
from engine.speak import MessageRefused, UnknownSubscription
from engine.virtual_time import ClockOvershot, NotSettled
from policies.load import InvalidPolicy

Id = Annotated[str, typer.Argument(help="The subscription's id.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on stdout.")]
By = Annotated[str, typer.Option(help="who says so")]
Reason = Annotated[str, typer.Option(help="why")]
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


def print_told(told: list[Told], view: View) -> None:
    entries = [
        Entry(number, datetime.fromisoformat(t.at), t.what, t.fields, t.by, t.because)
        for number, t in enumerate(told, start=1)
    ]
    for line in as_lines(entries, view.timezone, view.currency, coloured=sys.stdout.isatty()):
        print(line)


async def known(at: Desk, id_: str) -> View:
    view = await at.books.view(id_)
    if view is None:
        raise UnknownSubscription(f"subscription {id_!r} is not known here. Look for it with `cli.py find`.")
    return view


def print_json(value: object) -> None:
    print(json.dumps(value, indent=2, default=str))


def fail(why: str, status: int) -> NoReturn:
    print(why, file=sys.stderr)
    leave(status)
