"""The race against boilpayment, the nearest engine in Python: leases, a key for each attempt, a scan at each tick."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from bench.due import until
from bench.finding import Finding, Plot, table, tell
from bench.ground import Ground, ground
from bench.race import ours, rival
from bench.renewals import floor
from bench.rounds import Round, Starts

COUNTS = (1_000, 3_000)
FULL_COUNTS = (1_000, 3_000, 10_000)
DUE = 1_000  # of a book that grows
ASLEEP = 2_000
FULL_ASLEEP = 50_000
KILLED = 300
DECLINES = 10  # each so many-th charge
PROCESSES = (1, 2)  # of the rival: which serves it better is tried first


@dataclass(slots=True)
class Times:
    """Seconds of each race, by its count, and of the rival by the number of its processes, too."""

    ours: dict[int, float] = field(default_factory=dict)
    rival: dict[tuple[int, int], float] = field(default_factory=dict)
    relieved: dict[int, float] = field(default_factory=dict)
    """Of the rival without retries of declined charges."""

    def best(self, count: int) -> int:
        """With how many processes the rival is fastest."""
        return min(PROCESSES, key=lambda processes: self.rival[count, processes])

    def least(self, count: int) -> float:
        """The rival's seconds with so many."""
        return self.rival[count, self.best(count)]


@dataclass(frozen=True, slots=True)
class Kill:
    """What was found after a kill half way. `missed` are neither charged nor declined when all that can run has run."""

    seconds: float
    double: int
    missed: int
    missed_until_lapsed: int


async def race(full: bool) -> Finding:
    """Race at several sizes, in a book that grows, and with the worker killed half way."""
    await rival.installed()
    times, starts = Times(), Starts()
    async with ground() as at:
        bare = await floor(at, Starts(), "race-bare", DUE)
        tell(f"the bare engine, {DUE:,} due: {bare.pace:.1f} a second")
        for count in FULL_COUNTS if full else COUNTS:
            times.ours[count] = await ours.renewed(at, starts, f"race-{count}", count, DECLINES)
            tell(f"Perennial, {count:,} due: {count / times.ours[count]:.1f} a second")
            for processes in PROCESSES:
                times.rival[count, processes] = await _rival(at, count, 0, processes)
                paced = count / times.rival[count, processes]
                tell(f"the rival, {count:,} due, {processes} processes: {paced:.1f} a second")
            if count in COUNTS:
                times.relieved[count] = await _rival(at, count, 0, times.best(count), retries=False)
                tell(f"the rival without retries, {count:,} due: {count / times.relieved[count]:.1f} a second")
        sleeping = FULL_ASLEEP if full else ASLEEP
        await ours.asleep(at, sleeping)
        grown = (
            await ours.renewed(at, starts, "grown", DUE, DECLINES),
            await _rival(at, DUE, sleeping, times.best(DUE)),
        )
        tell(f"{DUE:,} due and {sleeping:,} asleep: {grown[0]:.0f} s, and the rival {grown[1]:.0f} s")
        kills = await _killed(at, starts, KILLED), await _rival_killed(at, KILLED)
    return _found(times, bare, sleeping, grown, kills)


async def _rival(at: Ground, due: int, asleep: int, processes: int, *, retries: bool = True) -> float:
    name = f"rival_{due}_{asleep}_{processes}_{'as_it_comes' if retries else 'no_retries'}"
    book = await rival.book(at, name, due, asleep, range(0, due, DECLINES), retries=retries)
    run = await book.tick(processes)
    declined = len(range(0, due, DECLINES))
    found = await book.charges()
    wanted = {"approved": due - declined, "declined": declined, "double": 0}
    if run.charged != due - declined or run.errors or found != wanted:
        raise AssertionError(f"the rival did not renew all of {due}: {run}, {found}: there is nothing to compare")
    return run.seconds


async def _killed(at: Ground, starts: Starts, count: int) -> Kill:
    seconds, double, missed = await ours.killed(at, starts, "killed", count, DECLINES)
    tell(f"Perennial, killed half way: {double} charged twice, {missed} missed")
    return Kill(seconds, double, missed, missed)


async def _rival_killed(at: Ground, count: int) -> Kill:
    book = await rival.book(at, "rival_killed", count, 0, range(0, count, DECLINES))
    process = await book.start()
    await until(book.answered, count // 2, f"{count // 2} charges")
    process.kill()
    await process.communicate()
    at_once = await book.tick()
    missed = await book.unpaid(count - len(range(0, count, DECLINES)))
    later = await book.tick(lapsed=True)
    found = await book.charges()
    still = await book.unpaid(count - len(range(0, count, DECLINES)))
    tell(f"the rival, killed half way: {found['double']} charged twice, {missed} missed, {still} after its leases")
    return Kill(at_once.seconds + later.seconds, found["double"], still, missed)


def _found(times: Times, bare: Round, sleeping: int, grown: tuple[float, float], kills: tuple[Kill, Kill]) -> Finding:
    pace = {
        "Perennial": {count: count / seconds for count, seconds in times.ours.items()},
        "boilpayment": {count: count / times.least(count) for count in times.ours},
    }
    figures: dict[str, float] = {}
    rows = []
    for count in times.ours:
        mine, theirs, alone = (*(of[count] for of in pace.values()), count / times.rival[count, 1])
        figures |= {
            f"race_{count}_per_second": mine,
            f"rival_{count}_per_second": theirs,
            f"race_{count}_ratio": mine / theirs,
            f"race_{count}_bare_ratio": bare.pace / theirs,
            f"rival_one_process_{count}_per_second": alone,
            f"race_{count}_one_process_each_ratio": mine / alone,
        }
        row = [f"{count:,} due", *(f"{each:.1f}" for each in (mine, alone, theirs))]
        row += [f"{mine / alone:.2f}", f"{mine / theirs:.2f}", "", ""]
        if count in times.relieved:
            relieved = count / times.relieved[count]
            figures |= {
                f"rival_without_retries_{count}_per_second": relieved,
                f"race_{count}_to_rival_without_retries_ratio": mine / relieved,
            }
            row[-2:] = [f"{relieved:.1f}", f"{mine / relieved:.2f}"]
        rows.append(row)
    small = (times.ours[DUE], times.least(DUE))
    growth = [big / least for big, least in zip(grown, small, strict=True)]
    figures |= {
        "race_bare_per_second": bare.pace,
        "race_bare_cpu_seconds_per_1000": sum(bare.cpu()),
        "race_bare_server_cpu_seconds_per_1000": bare.cpu()[-1],
        f"growth_{sleeping}_to_{DUE}_ratio": growth[0],
        f"rival_growth_{sleeping}_to_{DUE}_ratio": growth[1],
        "kill_double_charges_ours": kills[0].double,
        "kill_double_charges_rival": kills[1].double,
        "kill_missed_ours": kills[0].missed,
        "kill_missed_rival": kills[1].missed,
        "kill_missed_rival_until_leases_lapse": kills[1].missed_until_lapsed,
    }
    text = "\n\n".join(
        [
            f"Both on the same PostgreSQL with fsync, one after the other, each {DECLINES}th charge declined by a "
            "gateway that keeps its own book. Perennial: one worker with its defaults, beside a Temporal server on the "
            "same machine. boilpayment 0.3.0: its defaults, ticks without a pause, in one process and in "
            f"{PROCESSES[-1]} at once, which its leases allow. From the instant at which all are due until the last "
            "has its next period. Its defaults schedule three retries of a declined charge, and every one that waits "
            "is read at each later renewal; at its better number of processes it is measured without them, too, "
            "though then nothing collects what was declined.",
            _bare(bare),
            table(
                [
                    "renewals a second",
                    "Perennial",
                    "boilpayment, one process",
                    "its better number",
                    "ratio to one",
                    "ratio to the better",
                    "without its retries",
                    "ratio",
                ],
                rows,
            ),
            table(
                [f"seconds for {DUE:,} due", "Perennial", "boilpayment"],
                [
                    ["none asleep of its own", *(f"{each:.1f}" for each in small)],
                    [f"and {sleeping:,} asleep", *(f"{each:.1f}" for each in grown)],
                    ["ratio", *(f"{each:.2f}" for each in growth)],
                ],
            ),
            table(
                [f"killed half way, {KILLED:,} due", "Perennial", "boilpayment"],
                [
                    ["charged twice", *(str(each.double) for each in kills)],
                    ["paid and not renewed, or not asked, right after", *(str(k.missed_until_lapsed) for k in kills)],
                    ["and once its leases of 10 minutes are over", *(str(each.missed) for each in kills)],
                    ["seconds in all", *(f"{each.seconds:.1f}" for each in kills)],
                ],
            ),
        ]
    )
    plots = [
        Plot(
            "race-by-due",
            "Renewals a second by how many are due at once",
            "due at one instant",
            "renewals a second",
            {name: [(float(count), each) for count, each in of.items()] for name, of in pace.items()},
            logarithmic_x=True,
        ),
        Plot(
            "race-by-book",
            f"Seconds for {DUE:,} due, by how many more are asleep",
            "asleep",
            "seconds",
            {name: [(0.0, least), (float(sleeping), big)] for name, least, big in zip(pace, small, grown, strict=True)},
        ),
    ]
    return Finding("race", "Against the alternative", text, figures, plots)


def _bare(bare: Round) -> str:
    """What the engine below leaves room for on this machine."""
    worker, _, server = bare.cpu()
    cores = os.cpu_count() or 1
    return (
        f"The bare engine in the same run, {DUE:,} due, a timer, an activity that does nothing and a continue-as-new "
        f"each: {bare.pace:.1f} a second. A thousand of them take {worker + server:.1f} CPU seconds, {server:.1f} of "
        f"them Temporal's server's, so {cores} cores can do no more than {1000 * cores / (worker + server):.1f} a "
        "second, whatever runs in the workflow. boilpayment has no server but PostgreSQL. What Temporal's does for its "
        "share is in [promises.md](promises.md); in a cluster it has cores of its own."
    )
