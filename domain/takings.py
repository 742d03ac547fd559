"""Charges and what was taken back of them: a gateway's books against ours, compared. Pure.

Every text names the charge, each side's figure, whether money moved, and the command to give.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from domain.money import InvalidAmount, Money, decimal_text
from domain.reconciliation import Difference, Side, money_text
from domain.reports import Report
from domain.witnesses import BookedCharge, Taking

UNRESOLVED_AFTER = timedelta(hours=2)
"""A charge without a known outcome is looked up every 15 minutes; after eight of these somebody should look."""


def charge(taking: Taking | None, booked: BookedCharge | None, now: datetime) -> Difference | None:
    """One charge of ours, by its gateway (None: not found there) and by our books (None: never begun here)."""
    if booked is None:
        return _of_nobody(taking) if taking is not None and taking.outcome == "approved" else None
    if booked.state in ("started", "unknown"):
        return _unresolved(taking, booked) if now - booked.started_at >= UNRESOLVED_AFTER else None
    if taking is not None and taking.outcome == "approved":
        return _taken(taking, booked)
    return _untaken(taking, booked) if (booked.paid_minor or 0) > booked.reversed_minor else None


def twice(known: Taking, other: Taking) -> Difference:
    """Two approved charges of one gateway under one key of ours: the one that the books name, and another."""
    return Difference(
        "gateways",
        "charge_twice",
        other.reference,
        other.subscription_id,
        tuple(Side(f"{t.gateway}, {t.reference}", money_text(t.minor, t.currency)) for t in (known, other)),
        f"Money was taken twice under {other.charge_key}.",
        f"Compare both at {other.gateway} and give back {other.reference}, which the books do not name.",
    )


def keyless(taking: Taking) -> Difference:
    """A charge of one of our customers at a gateway, under none of our keys and counted nowhere."""
    whose = taking.subscription_id or "ID"
    return Difference(
        "gateways",
        "payment_unbooked",
        taking.reference,
        taking.subscription_id,
        (Side(taking.gateway, money_text(taking.minor, taking.currency)), Side("the books", "no payment of that name")),
        "The money is at the gateway and counted nowhere here.",
        "Find out there whose it is. If it is a subscription's: `cli.py payment-received "
        f"{whose} --amount {decimal_text(taking.minor, taking.currency)} --channel {_channel(taking)} "
        f"--reference {taking.reference}`. Else give it back there, or close this task.",
    )


def reversal(booked: BookedCharge, gateway: str, returned_minor: int) -> Difference | None:
    """What was taken back of a payment, by the gateway (refunds and disputes, minor units) and by the ledger."""
    expected = min(returned_minor, booked.paid_minor or 0)
    if expected == booked.reversed_minor:
        return None
    more = returned_minor > booked.reversed_minor
    left = decimal_text(abs(expected - booked.reversed_minor), booked.currency)
    do = (
        f"Record what is missing: `cli.py payment-reversed {booked.subscription_id} --amount {left} --reference "
        f"{booked.charge_key} --reason refund` (or chargeback)."
        if more
        else f"If {gateway} is right, record it again: `cli.py payment-received {booked.subscription_id} --amount "
        f"{left} --channel {booked.method} --reference {booked.charge_key}-again`."
    )
    return Difference(
        "gateways",
        "reversal_amount",
        booked.charge_key,
        booked.subscription_id,
        (
            Side(gateway, f"{money_text(returned_minor, booked.currency)} taken back"),
            Side("the ledger", f"{money_text(booked.reversed_minor, booked.currency)} reversed"),
        ),
        "Money went back and the books do not say so." if more else "The books say that money went back.",
        do,
    )


def room_for(
    report: Report, booked: BookedCharge | None, returned_minor: int | None, reversed_minor: int
) -> int | None:
    """How much of its charge a report may still take back: its own amount, or 0 where that is counted already.

    `returned_minor` is what the gateway has given back in all; `reversed_minor` what the ledger has, and what was taken
    in just now. A message by hand has another id than its report: only the sums tell whether both mean the same money.
    None where nobody can tell: no such payment of ours, a gateway that does not say, an amount that is none.
    """
    if booked is None or booked.paid_minor is None or returned_minor is None:
        return None
    try:
        minor = Money.parse(report.payload.get("amount"), booked.currency).minor
    except InvalidAmount:
        return None
    return minor if reversed_minor + minor <= min(returned_minor, booked.paid_minor) else 0


def unheard(report: Report) -> Difference:
    """Something that a gateway has told, that we never heard of, and that may have been recorded by hand meanwhile."""
    amount = str(report.payload.get("amount", ""))
    return Difference(
        "gateways",
        "report_unheard",
        report.id,
        report.subscription_id,
        (Side(report.source, f"{report.what} {amount}".strip()), Side("the books", "never heard of it by this name")),
        "Whether it is counted here is not known: somebody may have recorded it by hand.",
        f"Look at `cli.py timeline {report.subscription_id or 'ID'}`. If it is missing there, record it with `cli.py "
        f"{report.signal}`; then close this task.",
    )


def _of_nobody(taking: Taking) -> Difference:
    return Difference(
        "gateways",
        "charge_unknown",
        taking.reference,
        taking.subscription_id,
        (
            Side(taking.gateway, f"{money_text(taking.minor, taking.currency)} approved for {taking.charge_key}"),
            Side("the books", "no charge was ever begun under that key"),
        ),
        "Money was taken and is counted nowhere here.",
        "Is the account shared with another deployment, or were these books restored from a backup? If it is this "
        "one's, record it with `cli.py payment-received`; else give it back at the gateway.",
    )


def _unresolved(taking: Taking | None, booked: BookedCharge) -> Difference:
    theirs = _said(taking) if taking is not None else "not found"
    paid = taking is not None and taking.outcome == "approved"
    return Difference(
        "gateways",
        "charge_unresolved",
        booked.charge_key,
        booked.subscription_id,
        (
            Side(_who(taking), theirs),
            Side("the books", f"{booked.state} since {booked.started_at:%Y-%m-%d %H:%M} UTC"),
        ),
        "The money was taken and is not booked yet." if paid else "It is not known that money moved.",
        "Its workflow looks it up every 15 minutes and books what the gateway says; see that it runs: `cli.py show "
        f"{booked.subscription_id}`. Do not record it by hand: it would count twice.",
    )


def _taken(taking: Taking, booked: BookedCharge) -> Difference | None:
    theirs, theirs_at = money_text(taking.minor, taking.currency), Side(taking.gateway, f"{_said(taking)}")
    by_hand = (
        f"`cli.py payment-received {booked.subscription_id} --amount {decimal_text(taking.minor, taking.currency)} "
        f"--channel {booked.method} --reference {taking.reference}`"
    )
    if booked.state == "declined":
        if booked.paid_minor is not None:
            return None
        return Difference(
            "gateways",
            "charge_paid_though_declined",
            booked.charge_key,
            booked.subscription_id,
            (theirs_at, Side("the books", "declined")),
            "Money was taken and is counted nowhere here.",
            f"Give it back at {taking.gateway}, or record it: {by_hand}.",
        )
    if booked.paid_minor is None:
        return Difference(
            "gateways",
            "charge_unbooked",
            booked.charge_key,
            booked.subscription_id,
            (theirs_at, Side("the ledger", "no payment under that key")),
            "Money was taken and is counted nowhere here.",
            f"See `cli.py audit {booked.subscription_id}` and whether its workflow runs; if it goes on without the "
            f"payment, record it: {by_hand}.",
        )
    if (booked.paid_minor, booked.currency) != (taking.minor, taking.currency):
        return Difference(
            "gateways",
            "charge_amount",
            booked.charge_key,
            booked.subscription_id,
            (Side(taking.gateway, theirs), Side("the ledger", money_text(booked.paid_minor, booked.currency))),
            "Money was taken; how much is not agreed.",
            "The gateway's figure is what moved. Reverse the payment and record what was taken: `cli.py "
            f"payment-reversed {booked.subscription_id} ...`, then {by_hand}.",
        )
    return None


def _untaken(taking: Taking | None, booked: BookedCharge) -> Difference:
    paid = booked.paid_minor or 0
    return Difference(
        "gateways",
        "payment_untaken",
        booked.charge_key,
        booked.subscription_id,
        (
            Side(_who(taking), _said(taking) if taking is not None else "no such charge"),
            Side("the ledger", f"{money_text(paid, booked.currency)} received"),
        ),
        "The books count money that the gateway has not taken.",
        "Are key and account of the gateway the right ones? If it is so: `cli.py payment-reversed "
        f"{booked.subscription_id} --amount {decimal_text(paid, booked.currency)} --reference {booked.charge_key} "
        "--reason bounced`.",
    )


def _said(taking: Taking) -> str:
    return f"{money_text(taking.minor, taking.currency)} {taking.outcome}, {taking.reference}"


def _who(taking: Taking | None) -> str:
    return taking.gateway if taking is not None else "the gateway"


def _channel(taking: Taking) -> str:
    return "paypal" if taking.gateway == "paypal" else "card"
