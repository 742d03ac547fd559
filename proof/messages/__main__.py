"""Flood subscriptions with messages while their runs continue as new, and hold the end against what was said.

python -m proof.messages --messages 10000 --seed 1

Exit status: 0 nothing was lost, doubled or wrongly answered, 1 something was.
"""

from __future__ import annotations

import asyncio
import time
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter

from engine.leaving import DONE, IMPOSSIBLE, leave_as
from proof.messages.course import Course, flooded

ONLY_ERRORS = TelemetryFilter(core_level="ERROR", other_level="ERROR")
"""A flood makes the client warn at every call that it tries again; that is what it is for."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
SHOWN = 20  # findings that are printed; whoever has more has one cause, not a thousand


@app.command()
def main(
    messages: Annotated[int, typer.Option(help="How many are sent.", min=1)] = 10_000,
    seed: Annotated[int, typer.Option(help="The same seed says the same.")] = 1,
    subscriptions: Annotated[int, typer.Option(help="How many they are sent to.", min=1)] = 20,
    events: Annotated[int, typer.Option(help="A run continues as new after so many events.", min=50)] = 150,
) -> None:
    """Send signals and updates, duplicates among them, and see that none is lost, doubled or answered wrongly."""
    began = time.monotonic()
    Runtime.set_default(Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(filter=ONLY_ERRORS))))
    columns = (TextColumn("messages"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("messages", total=messages)
        course = asyncio.run(
            flooded(messages, seed, subscriptions, events, lambda sent: progress.update(bar, completed=sent))
        )
    show(course, time.monotonic() - began)
    raise typer.Exit(DONE if course.verdict.clean() and course.continued else IMPOSSIBLE)


def show(course: Course, seconds: float) -> None:
    """Print what was sent and what came of it."""
    verdict = course.verdict
    print(
        f"seed {course.seed}: {course.sent.total()} messages to {course.subscriptions} subscriptions, {seconds:.0f} s"
    )
    for kind, many in sorted(course.sent.items()):
        print(f"  {kind:32} {many:6}")
    print(f"accepted {verdict.accepted}, repeated {verdict.repeated}, refused {verdict.refused}")
    print(f"in the ledger, less what was reversed: {verdict.paid_minor} minor units")
    print(f"continue-as-news {course.continued}, worker restarted {course.restarts}, answers lost {verdict.unheard}")
    for name, found in (("lost", verdict.lost), ("doubled", verdict.doubled), ("wrongly answered", verdict.wrong)):
        print(f"{name} {len(found)}")
        for finding in found[:SHOWN]:
            print(f"  {finding}")
        if len(found) > SHOWN:
            print(f"  and {len(found) - SHOWN} more")


if __name__ == "__main__":
    try:
        app()
    except SystemExit as done:
        leave_as(done)
