"""What the run says: every fault as it strikes, and at the end one table of what was lost, doubled or different."""

from __future__ import annotations

from domain.periods import local_date
from proof.faults.compare import Compared
from proof.faults.log import FaultLog, Injected
from proof.faults.verdict import FATES, Verdict

FINDINGS_SHOWN = 40


def struck(injected: Injected) -> None:
    """Print one fault."""
    subject = f"  {injected.subject}" if injected.subject else ""
    print(f"  {injected.number:4d}  {injected.seconds:6.1f} s  {injected.what}: {injected.target}{subject}", flush=True)


def business_dates(log: FaultLog, compared: Compared) -> list[str]:
    """The charges that were hit, with their business dates: virtual time, where the line above has real time."""
    charges = {key: (told, charge) for told in compared.told.values() for key, charge in told.charges.items()}
    lines = []
    for injected in log.struck:
        if injected.subject in charges:
            told, charge = charges[injected.subject]
            on = local_date(charge.at, told.state.timezone)
            lines.append(f"  {injected.number:4d}  {on}  {charge.charge_key}")
    return lines


def table(verdict: Verdict) -> list[str]:
    """One line a party."""
    lines = [f"  {'':<20}{'compared':>10}" + "".join(f"{fate:>11}" for fate in FATES)]
    parties = {**verdict.compared, **{finding.party: 0 for finding in verdict.findings}}
    for party in parties:
        counts = "".join(f"{verdict.count(party, fate):>11}" for fate in FATES)
        lines.append(f"  {party:<20}{verdict.compared[party]:>10}{counts}")
    return lines


def findings(verdict: Verdict, limit: int = FINDINGS_SHOWN) -> list[str]:
    """What was lost, doubled or different, at most `limit` of it; what could not be played first."""
    ordered = sorted(verdict.findings, key=lambda finding: finding.party != "harness")
    shown = [f"  {f.party}, {f.subject}: {f.fate}: {f.text}" for f in ordered[:limit]]
    left = len(verdict.findings) - len(shown)
    return [*shown, *([f"  and {left} more"] if left > 0 else [])]
