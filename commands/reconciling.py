"""Reconciliation: compare now what the schedule compares by itself, and see when it last ran and what it found."""

from __future__ import annotations

import getpass
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from adapters.postgres.reconciliation import Reconciled, ReconciliationBook, StandingDifference
from commands.desk import AsJson, known, print_json, with_desk
from domain.reconciliation import Looked, Pair
from engine.here import Desk
from engine.leaving import leave
from engine.outside import reached
from engine.reconciliation import reconcile as run_once
from engine.reconciliation import reconciler

app = typer.Typer()


@app.command()
def reconcile(
    subscription: Annotated[str | None, typer.Option(help="Only this one; everything without it.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Repair nothing, ask nobody, remember nothing.")] = False,
    by: Annotated[str, typer.Option(help="who has it run")] = "",
    as_json: AsJson = False,
) -> None:
    """Compare gateways, ledger, workflows, projection, agency and platform, now; exit 1 where something differs."""

    async def run(at: Desk) -> dict[Pair, Looked]:
        if subscription is not None:
            await known(at, subscription)
        async with (
            reached(at.settings, at.pool) as outside,
            reconciler(at.settings, at.client, at.pool, outside) as activities,
        ):
            who = by or f"support:{getpass.getuser()}"
            return await run_once(activities, by=who, subscription_id=subscription, dry=dry_run)

    found = with_desk(run)
    if as_json:
        print_json({pair: _as_data(looked) for pair, looked in found.items()})
    else:
        _print(found)
    if any(looked.differences or looked.away for looked in found.values()):
        leave(1)


@app.command()
def reconciled(
    runs: Annotated[int, typer.Option(min=1, max=1000, help="How many of the newest runs.")] = 1,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many differences.")] = 100,
    as_json: AsJson = False,
) -> None:
    """When the reconciliation last ran, what it compared, found and repaired, and what still differs."""

    async def run(at: Desk) -> tuple[Sequence[Reconciled], Sequence[StandingDifference]]:
        book = ReconciliationBook(at.pool)
        return await book.runs(runs), await book.differences(limit)

    found, standing = with_desk(run)
    if as_json:
        print_json({"runs": [asdict(one) for one in found], "differences": [asdict(one) for one in standing]})
        return
    if not found:
        print("it has never run here: start a worker, or say `cli.py reconcile`")
    for one in found:
        ended = f"{one.finished_at:%H:%M:%S}" if one.finished_at else "not finished"
        about = f", only {one.subscription_id}" if one.subscription_id else ""
        print(f"{one.started_at:%Y-%m-%d %H:%M:%S} to {ended} UTC, by {one.asked_by}{about}")
        for pair in one.pairs:
            print(f"  {_numbers(pair.pair, pair.compared, pair.differences, len(pair.repaired))}")
            for line in (*pair.repaired, *pair.away, *pair.notes):
                print(f"      {line}")
    for difference in standing:
        again = f", for the {difference.times}th time" if difference.times > 1 else ""
        print(f"since {difference.first_seen_at:%Y-%m-%d %H:%M}{again}: {difference.text}")
    print(f"{len(standing)} differences stand")


def _print(found: Mapping[Pair, Looked]) -> None:
    for pair, looked in found.items():
        print(_numbers(pair, looked.compared, len(looked.differences), len(looked.repaired)))
        for line in (*looked.repaired, *looked.away, *looked.notes):
            print(f"    {line}")
        for difference in looked.differences:
            print(f"    {difference.text}")


def _numbers(pair: str, compared: int, differences: int, repaired: int) -> str:
    return f"{pair:<11} {compared:>7} compared, {differences:>4} differ, {repaired:>4} repaired"


def _as_data(looked: Looked) -> dict[str, object]:
    return {
        "compared": looked.compared,
        "differences": [{**asdict(each), "key": each.key, "text": each.text} for each in looked.differences],
        "repaired": looked.repaired,
        "away": looked.away,
        "notes": looked.notes,
    }
