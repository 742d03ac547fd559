"""Plant every defect of the catalogue, one at a time, and see that each is found: python -m proof.defects [NAME ...].

Exit status: 0 all were found, 1 one was not, 2 there is no defect of that name, or one fits the code no longer.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from engine.leaving import DONE, IMPOSSIBLE, INVALID, leave_as
from proof.defects.catalogue import CATALOGUE
from proof.defects.planting import DoesNotFit, planted

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def plant(names: Annotated[list[str] | None, typer.Argument(help="Which; all where none is named.")] = None) -> None:
    """Plant defects and say which command found each."""
    known = {defect.name: defect for defect in CATALOGUE}
    unknown = [name for name in names or [] if name not in known]
    if unknown:
        print(f"{unknown[0]!r}: expected one of {', '.join(known)}", file=sys.stderr)
        raise typer.Exit(INVALID)
    chosen = [known[name] for name in names] if names else list(CATALOGUE)
    table = Table("defect", "breaks", "found by", "s", "it says")
    missed = []
    for number, defect in enumerate(chosen, start=1):
        print(f"{number} of {len(chosen)}: {defect.name} ...", file=sys.stderr, flush=True)
        try:
            verdict = planted(defect)
        except DoesNotFit as error:
            print(error, file=sys.stderr)
            raise typer.Exit(INVALID) from None
        if not verdict.found:
            missed.append(defect.name)
        command = " ".join(defect.found_by)
        table.add_row(defect.name, defect.promise, command, f"{verdict.seconds:.0f}", verdict.said[:160])
    Console(width=None if sys.stdout.isatty() else 200).print(table)
    print(
        f"{len(chosen)} planted, {len(chosen) - len(missed)} found"
        + (f"; missed: {', '.join(missed)}" if missed else "")
    )
    raise typer.Exit(IMPOSSIBLE if missed else DONE)


if __name__ == "__main__":
    try:
        app()
    except SystemExit as done:
        leave_as(done)
