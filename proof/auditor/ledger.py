"""The ledger as it was written: balanced, each key once, and the same balances as the auditor's own books."""

from __future__ import annotations

from collections import defaultdict

from proof.auditor.situation import Situation
from proof.auditor.steps import Thing

PROMISE = "money is conserved"


class Ledger:
    """Sums what was posted, by account; `in_credit` is credit by payment."""

    def __init__(self, life: Situation) -> None:
        self.life = life
        self.balances: dict[str, int] = defaultdict(int)
        self.in_credit: dict[str, int] = defaultdict(int)
        self.keys: set[str] = set()
        self.unapplied = 0

    def posted(self, entry: Thing) -> None:
        """One entry."""
        key, postings = entry["key"], entry["postings"]
        self.once(key)
        total = sum(minor for _, minor, _ in postings)
        self.life.object.unless(total == 0 and postings, PROMISE, f"ledger entry {key} sums to {total}")
        self.life.object.unless(
            entry["by"] and entry["because"], PROMISE, f"ledger entry {key} names nobody or no reason"
        )
        for account, minor, payment in postings:
            self.balances[account] += minor
            if account == "credit" and payment is not None:
                self.in_credit[payment] -= minor

    def once(self, key: str) -> None:
        """Keys of ledger entries, mails, commands and placements are unique for ever."""
        self.life.object.unless(key not in self.keys, "each key is written once", f"key {key} was used twice")
        self.keys.add(key)

    def compare(self) -> None:
        """After a step: every balance is what the auditor's books have."""
        money, found = self.life.money, self.life.object
        for number, debt in money.debts.items():
            posted = self.balances.get(f"receivable:{number}", 0)
            if posted != debt.owed:
                found(PROMISE, f"{number}: the ledger says {posted} is owed, the auditor's books {debt.owed}")
            posted = self.balances.get(f"placed:{number}", 0)
            if posted != debt.placed:
                found(
                    "collections once per debt, recalled when paid",
                    f"{number}: the ledger says {posted} is with the agency, the auditor's books {debt.placed}",
                )
        strange = [
            a for a, m in self.balances.items() if m and ":" in a and a.split(":")[0] in ("receivable", "placed")
        ]
        for account in strange:
            found.unless(
                account.split(":", 1)[1] in money.debts, PROMISE, f"{account} is posted, and no invoice told of"
            )
        credit = {payment: minor for payment, minor in self.in_credit.items() if minor}
        if credit != money.credit:
            found(PROMISE, f"the ledger's credit is {credit}, the auditor's books have {money.credit}")
        cash = sum(minor for account, minor in self.balances.items() if account.startswith("cash:"))
        had = sum(p.minor - p.taken_back for p in money.payments.values()) + self.unapplied
        found.unless(cash == had, PROMISE, f"the ledger has {cash} of cash, what came in and stayed is {had}")
        owed = sum(self.balances.values())
        found.unless(owed == 0, PROMISE, f"all balances sum to {owed}")
