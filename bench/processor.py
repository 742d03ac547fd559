"""CPU seconds and memory of a process and its children, as Linux counts them in /proc."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")  # a second; CPU seconds are exact to a hundredth
PROC = Path("/proc")
LOOPS, LOOP = 5, 1_000_000


@dataclass(frozen=True, slots=True)
class Span:
    """From its making until it is asked: what a host gave others of the cores that this machine has from it."""

    began: tuple[int, int]

    @classmethod
    def begin(cls) -> Span:
        """Now."""
        return cls(_wanted())

    def stolen(self) -> float:
        """Of the time in which a core had something to do, the share (0 to 1) in which its host let it wait."""
        stolen, wanted = (now - then for now, then in zip(_wanted(), self.began, strict=True))
        return stolen / wanted if wanted else 0.0


def loop_ms() -> float:
    """Milliseconds for a loop that is always the same, the quickest of five: how fast this machine is just now."""
    took = []
    for _ in range(LOOPS):
        began, total = time.perf_counter(), 0
        for number in range(LOOP):
            total += number & 7
        took.append(time.perf_counter() - began)
    return 1000 * min(took)


@dataclass(frozen=True, slots=True)
class Tree:
    """A process with all that descends from it, those that have ended among them."""

    pid: int

    def seconds(self) -> float:
        """CPU time, user and system together, since each of them began; 0 once the process has ended."""
        return sum(_ticks(pid) for pid in self._alive()) / TICKS

    def resident_kb(self) -> float:
        """What the process itself, without its children, holds in memory. Raises OSError once it has ended."""
        status = (PROC / str(self.pid) / "status").read_text()
        return float(status.partition("VmRSS:")[2].split()[0])

    def _alive(self) -> list[int]:
        children: dict[int, list[int]] = {}
        for each in PROC.iterdir():
            if each.name.isdigit() and (parent := _parent(int(each.name))) is not None:
                children.setdefault(parent, []).append(int(each.name))
        found = [self.pid]
        for pid in found:  # grows while it is read
            found += children.get(pid, [])
        return found


def _wanted() -> tuple[int, int]:
    """Ticks that were stolen, and ticks in which there was something to do, those among them; of all cores."""
    try:
        user, nice, system, _idle, _waits, irq, softirq, steal = map(
            int, (PROC / "stat").read_text().split("\n", 1)[0].split()[1:9]
        )
    except OSError:
        return 0, 0
    return steal, user + nice + system + irq + softirq + steal


def _fields(pid: int) -> list[str] | None:
    """What follows the name of the program in its line of /proc; None where it has ended."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def _parent(pid: int) -> int | None:
    said = _fields(pid)
    return int(said[1]) if said else None


def _ticks(pid: int) -> int:
    """Its own, and those of its children that have ended and been waited for."""
    said = _fields(pid)
    return sum(int(each) for each in said[11:15]) if said else 0
