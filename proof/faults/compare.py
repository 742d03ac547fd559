"""At the end: each party's own books, read by themselves and held against what the pure core says.

Four things are not taken as the core alone would say them, and each is explained by what was injected:

- A charge whose reply was lost is `unknown` in the timeline where it would be approved or declined. The core is told
  which answers were not heard, and must then agree in every line; the report counts them, and each must be named by an
  injected fault or be unknown in its story.
- A message whose sender was not answered and sent it again came once or twice; the core is told which.
- A message repeated after the end is written down where the workflow still lived, and not where it did not.
- A mail that a later payment made untrue before it could go out is withdrawn, not lost.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace

from temporalio.client import WorkflowExecutionStatus

from adapters.gateways.paypal_amounts import value_of
from adapters.gateways.stripe_amounts import from_stripe
from adapters.mail.message import message_id
from domain.effects import Entry
from domain.subscription import Subscription
from domain.timeline import as_data
from engine.begin import handle_of
from proof.faults.drive import Drive
from proof.faults.expected import Told, played
from proof.faults.parties import Agency, agency_of
from proof.faults.stories import Life
from proof.faults.town import Town
from proof.faults.verdict import Verdict
from workflows.subscription import SubscriptionWorkflow

AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Compared:
    """The verdict, what the core says of each life, and what was counted besides."""

    verdict: Verdict
    told: dict[str, Told]
    unheard: int
    withdrawn: int
    mails_again: int
    commands_again: int


@dataclass(frozen=True, slots=True)
class _Books:
    """The parties' books, read once, by subscription or key."""

    taken: dict[str, list[str]]
    """By subscription: what the gateways took, as `key amount currency`."""
    asked: dict[str, set[str]]
    """By subscription: every key that a gateway was asked for."""
    mails: Counter[str]
    """How often each Message-ID arrived."""
    sender: str
    agency: Agency
    outbox: dict[str, dict[str, str]]
    """By subscription: the state of each tiding by its key."""


async def compare(town: Town, drive: Drive) -> Compared:
    """Compare everything. Nothing may be under way any more."""
    verdict, told = Verdict(), dict[str, Told]()
    books = await _read(town)
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(life: Life) -> None:
        async with gate:
            told[life.id] = await _life(town, books, life, drive.doubtful.get(life.id, []), verdict)

    await asyncio.gather(*(one(life) for life in drive.lives))
    unheard = _explained(town, drive.lives, told, verdict)
    await _whole(town, told, verdict)
    for id_, why in drive.stuck.items():
        verdict.differs("harness", id_, f"could not be played to its end: {why}")
    again = sum(heard.times - 1 for heard in town.platform.told())
    withdrawn = sum(state == "withdrawn" for rows in books.outbox.values() for state in rows.values())
    return Compared(verdict, told, unheard, withdrawn, sum(books.mails.values()) - len(books.mails), again)


async def _read(town: Town) -> _Books:
    taken: dict[str, list[str]] = {}
    asked: dict[str, set[str]] = {}
    for charge in town.stripe.charges():
        id_, key, currency = charge.metadata["subscription"], charge.metadata["charge_key"], charge.currency.upper()
        asked.setdefault(id_, set()).add(key)
        if charge.approved:
            taken.setdefault(id_, []).append(f"{key} {from_stripe(charge.amount, currency)} {currency}")
    for capture in town.paypal.captures():
        id_, key = str(capture["custom_id"]).split("|")[0], str(capture["invoice_id"])
        asked.setdefault(id_, set()).add(key)
        if capture["status"] == "COMPLETED":
            amount = capture["amount"]
            taken.setdefault(id_, []).append(f"{key} {amount['value']} {amount['currency_code']}")
    outbox: dict[str, dict[str, str]] = {}
    for row in await town.pool.fetch("select key, subscription_id, state from outbox order by seq"):
        outbox.setdefault(row["subscription_id"], {})[row["key"]] = row["state"]
    mails = Counter(mail.message_id for mail in town.mail.caught)
    return _Books(taken, asked, mails, town.settings.smtp.sender, agency_of(town.debitura), outbox)


async def _life(town: Town, books: _Books, life: Life, doubtful: list[int], verdict: Verdict) -> Told:
    entries = await town.books.timeline(life.id)
    told = _as_heard(life, entries, doubtful)
    zone = life.scenario.terms.customer.timezone
    verdict.hold("timeline", life.id, _lines(told.entries, zone), _lines(entries, zone))
    await _ledger(town, life.id, told, verdict)
    _gateways(books, life, told, verdict)
    await _workflow(town, life, told, verdict)
    _tidings(town, books, life.id, told, verdict)
    return told


def _as_heard(life: Life, entries: Sequence[Entry], doubtful: list[int]) -> Told:
    """What the core says, given which answers and messages were heard; of doubtful messages, what fits best."""

    def written(number: int) -> Entry | None:
        return entries[number - 1] if number <= len(entries) else None

    plain: list[Told] = []
    for more in _ways(doubtful):
        heard = [
            said for i, d in enumerate(life.deliveries) for said in [replace(d.said, at=d.at)] * (d.times + more[i])
        ]
        told = played(life.scenario, life.policy, heard, written)
        if told.entries == list(entries):
            return told
        plain.append(told)
    return plain[0]


def _ways(doubtful: list[int]) -> Iterator[Counter[int]]:
    """Every way in which messages that may have come once more did, or did not; the plain one first."""
    for chosen in itertools.product((0, 1), repeat=min(len(doubtful), 6)):
        yield Counter(i for i, more in zip(doubtful, chosen, strict=False) if more)


def _lines(entries: Sequence[Entry], zone: str) -> list[str]:
    return [f"{n:04d} {sorted(said.items(), key=str)}" for n, said in enumerate(as_data(entries, zone), start=1)]


async def _ledger(town: Town, id_: str, told: Told, verdict: Verdict) -> None:
    rows = await town.pool.fetch(
        "select key, what, account, minor, payment from ledger_entry join posting on entry_key = key"
        " where subscription_id = $1 order by key, line",
        id_,
    )
    expected = [
        f"{entry.key} {entry.what} {p.account} {p.minor} {p.payment}" for entry in told.ledger for p in entry.postings
    ]
    found = [f"{r['key']} {r['what']} {r['account']} {r['minor']} {r['payment']}" for r in rows]
    verdict.hold("ledger", id_, sorted(expected), sorted(found))
    rows = await town.pool.fetch("select reference, minor, channel from payment where subscription_id = $1", id_)
    expected = [f"{p.reference} {p.minor} {p.channel}" for p in told.payments]
    found = [f"{r['reference']} {r['minor']} {r['channel']}" for r in rows]
    verdict.hold("payments", id_, sorted(expected), sorted(found))
    invoices = {invoice.number: invoice for invoice in await town.books.invoices(id_)}
    expected = [f"{i.number} {i.amount_minor} open {i.open_minor}" for i in told.invoices.values()]
    verdict.hold(
        "invoices", id_, sorted(expected),
        sorted(f"{i.number} {i.amount_minor} open {i.open_minor}" for i in invoices.values()),
    )  # fmt: skip
    rows = await town.pool.fetch("select charge_key, state from attempt where subscription_id = $1", id_)
    for row in rows:
        verdict.checked("charges")
        if row["state"] not in ("approved", "declined") or row["charge_key"] not in told.charges:
            verdict.differs("charges", id_, f"{row['charge_key']} is {row['state']}")
    kept = await town.pool.fetch("select reference, minor from unapplied where subscription_id = $1", id_)
    verdict.hold(
        "unapplied money", id_, sorted(f"{u.reference} {u.minor}" for u in told.unapplied),
        sorted(f"{r['reference']} {r['minor']}" for r in kept),
    )  # fmt: skip


def _gateways(books: _Books, life: Life, told: Told, verdict: Verdict) -> None:
    """What the gateways took, by their own books, against the payments that the core says came by charges."""
    expected = []
    for payment in told.payments:
        charge = told.charges.get(payment.reference)
        if charge is not None:
            minor = str(payment.minor) if charge.method == "card" else value_of(payment.minor, charge.currency)
            expected.append(f"{payment.reference} {minor} {charge.currency}")
    verdict.hold("gateways", life.id, sorted(expected), sorted(books.taken.get(life.id, [])))
    for key in sorted(books.asked.get(life.id, set()) - set(told.charges)):
        verdict.differs("gateways", life.id, f"was asked for {key}, which nobody decided")


async def _workflow(town: Town, life: Life, told: Told, verdict: Verdict) -> None:
    verdict.checked("workflow")
    handle = handle_of(town.client, life.id)
    described = await handle.describe()
    if described.status == WorkflowExecutionStatus.COMPLETED:
        if told.state.standing != "ended":
            verdict.differs("workflow", life.id, f"has ended; the core says {told.state.standing}")
    elif described.status != WorkflowExecutionStatus.RUNNING:
        verdict.differs("workflow", life.id, f"is {described.status}")
    else:
        state = (await handle.query(SubscriptionWorkflow.seen)).state
        for name, wanted, found in _differences(told.state, state):
            verdict.differs("workflow", life.id, f"its {name} is {found}; the core says {wanted}")
    verdict.checked("projection")
    view = await town.books.view(life.id)
    if view not in told.views:
        verdict.differs("projection", life.id, f"{view}; the core says {told.views[0]}")


def _differences(wanted: Subscription, found: Subscription) -> Iterator[tuple[str, object, object]]:
    for each in fields(Subscription):
        pair = getattr(wanted, each.name), getattr(found, each.name)
        if pair[0] != pair[1]:
            yield each.name, *pair


def _tidings(town: Town, books: _Books, id_: str, told: Told, verdict: Verdict) -> None:
    """Outbox, mailbox, platform and agency."""
    outbox = books.outbox.get(id_, {})
    for key, state in outbox.items():
        verdict.checked("outbox")
        if state == "failed":
            verdict.differs("outbox", id_, f"{key} was refused for good", "lost")
    ready = {mail.key for mail in told.mails if mail.not_before is None or outbox.get(mail.key) != "pending"}
    for key in (key for key, state in outbox.items() if state == "pending" and key not in {m.key for m in told.mails}):
        verdict.differs("outbox", id_, f"{key} still waits", "lost")
    mails = [f"{m.key} {m.template}" for m in told.mails if m.key in ready and not _withdrawn(m.key, outbox, told)]
    caught = [f"{m.key} {m.template}" for m in told.mails if books.mails[message_id(m.key, books.sender)]]
    unsent = [f"{m.key} {m.template}" for m in told.mails if _withdrawn(m.key, outbox, told)]
    verdict.hold("mailbox", id_, mails, [each for each in caught if each not in unsent])
    heard = town.platform.told(id_)
    commands = [f"{h.key} {h.what}" for h in heard if h.type.startswith("command.") and h.verdict == "obeyed"]
    verdict.hold("platform", id_, [f"{c.key} {c.command}" for c in told.commands], commands)
    for late in (h for h in heard if h.verdict == "late"):
        verdict.differs("platform", id_, f"{late.key} {late.what} came late and was not obeyed", "lost")
    wanted = [f"{e.what} {e.number}" for e in told.entries if e.what in town.events]
    events = [f"{h.what} {int(h.key.split('/')[-2])}" for h in heard if not h.type.startswith("command.")]
    verdict.hold("platform's events", id_, sorted(wanted), sorted(events))
    books.agency.hold(id_, told, outbox, verdict)


def _withdrawn(key: str, outbox: dict[str, str], told: Told) -> bool:
    """Whether a mail was rightly kept back: a later decision made it untrue."""
    return outbox.get(key) == "withdrawn" and told.may_be_withdrawn(key)


def _explained(town: Town, lives: Sequence[Life], told: dict[str, Told], verdict: Verdict) -> int:
    """Every answer that was not heard is one that a fault kept back, or that the story does. Gives how many."""
    hits = town.log.hits()
    count = 0
    for life in lives:
        world, zone = life.scenario.world, life.scenario.terms.customer.timezone
        for key, times in Counter(told[life.id].unheard).items():
            count += times
            charge = told[life.id].charges[key]
            scripted = world.charge(charge.role, charge.at, zone).outcome == "unknown"
            if hits[key] + scripted < times:
                why = (
                    f"{times} answers to {key} were not heard, and only {hits[key] + scripted} are explained by a fault"
                )
                verdict.differs("gateways", life.id, why)
    return count


async def _whole(town: Town, told: dict[str, Told], verdict: Verdict) -> None:
    """What is no subscription's own: the audit, reports, tasks."""
    verdict.checked("audit", len(told))
    for difference in await town.books.audit():
        verdict.differs("audit", difference.subscription_id, str(difference))
    rows = await town.pool.fetch("select source, id, state from report")
    verdict.checked("webhooks", len(rows))
    for row in rows:
        if row["state"] != "taken_in":
            verdict.differs("webhooks", row["id"], f"{row['source']}: noted and not taken in", "lost")
    for lost in town.relay.lost:
        verdict.differs("webhooks", "", f"never acknowledged: {lost}", "lost")
    recalls = {f"recall/{recall.key}" for each in told.values() for recall in each.recalls}
    for row in await town.pool.fetch("select key, subscription_id, kind, text from support_task where done_at is null"):
        verdict.checked("tasks for support")
        if row["key"] not in recalls:
            verdict.differs("tasks for support", row["subscription_id"] or "", f"{row['kind']}: {row['text']}"[:300])
