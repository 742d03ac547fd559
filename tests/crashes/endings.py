"""How a life ended, as lines of text that two lives can be compared by: our books, and those of every party."""

from __future__ import annotations

import json
from dataclasses import dataclass

from adapters.postgres.books import Books
from domain.subscription import Subscription
from tests.crashes.outside import Outside

OURS = {
    "timeline": "select number, at, what, fields, by, because from timeline where subscription_id = $1 order by number",
    "ledger": "select key, at, what, by, because, line, account, minor, currency, payment"
    " from ledger_entry join posting on entry_key = key where subscription_id = $1 order by seq, line",
    "payment": "select reference, minor, channel, at from payment where subscription_id = $1 order by reference",
    "invoice": "select number, status, amount_minor, open_minor, due_at, missed, body from invoice"
    " where subscription_id = $1 order by ordinal",
    "attempt": "select charge_key, invoice, role, method, minor, currency, state, reason from attempt"
    " where subscription_id = $1 order by charge_key",
    "message": "select digest, signal, at from message where subscription_id = $1 order by digest",
    "batch": "select key from batch where subscription_id = $1 order by key",
    "outbox": "select key, party, kind, body, at, because, state from outbox where subscription_id = $1 order by seq",
    "placement": "select key, invoice, minor, at, because from placement where subscription_id = $1"
    " order by key, invoice",
    "unapplied": "select source, reference, minor, state from unapplied where subscription_id = $1 order by id",
    "projection": "select standing, balance_minor, open_minor, credit_minor, placed_minor, next_at, next_what,"
    " attention, ended from subscription where id = $1",
    "task": "select key, kind, text from support_task where subscription_id = $1 order by key",
}
THEIRS = {
    "gateway": "select charge_key, minor, currency, outcome, reason, at from simulated_charge"
    " where subscription_id = $1 order by charge_key",
    "mailbox": "select key, template, name, email, locale, about, at from simulated_mail"
    " where subscription_id = $1 order by seq",
    "platform": "select key, command, at, because from simulated_command where subscription_id = $1 order by seq",
    "agency": "select key, invoice, minor, currency, debtor, due_at, history, at from simulated_case"
    " where subscription_id = $1 order by seq",
}
MONEY = ("payment", "attempt", "outbox", "projection", "gateway", "mailbox", "platform", "agency", "audit")
"""What must be the same also where the timeline may tell of another way to the same end."""


@dataclass(frozen=True, slots=True)
class Ending:
    """Lines by what they are of."""

    lines: dict[str, tuple[str, ...]]

    def differences(self, other: Ending, only: tuple[str, ...] = ()) -> list[str]:
        """What `other` has and this has not (+), and the other way round (-); empty where both ended alike."""
        found = []
        for name in only or self.lines:
            if self.lines[name] != other.lines[name]:
                ours, theirs = list(self.lines[name]), list(other.lines[name])
                gone, more = _without(ours, theirs), _without(theirs, ours)
                found += [f"- {name}: {line}" for line in gone] + [f"+ {name}: {line}" for line in more]
                if not gone and not more:
                    found.append(f"  {name}: the same in another order")
        return found


def _without(lines: list[str], others: list[str]) -> list[str]:
    left = list(lines)
    for line in others:
        if line in left:
            left.remove(line)
    return left


async def ending(outside: Outside, id_: str, state: Subscription) -> Ending:
    """How the life of a subscription ended. Its id is left out of every line, so that lives can be compared."""
    lines = {}
    async with outside.pool.acquire() as connection:
        for name, query in (OURS | THEIRS).items():
            rows = await connection.fetch(query, id_)
            lines[name] = tuple(_line(dict(row), id_) for row in rows)
    lines["siblings"] = tuple(
        _line({"told": other, "key": key, "what": what}, id_)
        for (other, key), what in outside.siblings.heard.items()
        if other.startswith(id_)
    )
    lines["state"] = (repr(state).replace(id_, "…"),)
    lines["audit"] = tuple(str(each) for each in await Books(outside.pool).audit(id_))
    return Ending(lines)


def _line(row: dict[str, object], id_: str) -> str:
    return json.dumps(row, default=str, ensure_ascii=False).replace(id_, "…")
