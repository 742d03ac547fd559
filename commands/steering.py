"""Steering: a subscription's virtual clock, its policy, and what it used."""

from __future__ import annotations

from typing import Annotated

import typer
from temporalio.client import WorkflowUpdateFailedError

from commands.desk import By, Id, Reason, fail, known, with_desk
from domain.moving import Move
from domain.periods import parse_date, parse_local
from domain.quoting import quoted
from domain.run import Answer
from domain.world import USAGE_KINDS
from engine.begin import handle_of
from engine.connect import Unreachable
from engine.here import Desk
from engine.leaving import leave
from engine.speak import MessageRefused
from engine.virtual_time import VirtualTime

app = typer.Typer()


@app.command()
def move(
    id_: Id,
    to: Annotated[str, typer.Argument(help="The customer's local time, such as 2026-03-18T10:00.")],
) -> None:
    """Move a subscription's virtual time forward; only on the development server of `make run`."""

    async def run(at: Desk) -> str:
        if not at.local:
            raise Unreachable("virtual time can be moved on a development server only; nothing was moved")
        view = await known(at, id_)
        try:
            target = parse_local(to, view.timezone)
        except ValueError as error:
            raise MessageRefused(f"to: {error}") from None
        seen = await VirtualTime(at.client).hop(id_, target)
        return f"{id_} ended" if seen is None else f"{id_} is {seen.state.standing} at {seen.clock}"

    print(with_desk(run))


@app.command()
def used(
    id_: Id,
    kind: Annotated[str, typer.Argument(help="batch_uploaded, credit_used, site_activated or tour_activated.")],
    on: Annotated[str, typer.Argument(help="The customer's local date, such as 2026-03-18.")],
) -> None:
    """Record that something was used, as the platform does; it is read when a rule asks."""

    if kind not in USAGE_KINDS:
        fail(f"kind {quoted(kind)}: expected one of {', '.join(USAGE_KINDS)}", 2)
    try:
        date = parse_date(on)
    except ValueError as error:
        fail(f"on: {error}", 2)

    async def run(at: Desk) -> None:
        await at.books.record_usage(id_, date, kind)

    with_desk(run)


@app.command("move-policy")
def move_policy(
    id_: Id,
    name: Annotated[str, typer.Argument(help="A policy's name.")],
    version: Annotated[int, typer.Argument(help="Its version.")],
    by: By,
    reason: Reason,
) -> None:
    """Let a running subscription live under another policy, or another version of its own, from now on."""

    async def run(at: Desk) -> Answer:
        await known(at, id_)
        try:
            said = Move(name, version, by, reason)
            moved: Answer = await handle_of(at.client, id_).execute_update("move-policy", said, result_type=Answer)
            return moved
        except WorkflowUpdateFailedError as failed:
            raise MessageRefused(str(failed.cause)) from None

    answer = with_desk(run)
    print(f"moved; standing {answer.standing}, balance {answer.balance}")
    if not answer.accepted:
        leave(1)
