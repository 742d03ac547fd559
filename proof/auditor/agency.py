"""Collections exactly once per debt, after its warning, and recalled when paid (spec sections 3 and 7)."""

from __future__ import annotations

from proof.auditor.situation import Situation
from proof.auditor.steps import Thing

PROMISE = "collections once per debt, recalled when paid"


class Agency:
    """Watches what is placed and recalled. Amounts are whole minor units."""

    def __init__(self, life: Situation) -> None:
        self.life = life
        self.recalled = 0
        self.told: int | None = None
        """What the timeline says was placed in this step, until the placement itself is seen."""

    def placed(self, minor: int) -> None:
        """The timeline tells of a placement."""
        found, money = self.life.object, self.life.money
        due = money.placeable()
        found.unless(minor == due > 0, PROMISE, f"{minor} was placed; {due} is open, not placed yet and not given back")
        found.unless(self.life.ended is not None, PROMISE, f"{minor} was placed while the plan runs")
        money.place(self.life.object.at)
        self.life.placed_once = True
        self.told = minor

    def handed_over(self, placement: Thing) -> None:
        """A placement goes out."""
        listed = sum(minor for _, minor in placement["invoices"])
        same = placement["minor"] == listed == self.told
        self.life.object.unless(same, PROMISE, f"placement of {placement['minor']}: {listed} listed, {self.told} told")
        self.told = None

    def recalled_one(self, recall: Thing) -> None:
        self.recalled += recall["minor"]

    def over(self) -> None:
        """After a step: what was settled elsewhere has been taken back, and nothing else."""
        found, due = self.life.object, self.life.money.recalled
        found.unless(
            self.recalled == due, PROMISE, f"{self.recalled} was recalled so far, and {due} was settled elsewhere"
        )
        found.unless(self.told is None, PROMISE, f"a placement of {self.told} was told and never went out")
        for debt in self.life.money.debts.values():
            found.unless(
                0 <= debt.placed <= debt.owed, PROMISE, f"{debt.number}: {debt.placed} placed, {debt.owed} owed"
            )
        self.told = None
