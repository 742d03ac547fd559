"""Billing: one invoice a period, credit before charges, derived keys, and mails that are true when they are sent."""

from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest

from domain.agenda import next_item, round_at_once
from domain.effects import Decision, Entry, LedgerEntry, PlaceWithAgency, RecallFromAgency, SendMail
from domain.events import Event
from domain.keys import charge_key, invoice_number, short_digest
from domain.policy import Policy
from domain.subscription import Ended, Episode, Hold, Invoice, Promise, Review, Subscription
from domain.values import replace
from tests.domain.gateway import APPROVED, DECLINED
from tests.domain.life import Life, begins
from tests.domain.variations import Vary

MONEY = ("invoice_issued", "credit_applied", "charge", "payment_received")

CHARGED_BACK = {"reference": "s-1-0001/1/primary", "reason": "chargeback"}


def pay(life: Life, clock: str, amount: str, reference: str = "r-1", invoice: str | None = None) -> Life:
    """The customer pays by bank transfer."""
    fields = {"amount": amount, "channel": "bank_transfer", "reference": reference, "invoice": invoice}
    return life.tell(clock, "payment-received", **fields)


@pytest.mark.parametrize("policy", ["photo-monthly", "photo-annual", "hosting"])
def test_a_free_plan_is_invoiced_for_nothing_and_never_mailed_charged_or_dunned(policy: str) -> None:
    life = begins(policy, afterwards=DECLINED, price_minor=0).play("2026-05-01")
    assert set(life.story("invoice_issued")) == set(life.story())
    assert [e for e in life.effects if isinstance(e, LedgerEntry | SendMail)] == []
    assert life.state.invoices == ()


def test_a_free_hosting_product_leaves_its_customer_new() -> None:
    assert begins("hosting", price_minor=0).play("2026-05-01").state.new_customer


def test_free_instalments_count_as_received() -> None:
    life = begins("photo-annual", price_minor=0).play("2026-04-01")
    assert life.state.commitments[0].received == (0, 1, 2)


@pytest.mark.parametrize(
    ("paid", "story", "left"),
    [
        pytest.param("10.00", ["02-15 invoice 49.00", "02-15 credit 10.00", "02-15 charge 39.00"], 0, id="less"),
        pytest.param("49.00", ["02-15 invoice 49.00", "02-15 credit 49.00"], 0, id="exactly as much"),
        pytest.param("60.00", ["02-15 invoice 49.00", "02-15 credit 49.00"], 1100, id="more"),
    ],
)
def test_credit_pays_a_new_invoice_before_any_charge(paid: str, story: list[str], left: int) -> None:
    life = pay(begins("photo-monthly"), "2026-01-20T10:00", paid).play("2026-02-16")
    told = [
        f"{e.at:%m-%d} {e.what.split('_')[0]} {e.fields['amount']}"
        for e in life.entries
        if e.at > life.at("2026-02-01")
    ]
    assert [line for line in told if "payment" not in line] == story
    assert life.state.credit_minor == left


def test_a_surplus_pays_invoice_after_invoice_until_it_is_used_up() -> None:
    life = pay(begins("photo-monthly"), "2026-01-20T10:00", "100.00").play("2026-05-01")
    assert life.story(*MONEY, since="2026-02-01") == [
        "02-15 invoice s-1-0002 49.00",
        "02-15 credit applied 49.00",
        "03-15 invoice s-1-0003 49.00",
        "03-15 credit applied 49.00",
        "04-15 invoice s-1-0004 49.00",
        "04-15 credit applied 2.00",
        "04-15 charge approved 47.00",
        "04-15 payment received 47.00",
    ]


def test_a_payment_goes_to_the_invoice_it_names_then_to_the_oldest_then_to_credit() -> None:
    life = begins("photo-annual", afterwards=DECLINED).play("2026-03-16")
    pay(life, "2026-03-16T10:00", "60.00", "r-1", invoice="s-1-0002")
    assert {i.number: i.open_minor for i in life.state.invoices} == {"s-1-0001": 3800, "s-1-0003": 4900}
    pay(life, "2026-03-16T11:00", "100.00", "r-2", invoice="s-1-0002")
    assert life.state.open_minor == 0
    assert life.state.credit_minor == 1300


def test_a_payment_that_names_an_invoice_nobody_knows_goes_to_the_oldest() -> None:
    life = pay(begins("photo-monthly", afterwards=DECLINED), "2026-01-16T10:00", "49.00", invoice="s-9-0001")
    assert life.state.open_minor == 0


def test_charge_keys_are_derived_from_invoice_round_and_method() -> None:
    life = begins("photo-annual", afterwards=DECLINED).play("2026-01-30")
    assert [(asked.charge_key, asked.minor) for asked in life.gateway.asked] == [
        ("s-1-0001/1/primary", 4900),
        ("s-1-0001/1/secondary", 4900),
        ("s-1-0001/2/primary", 4900),
        ("s-1-0001/2/secondary", 4900),
        ("s-1-0001/3/primary", 4900),
        ("s-1-0001/3/secondary", 4900),
    ]
    assert {asked.currency for asked in life.gateway.asked} == {"USD"}


def test_a_round_counts_for_the_invoice_that_was_tried_in_it_and_stops_at_the_first_that_no_method_pays() -> None:
    life = begins("photo-annual", DECLINED, DECLINED, APPROVED, DECLINED, DECLINED).play("2026-01-23")
    assert life.story("charge") == ["01-15 charge declined 49.00"] * 2 + ["01-22 charge approved 49.00"]
    life.play("2026-02-16")
    assert [asked.charge_key for asked in life.gateway.asked][3:] == ["s-1-0002/1/primary", "s-1-0002/1/secondary"]


def test_names_are_derived_and_the_same_for_ever() -> None:
    assert invoice_number("s-1", 12) == "s-1-0012"
    assert charge_key("s-1-0012", 3, "primary") == "s-1-0012/3/primary"
    assert short_digest("payment-received reference r-1") == sha256(b"payment-received reference r-1").hexdigest()[:15]


def test_payment_declined_is_sent_once_per_invoice_however_often_it_is_tried() -> None:
    life = begins("photo-annual", afterwards=DECLINED).play("2026-03-14")
    life.tell("2026-03-14T10:00", "retry-payment", by="customer")
    sent = [(f"{m.at:%m-%d}", m.about["invoice"]) for m in life.mails if m.template == "payment_declined"]
    assert sent == [("01-15", "s-1-0001"), ("02-15", "s-1-0002")]


def test_payment_declined_is_sent_where_no_method_can_be_charged() -> None:
    life = begins("photo-monthly", primary="bank_transfer", secondary=None).play("2026-01-16")
    assert life.story("charge", "standing", "email") == ["01-15 standing past_due", "01-15 e-mail payment_declined"]
    assert life.state.invoices[0].unpaid_since == life.at("2026-01-15"), "its due instant, as no attempt was possible"


def test_a_method_that_was_added_in_time_is_charged_on_the_billing_date() -> None:
    life = begins("photo-monthly", primary="bank_transfer", secondary=None)
    life.tell("2026-01-15", "payment-method-updated", role="secondary", method="card").play("2026-01-16")
    assert life.story("charge") == ["01-15 charge approved 49.00"]
    assert life.gateway.asked[0].role == "secondary"


def decisions(policy: Policy | str, until: str, **terms: str | None) -> list[tuple[str, list[str]]]:
    """Of each decision that did anything: what it asked, and the lines it wrote, each with its cause."""
    seen: list[tuple[str, list[str]]] = []

    def look(_: Subscription, __: Event, decision: Decision) -> None:
        told = [f"{e.what}: {e.because}" for e in decision.effects if isinstance(e, Entry)]
        asked = decision.question.kind if decision.question else ""
        if told or asked:
            seen.append((asked, told))

    life = begins(policy, **terms)  # type: ignore[arg-type]
    life.witness = look
    life.play(until)
    return seen


@pytest.mark.parametrize(
    ("policy", "issued_on", "why"),
    [("photo-monthly", "2026-02-15", "s-1-0002 is due"), ("hosting", "2026-03-15", "a new invoice")],
)
def test_an_invoice_and_the_round_that_charges_it_at_once_are_one_decision_with_both_causes(
    policy: str, issued_on: str, why: str
) -> None:
    issued, charged = decisions(policy, f"{issued_on}T12:00")[-2:]
    assert issued == ("charge", ["invoice_issued: billing date"])
    assert charged == ("", [f"charge: {why}", f"payment_received: {why}"])


def test_an_invoice_that_is_mailed_is_a_decision_of_its_own(vary: Vary) -> None:
    """Its mail tells what comes next as things stand before the round."""
    bill = {"every": "month", "in": "advance", "at": "00:00", "due_after_days": 0, "invoice_email": "invoice"}
    issued, charge, _ = decisions(vary("photo-monthly", bill=bill), "2026-02-16")[-3:]
    assert issued == ("", ["invoice_issued: billing date", "email: billing date"])
    assert charge == ("charge", [])


def test_an_invoice_that_no_method_can_pay_is_a_decision_of_its_own() -> None:
    issued, missed = decisions("photo-monthly", "2026-01-16", primary="bank_transfer", secondary=None)
    assert issued == ("", ["invoice_issued: billing date"])
    assert missed == ("", ["standing: s-1-0001 is due", "email: s-1-0001 is due"])


AT = datetime(2026, 1, 15, 5, tzinfo=UTC)
INVOICE = Invoice("s-1-0001", 1, "period", 0, date(2026, 1, 15), date(2026, 2, 15), 4900, 4900, AT, AT, AT.date())
LATER = replace(INVOICE, number="s-1-0002", ordinal=2)


@pytest.mark.parametrize(
    "differs",
    [
        {"invoices": (INVOICE, LATER)},
        {"invoices": ()},
        {"invoices": (replace(INVOICE, due_at=AT + timedelta(days=1)),)},
        {"episode": Episode(AT)},
        {"ended": Ended(AT, AT.date(), retroactive=False, by="customer")},
        {"promise": Promise(AT.date(), AT, "support")},
        {"review": Review(AT, "locked", 3)},
        {"hold": Hold(AT, "support", "asked")},
        {"bill_not_before": AT},
        {"cancel_at_period_end": "customer"},
    ],
    ids=lambda differs: next(iter(differs)),
)
def test_where_anything_else_might_come_first_the_round_waits_for_the_agenda(differs: dict[str, Any]) -> None:
    life = begins("photo-monthly")
    plain = replace(life.state, invoices=(INVOICE,), next_period=1, issued=1)
    assert round_at_once(plain, life.policy, AT) == next_item(plain, life.policy)
    assert round_at_once(replace(plain, **differs), life.policy, AT) is None


def test_where_a_policy_gives_notice_the_round_waits_for_the_agenda() -> None:
    life = begins("photo-monthly")
    rung = life.policy.ladder[0]
    noticing = replace(life.policy, ladder=(replace(rung, when=replace(rung.when, kind="days_before_due")),))
    plain = replace(life.state, invoices=(INVOICE,), next_period=1, issued=1)
    assert round_at_once(plain, noticing, AT) is None


def test_invoices_and_receipts_are_mailed_where_a_policy_wants_them(vary: Vary) -> None:
    bill = {"every": "month", "in": "advance", "at": "00:00", "due_after_days": 0}
    policy = vary("photo-monthly", bill=bill | {"invoice_email": "invoice", "receipt_email": "receipt"})
    life = begins(policy, DECLINED, APPROVED, DECLINED, DECLINED).play("2026-02-16")
    assert [(f"{m.at:%m-%d}", m.template, m.about["invoice"]) for m in life.mails] == [
        ("01-15", "invoice", "s-1-0001"),
        ("01-15", "receipt", "s-1-0001"),
        ("02-15", "invoice", "s-1-0002"),
        ("02-15", "payment_declined", "s-1-0002"),
    ]
    assert begins(policy, price_minor=0).play("2026-03-01").mails == [], "nothing is owed, so nobody is asked"


def test_a_mail_says_what_is_owed_when_it_is_sent() -> None:
    life = pay(begins("photo-monthly", afterwards=DECLINED), "2026-01-16T10:00", "9.00").play("2026-01-19")
    assert [(m.template, m.about["balance"], m.about["open"]) for m in life.mails] == [
        ("payment_declined", "49.00", "49.00"),
        ("account_locked", "40.00", "40.00"),
    ]


def test_mails_commands_and_placements_have_keys_that_sort_in_the_order_they_were_sent() -> None:
    life = begins("hosting", APPROVED, afterwards=DECLINED).play("2026-06-01")
    keys = [e.key for e in life.effects if hasattr(e, "key") and not isinstance(e, LedgerEntry)]
    assert keys == sorted(set(keys))
    assert keys[0] == "s-1/000001/mail"


def test_a_reversal_that_credit_makes_good_at_once_disturbs_nobody() -> None:
    life = pay(begins("photo-monthly"), "2026-01-20T10:00", "49.00")
    life.tell(
        "2026-01-21T10:00", "payment-reversed", amount="49.00", reference="s-1-0001/1/primary", reason="chargeback"
    )
    assert (life.state.standing, life.state.open_minor, life.state.credit_minor) == ("active", 0, 0)
    assert life.mails == []


def test_a_write_off_is_undone_as_the_invoice_stands_then() -> None:
    """The partial payment behind it was reversed and paid again by another: voiding gives back the right one."""
    life = pay(begins("photo-monthly", afterwards=DECLINED), "2026-01-16T10:00", "20.00", "r-1")
    life.tell("2026-01-16T11:00", "write-off", by="support", reason="goodwill")
    life.tell("2026-01-16T12:00", "payment-reversed", amount="20.00", reference="r-1", reason="bounced")
    pay(life, "2026-01-16T13:00", "20.00", "r-2")
    life.tell("2026-01-16T14:00", "undo-write-off", by="support", reason="mistaken")
    assert [(p.reference, p.minor) for p in life.state.invoices[0].paid_by] == [("r-2", 2000)]
    assert life.state.open_minor == 2900
    life.play("2026-03-01")
    assert life.story("invoice_voided", "ended") == ["02-01 invoice voided 49.00", "02-01 ended"]
    assert [(p.reference, p.minor) for p in life.state.credit] == [("r-2", 2000)]


def test_an_invoice_of_which_a_part_was_written_off_is_not_paid_in_full_by_money() -> None:
    life = pay(begins("hosting", afterwards=DECLINED), "2026-02-16T10:00", "20.00", "r-1")
    life.tell("2026-02-16T11:00", "write-off", by="support", reason="goodwill")
    life.tell("2026-02-16T12:00", "payment-reversed", amount="20.00", reference="r-1", reason="bounced")
    pay(life, "2026-02-16T13:00", "20.00", "r-2")
    assert life.state.open_minor == 0
    assert life.state.new_customer


def test_a_product_cancelled_again_in_the_same_period_is_billed_for_the_rest_of_its_days() -> None:
    """13 of 30 days were billed by the first cancellation, 26 have passed at the second: 42.47 less 21.23."""
    life = begins("hosting", APPROVED, afterwards=DECLINED).play("2026-04-28")
    pay(life, "2026-04-29T10:00", "119.23").tell("2026-05-07T10:00", "reactivate", by="support", reason="paid")
    life.tell("2026-05-10T10:00", "cancel", by="customer", reason="moving", when="now")
    assert life.story("invoice_issued", since="2026-04-16") == [
        "04-28 invoice s-1-0004 21.23",
        "05-10 10:00 invoice s-1-0005 21.24",
    ]


def test_debt_placed_again_during_a_review_passes_through_cancelled() -> None:
    life = begins("hosting", APPROVED, afterwards=DECLINED).play("2026-05-13")
    pay(life, "2026-05-14T10:00", "119.23", "r-1")
    assert life.state.standing == "awaiting_review"
    life.tell("2026-05-15T10:00", "payment-reversed", amount="119.23", reference="r-1", reason="bounced")
    life.play("2026-05-19")
    assert life.story("standing", since="2026-05-12") == [
        "05-12 standing in_collections",
        "05-14 10:00 standing awaiting_review",
        "05-18 10:00 standing cancelled",
        "05-18 10:00 standing in_collections",
    ]


def test_what_the_agency_has_is_placed_and_taken_back_invoice_by_invoice() -> None:
    life = begins("hosting", APPROVED, afterwards=DECLINED).play("2026-05-13")
    pay(life, "2026-05-14T10:00", "60.00", "r-1")
    placed = [e for e in life.effects if isinstance(e, PlaceWithAgency)]
    recalled = [(e.invoice, e.minor) for e in life.effects if isinstance(e, RecallFromAgency)]
    assert [[(i.number, i.placed_minor) for i in e.invoices] for e in placed] == [
        [("s-1-0002", 4900), ("s-1-0003", 4900), ("s-1-0004", 2123)]
    ]
    assert recalled == [("s-1-0002", 4900), ("s-1-0003", 1100)]
    assert life.state.placed_minor == life.state.open_minor == 5923


def test_the_agency_with_nothing_left_leaves_what_it_returned_as_cancelled() -> None:
    life = begins("hosting", APPROVED, afterwards=DECLINED).play("2026-05-13")
    life.tell(
        "2026-05-14T10:00", "payment-reversed", amount="49.00", reference="s-1-0001/1/primary", reason="chargeback"
    )
    life.tell("2026-05-15T10:00", "agency-update", status="returned").play("2026-05-18")
    assert life.state.standing == "in_collections", "the re-opened invoice is placed after its three days"
    pay(life, "2026-05-18T10:00", "49.00", "r-1", invoice="s-1-0001")
    assert (life.state.standing, life.state.placed_minor, life.state.open_minor) == ("cancelled", 0, 11923)


@pytest.mark.parametrize("judged_on", ["2026-01-20", "2026-02-10", "2026-03-20"])
def test_a_commitment_cancelled_by_the_customer_after_its_month_end_is_judged_all_the_same(judged_on: str) -> None:
    life = begins("photo-annual", afterwards=DECLINED)
    life.tell(f"{judged_on}T10:00", "cancel", by="customer", reason="moving", when="now").play("2026-05-01")
    assert life.state.standing == "ended", "nothing was used: voided, and no debt is forgotten"
    assert len(life.story("invoice_voided")) == len(life.story("invoice_issued"))


def test_anchors_clamp_and_return_in_what_is_billed() -> None:
    life = begins("photo-monthly", starts_on="2027-12-31").play("2028-05-01")
    starts = [e.fields["period_start"] for e in life.entries if e.what == "invoice_issued"]
    assert starts == ["2027-12-31", "2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30"]
    assert date.fromisoformat(str(starts[2])).day == 29
