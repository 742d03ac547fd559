"""The outside parties, from support's desk: what a person is asked to do, and how a customer pays."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

import settings
from adapters.agency.csv_returns import UnreadableFile, read_agency_file
from adapters.mail import check
from adapters.mail.bounces import take_in_bounce
from adapters.postgres.agency import AgencyCases
from adapters.postgres.mail import BounceBook
from adapters.postgres.outside import Task
from api.inbound import Outcome
from commands.desk import NUMBER_LIMIT, AsJson, By, Id, MaybeId, Reason, fail, known, print_json, with_desk
from domain.opening import ROLES, InvalidTerms, Reader, read_vaulted
from domain.quoting import quoted
from engine.doors import doors
from engine.here import Desk
from engine.leaving import leave
from engine.outside import house_and_templates
from engine.speak import MessageRefused, tell

FILE_LIMIT = 50_000_000  # bytes that are read, as of an upload

app = typer.Typer()


@app.command()
def tasks(
    id_: MaybeId = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 100,
    as_json: AsJson = False,
) -> None:
    """What a person is asked to look at, oldest first."""

    async def run(at: Desk) -> list[Task]:
        return await at.books.tasks(id_, limit)

    found = with_desk(run)
    if as_json:
        print_json([asdict(task) for task in found])
        return
    for task in found:
        print(f"{task.id:>6}  {task.asked_at:%Y-%m-%d %H:%M}  {task.subscription_id or '-'}  {task.kind}")
        print(f"        {task.text}")
    print(f"{len(found)} open")


@app.command("task-done")
def task_done(
    task_id: Annotated[int, typer.Argument(min=1, max=NUMBER_LIMIT, help="The task's number, as `tasks` lists it.")],
    by: By,
    reason: Reason,
) -> None:
    """Close a task: it has been seen to."""

    async def run(at: Desk) -> None:
        if not await at.books.task_done(task_id, by=by, reason=reason):
            raise MessageRefused(f"task {task_id}: unknown, or done already; nothing was changed")

    with_desk(run)
    print("done")


@app.command("check-templates")
def check_templates() -> None:
    """Render every mail in every language with the settings' house and templates, and list what is wrong."""
    try:
        said = settings.load()
        found = check.check_templates(*house_and_templates(said))
    except (settings.InvalidSettings, ValueError) as error:
        fail(str(error), 2)
    for fault in found:
        print(fault)
    print(f"{len(found)} faults")
    if found:
        leave(1)


@app.command()
def bounce(
    file: Annotated[Path, typer.Argument(help="The mail that came back, as it came (RFC 3464); - for standard input.")],
) -> None:
    """Record a mail that came back: what a mail server pipes returned mails into."""
    data = sys.stdin.buffer.read(FILE_LIMIT) if str(file) == "-" else _read(file)

    async def run(at: Desk) -> str:
        return await take_in_bounce(data, BounceBook(at.pool), at.books.ask_support)

    print(with_desk(run))


@app.command("import-agency-file")
def import_agency_file(
    file: Annotated[Path, typer.Argument(help="CSV from an agency that takes files: payments, and cases given up.")],
) -> None:
    """Take in what an agency sends back as a file; the same file again is no harm."""
    data = _read(file)

    async def run(at: Desk) -> Outcome:
        async with doors(at.settings, at.client, at.pool, at.books) as opened:
            return await opened.inbound.take(await read_agency_file(data, cases=AgencyCases(at.pool)))

    try:
        done = with_desk(run)
    except UnreadableFile as error:
        fail(f"{file}: {error}", 2)
    print(f"{done.taken_in} taken in, {done.known} known already, {done.too_early} too early: send those again later")


@app.command("sweep-agency")
def sweep_agency() -> None:
    """Ask Debitura about every open case: what its webhooks told already counts once, what they lost is made up for."""

    async def run(at: Desk) -> tuple[int, int, int]:
        async with doors(at.settings, at.client, at.pool, at.books) as opened:
            if opened.debitura is None:
                raise MessageRefused("no agency with an API is configured (debitura_webhook_secret); nothing was asked")
            cases = await AgencyCases(at.pool).open_cases("debitura")
            outcomes = [await opened.inbound.take(await opened.debitura.sweep(case)) for case in cases]
            return len(cases), sum(one.taken_in for one in outcomes), sum(one.known for one in outcomes)

    cases, taken_in, known_before = with_desk(run)
    print(f"{cases} open cases: {taken_in} reports taken in, {known_before} known already")


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(FILE_LIMIT)
    except OSError as error:
        fail(f"{file}: cannot be read: {error.strerror}", 2)


@app.command()
def vault(
    id_: Id,
    role: Annotated[str, typer.Argument(help="primary or secondary.")],
    gateway: Annotated[str, typer.Argument(help="stripe or paypal.")],
    method: Annotated[str, typer.Argument(help="The gateway's token for the method; never a card number.")],
    payer: Annotated[str, typer.Option(help="Stripe's customer.")] = "",
) -> None:
    """Keep how a subscription pays, and tell it so: what the platform does after the customer gave a new method."""
    chosen = next((each for each in ROLES if each == role), None)
    if chosen is None:
        fail(f"role {quoted(role)}: expected one of {', '.join(ROLES)}", 2)
    try:
        vaulted = read_vaulted(Reader({"gateway": gateway, "method": method, "payer": payer or None}, "vault"))
    except InvalidTerms as error:
        fail(f"{error}. Nothing was kept.", 2)

    async def run(at: Desk) -> None:
        await known(at, id_)
        await at.books.keep_vaulted(id_, chosen, vaulted)
        kind = "paypal" if gateway == "paypal" else "card"
        await tell(at.client, at.books, id_, "payment-method-updated", {"role": role, "method": kind})

    with_desk(run)
    print("kept")
