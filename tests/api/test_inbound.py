"""What is reported counts once, and what takes a report back counts only where that report did."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from adapters.postgres.books import Books
from api.inbound import Inbound, Outcome
from domain.effects import Charge
from domain.reports import Report

KEY = "s-1-0001/1/primary"
TAKEN = Report("stripe", "dispute/du_1", "charge.dispute.created", "s-1", "payment-reversed", {"id": "stripe/d"})
BACK = Report("stripe", "dispute/du_1/won", "charge.dispute.closed", "s-1", "payment-received", undoes=TAKEN.id)


@dataclass(slots=True)
class Listener:
    """At the other end: hears everything, or has ended."""

    ended: bool = False
    heard: list[str] = field(default_factory=list)

    async def tell(self, subscription_id: str, signal: str, payload: dict[str, Any]) -> str | None:
        self.heard.append(signal)
        return "the subscription has ended" if self.ended else None


async def test_a_dispute_that_is_won_brings_the_money_back(books: Books) -> None:
    listener = Listener()
    inbound = Inbound(books, listener, {})
    assert await inbound.take([TAKEN, BACK, TAKEN, BACK]) == Outcome(taken_in=2, known=2)
    assert listener.heard == ["payment-reversed", "payment-received"]


async def test_a_dispute_after_the_end_is_put_to_support_and_winning_it_makes_no_money(books: Books) -> None:
    listener = Listener(ended=True)
    inbound = Inbound(books, listener, {})
    await inbound.take([TAKEN])
    assert [task.text for task in await books.tasks("s-1")] == [
        "payment-reversed from stripe (dispute/du_1): the subscription has ended"
    ]
    await inbound.take([BACK])
    assert listener.heard == ["payment-reversed"]
    assert "had no effect here, so this has none" in (await books.tasks("s-1"))[-1].text


async def test_money_for_a_charge_that_was_declined_to_us_is_put_to_support(books: Books) -> None:
    charge = Charge(KEY, "s-1-0001", "primary", "card", 4900, "USD", datetime(2026, 3, 15, tzinfo=UTC))
    await books.begin_attempt(charge, "s-1")
    paid = Report("paypal", "capture/1", "PAYMENT.CAPTURE.COMPLETED", "s-1", note="own", settles=KEY)
    await Inbound(books, Listener(), {}).take([paid])
    assert await books.tasks("s-1") == []
    await books.complete_attempt(KEY, "declined", "no_such_payment_method")
    await Inbound(books, Listener(), {}).take([Report("paypal", "capture/2", paid.what, "s-1", settles=KEY)])
    [task] = await books.tasks("s-1")
    assert KEY in task.text
    assert "Give the money back there" in task.text
