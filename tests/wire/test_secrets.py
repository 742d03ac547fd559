"""Nobody's name, address, account or token gets where it does not belong.

Personal data is allowed in the tables `customer` and `unapplied`, in the mail itself, and with the agency. A gateway's
tokens are allowed in `payment_method` and on the line to that gateway. Everywhere else is looked into here.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import uuid4

import pytest
from temporalio.client import WorkflowExecutionDescription, WorkflowHistory

from domain.letters import Addressee
from domain.opening import Contact
from domain.timeline import as_lines
from tests.bank.samples import Transfer, statement
from tests.wire.lives_on_the_wire import Town, WiredLife, begun_in

pytestmark = pytest.mark.slow

NAME, MAIL, PHONE = "Zebulon Quandary", "zebulon.quandary@secret.example", "+49 30 77777771"
STREET, CITY = "Whisperlane 77", "Nowherestadt"
PAYER, PAYER_TEXT, IBAN = "Ottilie Obskurant", "geheime Ueberweisung", "FR7630006000011234567890189"
THEIR_MESSAGE = f"{NAME} of {STREET} says: no"

MAY_HOLD: dict[str, tuple[str, ...]] = {
    "customer": (NAME, MAIL, PHONE, STREET, CITY),
    "unapplied": (NAME, PAYER),
}
"""Tables in which personal data is meant to be. Vaulted tokens are in `payment_method`, gateways' names for charges in
`gateway_reference`."""


class _Kept(logging.Handler):
    """Every record as it would be written, with its traceback, and its arguments as they are."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{self.format(record)} {record.__dict__}")


OF_STAND_INS = ("mail.log", "aiosmtpd", "aiohttp")
"""Loggers of what stands in for others: a mail server may well log whom a mail is for."""


@contextmanager
def _everything_logged() -> Iterator[_Kept]:
    """Everything at DEBUG that our side may log, as if an operator had turned it all up."""
    kept, root = _Kept(), logging.getLogger()
    before = {name: logging.getLogger(name).level for name in ("", *OF_STAND_INS)}
    root.setLevel(logging.DEBUG)
    for name in OF_STAND_INS:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    root.addHandler(kept)
    try:
        yield kept
    finally:
        root.removeHandler(kept)
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


@dataclass(slots=True)
class Lived:
    """A life through all parties, what was logged meanwhile, and what must be nowhere."""

    life: WiredLife
    logged: list[str]
    personal: tuple[str, ...]
    tokens: tuple[str, ...]
    keys: tuple[str, ...]
    places: dict[str, str] = field(default_factory=dict)

    @property
    def all(self) -> tuple[str, ...]:
        return self.personal + self.tokens + self.keys


async def _lived(town: Town) -> Lived:
    """Charged, declined, mailed, locked, unlocked by a transfer, refunded, handed over, with a fault at every party."""
    id_ = f"quiet-{uuid4().hex[:10]}"
    customer = Addressee(f"c-{id_}", f"K-{id_}", NAME, MAIL, "en")
    contact = Contact(phone=PHONE, address={"street": STREET, "postal_code": "10115", "city": CITY, "country": "DE"})
    said = town.settings
    with _everything_logged() as kept:
        town.mail.break_("refuse_recipient", f"451 4.7.1 <{MAIL}> greylisted", to="quandary")
        town.mail.break_("refuse_recipient", f"550 5.1.1 <{MAIL}>: {NAME} unknown", to="quandary")
        town.stripe.wire.break_("payment_intents$", "status", status=401)
        town.stripe.wire.break_("/confirm$", "lost_after")
        town.platform.wire.break_("POST", "lost_after")
        town.debitura.wire.break_("^POST /cases$", "lost_after")
        town.debitura.wire.break_("^GET /cases", "garbage")
        life = await begun_in(
            town,
            "hosting",
            id_,
            methods=("card", "paypal"),
            card="pm_card_chargeCustomerFail",
            customer=customer,
            contact=contact,
        )
        wallet = life.contact.vault["secondary"].method
        card = life.contact.vault["primary"]
        town.paypal.decline(wallet, "INSTRUMENT_DECLINED")
        town.paypal.wire.break_("/capture$", "status", status=429)
        await life.until("2026-02-19T12:00")
        headers = {"authorization": f"Bearer {said.listen.token}"}
        file = statement(
            Transfer("31.00", text=f"{id_}-0001 K-{id_} {PAYER_TEXT}", reference=uuid4().hex, name=NAME),
            Transfer("3.00", text=PAYER_TEXT, reference=uuid4().hex, name=PAYER),
        )
        file = file.replace(b"</Dbtr>", f"</Dbtr><DbtrAcct><Id><IBAN>{IBAN}</IBAN></Id></DbtrAcct>".encode())
        town.to_database.close()
        assert (await town.http.post("/uploads/statements", content=file, headers=headers)).status_code == 503
        town.to_database.open = True
        answer = await town.http.post("/uploads/statements", content=file, headers=headers)
        assert answer.status_code == 200
        await life.until_entry("payment_received")
        await life.tell("reactivate", by="support:kim", reason="paid")
        unsigned = json.dumps({"name": NAME, "email": MAIL}).encode()
        for source in ("stripe", "paypal", "debitura"):
            refused = await town.http.post(f"/webhooks/{source}", content=unsigned)
            assert refused.status_code == 400
            assert NAME not in refused.text
        await life.until("2026-05-20T12:00")
        town.stripe.books.detach(card.method)
        await town.paypal.remove_wallet(wallet)
        await town.quiet()
        for case in [c["id"] for c in town.debitura.partner.cases() if id_ in str(c["claimDescription"])]:
            await town.debitura.partner.write(case, THEIR_MESSAGE)
            await town.debitura.partner.pay(case, 5.0)
        await town.quiet()
        await life.settled()
    lived = Lived(
        life,
        kept.lines,
        (NAME, MAIL, PHONE, STREET, CITY, PAYER, PAYER_TEXT, IBAN),
        (card.payer, card.method, wallet),
        (
            said.stripe.api_key,
            said.stripe.webhook_secret,
            said.paypal.client_secret,
            said.webhooks.secret,
            said.debitura.api_key,
            said.debitura.webhook_secret,
            said.listen.token,
            town.stage.dsn.split(":")[2].split("@")[0],
        ),
    )
    lived.places = {**await _in_temporal(life), **await _in_books(life)}
    lived.places["answer to the upload"] = answer.text
    return lived


async def _in_temporal(life: WiredLife) -> dict[str, str]:
    """Histories as bytes, in which payloads stand as plain JSON; search attributes, memo, and the page."""
    described: WorkflowExecutionDescription = await life.handle.describe()
    runs: Sequence[WorkflowHistory] = await life.runs()
    payloads = [event.SerializeToString().decode("utf-8", "replace") for run in runs for event in run.events]
    seen = await life.settled()
    return {
        "history": "\n".join(payloads),
        "description": str(described.raw_description) + str(described.typed_search_attributes),
        "memo": str(await described.memo()),
        "page": (await life.metadata()).current_details if seen else "",
    }


async def _in_books(life: WiredLife) -> dict[str, str]:
    """Every table as text, by name, and the timeline as support reads it."""
    pool = life.stage.pool
    tables = await pool.fetch("select tablename from pg_tables where schemaname = 'public' order by 1")
    found = {
        f"table {row['tablename']}": "\n".join(
            str(each["line"])
            for each in await pool.fetch(f'select t::text as line from "{row["tablename"]}" t')  # its own name
        )
        for row in tables
    }
    entries = await life.entries()
    found["timeline"] = "\n".join(as_lines(entries, "Europe/Berlin", "EUR"))
    found["view"] = str(await life.stage.books.view(life.id))
    return found


@pytest.fixture(scope="module")
async def lived(town_of_the_session: Town) -> Lived:
    town_of_the_session.mended()
    return await _lived(town_of_the_session)


def _found(text: str, secrets: Sequence[str]) -> list[str]:
    """The secrets that a text holds, each with what stands around it."""
    low = text.lower()
    return [
        f"{secret}: ...{text[max(0, at - 60) : at + len(secret) + 60]!r}..."
        for secret in secrets
        if (at := low.find(secret.lower())) >= 0
    ]


async def test_the_life_has_met_every_party_and_everything_is_where_it_may_be(lived: Lived) -> None:
    """Else what follows would prove nothing."""
    life, places = lived.life, lived.places
    assert _found(places["table customer"], [NAME, MAIL, PHONE, STREET, CITY]) != []
    assert _found(places["table unapplied"], [PAYER]) != []
    assert _found(places["table payment_method"], lived.tokens) != []
    assert f'"{life.id}-0001"' in places["history"], "payloads can be read"
    assert any(NAME in mail.part("plain") for mail in life.town.mail.caught)
    told = {e.what for e in await life.entries()}
    assert {"charge", "email", "platform", "payment_received", "standing", "collections_placed"} <= told
    assert any(case["debtor"]["name"] == NAME for case in life.town.debitura.partner.cases())
    assert {"dead letter", "debitura"} <= {task.kind for task in await life.tasks()}
    assert len(lived.logged) > 100


async def test_no_log_holds_personal_data_a_token_or_a_key(lived: Lived) -> None:
    assert _found("\n".join(lived.logged), lived.all) == []


@pytest.mark.parametrize("place", ["history", "description", "memo", "page"])
async def test_nothing_in_temporal_holds_personal_data_a_token_or_a_key(lived: Lived, place: str) -> None:
    assert len(lived.places[place]) > 1
    assert _found(lived.places[place], lived.all) == []


async def test_only_the_tables_for_it_hold_personal_data(lived: Lived) -> None:
    found = {
        place: _found(text, [each for each in lived.personal if each not in MAY_HOLD.get(place[6:], ())])
        for place, text in lived.places.items()
        if place.startswith("table ")
    }
    assert {place: hits for place, hits in found.items() if hits} == {}


async def test_only_the_vault_holds_tokens_and_no_table_holds_a_key(lived: Lived) -> None:
    vaults = ("table payment_method",)
    found = {
        place: _found(text, lived.keys if place in vaults else lived.tokens + lived.keys)
        for place, text in lived.places.items()
    }
    assert {place: hits for place, hits in found.items() if hits} == {}


async def test_what_support_reads_holds_neither(lived: Lived) -> None:
    for place in ("timeline", "view", "table support_task", "table outbox", "table report"):
        assert _found(lived.places[place], lived.all) == [], place


async def test_what_the_platform_is_told_holds_neither(lived: Lived) -> None:
    sent = "\n".join(str(seen.body) + str(seen.headers) for seen in lived.life.town.platform.wire.requests)
    assert lived.life.id in sent
    assert _found(sent, lived.all) == []


async def test_gateways_are_told_no_personal_data(lived: Lived) -> None:
    town = lived.life.town
    for wire in (town.stripe.wire, town.paypal.wire):
        sent = "\n".join(seen.path + str(seen.body) for seen in wire.requests)
        assert lived.life.id in sent
        assert _found(sent, lived.personal) == []


async def test_a_mail_holds_no_token_and_no_key(lived: Lived) -> None:
    sent = "\n".join(mail.raw.decode("latin-1") for mail in lived.life.town.mail.caught)
    assert _found(sent, lived.tokens + lived.keys) == []


async def test_an_agencys_case_and_its_documents_hold_no_token_and_no_key(lived: Lived) -> None:
    partner = lived.life.town.debitura.partner
    cases = [c for c in partner.cases() if lived.life.id in str(c["claimDescription"])]
    assert cases != []
    for case in cases:
        ours = [text.decode("latin-1") for text in partner.documents(case["id"]).values()]
        ours += [message for message in partner.messages(case["id"]) if message != THEIR_MESSAGE]
        assert _found("\n".join(ours), lived.all) == []
        assert _found(json.dumps(case), lived.tokens + lived.keys) == []
