"""The page that the Temporal UI shows of a subscription: standing, money, what comes next, what happened last."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from domain.agenda import Item, step_text
from domain.effects import Entry
from domain.money import decimal_text
from domain.subscription import Subscription
from domain.timeline import local_text, told

STEPS_SHOWN = 5
EVENTS_SHOWN = 8


def page(state: Subscription, agenda: Sequence[Item], recent: Sequence[Entry], undelivered: Sequence[str]) -> str:
    """Markdown without personal data; instants are the customer's local time."""
    zone, currency = state.timezone, state.currency

    def money(minor: int) -> str:
        return f"{decimal_text(minor, currency)} {currency}"

    lines = [
        f"### {state.standing.replace('_', ' ')}",
        f"{state.policy.name} version {state.policy.version}, plan {state.plan}, {money(state.price_minor)} a month",
        "",
        f"- past due **{money(state.balance_minor)}**",
        f"- open {money(state.open_minor)}, credit {money(state.credit_minor)}",
        f"- with collections {money(state.placed_minor)}",
    ]
    if state.attention:
        lines += [f"- **support:** {remark}" for remark in state.attention]
    held = [
        *([f"held by {state.hold.by}: {state.hold.reason}"] if state.hold else []),
        *([f"promised until {state.promise.until}"] if state.promise else []),
        *([f"access blocked: {', '.join(state.blocks)}"] if state.blocks else []),
        *(["only bank transfer is open"] if state.bank_only else []),
        *([f"not yet delivered: {', '.join(undelivered)}"] if undelivered else []),
    ]
    if held:
        lines += [f"- {line}" for line in held]
    lines += ["", f"**Next** (times in {zone})", ""]
    lines += [f"- {_when(item.at, zone)} {step_text(item)}" for item in agenda[:STEPS_SHOWN]] or ["- nothing"]
    lines += ["", "**Last events**", ""]
    lines += [_event(entry, zone, currency) for entry in recent[-EVENTS_SHOWN:]] or ["- none in this period yet"]
    return "\n".join(lines)


def _event(entry: Entry, zone: str, currency: str) -> str:
    what, amount, rest = told(entry)
    return f"- {_when(entry.at, zone)} {what}{f' {amount} {currency}' if amount else ''}{f', {rest}' if rest else ''}"


def _when(at: datetime, zone: str) -> str:
    return local_text(at, zone)[:16].replace("T", " ")
