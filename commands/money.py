"""Money that belongs to no open subscription yet: listed, assigned, sent back."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from adapters.bank.files import BYTES_LIMIT
from adapters.bank.lines import BadStatement
from adapters.postgres.unapplied import Money
from commands.desk import NUMBER_LIMIT, AsJson, By, Id, Reason, fail, known, print_json, with_desk
from domain.money import decimal_text
from domain.run import Answer
from engine.bank import CutOff, Imported
from engine.doors import Bank
from engine.here import Desk
from engine.speak import MessageRefused, ask

app = typer.Typer()

MoneyId = Annotated[int, typer.Argument(min=1, max=NUMBER_LIMIT, help="The money's number, as `unapplied` lists it.")]


@app.command("import-statement")
def import_statement(
    files: Annotated[list[Path], typer.Argument(help="camt.053, camt.054 or MT940.")], as_json: AsJson = False
) -> None:
    """Take in a bank's statements: what is certain pays, what is likely is proposed, the rest waits as unapplied."""

    async def run(at: Desk) -> list[Imported]:
        bank = Bank(at.client, at.books, at.pool)
        return [await bank.take_in(file.name, _read(file)) for file in files]

    try:
        done = with_desk(run)
    except BadStatement as error:
        fail(str(error), 2)
    except OSError as error:
        fail(f"{error.filename}: cannot be read: {error.strerror}. Nothing of it was taken in.", 2)
    except CutOff as error:
        fail(str(error), 1)
    if as_json:
        print_json([asdict(one) for one in done])
        return
    for one in done:
        print(one)
        for entry in one.entries:
            print(f"  {entry}")


@app.command()
def unapplied(as_json: AsJson = False) -> None:
    """Money that belongs to no open subscription yet: it waits to be assigned or returned."""

    async def run(at: Desk) -> list[Money]:
        return await at.books.unapplied_money()

    found = with_desk(run)
    if as_json:
        print_json([asdict(money) for money in found])
        return
    for money in found:
        amount = f"{decimal_text(money.minor, money.currency)} {money.currency}"
        print(f"{money.id:>6} {amount:>16}  {money.at:%Y-%m-%d}  {money.reference}  {money.client_number or ''}")
    print(f"{len(found)} open")


@app.command()
def assign(
    money_id: MoneyId,
    id_: Id,
    by: By,
    reason: Reason,
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
        view = await known(at, id_)
        if view.currency != money.currency:
            raise MessageRefused(f"money {money_id} is in {money.currency}, {id_} in {view.currency}; nothing was done")
        answer = await ask(at.client, at.books, id_, "payment-received", payload)
        await at.books.resolve_unapplied(money_id, "applied", by=by, reason=reason, at=datetime.now(UTC))
        return answer

    answer = with_desk(run)
    print(f"assigned; standing {answer.standing}, balance {answer.balance}")


@app.command("return-money")
def return_money(
    money_id: MoneyId,
    by: By,
    reason: Reason,
) -> None:
    """Write down that unapplied money has been sent back."""

    async def run(at: Desk) -> None:
        await _money(at, money_id)
        await at.books.resolve_unapplied(money_id, "returned", by=by, reason=reason, at=datetime.now(UTC))

    with_desk(run)
    print("returned")


def _read(file: Path) -> bytes:
    """A file's bytes, and no more of them than tell that it is too large."""
    with file.open("rb") as opened:
        return opened.read(BYTES_LIMIT + 1)


async def _money(at: Desk, money_id: int) -> Money:
    found = [money for money in await at.books.unapplied_money(limit=100_000) if money.id == money_id]
    if not found:
        raise MessageRefused(f"money {money_id}: unknown, or applied or returned already; nothing was done")
    return found[0]
