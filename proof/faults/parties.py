"""The agency's own books, held against what should have been handed over and taken back."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from adapters.agency.placement import reference_of
from domain.money import decimal_text
from proof.faults.expected import Told
from proof.faults.verdict import Verdict
from standins.debitura import DebituraStandIn

PARTY = "agency"


@dataclass(frozen=True, slots=True)
class Agency:
    """Cases by our references, each as often as there is one, and how often each of our markers was written."""

    cases: dict[str, list[str]]
    """By reference: the amounts of the cases that there are under it."""
    markers: Counter[str]

    def hold(self, id_: str, told: Told, outbox: dict[str, str], verdict: Verdict) -> None:
        """Hold one subscription's placements and recalls against cases and messages.

        A debt that was paid before the agency could be told of it is never told, nor taken back.
        """
        currency = told.state.currency
        expected, found = [], []
        for placement in told.placements:
            reference = reference_of(placement.key)
            if outbox.get(placement.key) != "withdrawn":
                expected.append(f"{reference} {decimal_text(placement.minor, currency)}")
            found += [f"{reference} {amount}" for amount in self.cases.get(reference, [])]
        verdict.hold(PARTY, id_, expected, found)
        wanted = [r.key for r in told.recalls if outbox.get(r.key) != "withdrawn"]
        written = [r.key for r in told.recalls for _ in range(self.markers[f"Our reference: {reference_of(r.key)}"])]
        verdict.hold(f"{PARTY}'s recalls", id_, wanted, written)


def agency_of(stand_in: DebituraStandIn) -> Agency:
    """What the agency has in its books."""
    cases: dict[str, list[str]] = {}
    markers: Counter[str] = Counter()
    for case in stand_in.partner.cases():
        amount = f"{case['grossAmount']:.{_digits(case['currency'])}f}"
        cases.setdefault(case["creditorReference"], []).append(amount)
        for message in stand_in.partner.messages(case["id"]):
            markers.update(line for line in message.splitlines() if line.startswith("Our reference: "))
    return Agency(cases, markers)


def _digits(currency: str) -> int:
    return len(decimal_text(0, currency).partition(".")[2])
