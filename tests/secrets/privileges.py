"""Who may do what with each table: written down here by hand, and compared with what the database says.

Column lists are of what may be inserted or updated; `*` is a right to the whole table. A table without a row here fails
the test: whoever adds one decides who may use it (adapters/postgres/migrations/0008_roles.sql shows how).
"""

from __future__ import annotations

from dataclasses import dataclass

ALL = "*"
OBSERVED = frozenset({"reconciliation", "reconciliation_pair", "difference", "reconciliation_place"})


@dataclass(frozen=True, slots=True)
class May:
    """Rights to one table: columns separated by spaces, `*` for the whole table, "" for none."""

    select: str = ALL
    insert: str = ""
    update: str = ""


READS = May()
NOTHING = May("")

_OUTBOX = "key subscription_id party kind body at because state not_before"
_PROJECTION = (
    "customer_id client_number policy policy_version plan currency timezone standing balance_minor open_minor"
    " credit_minor placed_minor next_at next_what attention ended"
)
_INVOICE = "ordinal status amount_minor open_minor due_at missed body"
_METHOD = "gateway payer method state"
_MONEY = "source reference subscription_id client_number name name_key minor currency channel at"
_DONE = "done_by done_reason done_at"
_CUSTOMER = "client_number name name_key email locale phone address"

BOTH: dict[str, May] = {
    # kept for ever: new rows only, and neither their place nor the instant of writing can be chosen
    "batch": May(insert="key subscription_id digest"),
    "ledger_entry": May(insert="key subscription_id at what by because"),
    "posting": May(insert="entry_key line account minor currency payment"),
    "payment": May(insert="subscription_id reference minor channel at"),
    "timeline": May(insert="subscription_id number at what fields by because"),
    "message": May(insert="subscription_id digest signal at"),
    "placement": May(insert="key invoice subscription_id minor at because"),
    # what is known now
    "outbox": May(insert=_OUTBOX, update="state attempts last_error sending_until delivered_at"),
    "subscription": May(insert=f"id {_PROJECTION}", update=f"{_PROJECTION} updated_at"),
    "invoice": May(insert=f"number subscription_id {_INVOICE}", update=f"{_INVOICE} updated_at"),
    "unapplied": May(insert=_MONEY, update="state resolved_by resolved_reason resolved_at"),
    "support_task": May(insert="key subscription_id kind text", update=_DONE),
    # what others report
    "report": May(
        insert="source id what subscription_id signal note state", update="times state taken_in_at refused note"
    ),
    "payment_method": May(insert=f"subscription_id role {_METHOD} updated_at", update=f"{_METHOD} reason updated_at"),
    "bank_entry": May(
        insert="key account kind minor currency booked_on value_on bank_reference group_reference end_to_end_id payer"
        " fingerprint keyed_by file format outcome why client_number returns",
        update="outcome why done_at",
    ),
    "bank_entry_part": May(insert="entry_key part reference subscription_id invoice minor"),
    "mail_bounce": May(insert="key kind status"),
    "agency_case": May(insert="placement_key agency case_id subscription_id currency", update="closed_as"),
    "agency_case_line": May(insert="placement_key invoice minor"),
    "agency_recall": May(insert="key placement_key subscription_id invoice minor at"),
    "agency_payment": May(insert="agency payment_id placement_key minor counted_minor", update="undone_at"),
    **{name: May(insert=ALL, update=ALL) for name in OBSERVED},
    # the simulated parties
    "simulated_charge": May(insert=ALL),
    "simulated_ask": May(insert=ALL, update="asked"),
    "simulated_mail": May(insert=ALL, update="sent"),
    "simulated_command": May(insert=ALL, update="sent"),
    "simulated_case": May(insert=ALL, update="sent"),
    "simulated_refusal": May(update="left_over"),
    "simulated_gateway_rule": READS,
    "simulated_gateway_fault": READS,
    "allocation": READS,
    "schema_migration": READS,
}

WORKER = BOTH | {
    "customer": READS,
    "usage": READS,
    "dead_letter_decision": READS,
    "attempt": May(
        insert="charge_key subscription_id invoice role method minor currency state",
        update="state reason completed_at absent_at",
    ),
    "gateway_reference": May(insert="charge_key gateway reference subscription_id"),
}

SUPPORT = BOTH | {
    "customer": May(insert=f"id {_CUSTOMER}", update=f"{_CUSTOMER} updated_at"),
    "subscription": May(insert=f"id {_PROJECTION} tenant", update=f"{_PROJECTION} updated_at tenant"),
    "usage": May(insert="subscription_id on_date kind"),
    "dead_letter_decision": May(insert="key decision by reason error"),
    "outbox": May(insert=_OUTBOX, update="state attempts last_error sending_until delivered_at seq"),
    "attempt": READS,
    "gateway_reference": READS,
}

_PERSONAL = {
    "customer": NOTHING,
    "payment_method": NOTHING,
    "simulated_mail": NOTHING,
    "simulated_case": NOTHING,
    "unapplied": May(
        "id source reference subscription_id client_number minor currency channel at state resolved_by resolved_reason"
        " resolved_at"
    ),
}
READER = {name: _PERSONAL.get(name, READS) for name in WORKER}

EXPECTED: dict[str, dict[str, May]] = {
    "perennial_worker": WORKER,
    "perennial_support": SUPPORT,
    "perennial_reader": READER,
}
