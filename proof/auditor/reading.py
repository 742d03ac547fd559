"""How the auditor takes in one thing after another, and hands each to the promise that it is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from proof.auditor.access import Access
from proof.auditor.agency import Agency
from proof.auditor.billing import Billing
from proof.auditor.charges import Charges
from proof.auditor.hearing import Hearing
from proof.auditor.ladder import EARLY, Ladder
from proof.auditor.ledger import Ledger
from proof.auditor.notices import Notices
from proof.auditor.rules import listed
from proof.auditor.situation import UNPAID, Ending, Situation
from proof.auditor.steps import Step, Thing

AFTER_THE_END = ("ended", "refused", "repeated", "unapplied", "policy_moved")


@dataclass
class Reading:
    """The promises of one life, and the step that is being read."""

    life: Situation
    ledger: Ledger
    charges: Charges
    billing: Billing
    access: Access
    agency: Agency
    notices: Notices
    ladder: Ladder
    hearing: Hearing
    step: Step | None = None
    decided: bool = False
    """A review that support has left open is decided in this step."""
    ending: bool = False
    """The plan ends in this step with its period, or by a review that nobody decided."""
    owed_again: int = 0

    def begin(self, step: Step) -> None:
        """A new step is read."""
        self.step, self.ending, self.decided, self.owed_again = step, False, False, 0
        self.charges.begin()

    def take(self, thing: Thing) -> None:
        """Take one thing in."""
        match thing["is"]:
            case "entry":
                self._entry(thing)
            case "ledger":
                self.ledger.posted(thing)
            case "mail":
                self.ledger.once(thing["key"])
                self.life.money.use_credit()
                self.notices.mailed(thing, in_round=not self.ladder.allowed)
            case "withdraw":
                self.notices.withdrawn(thing["templates"])
            case "command":
                self.ledger.once(thing["key"])
                self.access.sent(thing["command"])
            case "place":
                self.ledger.once(thing["key"])
                self.agency.handed_over(thing)
            case "recall":
                self.ledger.once(thing["key"])
                self.agency.recalled_one(thing)
            case "asked":
                self.life.money.use_credit()
                self.charges.put(thing)
            case "answered" | "looked_up":
                if self.step is not None:
                    self.charges.answered(thing, self.step)
            case _:
                pass

    def _entry(self, entry: Thing) -> None:
        life, what, fields = self.life, entry["what"], entry["fields"]
        if what not in ("invoice_voided", "collections_recalled"):
            life.money.use_credit()
        if life.standing == "ended" and what not in AFTER_THE_END:
            life.object("nothing after the end", f"{what} after the subscription had ended")
        if self.step is not None and entry["at"] != life.object.at:
            life.object("what a cause leads to is dated by it", f"{what} is dated {entry['at'].isoformat()}")
        self._unjustified(what, fields)
        match what:
            case "invoice_issued":
                final = life.ended is not None and self.ladder.fee is None
                fee = self.ladder.fee
                if fee is None and fields["period_start"] == fields["period_end"]:
                    fee = life.minor(fields["amount"])  # a late fee that no rung asks for: objected to above
                self.billing.issued(fields, life.object.at, fee=fee, final=final)
            case "termination_charge":
                if self.ladder.terminates is None:
                    life.object("delinquency", "a termination charge, and nobody is delinquent")
                    return
                expected, run = self.ladder.terminates
                self.billing.terminated(life.minor(fields["amount"]), expected, life.object.at, run)
            case "payment_received":
                self._received(fields)
            case "payment_reversed":
                self._reversed(fields)
            case "invoice_voided":
                self._voided(fields)
            case "written_off":
                owed = life.money.owed
                life.object.unless(
                    life.minor(fields["amount"]) == owed,
                    "money is conserved",
                    f"{fields['amount']} written off, {owed} is owed",
                )
                life.money.write_off()
            case "write_off_undone":
                self._undone(fields)
            case "collections_placed":
                self.agency.placed(life.minor(fields["amount"]))
            case "cancelled":
                self._cancelled(fields)
            case "standing":
                self.access.stands(fields["from"], fields["to"])
            case "platform":
                self._command(fields["command"])
            case "unapplied":
                self._unapplied(fields)
            case "channels_reopened":
                life.bank_only = False
            case "ended":
                life.object.unless(
                    not life.money.owed, "it ends when nothing is owed", f"ended, and {life.money.owed} is owed"
                )
            case _:
                pass

    def _unjustified(self, what: str, fields: Mapping[str, Any]) -> None:
        """At a deadline only a rung that is due may lock, cancel, place or send a mail of the ladder."""
        life = self.life
        if self.step is None or self.step.cause.kind != "deadline" or self.ladder.allowed:
            return
        locks = (
            what == "standing" and fields["to"] in ("locked", "account_locked") and life.standing != "awaiting_review"
        )
        review = self.decided
        cancels = what == "cancelled" and not life.ends_with_period and not review
        mails = what == "email" and fields["template"] not in self._mails_beside(review=review)
        places = what == "collections_placed" and not life.placed_once
        otherwise = what in ("written_off", "termination_charge")
        otherwise = otherwise or (what == "invoice_issued" and fields["period_start"] == fields["period_end"])
        if locks or cancels or mails or places or otherwise:
            said = " ".join(map(str, fields.values()))
            life.object(EARLY, f"{what} {said}, and no rung that does so is due ({life.money.past_due} past due)")

    def _mails_beside(self, *, review: bool) -> list[str | None]:
        """Templates that may go out at a deadline without any rung: of rounds, billing, endings, payments."""
        said = self.life.rules.said
        allowed = [*self.notices.of_rounds(), said["bill"].get("invoice_email"), said["bill"].get("receipt_email")]
        allowed.append(said["when_paid"].get("email"))
        if self.ending:
            allowed.append(self.life.rules.ending["email"])
        return allowed + ([said["when_paid"].get("refused_email")] if review else [])

    def _received(self, fields: Mapping[str, Any]) -> None:
        life, reference, minor = self.life, str(fields["reference"]), self.life.minor(fields["amount"])
        named = self.charges.received(reference, minor)
        cause = self.step.cause if self.step else None
        if named is None:
            told = (
                cause is not None and cause.signal == "payment-received" and cause.payload.get("reference") == reference
            )
            if not told or cause is None or life.minor(cause.payload["amount"]) != minor:
                life.object("money is conserved", f"payment {reference} of {minor}, which nobody made")
            named = cause.payload.get("invoice") if cause else None
        life.object.unless(
            reference not in life.money.payments, "money is conserved", f"payment {reference} was booked twice"
        )
        life.money.receive(minor, str(fields["channel"]), reference, named, life.object.at)

    def _reversed(self, fields: Mapping[str, Any]) -> None:
        life, minor = self.life, self.life.minor(fields["amount"])
        payment = life.money.payments.get(fields["reference"])
        cause = self.step.cause if self.step else None
        if payment is None or cause is None or cause.signal != "payment-reversed":
            life.object("money is conserved", f"reversal of {fields['reference']}, which nobody asked for")
            return
        due = min(life.minor(cause.payload["amount"]), payment.minor - payment.taken_back)
        life.object.unless(minor == due > 0, "money is conserved", f"reversal of {minor}: expected {due}")
        self.owed_again += life.money.reverse(payment.reference, minor, life.fresh(life.object.at))

    def _unapplied(self, fields: Mapping[str, Any]) -> None:
        """Money that comes after the end is kept for support, never lost."""
        life, minor = self.life, self.life.minor(fields["amount"])
        said = life.minor(self.step.cause.payload["amount"]) if self.step else minor
        due = life.standing == "ended" and minor == said
        life.object.unless(due, "money is conserved", f"{minor} unapplied while {life.standing}; {said} came")
        self.ledger.unapplied += minor

    def _undone(self, fields: Mapping[str, Any]) -> None:
        life = self.life
        if not life.money.write_offs:
            life.object("money is conserved", "a write-off was undone, and there is none")
            return
        undone = life.money.undo_write_off(life.fresh(life.object.at))
        self.owed_again += undone
        life.object.unless(
            life.minor(fields["amount"]) == undone, "money is conserved", f"{fields['amount']} undone, it was {undone}"
        )

    def _voided(self, fields: Mapping[str, Any]) -> None:
        life, debt = self.life, self.life.money.debts.get(fields["invoice"])
        if debt is None or not debt.owed:
            life.object("money is conserved", f"{fields['invoice']} was voided, and is not open")
            return
        over = life.ended is not None and debt.start > life.ended.effective_on
        if not over and not self.ladder.allowed:
            life.object("only what begins after the plan is voided", f"{debt.number} begins {debt.start}")
        life.money.void(debt)

    def _cancelled(self, fields: Mapping[str, Any]) -> None:
        life, cause = self.life, self.step.cause if self.step else None
        by = "ladder"
        if cause is not None and cause.kind == "message":
            by = "customer" if cause.signal == "cancel" else "refusal"
        elif not self.ladder.allowed and life.ends_with_period:
            by = life.ends_with_period
        self.ending = True
        life.object.unless(life.ended is None, "one standing at a time, each in its order", "cancelled twice")
        life.ended = Ending(life.object.at, date.fromisoformat(fields["effective_on"]), by)
        life.ends_with_period = None
        if life.rules.ending["supersedes_locks"]:
            for reasons in life.in_force.values():
                reasons.discard(UNPAID)
            life.in_force = {command: reasons for command, reasons in life.in_force.items() if reasons}
        if self.ladder.terminates is None and life.episode is not None:
            again = {s.name for s in life.rules.stages if s.conditions.get("plan_running") is False}
            if again & life.episode.passed:
                life.episode.passed -= again
                life.released_at = life.object.at

    def _command(self, command: str) -> None:
        self.access.commanded(command)
        ending = self.life.rules.ending
        if command in [*listed(ending["platform"]), *listed(ending.get("by_customer_also"))]:
            self.access.block(command, UNPAID)
        if self.step is not None:
            self.hearing.block_after(command, self.step)

    def agrees_with_gateway(self, took: Mapping[str, int]) -> None:
        """What the gateway has taken is what was booked from it, but for charges that nobody could look up yet."""
        waiting = {d.unresolved for d in self.life.money.debts.values() if d.unresolved}
        booked = {key: p.minor for key, p in self.life.money.payments.items() if key in self.charges.asked}
        due = {key: minor for key, minor in took.items() if key not in waiting}
        if booked != due:
            odd = sorted({*booked.items()} ^ {*due.items()})
            self.life.object("money is conserved", f"the gateway's books and ours differ by {odd[:4]}")
        by_invoice: dict[str, int] = {}
        for key, minor in took.items():
            number = key.rsplit("/", 2)[0]
            by_invoice[number] = by_invoice.get(number, 0) + minor
