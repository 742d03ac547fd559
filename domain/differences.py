"""What counts as a difference between workflow, projection, outbox, agency and platform: pure comparisons.

Every text names the thing, each side's figure, whether money moved, and the command to give.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from domain.reconciliation import NO_MONEY, Difference, Side, money_text
from domain.witnesses import CaseStands, Commanded, Handed, Life, Obeys, Owed, PlacedCase, Projected, Waiting

WEDGED_AFTER = 5  # tries of one workflow task; a deployment or a lost worker costs one or two
ABANDONED_AFTER = timedelta(hours=1)
"""A tiding that nobody is telling: a courier tries at most 30 minutes apart."""
AWAY_AFTER = timedelta(hours=24)
"""A party that has taken nothing of a line for so long, though it is tried."""
STILL_OPEN_AFTER = timedelta(days=7)
"""A case of which nothing is left, and which the agency still works on."""


def life(known: Projected, seen: Life) -> list[Difference]:
    """A subscription by its workflow and by its projection. A workflow that is at work just now is not compared."""
    id_ = known.subscription_id
    match seen.found:
        case "missing" | "closed" if known.ended:
            return []
        case "missing":
            says = "never started, or terminated so long ago that the server has forgotten it"
            return [_dead(known, "life_missing", says)]
        case "closed":
            return [_dead(known, "life_closed", seen.how)]
        case _:
            pass
    if seen.failing >= WEDGED_AFTER:
        return [
            _about_life(
                known,
                "life_wedged",
                f"its task has been tried {seen.failing} times and fails",
                "Nothing happens to this subscription meanwhile, and messages wait. The workflow's page in the "
                "Temporal UI shows the error; docs/operators.md#when-a-task-fails says what to do.",
            )
        ]
    if seen.errand:
        return [
            _about_life(
                known,
                "life_errand_failing",
                seen.errand,
                "Mend what the error names; it is tried again by itself. See docs/operators.md#when-a-task-fails.",
            )
        ]
    if seen.owed is None or known.owed is None or seen.owed == known.owed:
        return []
    theirs, ours = _apart(seen.owed, known.owed)
    return [
        Difference(
            "workflows",
            "life_and_projection",
            id_,
            id_,
            (Side("its workflow", theirs), Side("the projection", ours)),
            NO_MONEY,
            f"`cli.py audit {id_}` says whether the projection or the workflow agrees with the ledger. The next entry "
            "writes the projection anew; where the workflow is wrong, do not send it payments by hand: the ledger is "
            "the record. Ask who changed a table or reset the workflow.",
        )
    ]


def case(known: PlacedCase, stands: CaseStands | None, now: datetime) -> Difference | None:
    """A case by the agency (None: it knows none of that name) and by our books."""
    left = known.placed_minor - known.recalled_minor - known.paid_minor
    if stands is None:
        if known.closed_as is not None:
            return None
        return _about_case(
            known,
            "case_missing",
            "no such case",
            "Look for it in its portal; if it is gone, say `cli.py agency-update "
            f"{known.subscription_id} --status returned`.",
        )
    if (stands.minor, stands.currency) != (known.placed_minor, known.currency):
        return _about_case(
            known,
            "case_amount",
            f"made for {money_text(stands.minor, stands.currency)}",
            "Compare the case in its portal with the placement, and mend the case there.",
        )
    if not stands.closed and left <= 0 and now - known.quiet_since >= STILL_OPEN_AFTER:
        return _about_case(
            known,
            "case_still_open",
            "still open",
            "Nothing is left to collect: close the case in its portal, or ask the agency to.",
        )
    return None


def handed(known: Handed) -> Difference | None:
    """What was decided to be with the agency, and what it was told."""
    expected = max(known.decided_minor, 0)
    if known.told_minor == expected or known.told_minor < 0:
        return None
    more = known.told_minor > expected
    return Difference(
        "agency",
        "placement_amount",
        known.subscription_id,
        known.subscription_id,
        (
            Side("placed less taken back", money_text(expected, known.currency)),
            Side("the agency was told", money_text(known.told_minor, known.currency)),
        ),
        f"{NO_MONEY} {'The agency may collect what is not owed to it.' if more else 'A part is collected by nobody.'}",
        f"Compare `cli.py timeline {known.subscription_id}` with the agency's cases, and tell the agency.",
    )


def obedience(known: Commanded, obeys: Obeys, seen: Life | None) -> list[Difference]:
    """What a platform has obeyed, and what stands: `seen` None where the workflow did not say."""
    found = []
    if obeys.place < known.place:
        found.append(
            _about_platform(
                known,
                "command_not_obeyed",
                f"has obeyed up to place {obeys.place}",
                f"acknowledged {known.command} at place {known.place}",
                "It acknowledged a command and did not carry it out: tell those who run the platform.",
            )
        )
    elif obeys.place > known.place:
        found.append(
            _about_platform(
                known,
                "places_behind",
                f"has obeyed up to place {obeys.place}",
                f"the newest command has place {known.place}",
                "The books may have been restored from a backup: what is told from now on looks late to the platform. "
                "Advance the sequence of outbox.seq beyond its place: docs/adapters/platform.md#limits.",
            )
        )
    if seen is None or not seen.answered or obeys.in_force is None:
        return found
    missing, extra = seen.in_force - obeys.in_force, obeys.in_force - seen.in_force
    if missing or (extra and seen.plan_running):  # the commands of an ended plan take the place of its locks
        found.append(
            _about_platform(
                known,
                "commands_in_force",
                f"{_listed(obeys.in_force)} in force",
                f"{_listed(seen.in_force)} stand",
                "Tell those who run the platform which is right: ours. Nothing is sent again by itself, because a "
                "command that was acknowledged and undone there may have been undone on purpose.",
            )
        )
    return found


def line(waiting: Waiting, now: datetime, courier: bool | None) -> Difference | None:
    """A line of tidings that waits. `courier`: whether its workflow is still telling that party; None: it is unknown.

    One without a courier is delivered by the reconciliation itself; this is what is left to say of the others.
    """
    since = now - waiting.put_at
    if since < (AWAY_AFTER if courier else ABANDONED_AFTER):
        return None
    who = {True: "its workflow goes on trying", False: "its workflow tells that party nothing", None: "unknown"}
    return Difference(
        "deliveries",
        "untold",
        f"{waiting.subscription_id}/{waiting.party}",
        waiting.subscription_id,
        (
            Side("the outbox", f"{waiting.waiting} wait for {waiting.party} since {waiting.put_at:%Y-%m-%d %H:%M} UTC"),
            Side("who delivers", who[courier]),
            Side("the last error", waiting.error or "none"),
        ),
        NO_MONEY,
        f"Mend the party; then `cli.py deliver {waiting.subscription_id}` tries it at once.",
    )


def _dead(known: Projected, kind: str, says: str) -> Difference:
    owed = known.owed
    money = f"{NO_MONEY} {money_text(owed.open_minor, known.currency)} are open." if owed else NO_MONEY
    projected = f"{owed.standing}, and not ended" if owed else "registered, with nothing recorded yet"
    return Difference(
        "workflows",
        kind,
        known.subscription_id,
        known.subscription_id,
        (Side("its workflow", says), Side("the projection", projected)),
        money,
        "Nobody bills or duns this subscription. If nothing was recorded yet, start it again: `starter.py start`, "
        "which starts each once. Else find out who ended its workflow, and reset it in Temporal to the task before "
        f"that: `temporal workflow reset --workflow-id subscription/{known.subscription_id} --type LastWorkflowTask`.",
    )


def _about_life(known: Projected, kind: str, says: str, do: str) -> Difference:
    standing = known.owed.standing if known.owed else "nothing recorded yet"
    sides = (Side("its workflow", says), Side("the projection", standing))
    return Difference("workflows", kind, known.subscription_id, known.subscription_id, sides, NO_MONEY, do)


def _about_case(known: PlacedCase, kind: str, says: str, do: str) -> Difference:
    placed, recalled, paid = (
        money_text(minor, known.currency) for minor in (known.placed_minor, known.recalled_minor, known.paid_minor)
    )
    ours = f"{placed} placed, {recalled} taken back, {paid} paid to the agency"
    sides = (Side(known.agency, says), Side("the books", ours))
    return Difference("agency", kind, known.case_id, known.subscription_id, sides, NO_MONEY, do)


def _about_platform(known: Commanded, kind: str, theirs: str, ours: str, do: str) -> Difference:
    sides = (Side("the platform", theirs), Side("the books", ours))
    return Difference("platform", kind, known.subscription_id, known.subscription_id, sides, NO_MONEY, do)


def _apart(one: Owed, other: Owed) -> tuple[str, str]:
    """Only what differs, of both."""
    names = [name for name in Owed.__slots__ if getattr(one, name) != getattr(other, name)]

    def said(of: Owed) -> str:
        return ", ".join(f"{name} {_plain(getattr(of, name))}" for name in names)

    return said(one), said(other)


def _plain(value: object) -> str:
    if isinstance(value, tuple):
        return " ".join(f"{number}={minor}" for number, minor in value) or "none"
    return str(value)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"
