"""Watches every decision of a life and recounts its books. It shares no code with what it audits.

Everything is recomputed from effects: ledger entries, timeline, kept invoices and payments, mails and commands. What
the state says must equal what the records say, after every single decision.
"""

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

from pydantic import TypeAdapter

from domain.decide import decide
from domain.effects import (
    Charge,
    CommandPlatform,
    Decision,
    Entry,
    KeepInvoice,
    KeepPayment,
    KeepUnapplied,
    LedgerEntry,
    LookUpCharge,
    PlaceWithAgency,
    RecallFromAgency,
    SendMail,
    TellSiblings,
)
from domain.events import Event
from domain.ledger import balances
from domain.periods import local_date
from domain.policy import LateFee, Policy
from domain.subscription import Invoice, Subscription

STATE_LIMIT_BYTES = 8_000
STATES = TypeAdapter(Subscription)

LEGAL = {
    "active": {"past_due", "cancelled", "locked"},
    "past_due": {"active", "locked", "account_locked", "cancelled", "in_collections"},
    "locked": {"active", "account_locked", "awaiting_review", "cancelled"},
    "account_locked": {"active", "awaiting_review", "cancelled"},
    "awaiting_review": {"active", "locked", "account_locked", "cancelled"},
    "cancelled": {"in_collections", "awaiting_review", "active", "ended"},
    "in_collections": {"cancelled", "awaiting_review"},
    "ended": set(),
}
"""From each standing, those that may follow it (spec, section 1: one at a time, `cancelled` is passed through)."""

ASKS_FOR_MONEY = {
    "payment_declined",
    "payment_reminder",
    "payment_reversed",
    "bank_transfer_instructions",
    "collections_warning",
}


class Auditor:
    """Raises AssertionError at the first thing that does not add up, and says which."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.whys = {rung.why for rung in policy.ladder}
        self.fees = {rung.why for rung in policy.ladder if any(isinstance(e, LateFee) for e in rung.then)}
        self.after_warning = {r.why: r.days_after_warning for r in policy.ladder if r.days_after_warning is not None}
        self.warned_on: date | None = None
        self.decimals = 2
        self.entries: list[LedgerEntry] = []
        self.accounts: dict[str, int] = defaultdict(int)
        self.paid_of: dict[tuple[str, str], int] = defaultdict(int)
        """(payment, account) to minor units."""
        self.keys: set[str] = set()
        self.payments: dict[str, int] = {}
        self.invoices: dict[str, Invoice] = {}
        self.number = 0
        self.standing = "active"
        self.said: dict[str, int] = defaultdict(int)
        """Amounts told in the timeline, summed by kind."""
        self.unapplied = 0
        self.commands: dict[str, bool] = {}
        self.declined_mails: Counter[str] = Counter()
        self.with_agency = 0
        self.over_at: datetime | None = None

    def __call__(self, before: Subscription, event: Event, decision: Decision) -> None:
        after = decision.subscription
        again = decide(before, event, self.policy)
        assert again == decision, "the same inputs gave another decision"
        for effect in decision.effects:
            match effect:
                case LedgerEntry():
                    self._posted(effect)
                case Entry():
                    self._told(effect, after)
                case KeepInvoice(invoice):
                    self.invoices[invoice.number] = invoice
                case KeepPayment():
                    assert effect.reference not in self.payments, f"payment {effect.reference} was kept twice"
                    assert effect.minor > 0
                    self.payments[effect.reference] = effect.minor
                case KeepUnapplied():
                    self.unapplied += effect.minor
                case SendMail():
                    self._key(effect.key)
                    self._mailed(effect)
                case CommandPlatform():
                    self._key(effect.key)
                    self._commanded(effect)
                case PlaceWithAgency():
                    self._key(effect.key)
                    self.with_agency += effect.minor
                    assert effect.minor == sum(i.placed_minor for i in effect.invoices) > 0
                case RecallFromAgency():
                    self._key(effect.key)
                    self.with_agency -= effect.minor
                    assert effect.minor > 0
                    assert self.with_agency >= 0, "more was recalled than had been placed"
                case TellSiblings():
                    self._key(effect.key)
                case _:
                    pass
        self._kept_back(before, decision)
        self._refused(before, decision)
        self._asked(decision)
        self._books(after)
        self._standing(after, decision)
        self._size(after)

    def _key(self, key: str) -> None:
        assert key not in self.keys, f"key {key} was used twice"
        self.keys.add(key)

    def _posted(self, entry: LedgerEntry) -> None:
        self._key(entry.key)
        assert entry.postings, f"{entry.key} is empty"
        assert sum(p.minor for p in entry.postings) == 0, f"{entry.key} does not balance"
        assert entry.by, f"{entry.key} names nobody"
        assert entry.because, f"{entry.key} gives no reason"
        self.entries.append(entry)
        for posting in entry.postings:
            assert posting.minor != 0, f"{entry.key} moves nothing on {posting.account}"
            self.accounts[posting.account] += posting.minor
            if posting.payment:
                self.paid_of[posting.payment, posting.account] += posting.minor

    def _told(self, entry: Entry, after: Subscription) -> None:
        self.number += 1
        assert entry.number == self.number, f"entry {entry.number} follows {self.number - 1}"
        amount = entry.fields.get("amount")
        if isinstance(amount, str):
            self.said[entry.what] += int(Decimal(amount) * 10**self.decimals)
        assert self.standing != "ended" or entry.what in {"ended", "refused", "repeated", "unapplied"}, (
            f"{entry.what} happened after the end"
        )
        if entry.what == "standing":
            assert entry.fields["from"] == self.standing, f"standing {entry.fields} follows {self.standing}"
            assert entry.fields["to"] in LEGAL[self.standing], f"{self.standing} may not become {entry.fields['to']}"
            self.standing = str(entry.fields["to"])
        elif entry.what == "cancelled":
            self.over_at = entry.at
            if not self.policy.ending.keeps_locks and not after.blocks:
                self.commands.clear()  # superseded; nothing is left to undo
        elif entry.what == "invoice_issued" and after.ended is not None and entry.because not in self.fees:
            assert self.over_at is None or entry.at <= self.over_at, "it was billed after the cancellation"

    def _mailed(self, mail: SendMail) -> None:
        if mail.template in ASKS_FOR_MONEY:
            assert Decimal(mail.about["open"]) > 0, f"{mail.template} asks for money that nobody owes"
        if mail.template == "payment_declined":
            self.declined_mails[mail.about["invoice"]] += 1
            assert self.declined_mails[mail.about["invoice"]] == 1, "one invoice was mailed as declined twice"

    def _commanded(self, command: CommandPlatform) -> None:
        undoes = {undo: done for done, undo in self.policy.access.counterparts}
        if command.command in undoes:
            assert self.commands.get(undoes[command.command]), f"{command.command}: nothing to undo"
            self.commands[undoes[command.command]] = False
        elif self.policy.counterpart(command.command):
            assert not self.commands.get(command.command), f"{command.command} was sent twice"
            self.commands[command.command] = True

    def _kept_back(self, before: Subscription, decision: Decision) -> None:
        """No rung is climbed during a hold or a promise, and an agency never comes without its warning's distance."""
        for entry in (e for e in decision.effects if isinstance(e, Entry)):
            promised = before.promise is not None and entry.at < before.promise.at
            if entry.by == "policy" and (before.hold or promised):
                assert entry.because not in self.whys, (
                    f"{entry.what}: {entry.because}, although {before.hold or before.promise}"
                )
            if entry.what == "email" and entry.fields["template"] == "collections_warning":
                self.warned_on = local_date(entry.at, before.timezone)
            if entry.what == "collections_placed" and entry.because in self.after_warning:
                distance = self.after_warning[entry.because]
                assert self.warned_on is not None, "an agency without a warning"
                assert (local_date(entry.at, before.timezone) - self.warned_on).days >= distance
            if entry.what == "standing" and entry.because == "unpaid for 3 days":
                since = min(i.unpaid_since for i in before.invoices if i.missed and i.unpaid_since)
                assert (local_date(entry.at, before.timezone) - local_date(since, before.timezone)).days >= 3

    def _refused(self, before: Subscription, decision: Decision) -> None:
        """What is refused or repeated has no other effect than being written down."""
        said = [e.what for e in decision.effects if isinstance(e, Entry)]
        if "refused" in said or "repeated" in said:
            after = replace(
                decision.subscription,
                **{
                    name: getattr(before, name)
                    for name in ("entries", "attention", "seen", "forgotten", "pending", "asked_for", "postings")
                },
            )
            assert after == before
            assert said in (["refused"], ["repeated"], ["refused", "unapplied"])

    def _asked(self, decision: Decision) -> None:
        s = decision.subscription
        assert (decision.question is None) == (s.asked_for is None)
        match decision.question:
            case Charge() as charge:
                invoice = s.invoice(charge.invoice)
                assert invoice is not None, f"{charge.invoice} is not owed and was charged"
                unresolved = invoice.unresolved
                assert unresolved is None or unresolved.charge_key == charge.charge_key, (
                    "charged beside an unresolved one"
                )
                if unresolved is None:
                    assert charge.minor == invoice.open_minor > 0, f"{charge.minor} charged, {invoice.open_minor} owed"
                assert unresolved is not None or not s.bank_only, "charged although only bank transfer is open"
            case LookUpCharge() as look_up:
                invoice = s.invoice(look_up.invoice)
                assert invoice is not None
                assert invoice.unresolved is not None
                assert invoice.unresolved.charge_key == look_up.charge_key
            case _:
                pass

    def _books(self, s: Subscription) -> None:
        """What the state says of money is what the entries say."""
        recomputed = {account: minor for account, minor in self.accounts.items() if minor}
        assert balances(self.entries) == recomputed
        assert sum(recomputed.values()) == 0
        owed = {f"receivable:{i.number}": i.open_minor for i in s.invoices if i.open_minor}
        assert {a: m for a, m in recomputed.items() if a.startswith("receivable:")} == owed
        placed = {f"placed:{i.number}": i.placed_minor for i in s.invoices if i.placed_minor}
        assert {a: m for a, m in recomputed.items() if a.startswith("placed:")} == placed
        assert recomputed.get("agency", 0) == -s.placed_minor
        assert recomputed.get("credit", 0) == -s.credit_minor
        credit = {
            payment: -minor for (payment, account), minor in self.paid_of.items() if account == "credit" and minor
        }
        assert credit == {part.reference: part.minor for part in s.credit}
        assert all(part.minor > 0 for part in s.credit)
        cash = sum(minor for account, minor in recomputed.items() if account.startswith("cash:"))
        assert cash == sum(self.payments.values()) - self.said["payment_reversed"] + self.unapplied
        assert self.said["payment_received"] == sum(self.payments.values())
        assert recomputed.get("unapplied", 0) == -self.unapplied == -self.said["unapplied"]
        assert (
            recomputed.get("bad_debt", 0)
            == self.said["written_off"] - self.said["write_off_undone"] - self._voided_bad()
        )
        for invoice in s.invoices:
            self._invoice(invoice)
        for number, invoice in self.invoices.items():
            assert s.invoice(number) in (invoice, None), f"{number} was kept otherwise than it stands"
            assert s.invoice(number) is not None or invoice.open_minor == 0, f"{number} is owed and forgotten"
            assert 0 <= invoice.placed_minor <= invoice.open_minor, f"{number} is placed and not owed"

    def _voided_bad(self) -> int:
        return 0

    def _invoice(self, i: Invoice) -> None:
        paid = {p: -m for (p, account), m in self.paid_of.items() if account == f"receivable:{i.number}" and m}
        assert paid == {part.reference: part.minor for part in i.paid_by}
        assert all(part.minor > 0 for part in i.paid_by)
        assert i.open_minor >= 0
        assert not i.voided or i.unresolved, f"{i.number} is void and owed"
        assert i.open_minor + sum(p.minor for p in i.paid_by) + i.written_off_minor == i.amount_minor or i.voided
        assert not i.missed or i.open_minor > 0
        assert not i.missed or i.unpaid_since is not None, f"{i.number} is past due since never"

    def _standing(self, s: Subscription, decision: Decision) -> None:
        assert s.standing == self.standing
        if decision.question is not None:
            return  # half a turn: standing and access follow at its end
        missed = [i for i in s.invoices if i.missed]
        assert (s.episode is not None) == bool(missed) or s.standing in ("in_collections", "cancelled", "ended")
        if s.standing in ("active", "awaiting_review", "ended"):
            assert not missed, f"{s.standing} with debt past due"
        if s.standing in ("active", "past_due"):
            assert not any("unpaid" in c.reasons for c in s.in_force), f"{s.standing}, but {s.in_force}"
        if s.standing in ("locked", "account_locked"):
            assert any("unpaid" in c.reasons for c in s.in_force), f"{s.standing}, but nothing is locked"
        if s.standing == "in_collections":
            assert s.placed_minor > 0, "in collections with nothing placed"
        if s.placed_minor:
            assert s.standing == "in_collections", f"{s.standing} with debt placed"
        assert (s.review is not None) == (s.standing == "awaiting_review")
        assert (s.ended is not None) == (s.standing in ("cancelled", "in_collections", "ended")) or s.review
        if s.standing == "ended":
            assert not s.invoices
            assert s.placed_minor == 0
            assert s.round is None
            assert s.pending is None
            assert decision.wake_at is None
        if s.plan_running:
            assert decision.wake_at is not None, "the plan runs and nobody wakes it"
        elif s.standing != "ended" and decision.wake_at is None:
            waits = s.hold or s.review or all(i.placed_minor == i.open_minor or i.returned for i in s.invoices)
            assert waits, "a debt is forgotten"

    def _size(self, s: Subscription) -> None:
        written = STATES.dump_json(s)
        assert len(written) < STATE_LIMIT_BYTES, f"the state has {len(written)} bytes"
        assert STATES.validate_json(written) == s, "the state does not survive its journey"
