"""Holding what was said against the books, with queries and sums of its own: what was lost, doubled, wrongly answered.

Every line of the timeline that a message caused names its deed in `by`; every message that entered the history left one
line that says what became of it: its effect, `repeated` or `refused`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from adapters.postgres.pool import Pool
from proof.messages.flood import Taken
from proof.messages.script import EFFECTS, Deed, Script

ANONYMOUS = "sender"  # who said what could not be read


@dataclass(slots=True)
class Verdict:
    """What was found; each finding names the subscription and the deed."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    accepted: int = 0
    repeated: int = 0
    refused: int = 0
    paid_minor: int = 0
    """Sum of the distinct payments, less what was reversed of them."""
    unheard: int = 0
    """How often an update was sent and its answer never came."""

    def clean(self) -> bool:
        """Nothing lost, nothing doubled, nothing answered wrongly."""
        return not (self.lost or self.doubled or self.wrong)


async def reckon(pool: Pool, script: Script, taken: list[Taken], verdict: Verdict) -> None:
    """Hold one subscription's books against what was said to it."""
    by_deed: dict[str, list[Taken]] = defaultdict(list)
    for each in taken:
        by_deed[each.telling.deed.by].append(each)
        verdict.unheard += each.lost
        if each.wrong:
            verdict.wrong.append(f"{script.id} {each.telling.deed.by}: the answer {each.wrong}")
    lines: dict[str, Counter[str]] = defaultdict(Counter)
    for row in await pool.fetch(
        "select by, what, count(*)::int as many from timeline where subscription_id = $1 group by by, what", script.id
    ):
        lines[row["by"]][row["what"]] += row["many"]
    nameless = 0
    for deed in script.deeds:
        if deed.signal == "nonsense":
            at_the_door = sum(each.at_the_door for each in by_deed[deed.by])
            nameless += len(by_deed[deed.by]) - at_the_door
            verdict.refused += at_the_door
            _answers(script, deed, by_deed[deed.by], Counter(refused=len(by_deed[deed.by])), 0, verdict)
        else:
            _deed(script, deed, by_deed[deed.by], lines[deed.by], verdict)
    refused = lines[ANONYMOUS]["refused"]
    verdict.refused += refused
    if refused < nameless:
        verdict.lost.append(f"{script.id}: {nameless} messages of nonsense, {refused} lines that refuse them")
    if refused > nameless:
        verdict.doubled.append(f"{script.id}: {nameless} messages of nonsense, {refused} lines that refuse them")
    if unknown := set(lines) - {deed.by for deed in script.deeds} - {ANONYMOUS, "policy"}:
        verdict.wrong.append(f"{script.id}: lines by {', '.join(sorted(unknown))}, who said nothing")
    await _money(pool, script, lines, verdict)


def _deed(script: Script, deed: Deed, taken: list[Taken], lines: Counter[str], verdict: Verdict) -> None:
    """One effect at most, the one that was foretold, and a line for each telling that entered the history."""
    effects, effect = lines[EFFECTS.get(deed.signal, "")], EFFECTS.get(deed.signal, "effect")
    what = f"{script.id} {deed.by} ({deed.signal})"
    expected = min(deed.effects, 1)
    if deed.reverses is None and effects < expected:
        verdict.lost.append(f"{what}: no line {effect}")
    if effects > (1 if deed.reverses else expected):
        verdict.doubled.append(f"{what}: {effects} lines {effect}, expected {expected}")
    entered = sum(not each.at_the_door for each in taken)
    unheard = sum(each.lost for each in taken)
    told = effects + lines["repeated"] + lines["refused"]
    if told < entered:
        verdict.lost.append(f"{what}: told {entered} times, {told} lines say what became of it")
    if told > entered + unheard:
        verdict.doubled.append(f"{what}: told {entered} times, {told} lines say what became of it")
    verdict.accepted += effects
    verdict.repeated += lines["repeated"]
    verdict.refused += lines["refused"] + sum(each.at_the_door for each in taken)
    _answers(script, deed, taken, lines, effects, verdict)


def _answers(
    script: Script, deed: Deed, taken: list[Taken], lines: Counter[str], effects: int, verdict: Verdict
) -> None:
    """Every answer is one that could be, and the books have what it says."""
    what = f"{script.id} {deed.by} ({deed.signal})"
    for each in taken:
        may = each.telling.may + (("repeated",) if each.lost and "accepted" in each.telling.may else ())
        if each.outcome is not None and each.outcome not in may:
            verdict.wrong.append(f"{what}: answered {each.outcome}, expected {' or '.join(may)}")
    said = Counter(each.outcome for each in taken if not each.at_the_door)
    answered = all(each.outcome is not None and not each.lost for each in taken)
    if said["accepted"] > effects or (answered and said["accepted"] != effects):
        verdict.wrong.append(f"{what}: {said['accepted']} answers say accepted, {effects} effects are in the books")
    for outcome in ("repeated", "refused"):
        if said[outcome] > lines[outcome]:
            verdict.wrong.append(f"{what}: {said[outcome]} answers say {outcome}, {lines[outcome]} lines do")


async def _money(pool: Pool, script: Script, lines: dict[str, Counter[str]], verdict: Verdict) -> None:
    """The ledger has each payment once, less what its reversals could take of it."""
    wanted: Counter[str] = Counter()
    taken_back: Counter[str] = Counter()
    for deed in script.deeds:
        if deed.signal == "payment-received" and deed.effects:
            wanted[deed.payload["reference"]] += deed.minor
        elif deed.reverses is not None:
            taken_back[deed.reverses.payload["reference"]] += deed.minor
    for deed in script.deeds:
        if deed.reverses is not None and not lines[deed.by]["payment_reversed"]:
            paid = deed.reverses
            others = taken_back[paid.payload["reference"]] - deed.minor
            if others < paid.minor:
                verdict.lost.append(f"{script.id} {deed.by}: refused, though {paid.by} was not reversed in full")
    rows = await pool.fetch(
        "select payment as reference, coalesce(sum(minor) filter (where minor > 0), 0)::bigint as came,"
        " coalesce(-sum(minor) filter (where minor < 0), 0)::bigint as went"
        " from posting join ledger_entry on key = entry_key"
        " where subscription_id = $1 and account like 'cash:%' group by payment",
        script.id,
    )
    came = {row["reference"]: row["came"] for row in rows}
    went = {row["reference"]: row["went"] for row in rows}
    for reference in {*wanted, *came}:
        back = min(wanted[reference], taken_back[reference])
        verdict.paid_minor += wanted[reference] - back
        in_books = (came.get(reference, 0), went.get(reference, 0))
        if in_books == (wanted[reference], back):
            continue
        text = f"{script.id} {reference}: the ledger has {in_books} (came, went), expected {(wanted[reference], back)}"
        (verdict.lost if in_books < (wanted[reference], back) else verdict.doubled).append(text)
