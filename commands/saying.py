"""Saying: one command for each message of spec section 8."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any

import typer

from commands.desk import AsJson, Id, known, print_json, print_told, with_desk
from domain.effects import View
from domain.messages import DESCRIPTIONS, REQUIRED
from domain.run import Answer
from engine.here import Desk
from engine.leaving import leave
from engine.speak import ask, tell

app = typer.Typer()


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
                return await known(at, id_), None
            answer = await ask(at.client, at.books, id_, signal, payload)
            return await known(at, id_), answer

        view, answer = with_desk(run)
        if answer is None:
            print("sent")
            return
        if as_json:
            print_json(asdict(answer))
        else:
            print_told(answer.happened, view)
            print(f"standing {answer.standing}, balance {answer.balance} {view.currency}")
        if not answer.accepted:
            leave(1)

    parameters: list[tuple[str, Any, Any]] = [("id_", Id, inspect.Parameter.empty)]
    for name in REQUIRED[signal]:
        listed = name == "invoices"
        parameters.append((name, Annotated[list[str] if listed else str, typer.Option(help=_HELP.get(name))], ...))
    if signal == "payment-received":
        parameters.append(("invoice", Annotated[str | None, typer.Option(help="pay this one first")], None))
    if signal == "payment-method-updated":
        state = Annotated[str | None, typer.Option(help="usable, expired or removed")]
        parameters.append(("state", state, None))
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
