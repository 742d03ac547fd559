"""Keys under which Temporal keeps what it knows of us: make one, and see which are still needed."""

from __future__ import annotations

from typing import Annotated

import typer

from commands.desk import AsJson, fail, print_json, with_desk
from engine.encryption import keys_of, new_key
from engine.here import Desk
from engine.keys_in_use import KeysInUse, keys_in_use

app = typer.Typer()


@app.command("new-encryption-key")
def new_encryption_key(
    name: Annotated[str, typer.Argument(help="A name that everybody may see, such as 2026-11.")],
) -> None:
    """Draw a key and print it as the setting `encryption_keys` takes it. It is kept nowhere else."""
    try:
        print(new_key(name))
    except ValueError as error:
        fail(f"{error}. No key was made.", 2)


@app.command("encryption-keys")
def encryption_keys(as_json: AsJson = False) -> None:
    """Which keys running subscriptions still need: one that is needed by none may be taken away."""

    async def look(at: Desk) -> tuple[KeysInUse, list[str]]:
        return await keys_in_use(at.client), [key.name for key in keys_of(at.settings.encryption)]

    used, known = with_desk(look)
    if as_json:
        print_json({"first": known[0] if known else None, "known": known, "needed": used.runs, "plain": used.plain})
        return
    for name in (*known, *sorted(set(used.runs) - set(known))):
        what = "encrypts" if known and name == known[0] else "decrypts" if name in known else "MISSING here"
        print(f"{name:32}  {what:12}  needed by {used.runs.get(name, 0)} running")
    print(f"{'(not encrypted)':32}  {'':12}  {used.plain} running")
