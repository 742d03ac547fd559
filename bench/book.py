"""What deciding costs by itself: decisions a second, and twelve months of a book of 100,000 subscriptions.

    python -m bench.book [--full]

No server, no database: the decision code, a world that answers at once, and books in memory. The book is played twice:
as workers run the core, interpreted, and with the same sources compiled.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from bench import compiled
from bench.decisions import ROUNDS, SAMPLE, digest, rates
from bench.finding import Finding, measured, table, tell
from bench.lives import (
    DECLINED_PERCENT,
    FIRST_DATES,
    MONTHS,
    NEVER_PAYING_PERMILLE,
    ZONES,
    Life,
    bills,
    life,
)
from domain.access import LOCKED_OUT
from domain.opening import opened
from domain.simulate import Played, play
from domain.world import Book

BOOK = 100_000
FRACTION = 20_000
"""What is simulated where the whole book would take longer than `PATIENCE_SECONDS`, and nobody asked for it."""
PATIENCE_SECONDS = 90.0
CHUNK = 250  # subscriptions that a process plays before it reports: about a second
GOAL_SECONDS = 60
TURNS = 3  # of both cores where it may take long; the fastest counts, as the least disturbed by others


@dataclass
class Tally:
    """What was played, and what it took."""

    lives: int = 0
    cpu_seconds: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        """Count another tally in."""
        self.lives += other.lives
        self.cpu_seconds += other.cpu_seconds
        self.counts.update(other.counts)


class Implausible(RuntimeError):
    """A life that cannot have been played as it should; its measurement would be worth nothing."""


def lived(it: Life) -> Played:
    """Play one life of the book."""
    return play(opened(it.terms, it.policy), it.policy, it.world, Book(), it.messages, it.until)


def chunk(first: int, count: int) -> Tally:
    """Play some subscriptions of the book in this process, and look whether each is plausible."""
    tally, began = Tally(), time.process_time()
    for number in range(first, first + count):
        it = life(number)
        played = lived(it)
        _count(tally.counts, played)
        _check(it, played)
    tally.lives, tally.cpu_seconds = count, time.process_time() - began
    return tally


def calendar(first: int, count: int) -> Tally:
    """For the same subscriptions nothing but the instants at which they are billed."""
    tally, began = Tally(), time.process_time()
    for number in range(first, first + count):
        tally.counts["bills"] += len(bills(number))
    tally.lives, tally.cpu_seconds = count, time.process_time() - began
    return tally


def _count(counts: Counter[str], played: Played) -> None:
    for entry in played.entries:
        if entry.what == "charge":
            counts[f"charges {entry.fields['outcome']}"] += 1
        elif entry.what == "standing":
            counts["locks"] += entry.fields["to"] in LOCKED_OUT
        else:
            counts[entry.what] += 1
    counts["entries"] += len(played.entries)
    counts["bills"] += played.state.issued


def _check(it: Life, played: Played) -> None:
    """Raises Implausible for a life that does not end as its calendar and its payments say that it must."""
    state = played.state
    issued = [e.at for e in played.entries if e.what == "invoice_issued"]
    owes = state.open_minor > 0
    if tuple(issued) != it.bills[: len(issued)] and state.ended is None:
        raise Implausible(f"{state.id}: its invoices are not dated by its calendar")
    if state.ended is None and len(issued) != len(it.bills):
        raise Implausible(f"{state.id}: {len(issued)} invoices for {len(it.bills)} months, and the plan runs")
    if it.declined == 0 and (owes or state.standing != "active" or state.paid_invoices != MONTHS):
        raise Implausible(f"{state.id}: every charge was approved, and it is {state.standing}, or owes something")
    if not it.pays and not (owes or state.ended):
        raise Implausible(f"{state.id}: it never paid, owes nothing and goes on")


def on_every_core(
    work: Callable[[int, int], Tally],
    lives: int,
    cores: int,
    what: str,
    prepare: Callable[[], None] | None = None,
) -> tuple[Tally, float]:
    """Do a part of the work on each core; gives what it came to, and the seconds from the first process to the last.

    `prepare` is what each process does before it imports anything for its work.
    """
    total, began = Tally(), time.monotonic()
    with ProcessPoolExecutor(cores, get_context("spawn"), prepare) as pool, _bar(what, lives) as done:
        waiting = [pool.submit(work, first, min(CHUNK, lives - first)) for first in range(0, lives, CHUNK)]
        for part in as_completed(waiting):
            total.add(part.result())
            done(part.result().lives)
    return total, time.monotonic() - began


@contextmanager
def _bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, nothing elsewhere; gives what is called with how many more are done."""
    console = Console(stderr=True)
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=total)
        yield lambda more: progress.advance(task, more)


async def book(full: bool) -> Finding:
    """Decisions by themselves, then the book and its calendar on every core."""
    cores = os.cpu_count() or 1
    tell("recorded decisions, one core")
    of = rates()
    tell("how long the book will take, by a sample")
    sample = chunk(0, SAMPLE)
    expected = sample.cpu_seconds / SAMPLE * BOOK / cores
    lives = BOOK if full or expected <= PATIENCE_SECONDS else FRACTION
    tell(f"{lives:,} subscriptions, {MONTHS} months, {cores} processes: about {expected * lives / BOOK:.0f} s")
    folder, not_compiled = _folder()
    turns = TURNS if full else 1
    interpreted, others = [], []
    for turn in range(1, turns + 1):
        tell(f"interpreted, {turn} of {turns}")
        interpreted.append(on_every_core(chunk, lives, cores, "lives"))
        if folder is not None:
            tell(f"compiled, {turn} of {turns}")
            others.append(_compiled(folder, interpreted[-1][0]))
    played, seconds = min(interpreted, key=lambda run: run[1])
    again = min(others, key=lambda run: run.seconds, default=None)
    tell("their calendar alone")
    dated, bare_seconds = on_every_core(calendar, lives, cores, "calendars")
    months = played.counts["bills"]
    figures = {
        "decisions_per_second_and_core": of.per_second,
        "decisions_values_alone_ratio": of.values_share,
        "decisions_calls_per_month": of.calls_a_month,
        "decisions_largest_function_ratio": of.largest_share,
        "book_months_per_second_and_core": months / played.cpu_seconds,
        "book_month_cpu_microseconds": played.cpu_seconds / months * 1e6,
        "book_to_calendar_ratio": seconds / bare_seconds,
        "book_to_calendar_cpu_ratio": played.cpu_seconds / dated.cpu_seconds,
    }
    if lives == BOOK:
        figures["book_100000x12_seconds"] = seconds
    if again is not None:
        figures["book_compiled_cpu_ratio"] = again.cpu_seconds / played.cpu_seconds
        if lives == BOOK:
            figures["book_100000x12_compiled_seconds"] = again.seconds
    said = [
        "Decisions that lives of the book had asked for, taken again on one core (CPU time, the fastest of "
        f"{ROUNDS} rounds):",
        of.by_kind,
        *_texts(played, seconds, dated, bare_seconds, cores, again),
        _in_turn([run[1] for run in interpreted], [run.seconds for run in others]),
        _without_interpreter(seconds, again, lives) if again else f"The compiled core: {not_compiled}.",
        f"A month of this book is {of.monthly:.1f} decisions, {of.monthly / of.per_second * 1e6:.0f} µs of a core by "
        f"the table above. {of.values_share:.0%} of that is spent where nothing is decided and the same values are "
        f"made again, one by one; the rest is spread over {of.calls_a_month:,.0f} calls of functions a month, Python's "
        f"own among them, and the one that takes most takes {of.largest_share:.0%} itself. The rest of the month's "
        "time is spent by the world that answers, the books in memory and this part's own counting.",
    ]
    return Finding("book", "The core", "\n\n".join(said), figures)


@dataclass(frozen=True, slots=True)
class Again:
    """The same lives with the core compiled."""

    seconds: float
    cpu_seconds: float


def _folder() -> tuple[Path | None, str]:
    """Where the compiled core is, or why there is none."""
    tell("compiling the core, which takes minutes, once")
    try:
        return compiled.compiled(), ""
    except compiled.NotCompiled as missing:
        return None, str(missing)


def _compiled(folder: Path, played: Tally) -> Again:
    """Play as many lives with the core compiled. Raises Implausible where it decides anything else."""
    found = compiled.played(folder, played.lives)
    if Counter(found["counts"]) != played.counts or found["decisions"] != digest():
        raise Implausible(f"compiled, the core decides something else: {found['counts']}, expected {played.counts}")
    return Again(found["seconds"], found["cpu_seconds"])


def _in_turn(interpreted: Sequence[float], others: Sequence[float]) -> str:
    """What each turn took; the table has the fastest of either."""
    if len(interpreted) == 1:
        return "Each was played once."
    told = [
        f"{name} in {', '.join(f'{seconds:.1f}' for seconds in runs)} s"
        for name, runs in (("interpreted", interpreted), ("compiled", others))
        if runs
    ]
    return f"Played in turn, {' and '.join(told)}; the fastest counts, as the least disturbed by others."


def _without_interpreter(seconds: float, again: Again, lives: int) -> str:
    """What the compiled core says of the other one."""
    left = GOAL_SECONDS * lives / BOOK - again.seconds
    return (
        "Compiled are the very sources of the core, by Cython and a C compiler, with no type declared: every value is "
        "made and every field is read as before, and only Python's interpreter is out of it. What happens in the book, "
        f"and every decision of {SAMPLE} of its lives, is the same. It takes {again.seconds:.1f} s where the "
        f"interpreted core takes {seconds:.1f} s: interpreting costs {seconds - again.seconds:.1f} s, "
        + (
            f"and could cost {left:.1f} s if the goal were to be met with this code. "
            if left > 0
            else "and without it the goal would be missed too. "
        )
        + "Workers run the interpreted core: beside what a renewal takes of Temporal and PostgreSQL, a decision is "
        "next to nothing."
    )


def _texts(
    played: Tally, seconds: float, dated: Tally, bare_seconds: float, cores: int, again: Again | None
) -> list[str]:
    counts, lives = played.counts, played.lives
    month = played.cpu_seconds / counts["bills"] * 1e6
    whole = "" if lives == BOOK else f" This is {lives / BOOK:.0%} of the book of {BOOK:,}, which was not simulated."
    rows = [
        ["the calendar alone", f"{bare_seconds:.1f}", f"{dated.cpu_seconds:.1f}", "1"],
        ["decided", f"{seconds:.1f}", f"{played.cpu_seconds:.1f}", f"{played.cpu_seconds / dated.cpu_seconds:.0f}"],
    ]
    if again is not None:
        ratio = again.cpu_seconds / dated.cpu_seconds
        rows.append(["decided, the core compiled", f"{again.seconds:.1f}", f"{again.cpu_seconds:.1f}", f"{ratio:.0f}"])
    return [
        f"{lives:,} subscriptions, each played for {MONTHS} months through the real decision code in {cores} "
        f"processes: {seconds:.1f} s from start to end, {month:.0f} µs of a core for a month.{whole} The goal is "
        f"{GOAL_SECONDS} s for {BOOK:,} on 2 cores. Beside it the same subscriptions in as many processes, with "
        "nothing done but to find the instants at which they are billed, most of which the calendar remembers:",
        table(["", "seconds", "CPU seconds", "ratio of CPU"], rows),
        f"The book: the three shipped policies alike, {len(ZONES)} time zones, {FIRST_DATES} first dates. In "
        f"{DECLINED_PERCENT}% of the months the charge is declined and a transfer pays later; "
        f"{NEVER_PAYING_PERMILLE / 10:g}% of the subscriptions stop paying for good. What happened: "
        f"{_happened(counts)}. Of every life it was checked that its invoices are those of its calendar, and that "
        "it owes something at the end only where it may.",
    ]


def _happened(counts: Counter[str]) -> str:
    said = (
        ("invoices", "invoice_issued"), ("charges approved", "charges approved"),
        ("charges declined", "charges declined"), ("payments", "payment_received"), ("mails", "email"),
        ("locks", "locks"), ("cancellations", "cancelled"), ("placements with the agency", "collections_placed"),
        ("lines of timelines", "entries"),
    )  # fmt: skip
    return ", ".join(f"{counts[key]:,} {what}" for what, key in said)


if __name__ == "__main__":
    measured(book, __doc__)
