"""The hand of support and operators: find, show, say, move. Every command takes --json; `python cli.py --help`.

Exit status: 0 done, 1 refused or not possible (the reason is on stderr), 2 the command line is wrong.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from rich.console import Console
from rich.table import Table
from temporalio.client import WorkflowQueryFailedError, WorkflowUpdateFailedError
from temporalio.service import RPCError

import settings
from adapters.postgres.unapplied import Money
from domain.effects import Entry, View
from domain.messages import DESCRIPTIONS, REQUIRED
from domain.money import decimal_text
from domain.moving import Move
from domain.periods import parse_local
from domain.policy import Standing
from domain.run import Answer, Told
from domain.timeline import as_data, as_lines, as_list, local_text
from engine.connect import Unreachable
from engine.here import Desk, desk
from engine.speak import MessageRefused, UnknownSubscription, ask, tell
from engine.virtual_time import ClockOvershot, NotSettled, VirtualTime
from policies.load import InvalidPolicy

app = typer.Typer(
    help="Find, show, say, move: for support and operators.", no_args_is_help=True, pretty_exceptions_enable=False
)

Id = Annotated[str, typer.Argument(help="The subscription's id.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on stdout.")]
T = TypeVar("T")


@app.command()
def find(
    standing: Annotated[list[str] | None, typer.Option(help="Only these standings; may be repeated.")] = None,
    customer: Annotated[str | None, typer.Option(help="Only this customer's id.")] = None,
    client_number: Annotated[str | None, typer.Option(help="Only this client number.")] = None,
    attention: Annotated[bool, typer.Option(help="Only those that support should look at.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    as_json: AsJson = False,
) -> None:
    """List subscriptions."""
    standings: list[Standing] = [s for s in _STANDINGS if s in (standing or [])]
    if standing and len(standings) != len(set(standing)):
        _fail(f"--standing {standing}: expected among {', '.join(_STANDINGS)}", 2)

    async def run(at: Desk) -> list[View]:
        return await at.books.find(
            standings=standings,
            customer_id=customer,
            client_number=client_number,
            attention="" if attention else None,
            limit=limit,
        )

    views = _with_desk(run)
    if as_json:
        _print_json([_view(view) for view in views])
        return
    print("\n".join(as_list(views)))


@app.command()
def show(id_: Id, as_json: AsJson = False) -> None:
    """How one subscription stands: money, what comes next, what support should look at."""

    async def run(at: Desk) -> tuple[View, dict[str, int], list[Any]]:
        view = await _known(at, id_)
        return view, await at.books.balances(id_), [i for i in await at.books.invoices(id_) if i.open_minor]

    view, balances, invoices = _with_desk(run)
    if as_json:
        _print_json(_view(view) | {"balances_minor": balances, "open_invoices": [i.number for i in invoices]})
        return

    def money(minor: int) -> str:
        return f"{decimal_text(minor, view.currency)} {view.currency}"

    table = Table(show_header=False, box=None)
    table.add_row("standing", view.standing)
    table.add_row("policy", f"{view.policy} version {view.policy_version}, plan {view.plan}")
    table.add_row("past due", money(view.balance_minor))
    table.add_row("open", f"{money(view.open_minor)}  {' '.join(i.number for i in invoices)}")
    table.add_row("credit", money(view.credit_minor))
    table.add_row("with collections", money(view.placed_minor))
    if view.next_at:
        table.add_row("next", f"{local_text(view.next_at, view.timezone)}  {view.next_what}")
    for remark in view.attention:
        table.add_row("attention", remark)
    Console().print(table)


@app.command()
def timeline(id_: Id, as_json: AsJson = False) -> None:
    """Everything that happened to a subscription, from the audit trail."""

    async def run(at: Desk) -> tuple[View, Any]:
        return await _known(at, id_), await at.books.timeline(id_)

    view, entries = _with_desk(run)
    if as_json:
        _print_json(as_data(entries, view.timezone))
        return
    for line in as_lines(entries, view.timezone, view.currency, coloured=sys.stdout.isatty()):
        print(line)


@app.command()
def forecast(id_: Id, as_json: AsJson = False) -> None:
    """What happens next and when: if nothing is paid, and if everything is."""
    from engine.begin import handle_of
    from workflows.subscription import SubscriptionWorkflow

    async def run(at: Desk) -> tuple[View, Any]:
        return await _known(at, id_), await handle_of(at.client, id_).query(SubscriptionWorkflow.forecast)

    view, futures = _with_desk(run)
    if as_json:
        _print_json(asdict(futures))
        return
    for name, told in asdict(futures).items():
        print(f"{name.replace('_', ' ').capitalize()}:")
        _print_told([Told(**one) for one in told], view)
        print()


@app.command()
def move(
    id_: Id,
    to: Annotated[str, typer.Argument(help="The customer's local time, such as 2026-03-18T10:00.")],
) -> None:
    """Move a subscription's virtual time forward; only on the development server of `make run`."""

    async def run(at: Desk) -> str:
        if not at.local:
            raise Unreachable("virtual time can be moved on a development server only; nothing was moved")
        view = await _known(at, id_)
        try:
            target = parse_local(to, view.timezone)
        except ValueError as error:
            raise MessageRefused(f"to: {error}") from None
        seen = await VirtualTime(at.client).hop(id_, target)
        return f"{id_} ended" if seen is None else f"{id_} is {seen.state.standing} at {seen.clock}"

    print(_with_desk(run))


@app.command()
def audit(
    id_: Annotated[str | None, typer.Argument(help="One subscription; all of them without it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Recompute every balance from ledger entries and compare; exit 1 where something differs."""

    async def run(at: Desk) -> Any:
        return await at.books.audit(id_)

    differences = _with_desk(run)
    if as_json:
        _print_json([asdict(d) for d in differences])
    else:
        for difference in differences:
            print(difference)
        print(f"{len(differences)} differences")
    if differences:
        _leave(1)


@app.command()
def used(
    id_: Id,
    kind: Annotated[str, typer.Argument(help="batch_uploaded, credit_used, site_activated or tour_activated.")],
    on: Annotated[str, typer.Argument(help="The customer's local date, such as 2026-03-18.")],
) -> None:
    """Record that something was used, as the platform does; it is read when a rule asks."""
    from domain.periods import parse_date
    from domain.world import USAGE_KINDS

    if kind not in USAGE_KINDS:
        _fail(f"kind {kind!r}: expected one of {', '.join(USAGE_KINDS)}", 2)
    try:
        date = parse_date(on)
    except ValueError as error:
        _fail(f"on: {error}", 2)

    async def run(at: Desk) -> None:
        await at.books.record_usage(id_, date, kind)

    _with_desk(run)


@app.command()
def unapplied(as_json: AsJson = False) -> None:
    """Money that belongs to no open subscription yet: it waits to be assigned or returned."""

    async def run(at: Desk) -> list[Money]:
        return await at.books.unapplied_money()

    found = _with_desk(run)
    if as_json:
        _print_json([asdict(money) for money in found])
        return
    for money in found:
        amount = f"{decimal_text(money.minor, money.currency)} {money.currency}"
        print(f"{money.id:>6} {amount:>16}  {money.at:%Y-%m-%d}  {money.reference}  {money.client_number or ''}")
    print(f"{len(found)} open")


@app.command()
def assign(
    money_id: Annotated[int, typer.Argument(help="The money's number, as `unapplied` lists it.")],
    id_: Id,
    by: Annotated[str, typer.Option(help="who says so")],
    reason: Annotated[str, typer.Option(help="why")],
) -> None:
    """Assign unapplied money to a subscription; said twice, it counts once."""

    async def run(at: Desk) -> Answer:
        money = await _money(at, money_id)
        payload = {
            "id": f"unapplied/{money_id}",
            "amount": decimal_text(money.minor, money.currency),
            "channel": money.channel,
            "reference": money.reference,
            "by": by,
            "reason": reason,
        }
        view = await _known(at, id_)
        if view.currency != money.currency:
            raise MessageRefused(f"money {money_id} is in {money.currency}, {id_} in {view.currency}; nothing was done")
        answer = await ask(at.client, at.books, id_, "payment-received", payload)
        await at.books.resolve_unapplied(money_id, "applied", by=by, reason=reason, at=datetime.now(UTC))
        return answer

    answer = _with_desk(run)
    print(f"assigned; standing {answer.standing}, balance {answer.balance}")


@app.command("return-money")
def return_money(
    money_id: Annotated[int, typer.Argument(help="The money's number, as `unapplied` lists it.")],
    by: Annotated[str, typer.Option(help="who says so")],
    reason: Annotated[str, typer.Option(help="why")],
) -> None:
    """Write down that unapplied money has been sent back."""

    async def run(at: Desk) -> None:
        await _money(at, money_id)
        await at.books.resolve_unapplied(money_id, "returned", by=by, reason=reason, at=datetime.now(UTC))

    _with_desk(run)
    print("returned")


@app.command("move-policy")
def move_policy(
    id_: Id,
    name: Annotated[str, typer.Argument(help="A policy's name.")],
    version: Annotated[int, typer.Argument(help="Its version.")],
    by: Annotated[str, typer.Option(help="who says so")],
    reason: Annotated[str, typer.Option(help="why")],
) -> None:
    """Let a running subscription live under another policy, or another version of its own, from now on."""
    from engine.begin import handle_of

    async def run(at: Desk) -> Answer:
        try:
            said = Move(name, version, by, reason)
            moved: Answer = await handle_of(at.client, id_).execute_update("move-policy", said, result_type=Answer)
            return moved
        except WorkflowUpdateFailedError as failed:
            raise MessageRefused(str(failed.cause)) from None

    answer = _with_desk(run)
    print(f"moved; standing {answer.standing}, balance {answer.balance}")
    if not answer.accepted:
        _leave(1)


async def _money(at: Desk, money_id: int) -> Money:
    found = [money for money in await at.books.unapplied_money(limit=100_000) if money.id == money_id]
    if not found:
        raise MessageRefused(f"money {money_id}: unknown, or applied or returned already; nothing was done")
    return found[0]


def _say(signal: str) -> Callable[..., None]:
    """The command that says one of the messages of spec section 8: an option for each of its fields."""

    def say(**given: Any) -> None:
        id_, no_wait, as_json = given.pop("id_"), given.pop("no_wait"), given.pop("as_json")
        payload = {name: value for name, value in given.items() if value not in (None, [])}
        if "message_id" in payload:
            payload["id"] = payload.pop("message_id")

        async def run(at: Desk) -> tuple[View, Answer | None]:
            if no_wait:
                await tell(at.client, at.books, id_, signal, payload)
                return await _known(at, id_), None
            answer = await ask(at.client, at.books, id_, signal, payload)
            return await _known(at, id_), answer

        view, answer = _with_desk(run)
        if answer is None:
            print("sent")
            return
        if as_json:
            _print_json(asdict(answer))
        else:
            _print_told(answer.happened, view)
            print(f"standing {answer.standing}, balance {answer.balance} {view.currency}")
        if not answer.accepted:
            _leave(1)

    parameters: list[tuple[str, Any, Any]] = [("id_", Id, inspect.Parameter.empty)]
    for name in REQUIRED[signal]:
        listed = name == "invoices"
        parameters.append((name, Annotated[list[str] if listed else str, typer.Option(help=_HELP.get(name))], ...))
    if signal == "payment-received":
        parameters.append(("invoice", Annotated[str | None, typer.Option(help="pay this one first")], None))
    parameters += [
        ("message_id", Annotated[str | None, typer.Option("--id", help="said again under it, it does nothing")], None),
        ("at", Annotated[str | None, typer.Option(help="when it happened, the customer's local time")], None),
        ("no_wait", Annotated[bool, typer.Option("--no-wait", help="as a signal, without an answer")], False),
        ("as_json", AsJson, False),
    ]
    kind = inspect.Parameter.KEYWORD_ONLY
    shown = [inspect.Parameter(name, kind, annotation=hint, default=default) for name, hint, default in parameters]
    say.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]  # what typer reads the options from
    say.__annotations__ = {name: hint for name, hint, _ in parameters}
    return say


_HELP = {
    "by": "who says so",
    "reason": "why",
    "amount": "a decimal such as 49.00, in the subscription's currency",
    "until": "a local date; no stage is applied before it begins",
}

for _signal in REQUIRED:
    app.command(name=_signal, help=DESCRIPTIONS[_signal], rich_help_panel="Messages")(_say(_signal))


_STANDINGS: tuple[Standing, ...] = (
    "active", "past_due", "locked", "account_locked", "awaiting_review", "cancelled", "in_collections", "ended",
)  # fmt: skip


def _with_desk(run: Callable[[Desk], Awaitable[T]]) -> T:
    """Connect, do, and say plainly what kept it from being done."""

    async def at_desk() -> T:
        async with desk(settings.load()) as at:
            return await run(at)

    try:
        return asyncio.run(at_desk())
    except (Unreachable, MessageRefused, UnknownSubscription, ClockOvershot, NotSettled, InvalidPolicy) as error:
        _fail(str(error), 1)
    except (RPCError, WorkflowQueryFailedError) as error:
        _fail(
            f"the subscription did not answer: {error}. No worker serves it, or its task fails; the Temporal UI says "
            "which. What was sent as a signal waits for it; an update may be sent again under the same --id.",
            1,
        )
    except settings.InvalidSettings as error:
        _fail(str(error), 2)


def _view(view: View) -> dict[str, Any]:
    said = asdict(view)
    said["next_at"] = local_text(view.next_at, view.timezone) if view.next_at else None
    return said


def _print_told(told: list[Told], view: View) -> None:
    entries = [
        Entry(number, datetime.fromisoformat(t.at), t.what, t.fields, t.by, t.because)
        for number, t in enumerate(told, start=1)
    ]
    for line in as_lines(entries, view.timezone, view.currency, coloured=sys.stdout.isatty()):
        print(line)


async def _known(at: Desk, id_: str) -> View:
    view = await at.books.view(id_)
    if view is None:
        raise UnknownSubscription(f"subscription {id_!r} is not known here. Look for it with `cli.py find`.")
    return view


def _print_json(value: object) -> None:
    print(json.dumps(value, indent=2, default=str))


def _fail(why: str, status: int) -> NoReturn:
    print(why, file=sys.stderr)
    _leave(status)


def _leave(status: int) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    app(prog_name="cli.py")
