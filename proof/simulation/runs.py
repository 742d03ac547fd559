"""Many lives on several processes: what they consisted of, and which of them were objected to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

from proof.auditor.objections import Objection
from proof.simulation.lives import Life, lived, years
from proof.simulation.scripts import Script
from proof.simulation.worlds import world

CHUNK = 20  # lives that a process plays before it reports; about two seconds
TWICE = 8  # every so many lives one is played again as a whole, and must tell the same


@dataclass
class Failed:
    """A life that was objected to. `error` is set where it could not be played to its end instead."""

    number: int
    script: Script | None
    objection: Objection | None
    error: str = ""


@dataclass
class Tally:
    """What lives consisted of."""

    lives: int = 0
    years: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    failed: list[Failed] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Count another tally in."""
        self.lives += other.lives
        self.years += other.years
        self.counts.update(other.counts)
        self.failed += other.failed


def run(
    seed: str,
    runs: int,
    folder: Path,
    *,
    policy: str | None = None,
    processes: int = 2,
    played: Callable[[int], None] = lambda lives: None,
    failures: int = 1,
) -> Tally:
    """Live so many lives. Ends early once `failures` of them were objected to."""
    total = Tally()
    if processes == 1:
        for tally in (chunk(seed, part, folder, policy) for part in _parts(runs)):
            total.add(tally)
            played(tally.lives)
            if len(total.failed) >= failures:
                break
        return total
    with ProcessPoolExecutor(processes, mp_context=get_context("fork")) as pool:
        waiting = {pool.submit(chunk, seed, part, folder, policy) for part in _parts(runs)}
        for done in as_completed(waiting):
            total.add(done.result())
            played(done.result().lives)
            if len(total.failed) >= failures:
                pool.shutdown(wait=True, cancel_futures=True)
                break
    return total


def _parts(runs: int) -> Iterator[list[int]]:
    for begin in range(0, runs, CHUNK):
        yield list(range(begin, min(begin + CHUNK, runs)))


def chunk(seed: str, numbers: list[int], folder: Path, policy: str | None) -> Tally:
    """Live a few lives in this process; stops at the first that is objected to."""
    tally = Tally()
    for number in numbers:
        try:
            life = world(seed, number, folder, policy)
        except Exception as error:  # whatever breaks a life is a finding, and has to name its number
            tally.failed.append(Failed(number, None, None, f"{type(error).__name__}: {error}"))
            return tally
        _count(tally, life)
        objection = life.objection or (_told_twice(life) if number % TWICE == 0 else None)
        if objection is not None:
            tally.failed.append(Failed(number, life.script, objection))
            return tally
    return tally


def _count(tally: Tally, life: Life) -> None:
    tally.lives += 1
    tally.years += years(life)
    tally.counts.update(life.counts)
    tally.counts["forecasts compared"] += life.auditor.forecasts.compared > 0


def _told_twice(life: Life) -> Objection | None:
    """The same life, played from its script at once: the same charges under the same keys, and the same end."""
    again = lived(life.script)
    if again.objection is not None:
        return again.objection
    if again.keys != life.keys:
        odd = next((a, b) for a, b in zip([*again.keys, "nothing"], [*life.keys, "nothing"], strict=False) if a != b)
        return Objection("charge keys are derived", life.scenario.until, f"played twice: {odd[0]} and {odd[1]}")
    if again.state != life.state:
        return Objection("the same life ends in the same state", life.scenario.until, "played twice, two ends")
    return None
