"""Dead letters: what a party has read and will never take as it is, and what has been waiting for a party."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from adapters.postgres.bank import BankBooks
from adapters.postgres.dead_letters import DeadLetter, DeadLetters, Outcome, ReplayRefused, Stuck, UnknownDeadLetter
from adapters.postgres.outside import WaitingReport
from commands.desk import AsJson, By, Id, MaybeId, Reason, line, print_json, with_desk
from engine.crew import deliveries_of
from engine.dead_letters import replay as replay_one
from engine.here import Desk
from engine.outside import reached
from engine.speak import MessageRefused

app = typer.Typer()

Key = Annotated[str, typer.Argument(help="The letter's key, as `dead-letters` lists it.", callback=line)]


@app.command("dead-letters")
def dead_letters(
    id_: MaybeId = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 100,
    as_json: AsJson = False,
) -> None:
    """What a party will never take as it is: mend the cause, then replay or discard it."""

    async def run(at: Desk) -> list[DeadLetter]:
        return list(await DeadLetters(at.pool).listed(id_, limit))

    found = with_desk(run)
    if as_json:
        print_json([asdict(letter) for letter in found])
        return
    for letter in found:
        print(f"{letter.key}  {letter.party}: {letter.what}, decided {letter.at:%Y-%m-%d}, {letter.attempts} tries")
        print(f"        {letter.error}")
    print(f"{len(found)} dead letters")


@app.command()
def stuck(limit: Annotated[int, typer.Option(min=1, max=1000)] = 100, as_json: AsJson = False) -> None:
    """What waits: for a party to acknowledge it, for a report's payment, for a bank file to be imported to its end."""

    async def run(at: Desk) -> tuple[list[Stuck], list[WaitingReport], list[str]]:
        letters = list(await DeadLetters(at.pool).stuck(limit))
        return letters, await at.books.waiting_reports(limit), await BankBooks(at.pool).undone(datetime.now(UTC), limit)

    letters, reports, files = with_desk(run)
    if as_json:
        print_json(
            {"letters": [asdict(one) for one in letters], "reports": [asdict(one) for one in reports], "files": files}
        )
        return
    for one in letters:
        print(f"{one.key}  {one.party}: {one.what}, {one.attempts} tries, {one.waiting} in its line")
        print(f"        {one.error}")
    for report in reports:
        about = report.subscription_id or "no subscription"
        print(f"{report.source} {report.id}  {report.what} of {about}, heard {report.times} times, not taken in yet")
    for file in files:
        print(f"{file}: its import was cut off; import it again")
    print(f"{len(letters) + len(reports) + len(files)} waiting")


@app.command()
def replay(key: Key, by: By, reason: Reason) -> None:
    """Send a dead letter once more, now; what is not taken is the dead letter again that it was."""

    async def run(at: Desk) -> Outcome:
        try:
            async with reached(at.settings, at.pool) as outside:
                deliveries = deliveries_of(at.client, outside)
                return await replay_one(DeadLetters(at.pool), deliveries, key, by=by, reason=reason)
        except (UnknownDeadLetter, ReplayRefused, ValueError) as error:
            raise MessageRefused(str(error)) from None

    outcome = with_desk(run)
    print(outcome.state if not outcome.error else f"{outcome.state}: {outcome.error}")


@app.command()
def discard(key: Key, by: By, reason: Reason) -> None:
    """Let a dead letter go: it is not to be told any more."""

    async def run(at: Desk) -> DeadLetter:
        try:
            return await DeadLetters(at.pool).discard(key, by=by, reason=reason)
        except (UnknownDeadLetter, ReplayRefused, ValueError) as error:
            raise MessageRefused(str(error)) from None

    letter = with_desk(run)
    print(f"discarded {letter.key}")


@app.command()
def deliver(id_: Id) -> None:
    """Tell every party what is still pending of a subscription, once and now: for what nobody comes for any more."""

    async def run(at: Desk) -> dict[str, str]:
        async with reached(at.settings, at.pool) as outside:
            return await deliveries_of(at.client, outside).deliver(id_)

    left = with_desk(run)
    for party, why in left.items():
        print(f"{party}: {why}")
    print("nothing is left" if not left else f"{len(left)} parties have something left")
