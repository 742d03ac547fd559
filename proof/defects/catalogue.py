"""The defects that are planted: edits that look harmless, or that somebody might make in a hurry."""

from __future__ import annotations

from proof.defects.planting import Defect

SIMULATION = ("-m", "proof.simulation", "--seed", "planted", "--runs", "300", "--processes", "1")
OBJECTS = "shrunk to"


def _pytest(*what: str) -> tuple[str, ...]:
    return ("-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *what)


CATALOGUE: tuple[Defect, ...] = (
    Defect(
        "charge-key-drawn",
        "charged once",
        "domain/keys.py",
        'return f"{invoice_number}/{round_number}/{role}"',
        "return f\"{invoice_number}/{__import__('random').randrange(10**9)}/{role}\"",
        SIMULATION,
        OBJECTS,
    ),
    Defect(
        "deadline-before-message",
        "in time is in time",
        "domain/simulate.py",
        "said.at <= due",
        "said.at < due",
        SIMULATION,
        OBJECTS,
    ),
    Defect(
        "deadline-before-inbox",
        "in time is in time",
        "workflows/subscription.py",
        "            if self.inbox:\n                heard, answers",
        "            if self.inbox and not self._overdue():\n                heard, answers",
        _pytest("tests/workflows/test_outage.py"),
        "'locked'",
    ),
    Defect(
        "newest-invoice-first",
        "money is where it belongs",
        "domain/debts.py",
        "for open_invoice in turn.state.invoices:\n        _pay(",
        "for open_invoice in reversed(turn.state.invoices):\n        _pay(",
        SIMULATION,
        OBJECTS,
    ),
    Defect(
        "demands-not-withdrawn",
        "nothing after payment",
        "domain/access.py",
        "    turn.effects.append(WithdrawMails(turn.at, DEMANDS))\n",
        "",
        SIMULATION,
        OBJECTS,
    ),
    Defect(
        "mail-without-another-look",
        "nothing after payment",
        "adapters/postgres/outbox.py",
        "where key = $1 and state = 'pending' and (sending_until",
        "where key = $1 and state <> 'delivered' and (sending_until",
        _pytest("tests/activities/test_delivery.py"),
        "FAILED tests/activities/test_delivery.py::test_a_mail_is_looked_at_again_right_before_it_is_sent",
    ),
    Defect(
        "lock-a-day-early",
        "nothing early",
        "domain/agenda.py",
        "return days_after(since, number, zone)",
        "return days_after(since, max(0, number - 1), zone)",
        SIMULATION,
        OBJECTS,
    ),
    Defect(
        "placed-twice",
        "collections once",
        "domain/debts.py",
        "added = invoice.open_minor - invoice.placed_minor\n        if added",
        "added = invoice.open_minor\n        if added",
        SIMULATION,
        OBJECTS,
    ),
    Defect(
        "payment-leaves-the-placement",
        "collections once",
        "domain/debts.py",
        'recall=channel != "agency", because=f"paid by {channel}")',
        'recall=False, because="paid")',
        SIMULATION,
        OBJECTS,
    ),
    Defect(
        "agency-without-its-warning",
        "no notice skipped",
        "domain/agenda.py",
        "natural = max(natural, days_after(state.warned_at, rung.days_after_warning, state.timezone))",
        "natural = max(natural, state.warned_at)",
        SIMULATION,
        OBJECTS,
    ),
    Defect(
        "inbox-left-behind",
        "no message lost",
        "workflows/subscription.py",
        "inbox = tuple(heard for heard, _ in self.inbox)",
        "inbox: tuple[Heard, ...] = ()",
        ("-m", "proof.messages", "--messages", "500", "--seed", "1", "--subscriptions", "3", "--events", "50"),
        "no line payment_received",
    ),
)
"""Each is found by the command that stands beside it; `python -m proof.defects` shows it."""
