"""Reading: lists, what is past due, one subscription, its past, its future, and whether the books agree."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from adapters.postgres.ageing import Aged
from adapters.postgres.books import Books
from adapters.postgres.lists import PAGE_LIMIT
from adapters.postgres.outside import Task
from commands.desk import AsJson, Id, MaybeId, fail, known, print_json, print_told, with_desk
from domain.effects import View
from domain.money import decimal_text
from domain.periods import parse_date
from domain.policy import Standing
from domain.quoting import quoted
from domain.run import Told
from domain.subscription import Invoice
from domain.timeline import as_data, as_lines, as_list, local_text
from engine.here import Desk
from engine.leaving import leave

app = typer.Typer()

Limit = Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")]
Page = Callable[[Books, View | None, int], Awaitable[list[View]]]
"""Reads so many rows of a list from behind a view, or from its beginning."""


@app.command()
def find(
    standing: Annotated[list[str] | None, typer.Option(help="Only these standings; may be repeated.")] = None,
    customer: Annotated[str | None, typer.Option(help="Only this customer's id.")] = None,
    client_number: Annotated[str | None, typer.Option(help="Only this client number.")] = None,
    attention: Annotated[bool, typer.Option(help="Only those that support should look at.")] = False,
    after: Annotated[str, typer.Option(help="Go on behind this id.")] = "",
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List subscriptions, in the order of their ids."""
    standings: list[Standing] = [s for s in _STANDINGS if s in (standing or [])]
    if standing and len(standings) != len(set(standing)):
        fail(f"--standing {standing}: expected among {', '.join(_STANDINGS)}", 2)

    async def page(books: Books, last: View | None, rows: int) -> list[View]:
        return await books.find(
            standings=standings,
            customer_id=customer,
            client_number=client_number,
            attention="" if attention else None,
            after=last.subscription_id if last else after,
            limit=rows,
        )

    _print_pages(page, limit, as_json=as_json)


@app.command()
def deadlines(
    since: Annotated[str | None, typer.Option(help="Those from this instant on, such as 2026-03-18T00:00Z.")] = None,
    until: Annotated[str | None, typer.Option(help="Those before this instant.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List subscriptions by their next deadline, soonest first."""
    first, end = _instant("--since", since), _instant("--until", until)

    async def page(books: Books, last: View | None, rows: int) -> list[View]:
        behind = (last.next_at, last.subscription_id) if last and last.next_at else None
        return await books.by_deadline(since=first, until=end, after=behind, limit=rows)

    _print_pages(page, limit, as_json=as_json)


@app.command()
def ageing(
    on: Annotated[str | None, typer.Option(help="Ages on this local date; today without it.")] = None,
    as_json: AsJson = False,
) -> None:
    """What is past due now, by currency and by days since it was due."""
    try:
        day = parse_date(on) if on is not None else datetime.now(UTC).date()
    except ValueError as error:
        fail(f"--on {error}", 2)

    async def run(at: Desk) -> list[Aged]:
        return await at.books.ageing(day)

    aged = with_desk(run)
    if as_json:
        print_json([asdict(one) | {"amount": decimal_text(one.minor, one.currency)} for one in aged])
        return
    print(f"{'days since due':<16}{'past due':>20}  invoices")
    for one in aged:
        print(f"{one.days:<16}{decimal_text(one.minor, one.currency):>16} {one.currency}  {one.invoices:>8}")
    for currency in sorted({one.currency for one in aged}):
        of = [one for one in aged if one.currency == currency]
        total = decimal_text(sum(one.minor for one in of), currency)
        print(f"{'all':<16}{total:>16} {currency}  {sum(one.invoices for one in of):>8}")


@app.command()
def show(id_: Id, as_json: AsJson = False) -> None:
    """How one subscription stands: money, what comes next, what support should look at."""

    async def run(at: Desk) -> tuple[View, dict[str, int], list[Invoice], list[Task]]:
        view = await known(at, id_)
        return view, await at.books.balances(id_), await at.books.open_invoices(id_), await at.books.tasks(id_)

    view, balances, invoices, tasks = with_desk(run)
    if as_json:
        print_json(
            _view(view)
            | {
                "balances_minor": balances,
                "open_invoices": [i.number for i in invoices],
                "tasks": [t.id for t in tasks],
            }
        )
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
    for task in tasks:
        table.add_row(f"task {task.id}", f"{task.kind}: {task.text}")
    Console().print(table)


@app.command()
def timeline(id_: Id, as_json: AsJson = False) -> None:
    """Everything that happened to a subscription, from the audit trail."""

    async def run(at: Desk) -> tuple[View, Any]:
        return await known(at, id_), await at.books.timeline(id_)

    view, entries = with_desk(run)
    if as_json:
        print_json(as_data(entries, view.timezone))
        return
    for line in as_lines(entries, view.timezone, view.currency, coloured=sys.stdout.isatty()):
        print(line)


@app.command()
def forecast(id_: Id, as_json: AsJson = False) -> None:
    """What happens next and when: if nothing is paid, and if everything is."""
    from engine.begin import handle_of
    from workflows.subscription import SubscriptionWorkflow

    async def run(at: Desk) -> tuple[View, Any]:
        return await known(at, id_), await handle_of(at.client, id_).query(SubscriptionWorkflow.forecast)

    view, futures = with_desk(run)
    if as_json:
        print_json(asdict(futures))
        return
    for name, told in asdict(futures).items():
        print(f"{name.replace('_', ' ').capitalize()}:")
        print_told([Told(**one) for one in told], view)
        print()


@app.command()
def audit(
    id_: MaybeId = None,
    as_json: AsJson = False,
) -> None:
    """Recompute every balance from ledger entries and compare; exit 1 where something differs."""

    async def run(at: Desk) -> Any:
        return await at.books.audit(id_)

    differences = with_desk(run)
    if as_json:
        print_json([asdict(d) for d in differences])
    else:
        for difference in differences:
            print(difference)
        print(f"{len(differences)} differences")
    if differences:
        leave(1)


_STANDINGS: tuple[Standing, ...] = (
    "active", "past_due", "locked", "account_locked", "awaiting_review", "cancelled", "in_collections", "ended",
)  # fmt: skip


def _print_pages(page: Page, limit: int, *, as_json: bool) -> None:
    """Print a list of at most `limit` rows, read page by page."""

    async def run(at: Desk) -> list[View]:
        views: list[View] = []
        while len(views) < limit:
            rows = min(limit - len(views), PAGE_LIMIT)
            more = await page(at.books, views[-1] if views else None, rows)
            views += more
            if len(more) < rows:
                break
        return views

    views = with_desk(run)
    if as_json:
        print_json([_view(view) for view in views])
        return
    print("\n".join(as_list(views)))


def _instant(option: str, said: str | None) -> datetime | None:
    """The instant that an option says; exit status 2 where it says none."""
    if said is None:
        return None
    try:
        at = datetime.fromisoformat(said)
        instant = at.astimezone(UTC) if at.tzinfo else None
    except (ValueError, OverflowError):
        instant = None
    if instant is None:
        fail(f"{option} {quoted(said)}: expected an instant with its offset, such as 2026-03-18T00:00+01:00", 2)
    return instant


def _view(view: View) -> dict[str, Any]:
    said = asdict(view)
    said["next_at"] = local_text(view.next_at, view.timezone) if view.next_at else None
    return said
