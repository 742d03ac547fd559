"""The one printer of timelines: as data for machines (the contract's JSON), as lines for people."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from domain.effects import Entry, View
from domain.money import decimal_text
from domain.periods import local
from domain.subscription import Subscription

_COLOURS = {
    "payment_received": "32",
    "collections_recalled": "32",
    "cancelled": "31",
    "collections_placed": "31",
    "payment_reversed": "31",
    "termination_charge": "31",
    "refused": "33",
    "written_off": "33",
    "email": "36",
    "platform": "35",
    "ended": "1",
}
_STANDING_COLOURS = {"active": "1;32", "past_due": "1;33", "awaiting_review": "1;33"}


def as_data(entries: Iterable[Entry], timezone: str) -> list[dict[str, object]]:
    """Entries as the contract writes them: `at` is the customer's local time with its offset."""
    return [
        {"at": local_text(e.at, timezone), "what": e.what, **e.fields, "by": e.by, "because": e.because}
        for e in entries
    ]


def final(of: Subscription | View) -> dict[str, object]:
    """How a life stands, as the contract writes it: of a state, or of its projection in the books."""
    return {
        "standing": of.standing,
        "balance": decimal_text(of.balance_minor, of.currency),
        "credit": decimal_text(of.credit_minor, of.currency),
        "placed_with_collections": decimal_text(of.placed_minor, of.currency),
        "ended": of.standing == "ended",
    }


def local_text(at: datetime, timezone: str) -> str:
    """`2026-03-15T00:00:00-04:00`."""
    return local(at, timezone).replace(microsecond=0).isoformat()


def as_lines(entries: Iterable[Entry], timezone: str, currency: str, *, coloured: bool = False) -> list[str]:
    """Entries for people: a date where it changes, a time, what happened, the amount in its currency, and why."""
    lines: list[str] = []
    day = ""
    for entry in entries:
        at = local(entry.at, timezone)
        shown = at.strftime("%a %d %b %Y")
        what, amount, rest = told(entry)
        money = f"{amount} {currency}" if amount else ""
        text = f"{what:<36}{money:>16}  {rest}".rstrip()
        lines.append(f"{shown if shown != day else '':<16} {at:%H:%M}  {_painted(entry, text, coloured)}")
        day = shown
    return lines


def told(entry: Entry) -> tuple[str, str, str]:
    """What an entry says, in three parts: the happening, its amount ("" where it has none), the particulars."""
    f = {name: _plain(value) for name, value in entry.fields.items()}
    amount = f.pop("amount", "")
    match entry.what:
        case "invoice_issued":
            return f"invoice {f['invoice']}", amount, f"{f['period_start']} to {f['period_end']}, due {f['due_on']}"
        case "charge":
            reason = f" ({f['reason']})" if "reason" in f else ""
            return f"charge {f['outcome']}", amount, f"{f['invoice']}, {f['method']}{reason}"
        case "payment_received":
            return "payment received", amount, f"by {f['channel']}, {f['reference']}"
        case "standing":
            return f"standing {f['to']}", amount, f"was {f['from']}; {entry.because}" if entry.because else ""
        case "email":
            return f"e-mail {f['template']}", amount, f.get("invoice", "")
        case "platform":
            return f"platform {f['command']}", amount, ""
        case "cancelled":
            how = "retroactively, " if entry.fields.get("retroactive") else ""
            return "cancelled", amount, f"{how}last day {f['effective_on']}; {entry.because}"
        case "refused":
            return f"refused {f['signal']}", amount, f["why"]
        case _:
            said = ", ".join(f"{name} {value}" if name != "invoice" else value for name, value in f.items())
            return entry.what.replace("_", " "), amount, said


def as_list(views: Iterable[View]) -> list[str]:
    """One line for each subscription, and one for each remark that support should see, below it."""
    listed = list(views)
    wide = max([len("subscription"), *(len(v.subscription_id) for v in listed)]) + 2
    lines = [f"{'subscription':<{wide}}{'standing':<17}{'policy':<16}{'past due':>16}  {'next':<18}what comes"]
    for view in listed:
        owed = f"{decimal_text(view.balance_minor, view.currency)} {view.currency}"
        upcoming = local_text(view.next_at, view.timezone)[:16].replace("T", " ") if view.next_at else ""
        line = f"{view.subscription_id:<{wide}}{view.standing:<17}{view.policy:<16}{owed:>16}  {upcoming:<18}"
        lines.append(f"{line}{view.next_what}".rstrip())
        lines += [f"{'':<{wide}}support: {remark}" for remark in view.attention]
    return lines


def final_line(said: dict[str, object], currency: str) -> str:
    """The last line of a printed timeline, from what `final` says."""
    parts = [f"standing {said['standing']}", f"balance {said['balance']} {currency}"]
    zero = decimal_text(0, currency)
    if said["credit"] != zero:
        parts.append(f"credit {said['credit']} {currency}")
    if said["placed_with_collections"] != zero:
        parts.append(f"with collections {said['placed_with_collections']} {currency}")
    return "; ".join(parts)


def _plain(value: object) -> str:
    if isinstance(value, list):
        return " ".join(str(v) for v in value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _painted(entry: Entry, text: str, coloured: bool) -> str:
    if not coloured or (entry.what not in _COLOURS and entry.what not in ("standing", "charge")):
        return text
    if entry.what == "standing":
        colour = _STANDING_COLOURS.get(str(entry.fields["to"]), "1;31")
    elif entry.what == "charge":
        colour = "32" if entry.fields["outcome"] == "approved" else "31"
    else:
        colour = _COLOURS[entry.what]
    return f"\033[{colour}m{text}\033[0m"
