"""One turn of a decision: the state as it changes, and what has been written and told so far.

A turn belongs to one cause: a deadline, a message, an answer. All that it writes is dated by that cause (`at`), and
says who caused it and why.
"""

from __future__ import annotations

from datetime import datetime
from operator import attrgetter
from typing import Any

from domain.effects import (
    CommandPlatform,
    Effect,
    FieldValue,
    Posting,
    Question,
    SendMail,
    make_entry,
    make_keep_invoice,
    make_ledger_entry,
)
from domain.money import decimal_text
from domain.policy import Policy, Standing
from domain.subscription import Invoice, Subscription
from domain.values import frozen, replace, thawed

ATTENTION_LIMIT = 8  # what one page shows support; what caused older remarks is in the audit trail
BY_POLICY = "policy"
_ORDINAL = attrgetter("ordinal")


class Turn:
    """Gathers one decision; effects keep the order of their causes.

    `state` is what is true by now: a copy of the turn's own, changed by `change`, or field by field as `now`, until it
    is `decided`. What a rule needs as it was before, it has to take out first.
    """

    __slots__ = ("at", "because", "by", "effects", "mailed", "now", "policy", "question", "state")

    def __init__(self, state: Subscription, policy: Policy, at: datetime, by: str, because: str) -> None:
        self.state = thawed(state)
        self.now: Any = self.state  # the same, for whoever sets a field; it refuses those that a state does not have
        self.policy = policy
        self.at = at
        self.by = by
        self.because = because
        self.effects: list[Effect] = []
        self.question: Question | None = None
        self.mailed = False

    def change(self, **fields: Any) -> None:
        """Change fields of the state. Raises AttributeError for a field that it does not have."""
        for name, value in fields.items():
            setattr(self.state, name, value)

    def decided(self) -> Subscription:
        """The state that was decided. It is a value now; the turn can change nothing any more."""
        return frozen(self.state)

    def ask(self, question: Question, asked_for: str, **fields: Any) -> None:
        """End the turn with a question; its answer is the next event."""
        self.question = question
        self.now.asked_for = asked_for
        if fields:
            self.change(**fields)

    def amount(self, minor: int) -> str:
        """As the contract writes it."""
        return decimal_text(minor, self.state.currency)

    def say(self, what: str, **fields: FieldValue) -> None:
        """Write an entry of the timeline."""
        number = self.now.entries = self.state.entries + 1
        self.effects.append(make_entry(number, self.at, what, fields, self.by, self.because))

    def post(self, what: str, *postings: Posting) -> None:
        """Write a ledger entry. Postings of zero are left out; with nothing left, nothing is written."""
        moved = tuple([p for p in postings if p.minor])
        if not moved:
            return
        number = self.now.postings = self.state.postings + 1
        key = f"{self.state.id}/{number:06d}"
        self.effects.append(make_ledger_entry(key, self.at, what, moved, self.by, self.because))

    def tiding_key(self, party: str) -> str:
        """The key of the next mail, command or placement; keys of one subscription sort in the order they were sent."""
        number = self.now.sent = self.state.sent + 1
        return f"{self.state.id}/{number:06d}/{party}"

    def mail(self, template: str, **about: str) -> None:
        """Send an e-mail."""
        facts = {"balance": self.amount(self.state.balance_minor), "open": self.amount(self.state.open_minor)} | about
        self.mailed = True
        self.say("email", template=template, **({"invoice": about["invoice"]} if "invoice" in about else {}))
        self.effects.append(SendMail(self.tiding_key("mail"), template, self.at, facts))

    def command(self, command: str) -> None:
        """Instruct the platform."""
        self.say("platform", command=command)
        self.effects.append(CommandPlatform(self.tiding_key("platform"), command, self.at, self.because))

    def stand(self, to: Standing, **fields: FieldValue) -> None:
        """Change the standing; nothing where it is that already. Some leave bank transfer as the only channel."""
        if self.state.standing != to:
            before = self.state.standing
            self.change(standing=to)
            if self.policy.channels and to in self.policy.channels.bank_only_at:
                self.change(bank_only=True)
            self.say("standing", to=to, **{"from": before}, **fields)

    def remark(self, text: str) -> None:
        """Ask for support's attention. The newest few are kept, until what they are about is over."""
        kept = tuple(r for r in self.state.attention if r != text)[-(ATTENTION_LIMIT - 1) :]
        self.change(attention=(*kept, text))

    def drop(self, text: str) -> None:
        """Take a remark back: what it was about is over."""
        if text in self.state.attention:
            self.change(attention=tuple(r for r in self.state.attention if r != text))

    def keep(self, invoice: Invoice) -> None:
        """Put an invoice back into the state (or take it out where nothing is owed of it) and into the books.

        One that is paid while a charge of it is still unresolved stays, so that the charge is not forgotten.
        """
        others = [i for i in self.state.invoices if i.number != invoice.number]
        if invoice.open_minor == 0 and invoice.missed:
            invoice = replace(invoice, missed=False)
        if invoice.open_minor > 0 or invoice.unresolved is not None:
            others.append(invoice)
        self.now.invoices = tuple(sorted(others, key=_ORDINAL) if len(others) > 1 else others)
        self.effects.append(make_keep_invoice(invoice))
        if self.state.written_off and any(
            i.number == invoice.number for w in self.state.written_off for i in w.invoices
        ):
            self._keep_in_write_offs(invoice)

    def _keep_in_write_offs(self, invoice: Invoice) -> None:
        """What a write-off remembers must not grow stale: undoing it owes the invoice again as it stands then."""
        kept = []
        for write_off in self.state.written_off:
            same = [
                replace(invoice, open_minor=i.open_minor) if i.number == invoice.number else i
                for i in write_off.invoices
            ]
            left = tuple(i for i in same if not i.voided)
            if left:
                kept.append(replace(write_off, invoices=left))
        self.change(written_off=tuple(kept))
