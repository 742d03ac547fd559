"""Lives to write into the books: scenarios played in virtual time, as the batches that a workflow would hand over."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from domain.agenda import next_item
from domain.decide import decide
from domain.effects import Batch, Effect, Entry, view_of
from domain.events import DeadlinePassed, Event, MessageReceived
from domain.opening import opened
from domain.policy import Policy
from domain.scenario import Scenario, read_scenario
from domain.subscription import Subscription
from domain.world import Book, answer
from policies.load import load

SCENARIOS = Path(__file__).parents[2] / "examples" / "scenarios"

HOSTING: dict[str, object] = {
    "policy": "hosting",
    "subscription": {
        "id": "s-1",
        "customer": {
            "id": "c-1",
            "client_number": "K100",
            "name": "Ada Example",
            "email": "ada@example.com",
            "timezone": "Europe/Berlin",
            "locale": "en",
        },
        "plan": {"name": "pro", "price": "31.00", "currency": "EUR"},
        "starts_on": "2026-01-01",
        "payment_methods": {"primary": "card"},
    },
    "until": "2026-06-01",
}
"""A postpaid product of 31.00 EUR a month whose charges are approved; the first invoice comes on 2026-02-01."""


@dataclass(slots=True)
class Written:
    """A life as it was played: its batches in order, what the books in memory say of it, and how it ended."""

    scenario: Scenario
    state: Subscription
    book: Book = field(default_factory=Book)
    batches: list[Batch] = field(default_factory=list)

    @property
    def entries(self) -> list[Entry]:
        return [effect for batch in self.batches for effect in batch.effects if isinstance(effect, Entry)]

    def effects(self, kind: type[Effect]) -> list[Effect]:
        """Every effect of one kind, in order."""
        return [effect for batch in self.batches for effect in batch.effects if isinstance(effect, kind)]


def scenario(name: str) -> dict[str, object]:
    """The JSON of a scenario in `examples/scenarios`."""
    said: dict[str, object] = json.loads((SCENARIOS / f"{name}.json").read_text())
    return said


def batch_of(state: Subscription, policy: Policy, number: int, effects: tuple[Effect, ...]) -> Batch:
    """What a workflow hands over for its turn number `number`."""
    item = next_item(state, policy)
    return Batch(f"{state.id}/{number}", view_of(state, item.at if item else None, item.what if item else ""), effects)


def played(said: dict[str, object]) -> Written:
    """Play a scenario to its end."""
    told = read_scenario(said)
    policy = load(told.policy)
    life = Written(told, opened(told.terms, policy))
    coming = [m for m in told.messages if m.at < told.until]
    event: Event | None = DeadlinePassed(told.begins_at)
    while event is not None:
        decision = decide(life.state, event, policy)
        life.state = decision.subscription
        life.book.keep(decision.effects)
        if decision.effects:
            life.batches.append(batch_of(life.state, policy, len(life.batches) + 1, decision.effects))
        if decision.question is not None:
            event = answer(decision.question, told.world, life.book, event.at, life.state.timezone)
        else:
            due = decision.wake_at if decision.wake_at and decision.wake_at < told.until else None
            if coming and (due is None or coming[0].at <= due):
                message = coming.pop(0)
                event = MessageReceived(message.signal, (message.payload,), message.at)
            else:
                event = DeadlinePassed(due) if due else None
    return life
