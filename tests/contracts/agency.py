"""What activities need of a collections agency, as tests that every agency passes: simulated, Debitura, files.

An agency's own tests subclass `AgencyContract` and give the fixture `bench`: the agency's adapter, the party behind it
with its own books, and the ways in which the line between them can break.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Literal, Protocol

import pytest

from activities.delivery import Agency
from domain.effects import Entry
from domain.gateways import DeliveryRefused
from domain.letters import Addressee
from domain.subscription import Invoice

SUBSCRIPTION = "s-1"
PLACEMENT = "s-1/000012/agency"
RECALL = "s-1/000013/agency"
AT = datetime(2026, 4, 16, tzinfo=UTC)
DEBTOR = Addressee(
    "c-1",
    "K100",
    "Ada Example",
    "ada@example.com",
    "de",
    "+49 30 901820",
    {"street": "Hauptstr. 1", "postal_code": "10115", "city": "Berlin", "country": "DE"},
)
PERSONAL = (DEBTOR.name, DEBTOR.email, "Hauptstr", "901820")

Break = Literal["lost_before", "lost_after", "slow", "garbage", "throttled", "server_error"]
"""The connection ends before the party has worked, or after; its answer comes too late; it is no answer; 429; 500."""

Where = Literal["look_up", "create", "documents", "recall"]
"""What the adapter asks first; what hands the debt over; what goes with it; what takes it back."""


def an_invoice(number: str = "s-1-0001", placed_minor: int = 4910) -> Invoice:
    """An invoice of which `placed_minor` is placed, issued on 1 February and due on the 15th, in Berlin."""
    return Invoice(
        number=number,
        ordinal=1,
        kind="period",
        period=0,
        period_start=date(2026, 1, 1),
        period_end=date(2026, 2, 1),
        amount_minor=6000,
        open_minor=placed_minor,
        issued_at=datetime(2026, 1, 31, 23, tzinfo=UTC),
        due_at=datetime(2026, 2, 14, 23, tzinfo=UTC),
        missed_on=date(2026, 2, 15),
        missed=True,
        placed_minor=placed_minor,
    )


def a_history(*numbers: str) -> list[Entry]:
    """The issue of each invoice, and a note of support's that is nobody else's business."""
    issued = [
        Entry(n, AT, "invoice_issued", {"invoice": number, "amount": "60.00", "due_on": "2026-02-15"}, "policy", "")
        for n, number in enumerate(numbers or ("s-1-0001",), start=1)
    ]
    note = Entry(99, AT, "dunning_held", {}, "Grace", "the customer is in hospital")
    return [*issued, note]


class Bench(Protocol):
    """An agency with its party, and the hooks that the contract turns."""

    @property
    def agency(self) -> Agency: ...

    async def break_(self, how: Break, where: Where, *, times: int = 1) -> None:
        """Break the next `times` requests. What cannot be expressed is skipped by `pytest.skip`."""

    async def unused_faults(self) -> int:
        """How many of the scripted faults no request has met."""

    def unreachable(self) -> Agency:
        """The same agency over a line on which nobody listens. Skips where there is no line."""

    def refused(self) -> Agency:
        """The same agency with credentials that the party no longer takes. Skips where there are none."""

    async def placements(self) -> Sequence[int]:
        """What each placement is about by the party's own books, minor units, in the order it got them."""

    async def recalls(self) -> Sequence[int]:
        """What each recall takes back by the party's own books, minor units, in the order it got them."""

    def secrets(self) -> Sequence[str]:
        """Keys that no error may tell."""


class AgencyContract:
    """Subclass it, and give the fixture `bench` with a fresh party."""

    async def place(self, agency: Agency, key: str = PLACEMENT, *invoices: Invoice) -> None:
        await agency.place(
            key,
            subscription_id=SUBSCRIPTION,
            debtor=DEBTOR,
            currency="EUR",
            invoices=invoices or (an_invoice(),),
            history=a_history(*(invoice.number for invoice in invoices)),
            at=AT,
        )

    async def recall(self, agency: Agency, key: str = RECALL, invoice: str = "s-1-0001", minor: int = 1010) -> None:
        await agency.recall(
            key,
            subscription_id=SUBSCRIPTION,
            invoice=invoice,
            minor=minor,
            currency="EUR",
            because="paid by bank_transfer",
            at=AT,
        )

    # One key, one placement

    async def test_a_placement_reaches_the_agency_with_its_amount(self, bench: Bench) -> None:
        await self.place(bench.agency)
        assert list(await bench.placements()) == [4910]

    async def test_a_placement_of_several_invoices_is_one(self, bench: Bench) -> None:
        await self.place(bench.agency, PLACEMENT, an_invoice(), an_invoice("s-1-0002", 3090))
        assert list(await bench.placements()) == [8000]

    async def test_the_same_key_is_the_same_placement(self, bench: Bench) -> None:
        await self.place(bench.agency)
        await self.place(bench.agency)
        assert list(await bench.placements()) == [4910]

    async def test_another_key_is_another_placement_of_the_same_invoice(self, bench: Bench) -> None:
        await self.place(bench.agency)
        await self.place(bench.agency, "s-1/000020/agency", an_invoice(placed_minor=700))
        assert list(await bench.placements()) == [4910, 700]

    async def test_a_placement_sent_from_many_sides_at_once_is_made_once(self, bench: Bench) -> None:
        await asyncio.gather(*(self.place(bench.agency) for _ in range(5)), return_exceptions=True)
        await self.place(bench.agency)
        assert list(await bench.placements()) == [4910]

    # Taking back

    async def test_a_recall_takes_back_its_amount_once(self, bench: Bench) -> None:
        await self.place(bench.agency)
        await self.recall(bench.agency)
        await self.recall(bench.agency)
        assert list(await bench.recalls()) == [1010]

    async def test_two_recalls_are_two(self, bench: Bench) -> None:
        await self.place(bench.agency)
        await self.recall(bench.agency)
        await self.recall(bench.agency, "s-1/000014/agency", minor=3900)
        assert list(await bench.recalls()) == [1010, 3900]

    async def test_a_recall_of_what_was_never_placed_is_no_failure(self, bench: Bench) -> None:
        await self.recall(bench.agency)
        assert list(await bench.placements()) == []

    # What breaks

    @pytest.mark.parametrize("where", ["look_up", "create", "documents"])
    @pytest.mark.parametrize("how", ["lost_before", "lost_after", "slow", "garbage", "throttled", "server_error"])
    async def test_a_placement_that_broke_anywhere_is_made_once_when_it_is_tried_again(
        self, bench: Bench, how: Break, where: Where
    ) -> None:
        await bench.break_(how, where)
        with pytest.raises(ConnectionError):
            await self.place(bench.agency)
        await self.place(bench.agency)
        assert list(await bench.placements()) == [4910]
        assert await bench.unused_faults() == 0

    @pytest.mark.parametrize("how", ["lost_before", "lost_after", "slow", "garbage", "throttled", "server_error"])
    async def test_a_recall_that_broke_is_made_once_when_it_is_tried_again(self, bench: Bench, how: Break) -> None:
        await self.place(bench.agency)
        await bench.break_(how, "recall")
        with pytest.raises(ConnectionError):
            await self.recall(bench.agency)
        await self.recall(bench.agency)
        assert list(await bench.recalls()) == [1010]
        assert await bench.unused_faults() == 0

    async def test_a_line_that_breaks_again_and_again_ends_in_one_placement(self, bench: Bench) -> None:
        await bench.break_("lost_after", "create", times=2)
        await bench.break_("lost_after", "documents", times=2)
        broke = 0
        for _ in range(6):
            try:
                await self.place(bench.agency)
            except ConnectionError:
                broke += 1
        assert broke > 0
        assert list(await bench.placements()) == [4910]

    async def test_money_that_comes_while_the_placement_is_not_acknowledged_is_taken_back_from_it(
        self, bench: Bench
    ) -> None:
        await bench.break_("lost_after", "create")
        with pytest.raises(ConnectionError):
            await self.place(bench.agency)
        await self.place(bench.agency)
        await self.recall(bench.agency, minor=4910)
        assert (list(await bench.placements()), list(await bench.recalls())) == ([4910], [4910])

    async def test_an_agency_that_cannot_be_reached_is_worth_trying_again(self, bench: Bench) -> None:
        with pytest.raises(ConnectionError) as failure:
            await self.place(bench.unreachable())
        assert not isinstance(failure.value, DeliveryRefused)

    async def test_credentials_that_are_not_taken_are_no_refusal_of_the_placement(self, bench: Bench) -> None:
        with pytest.raises(ConnectionError) as failure:
            await self.place(bench.refused())
        said = str(failure.value)
        assert "key" in said
        assert not [told for told in (*bench.secrets(), *PERSONAL) if told in said]
        await self.place(bench.agency)
        assert list(await bench.placements()) == [4910]

    @pytest.mark.parametrize("how", ["lost_before", "garbage", "server_error"])
    async def test_no_error_names_the_debtor_or_a_secret(self, bench: Bench, how: Break) -> None:
        await bench.break_(how, "create")
        with pytest.raises(ConnectionError) as failure:
            await self.place(bench.agency)
        chain = f"{failure.value!r} {failure.value} {failure.value.__cause__!r}"
        assert not [told for told in (*bench.secrets(), *PERSONAL) if told in chain]
