"""A life with a name, addresses, accounts and tokens of its own; then everything that was written anywhere is searched.

Worker and doors run as processes of their own, with every log turned up; the other parties are at the end of a wire.
Searched are: every event of every workflow, what lists and descriptions show, the files of the Temporal server, all
that worker and doors print, the metrics of the SDK, the log of PostgreSQL and every table. Personal data may stand in
the tables that ARCHITECTURE.md names for it. tests/wire/test_secrets.py looks closer at what single parties are told.
"""

from __future__ import annotations

import asyncio
import base64
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest

from adapters.postgres.books import Books
from adapters.postgres.pool import connected
from adapters.postgres.roles import login
from domain.letters import Addressee
from domain.opening import Contact
from embedded.child import usable_port
from embedded.postgres import postgres
from embedded.temporal import temporal
from engine.connect import connect
from engine.crew import migrated
from engine.outside import events_of
from engine.packing import plain
from engine.stage import TASK_QUEUE, Stage
from engine.stand_ins import standing_in
from settings import Settings, flattened
from tests.bank.samples import Transfer, statement
from tests.secrets.searching import leaks
from tests.wire.lives_on_the_wire import Strait, Town, WiredLife, begun_in
from workflows.attributes import REGISTERED

ROOT = Path(__file__).parents[2]
PATIENCE = 120

NAME, MAIL, PHONE = "Zebulon Quandary", "zebulon.quandary@secret.example", "+49 30 77777771"
STREET, CITY, POSTCODE = "Whisperlane 77", "Nowherestadt", "98765-4321"
PAYER, PAYER_TEXT, IBAN = "Ottilie Obskurant", "geheime Ueberweisung", "FR7630006000011234567890189"
THEIR_MESSAGE = f"the debtor {NAME} of {STREET} says: no"
PERSONAL = (NAME, MAIL, PHONE, STREET, CITY, POSTCODE, PAYER, PAYER_TEXT, IBAN)

MAY_HOLD: dict[str, tuple[str, ...]] = {
    "table customer": (NAME, MAIL, PHONE, STREET, CITY, POSTCODE),
    "table unapplied": (NAME, PAYER),
}
"""What ARCHITECTURE.md, "What is stored where", allows. Tokens: `payment_method` and `gateway_reference`."""
VAULTS = ("table payment_method", "table gateway_reference")


@dataclass(slots=True)
class Searched:
    """A town whose worker and doors are processes, and what may be found of it where."""

    town: Town
    folder: Path
    printed: dict[str, Path]
    metrics_url: str
    tokens: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    life: WiredLife | None = None

    async def places(self) -> dict[str, bytes]:
        """Everything that was written anywhere until now, by place."""
        return {**await self._in_temporal(), **self._in_files(), **await self._in_books(), **await self._in_metrics()}

    async def _in_temporal(self) -> dict[str, bytes]:
        client, events, lists = self.town.stage.client, b"", []
        async for each in client.list_workflows(""):
            lists.append(str(each.raw_info) + str(each.typed_search_attributes) + str(await each.memo()))
            described = await client.get_workflow_handle(each.id, run_id=each.run_id).describe()
            lists.append(str(described.raw_description))
            history = await client.get_workflow_handle(each.id, run_id=each.run_id).fetch_history()
            events += b"".join(event.SerializeToString() for event in history.events)
            for event in history.events:  # what is packed there may not hide anything
                asked = event.activity_task_scheduled_event_attributes.input.payloads
                events += b"".join(plain(each.data) for each in asked if each.metadata["encoding"] == b"json/plain")
        return {"histories": events, "lists": "\n".join(lists).encode()}

    def _in_files(self) -> dict[str, bytes]:
        kept = [file for file in (self.folder / "temporal").iterdir() if file.is_file()]
        found = {f"file {file.name}": file.read_bytes() for file in kept}
        found |= {f"printed by {name}": file.read_bytes() for name, file in self.printed.items()}
        return found | {"log of PostgreSQL": (self.folder / "books.log").read_bytes()}

    async def _in_books(self) -> dict[str, bytes]:
        pool = self.town.stage.pool
        tables = await pool.fetch("select tablename from pg_tables where schemaname = 'public'")
        return {
            f"table {name}": "\n".join(
                str(row["line"]) for row in await pool.fetch(f'select t::text as line from "{name}" t')
            ).encode()
            for (name,) in tables
        }

    async def _in_metrics(self) -> dict[str, bytes]:
        async with httpx.AsyncClient() as http:
            return {"metrics": (await http.get(self.metrics_url)).content}

    def forbidden(self, place: str) -> tuple[str, ...]:
        personal = tuple(each for each in PERSONAL if each not in MAY_HOLD.get(place, ()))
        return personal + self.keys + (() if place in VAULTS else self.tokens)

    async def found(self) -> dict[str, list[str]]:
        """Every secret that stands where it may not."""
        places = await self.places()
        return {
            place: hits[place]
            for place, content in places.items()
            if (hits := leaks({place: content}, self.forbidden(place)))
        }


@asynccontextmanager
async def serving(
    program: str, said: Settings, address: str, printed: Path, until: str, *words: str
) -> AsyncIterator[None]:
    """A program as a process while the block runs, with nothing from this environment."""
    environment = {f"PERENNIAL_{name.upper()}": str(value) for name, value in flattened(said).items() if value != ""}
    environment |= {"PATH": os.defpath, "TEMPORAL_ADDRESS": address, "PYTHONUNBUFFERED": "1"}
    with printed.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.secrets.serving", program, *words),
            cwd=ROOT,
            env=environment,
            stdout=out,
            stderr=asyncio.subprocess.STDOUT,
        )
    try:
        async with asyncio.timeout(PATIENCE):
            while until not in printed.read_text(errors="replace"):
                assert process.returncode is None, printed.read_text(errors="replace")[-2000:]
                await asyncio.sleep(0.05)
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@asynccontextmanager
async def settled_town(folder: Path) -> AsyncIterator[Searched]:
    async with AsyncExitStack() as stack:
        owner_url, server = await asyncio.gather(
            stack.enter_async_context(postgres(folder / "books", durable=False)),
            stack.enter_async_context(temporal(folder / "temporal", search_attributes=REGISTERED)),
        )
        await migrated(owner_url)
        worker_url = await login(owner_url, "leak_worker", "worker")
        pool = await stack.enter_async_context(connected(owner_url))
        client = await connect(server.address, "default")
        doors_at, metrics_at = usable_port(None), usable_port(None)
        url = f"http://127.0.0.1:{doors_at}"
        said, parties = await stack.enter_async_context(standing_in(Settings(), doors=url))
        said = replace(said, database_url=worker_url, task_queue=TASK_QUEUE, listen=replace(said.listen, port=doors_at))
        printed = {name: folder / f"{name}.out" for name in ("worker", "api")}
        metrics = f"127.0.0.1:{metrics_at}"
        await stack.enter_async_context(
            serving("worker", said, server.address, printed["worker"], "serving task queue", metrics)
        )
        await stack.enter_async_context(serving("api", said, server.address, printed["api"], "listening at"))
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=PATIENCE))
        stage = Stage(client, pool, Books(pool, events_of(said)), server.address, owner_url, parties)
        nowhere, elsewhere = cast(Any, None), Strait("", 0)  # worker and doors are processes of their own here
        town = Town(stage, said, nowhere, nowhere, url, elsewhere, elsewhere, http)
        keys = (
            said.stripe.api_key, said.stripe.webhook_secret, said.paypal.client_secret, said.webhooks.secret,
            said.debitura.api_key, said.debitura.webhook_secret, said.listen.token,
            *(urlsplit(each).password or "" for each in (owner_url, worker_url)),
        )  # fmt: skip
        assert all(len(key) > 8 for key in keys)
        yield Searched(town, folder, printed, f"http://{metrics}/metrics", keys=keys)


async def lived(searched: Searched) -> WiredLife:
    """Charged, declined, mailed, locked, paid in part by a transfer, handed over to the agency, written about."""
    town, id_ = searched.town, f"quiet-{uuid4().hex[:10]}"
    customer = Addressee(f"c-{id_}", f"K-{id_}", NAME, MAIL, "en")
    address = {"street": STREET, "postal_code": POSTCODE, "city": CITY, "country": "DE"}
    town.mail.break_("refuse_recipient", f"451 4.7.1 <{MAIL}> greylisted", to="quandary")
    town.mail.break_("refuse_recipient", f"550 5.1.1 <{MAIL}>: {NAME} unknown", to="quandary")
    town.debitura.wire.break_("^POST /cases$", "lost_after")
    life = await begun_in(
        town, "hosting", id_, methods=("card", "paypal"), card="pm_card_chargeCustomerFail", customer=customer,
        contact=Contact(phone=PHONE, address=address),
    )  # fmt: skip
    card, wallet = life.contact.vault["primary"], life.contact.vault["secondary"]
    searched.tokens = (card.payer, card.method, wallet.method)
    town.paypal.decline(wallet.method, "INSTRUMENT_DECLINED")
    await life.until("2026-02-19T12:00")
    headers = {"authorization": f"Bearer {town.settings.listen.token}"}
    file = statement(
        Transfer("11.00", text=f"{id_}-0001 K-{id_} {PAYER_TEXT}", reference=uuid4().hex, name=NAME),
        Transfer("3.00", text=PAYER_TEXT, reference=uuid4().hex, name=PAYER),
    ).replace(b"</Dbtr>", f"</Dbtr><DbtrAcct><Id><IBAN>{IBAN}</IBAN></Id></DbtrAcct>".encode())
    answer = await town.http.post("/uploads/statements", content=file, headers=headers)
    assert answer.status_code == 200, answer.text
    unsigned = f'{{"name": "{NAME}", "email": "{MAIL}"}}'
    for source in ("stripe", "paypal", "debitura"):
        assert (await town.http.post(f"/webhooks/{source}", content=unsigned)).status_code == 400
    await life.until_entry("payment_received")
    await life.until("2026-05-20T12:00")
    await town.quiet()
    for case in [case["id"] for case in town.debitura.partner.cases() if id_ in str(case["claimDescription"])]:
        await town.debitura.partner.write(case, THEIR_MESSAGE)
        await town.debitura.partner.pay(case, 5.0)
    await town.quiet()
    await life.settled()
    return life


@pytest.fixture(scope="module")
async def searched(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Searched]:
    """The town, once its life has been lived."""
    async with settled_town(tmp_path_factory.mktemp("leaks")) as town:
        town.life = await lived(town)
        yield town


@pytest.mark.slow
async def test_the_life_was_lived_and_every_place_can_be_read(searched: Searched) -> None:
    """Else finding nothing would prove nothing."""
    life, places = searched.life, await searched.places()
    assert life is not None
    told = {entry.what for entry in await life.entries()}
    assert {"charge", "email", "platform", "payment_received", "standing", "collections_placed"} <= told
    assert any(NAME in mail.part("plain") for mail in searched.town.mail.caught)
    assert any(case["debtor"]["name"] == NAME for case in searched.town.debitura.partner.cases())
    for place, may in MAY_HOLD.items():
        assert place in leaks({place: places[place]}, may), "what may be there is there"
    assert leaks({"it": places["table payment_method"]}, searched.tokens) != {}
    invoice = f"{life.id}-0001"
    places["file temporal.sqlite"] += places.get("file temporal.sqlite-wal", b"")
    for place in ("histories", "file temporal.sqlite", "table invoice", "table timeline"):
        assert invoice.encode() in places[place], f"{place} can be read"
    for place in ("lists", "printed by worker"):
        assert life.id.encode() in places[place], f"{place} can be read"
    assert b"temporal_workflow_task" in places["metrics"]
    for place in ("printed by api", "log of PostgreSQL", "file temporal.log"):
        assert len(places[place]) > 100, f"{place} holds something"


@pytest.mark.slow
async def test_nothing_personal_no_token_and_no_key_stands_where_it_may_not(searched: Searched) -> None:
    assert await searched.found() == {}


@pytest.mark.slow
async def test_a_leak_that_is_planted_is_found_in_each_place_it_gets_to(searched: Searched) -> None:
    """Last, since it does what the test before it forbids: an address in a reason, a person's name in an id."""
    assert searched.life is not None
    await searched.life.tell("hold-dunning", by="support:kim", reason=f"has moved to {STREET}")
    other = await begun_in(searched.town, "hosting", f"zebulonquandary-{uuid4().hex[:6]}")
    await other.until("2026-01-20T12:00")
    found = await searched.found()
    files = [place for place in found if place.startswith("file temporal.sqlite")]  # the newest may be in its journal
    assert any(STREET in hit for place in files for hit in found[place])
    for place in ("histories", "table timeline"):
        assert any(STREET in hit for hit in found[place]), f"the address in a reason, in {place}"
    for place in ("histories", "lists", "printed by worker", "table subscription"):
        assert any(NAME in hit for hit in found[place]), f"the name as an id, in {place}"


@pytest.mark.parametrize("shift", range(3))
def test_a_secret_is_found_in_every_dress(shift: int) -> None:
    around = b"x" * shift + f"to {IBAN} and {MAIL}".encode() + b"yyy"
    for secret in (IBAN, MAIL):
        for dressed in (
            around,
            around.upper(),
            base64.b64encode(around),
            base64.urlsafe_b64encode(around),
            around.hex().encode(),
            around.replace(b"@", b"%40"),
        ):
            assert leaks({"here": dressed}, [secret]), dressed
    assert leaks({"here": b"nothing of it " * 100}, PERSONAL) == {}


def test_the_tables_that_may_hold_personal_data_are_those_that_the_architecture_names() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text().split("## What is stored where")[1].split("\n## ")[0]
    for place in (*MAY_HOLD, *VAULTS):
        assert place.removeprefix("table ") in text
