"""The auditor of one life: is shown every step, keeps its own books, and objects where a promise is broken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from proof.auditor.access import Access
from proof.auditor.agency import Agency
from proof.auditor.billing import Billing
from proof.auditor.charges import Charges
from proof.auditor.forecasts import Forecasts
from proof.auditor.hearing import Hearing
from proof.auditor.ladder import Ladder
from proof.auditor.ledger import Ledger
from proof.auditor.notices import Notices
from proof.auditor.objections import Objection, Objections
from proof.auditor.reading import Reading
from proof.auditor.rules import read
from proof.auditor.situation import beginning
from proof.auditor.steps import Premises, Step
from proof.auditor.turns import Turns


class Auditor:
    """Holds one life against its policy and the rules. `objections` are kept in the order in which they were made."""

    def __init__(self, premises: Premises, begins_at: datetime) -> None:
        self._objections = Objections(begins_at)
        self.life = beginning(premises, self._objections)
        access = Access(self.life)
        self.hearing = Hearing(self.life, access)
        self._reading = Reading(
            self.life,
            Ledger(self.life),
            Charges(self.life),
            Billing(self.life),
            access,
            Agency(self.life),
            Notices(self.life),
            Ladder(self.life, access),
            self.hearing,
        )
        self._turns = Turns(self._reading)
        self.forecasts = Forecasts(self._objections)

    @property
    def objections(self) -> Sequence[Objection]:
        return self._objections.listed

    def will_hear(self, at: datetime) -> None:
        """The world sends a message that is delivered at an instant; to be told in order, before it is taken in."""
        self.hearing.will_come(at)

    def see(self, step: Step) -> None:
        """One step of the life."""
        self._objections.at = step.cause.due
        if step.cause.kind == "moved":
            self.life.rules = read(step.cause.policy)
        self.forecasts.see(step)
        self._turns.see(step)

    def close(self, until: datetime, took: Mapping[str, int]) -> None:
        """The life was played until (exclusive) an instant; the gateway has taken these amounts, by charge key."""
        self._objections.at = until
        self.forecasts.close(until)
        self._turns.nothing_left_before(until)
        self._reading.agrees_with_gateway(took)
