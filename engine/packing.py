"""Batches on the wire, packed: most of what a history would keep of a month are field names that repeat themselves.

What is asked for stays readable JSON (which invoice, which method, how much, under which key); what is to be written
down is packed, in the field `packed`: the number of the dictionary, a colon, and zlib's bytes in Base64. The books hold
the same in clear. A reader takes both forms.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import from_json, to_json

from domain.effects import Batch
from domain.errands import ChargeRequest, FactsRequest, LookUpRequest, MessageRequest, PaymentRequest

PACKED: Mapping[type, frozenset[str]] = {
    Batch: frozenset(("view", "effects")),
    ChargeRequest: frozenset(("subscription_id", "timezone", "batch", "if_approved")),
    LookUpRequest: frozenset(("batch",)),
    FactsRequest: frozenset(("batch",)),
    PaymentRequest: frozenset(("batch",)),
    MessageRequest: frozenset(("batch",)),
}
"""Which fields of what workflows ask for are packed."""

FIELD = "packed"
WORTH_IT = 300  # bytes of JSON; fewer are left as they are
LIMIT = 8_000_000  # bytes that may come out; four times what Temporal lets a payload have
LEVEL = 6
WINDOW = 13  # 8 KB: the dictionary and a batch
MEMORY = 5  # 20 KB to work in; what zlib takes by default is fetched from the system each time, which takes longer


class CannotUnpack(ValueError):
    """A batch that this worker cannot unpack; says why. Nothing was written and no money moved."""


def carries_batch(kind: object) -> bool:
    """Whether values of a type are packed."""
    return kind in PACKED


def dumped(value: object, adapter: TypeAdapter[Any]) -> bytes:
    """The JSON of a request that carries a batch."""
    names = set(PACKED[type(value)])
    text = adapter.dump_json(value, include=names)
    if len(text) < WORTH_IT:
        return adapter.dump_json(value)
    deflate = zlib.compressobj(LEVEL, zlib.DEFLATED, WINDOW, MEMORY, zlib.Z_DEFAULT_STRATEGY, DICTIONARY)
    packed = base64.b64encode(deflate.compress(text) + deflate.flush())
    return b'%s,"%s":"%d:%s"}' % (adapter.dump_json(value, exclude=names)[:-1], FIELD.encode(), NUMBER, packed)


def plain(data: bytes) -> bytes:
    """The JSON of a request with everything in clear. Raises CannotUnpack."""
    if FIELD.encode() not in data:
        return data
    said = from_json(data)
    packed = said.pop(FIELD, None) if isinstance(said, dict) else None
    if packed is None:
        return data
    number, _, text = str(packed).partition(":")
    if number != str(NUMBER):
        raise CannotUnpack(
            f"a batch is packed with dictionary {number[:10]!r}, and this worker has {NUMBER}. Nothing was written and "
            "no money moved. Deploy the newer worker; the activity is tried again by itself."
        )
    inflate = zlib.decompressobj(WINDOW, DICTIONARY)
    try:
        inside = inflate.decompress(base64.b64decode(text, validate=True), LIMIT)
    except (ValueError, zlib.error) as error:
        raise CannotUnpack(f"a batch is packed in a way that cannot be read: {error}. No money moved.") from None
    if not inflate.eof:
        raise CannotUnpack(f"a batch is cut off, or has more than {LIMIT} bytes. No money moved.")
    return b"%s,%s" % (to_json(said)[:-1], inside[1:])


NUMBER = 1
DICTIONARY = (
    b'{"digest":"","signal":"payment-received","at":"","kind":"message"},"fields":{"command":"block_uploads"},"by":"'
    b'support:","because":"unpaid for 3 days","kind":"entry"},{"key":"/platform","command":"block_archive","at":"",'
    b'"because":"","kind":"command"},{"at":"","templates":["payment_declined","payment_reminder","payment_reversed",'
    b'"product_locked","account_locked","bank_transfer_instructions","collections_warning"],"kind":"withdraw_mails"},'
    b'"fields":{"command":"allow_uploads"},"allow_archive","activate_sites","deactivate_sites","lock_server",'
    b'"unlock_server","fields":{"template":"account_unlocked","invoice":"","due_on":""},"by":"platform","because":"'
    b'payment-received","kind":"entry"},{"key":"/mail","template":"","at":"","about":{"balance":"0.00","open":"0.00",'
    b'"invoice":"","amount":"","due_on":"","next":"cancel","next_on":""},"not_before":null,"kind":"mail"},"fields":{'
    b'"to":"locked","from":"past_due"},"fields":{"to":"past_due","from":"active"},"channel":"bank_transfer",'
    b'"reference":"unresolved":{"charge_key":"","role":"","method":"card","asked_at":"","look_up_at":"","looked_up":0,'
    b'"absent_since":null},"outcome":"declined","reason":"insufficient_funds"},"unknown","paypal","secondary",'
    b'{"batch":{"key":"/000005","view":{"subscription_id":"","customer_id":"","client_number":"","policy":"hosting",'
    b'"policy_version":1,"plan":"","currency":"EUR","timezone":"Europe/Berlin","standing":"active","balance_minor":0,'
    b'"open_minor":0,"credit_minor":0,"placed_minor":0,"next_at":null,"next_what":"","attention":[],"ended":false},'
    b'"effects":[{"number":7,"at":"T00:00:00Z","what":"invoice_issued","fields":{"invoice":"","amount":"","due_on":"'
    b'","period_start":"","period_end":""},"by":"policy","because":"billing date","kind":"entry"},{"key":"/000007",'
    b'"at":"","what":"invoice issued","postings":[{"account":"receivable:","minor":,"payment":null},{"account":"'
    b'revenue","minor":-,"payment":null}],"by":"policy","because":"billing date","kind":"ledger_entry"},{"invoice":{'
    b'"number":"","ordinal":3,"kind":"period","period":2,"period_start":"","period_end":"","amount_minor":,'
    b'"open_minor":,"issued_at":"","due_at":"","missed_on":"","unpaid_since":null,"missed":false,"rounds":1,'
    b'"notified":false,"placed_minor":0,"returned":false,"reopened_at":null,"written_off_minor":0,"voided":false,'
    b'"noticed":[],"paid_by":[],"unresolved":null},"kind":"invoice"}]},"if_approved":{"key":"/000006/approved","view":'
    b'{"policy":"photo-monthly","policy_version":1,"plan":"","currency":"USD","timezone":"America/New_York","next_at":"'
    b'T00:00:00Z","next_what":"invoice ","attention":[],"ended":false},"effects":[{"number":,"at":"T00:00:00Z","what":"'
    b'charge","fields":{"invoice":"","method":"primary","amount":"","outcome":"approved"},"by":"policy","because":"'
    b' is due","kind":"entry"},{"number":,"at":"","what":"payment_received","fields":{"amount":"","channel":"card",'
    b'"reference":"/1/primary"},"by":"policy","because":" is due","kind":"entry"},{"reference":"/1/primary","minor":,'
    b'"channel":"card","at":"","kind":"payment"},{"key":"","at":"","what":"payment received","postings":[{"account":"'
    b'cash:card","minor":,"payment":"/1/primary"},{"account":"credit","minor":-,"payment":"/1/primary"}],"by":"policy",'
    b'"because":" is due","kind":"ledger_entry"},{"key":"","at":"","what":"allocated","postings":[{"account":"credit",'
    b'"minor":,"payment":"/1/primary"},{"account":"receivable:","minor":-,"payment":"/1/primary"}],"by":"policy",'
    b'"because":" is due","kind":"ledger_entry"},"paid_by":[{"reference":"/1/primary","minor":}],"unresolved":null},'
    b'"kind":"invoice"}]}}'
)
"""What batches say again and again, the most frequent last. Histories are read with it for ever: it never changes.

Another one gets another number, and both are read.
"""
