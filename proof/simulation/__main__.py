"""`make simulate`: live seeded random worlds under audit, and shrink what is objected to.

    python -m proof.simulation --seed S --runs N [--policy P] [--processes 2]
    python -m proof.simulation --replay failed-S-17.json

Exit status: 0 nothing was objected to, 1 something was, 2 the input is invalid.
"""

from __future__ import annotations

import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from domain.opening import InvalidTerms
from domain.scenario import InvalidScenario
from policies.load import InvalidPolicy
from proof.simulation import failures
from proof.simulation.lives import lived
from proof.simulation.runs import Failed, Tally, run
from proof.simulation.scripts import policy_of
from proof.simulation.shrinking import Shrinking, objection_to
from proof.simulation.varied import policies

DONE, OBJECTED, INVALID = 0, 1, 2

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def simulate(
    seed: Annotated[str, typer.Option(help="Names the worlds; drawn and printed where it is left out.")] = "",
    runs: Annotated[int, typer.Option(min=1, help="How many lives.")] = 2_000,
    policy: Annotated[str, typer.Option(help="Only this policy: a name, or a path with a /.")] = "",
    processes: Annotated[int, typer.Option(min=1, max=64)] = 2,
    replay: Annotated[str, typer.Option(help="Play one file of a life under audit instead.")] = "",
    into: Annotated[str, typer.Option(help="The folder for the files of a life that is objected to.")] = ".",
) -> None:
    """Live seeded random worlds under audit."""
    if replay:
        raise typer.Exit(_replayed(Path(replay)))
    seed = seed or secrets.token_hex(4)
    print(f"seed {seed}, {runs} lives", flush=True)
    with tempfile.TemporaryDirectory(prefix="perennial-simulation-") as name:
        folder = Path(name)
        try:
            policies(seed, folder)
            if policy:
                policy_of(policy)
        except (InvalidPolicy, OSError) as error:
            print(error, file=sys.stderr)
            raise typer.Exit(INVALID) from None
        began = time.monotonic()
        with _bar(runs) as played:
            tally = run(seed, runs, folder, policy=policy or None, processes=processes, played=played)
        _print(tally, time.monotonic() - began)
        for failed in tally.failed:
            _shrunk(failed, seed, Path(into))
    raise typer.Exit(OBJECTED if tally.failed else DONE)


@contextmanager
def _bar(runs: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, nothing elsewhere; gives what is called with how many lives were played."""
    console = Console(stderr=True)
    columns = (TextColumn("lives"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("lives", total=runs)
        yield lambda lives: progress.advance(task, lives)


def _print(tally: Tally, seconds: float) -> None:
    counts = tally.counts
    heard = {kind: _sum(tally, f"{kind} ") for kind in ("accepted", "refused", "repeated")}
    rows: list[tuple[str, int | str]] = [
        ("lives", tally.lives),
        ("virtual years", round(tally.years)),
        ("turns", counts["decisions"]),
        ("invoices", counts["entry invoice_issued"]),
        ("charges asked", counts["asked"]),
        ("approved / declined / unknown", _joined(tally, "charge approved", "charge declined", "charge unknown")),
        ("payments / reversals", _joined(tally, "entry payment_received", "entry payment_reversed")),
        ("mails", counts["mail"]),
        ("locks", counts["standing locked"] + counts["standing account_locked"]),
        ("cancellations", counts["entry cancelled"]),
        ("placements / recalls", _joined(tally, "place", "recall")),
        ("moves to another policy", counts["moves"]),
        ("forecasts compared", counts["forecasts compared"]),
        ("messages accepted / refused / repeated", " / ".join(f"{n:,}" for n in heard.values())),
        ("objections", len(tally.failed)),
    ]
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column()
    table.add_column(justify="right")
    for what, number in rows:
        table.add_row(what, f"{number:,}" if isinstance(number, int) else number)
    signals = sorted({key.split(" ", 1)[1] for key in counts if key.startswith(("accepted ", "refused "))})
    for signal in signals:
        table.add_row(f"  {signal}", _joined(tally, f"accepted {signal}", f"refused {signal}", f"repeated {signal}"))
    Console().print(table)
    print(f"{seconds:.0f} s, {tally.lives / max(seconds, 0.001):.1f} lives a second")


def _sum(tally: Tally, beginning: str) -> int:
    return sum(number for key, number in tally.counts.items() if key.startswith(beginning))


def _joined(tally: Tally, *keys: str) -> str:
    return " / ".join(f"{tally.counts[key]:,}" for key in keys)


def _shrunk(failed: Failed, seed: str, into: Path) -> None:
    """Say what was objected to, make the life small, write it down."""
    if failed.script is None or failed.objection is None:
        print(f"life {failed.number} of seed {seed} could not be played: {failed.error}")
        return
    print(f"life {failed.number} of seed {seed}: {failed.objection}", flush=True)
    script, objection = failed.script, failed.objection
    again = objection_to(script)
    if again is None:
        print("played from its script at once it is not objected to; written as it was lived")
    else:
        script = Shrinking(again.promise).shrink(script)
        objection = objection_to(script) or again
    path = failures.write(script, objection, f"failed-{seed}-{failed.number}", into)
    print(f"shrunk to {path}: {objection}")
    if script.essential_extras:
        print(f"it needs what the format cannot say ({', '.join(script.essential_extras)}), which lies beside it")
    print(f"play it again: python -m proof.simulation --replay {path}")


def _replayed(path: Path) -> int:
    """Play one file under audit."""
    try:
        life = lived(failures.read(path))
    except (OSError, ValueError, InvalidScenario, InvalidTerms, InvalidPolicy) as error:
        print(f"{path}: {error}", file=sys.stderr)
        return INVALID
    for objection in life.auditor.objections:
        print(objection)
    print(f"{len(life.auditor.objections)} objections")
    return OBJECTED if life.auditor.objections else DONE


if __name__ == "__main__":
    app()
