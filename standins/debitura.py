"""A stand-in for Debitura's Customer API: cases, documents, chat, payments, test advances, webhooks.

Written after https://docs.debitura.com and the official client 1.0.0 (November 2026), of which it keeps the paths,
field names, required fields, status codes, error bodies and Idempotency-Key rules. The moves of the other side, which
no creditor can make by API, are in `partner`, and the buttons of its page.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

from aiohttp import web

from standins.debitura_hooks import Hooks
from standins.debitura_page import case_page
from standins.debitura_partner import Partner, Refused
from standins.wire import Shelf, Wire

REQUIRED_OF_DEBTOR = ("type", "name", "address", "city")
COUNTRY = "countryAlpha2"
TYPES = (".pdf", ".doc", ".docx", ".xls", ".xlsx", ".jpg", ".jpeg", ".png", ".txt", ".zip", ".csv", ".eml")
FILE_BYTES = 25 * 2**20
REFERENCE_LIMIT = 50
DESCRIPTION_LIMIT = 4000
KEY_LIMIT = 255

Handler = Callable[[web.Request], Awaitable[web.Response]]


class DebituraStandIn:
    """One creditor's account. `wire` breaks the line, `partner` makes the agency's moves, `hooks` sends webhooks."""

    def __init__(
        self,
        shelf: Shelf,
        *,
        api_key: str = "key-of-the-stand-in",
        team: tuple[str, ...] = ("billing@example.com",),
        unsupported_countries: tuple[str, ...] = (),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`team` may post messages. Debtors in `unsupported_countries` find no collection partner (422)."""
        self.api_key = api_key
        self.wire = Wire()
        self.hooks = Hooks(shelf, clock)
        self.partner = Partner(shelf, self.hooks, clock)
        self._shelf = shelf
        self._team = team
        self._unsupported = unsupported_countries

    def app(self) -> web.Application:
        """The API, and a page of all cases at `/`."""
        app = web.Application(middlewares=[self.wire.middleware], client_max_size=FILE_BYTES + 2**20)
        routes: list[tuple[str, str, Handler]] = [
            ("POST", "/cases/preview", self._preview),
            ("POST", "/cases", self._post_case),
            ("GET", "/cases", self._list),
            ("GET", "/cases/by-creditor-reference/{reference}", self._by_reference),
            ("GET", "/cases/case-reference/{reference}", self._by_their_reference),
            ("GET", "/cases/{id}", self._get_case),
            ("GET", "/cases/{id}/files", self._files),
            ("POST", "/cases/{id}/files", self._post_file),
            ("GET", "/cases/{id}/chats", self._chats),
            ("POST", "/cases/{id}/chats", self._post_chat),
            ("GET", "/cases/{id}/payments", self._payments),
            ("GET", "/cases/{id}/timeline", self._timeline),
            ("GET", "/Payments", self._all_payments),
            ("GET", "/Payments/{id}", self._get_payment),
            ("POST", "/test/cases/{id}/advance", self._advance),
            *self.hooks.routes(),
        ]
        for method, path, handler in routes:
            app.router.add_route(method, path, self._guarded(handler))
        app.router.add_get("/", self._page)
        app.router.add_post("/agency/{id}/{move}", self._move)
        app.on_cleanup.append(self.hooks.stop)
        return app

    # The API

    def _guarded(self, handler: Handler) -> Handler:
        async def guarded(request: web.Request) -> web.Response:
            if request.headers.get("XApiKey") != self.api_key:
                problem = {"type": "https://tools.ietf.org/html/rfc9110#section-15.5.2", "title": "Unauthorized"}
                return web.json_response(problem | {"status": 401}, status=401)
            try:
                return await handler(request)
            except Refused as refused:
                return web.json_response(refused.body, status=refused.status)

        return guarded

    async def _post_case(self, request: web.Request) -> web.Response:
        key, body = request.headers.get("Idempotency-Key", ""), await request.read()
        if len(key) > KEY_LIMIT:
            raise Refused(400, {"Idempotency-Key": [f"must be at most {KEY_LIMIT} characters"]})
        digest = hashlib.sha256(body).hexdigest()
        kept = self._shelf.get("idempotency", key) if key else None
        if kept and kept["digest"] != digest:
            raise Refused(422, _business("IdempotencyConflict", "the key was used with another body"))
        if kept:
            return web.json_response(kept["answer"], status=kept["status"])
        try:
            said = json.loads(body)
            self._validate(said, everything=True)
            status, answer = 201, await self._create(said)
        except Refused as refused:
            if refused.status == 400:
                raise  # field errors are not stored: mended, the same key may be used again
            status, answer = refused.status, dict(refused.body)
        if key:
            self._shelf.put("idempotency", key, {"digest": digest, "status": status, "answer": answer})
        return web.json_response(answer, status=status)

    def _validate(self, said: Mapping[str, Any], *, everything: bool) -> None:
        wrong: dict[str, list[str]] = {}
        debtor = said.get("debtor") or {}
        amount = said.get("amountToRecover")
        if not isinstance(amount, int | float) or amount <= 0:
            wrong["amountToRecover"] = ["must be greater than 0"]
        if len(said.get("currencyCode") or "") != 3:
            wrong["currencyCode"] = ["is required"]
        for name in (*(REQUIRED_OF_DEBTOR if everything else ("type",)), COUNTRY):
            if not debtor.get(name):
                wrong[f"debtor.{name}"] = ["is required"]
        if debtor.get("type") not in (None, "Company", "Private", "Person"):
            wrong["debtor.type"] = ["must be Company or Private"]
        if debtor.get(COUNTRY) == "US" and not debtor.get("stateAlpha2"):
            wrong["debtor.stateAlpha2"] = ["is required for debtors in the United States"]
        if everything and not said.get("date"):
            wrong["date"] = ["is required"]
        for name, limit in (("creditorReference", REFERENCE_LIMIT), ("claimDescription", DESCRIPTION_LIMIT)):
            if len(said.get(name) or "") > limit:
                wrong[name] = [f"must be at most {limit} characters"]
        if wrong:
            raise Refused(400, wrong)
        if everything and debtor[COUNTRY] in self._unsupported:
            raise Refused(422, _business("NoPartnerAvailable", "no partner in this jurisdiction"))

    async def _create(self, said: Mapping[str, Any]) -> dict[str, Any]:
        reference = said.get("creditorReference")
        if reference and any(case["creditorReference"] == reference for case in self._shelf.all("case")):
            raise Refused(422, _business("DuplicateCreditorReference", "a case with this reference exists"))
        case = {
            "id": str(uuid.uuid4()),
            "dateCreated": self.partner.now(),
            "dateUpdated": self.partner.now(),
            "reference": uuid.uuid4().hex[:8].upper(),
            "creditorReference": reference,
            "claimDescription": said.get("claimDescription"),
            "grossAmount": said["amountToRecover"],
            "remainder": said["amountToRecover"],
            "interestFees": 0,
            "reminderFees": 0,
            "collectionFees": 0,
            "totalAddedFees": 0,
            "currency": said["currencyCode"],
            "isTestCase": bool(said.get("isTest")),
            "lifecycle": "Pending Verification Internal",
            "date": said["date"],
            "dueDate": said.get("dueDate"),
            "closeCode": None,
            "disputeStatus": None,
            "debtor": said["debtor"],
            "tag": said.get("tag"),
        }
        self._shelf.put("case", str(case["id"]), case)
        self.partner.note(str(case["id"]), "Case created", "by the creditor")
        await self.hooks.emit("case.created", case, {"status": case["lifecycle"]})
        return _said(case, "tag")

    async def _preview(self, request: web.Request) -> web.Response:
        said = await request.json()
        self._validate(said, everything=False)
        eligible = said["debtor"][COUNTRY] not in self._unsupported
        result: dict[str, Any] = {
            "isEligible": eligible,
            "ineligibilityReason": None if eligible else "no partner",
            "requiredActions": [],
        }
        return web.json_response({"result": result})

    async def _list(self, request: web.Request) -> web.Response:
        wanted = {_plain(status) for given in request.query.getall("statuses", []) for status in given.split(",")}
        found = [case for case in self._shelf.all("case") if not wanted or _plain(case["lifecycle"]) in wanted]
        page, size = int(request.query.get("page", 1)), min(int(request.query.get("pageSize", 10)), 100)
        skipped = (page - 1) * size
        meta = {"totalResults": len(found), "currentPage": page, "skipped": skipped, "pageSize": size}
        return web.json_response(
            {"page": meta, "cases": [_said(case, "tag") for case in found[skipped : skipped + size]]}
        )

    async def _by_reference(self, request: web.Request) -> web.Response:
        return web.json_response(_said(self.partner.only("creditorReference", request.match_info["reference"]), "tag"))

    async def _by_their_reference(self, request: web.Request) -> web.Response:
        return web.json_response(_said(self.partner.only("reference", request.match_info["reference"]), "tag"))

    async def _get_case(self, request: web.Request) -> web.Response:
        return web.json_response(_said(self.partner.case(request.match_info["id"]), "tag"))

    async def _files(self, request: web.Request) -> web.Response:
        case = self.partner.case(request.match_info["id"])
        kept = [file for file in self._shelf.all("file") if file["caseId"] == case["id"]]
        return web.json_response([_said(file, "content") for file in kept])

    async def _post_file(self, request: web.Request) -> web.Response:
        case = self.partner.case(request.match_info["id"])
        form = _form(request.headers["Content-Type"], await request.read())
        name, content = form.get("File", ("", b""))
        if not name or not content:
            raise Refused(400, {"File": ["is required"]})
        if len(content) > FILE_BYTES:
            raise Refused(413, {"error": "FileTooLarge", "message": "at most 25 MB"})
        if not name.lower().endswith(TYPES):
            raise Refused(415, {"error": "UnsupportedFileType", "message": "not an allowed type"})
        if case["lifecycle"] == "Merged":
            raise Refused(409, {"error": "Merged", "message": "the case is read-only"})
        kept = {
            "id": str(uuid.uuid4()),
            "dateCreated": self.partner.now(),
            "caseId": case["id"],
            "fileName": name,
            "description": form.get("Description", ("", b""))[1].decode(),
            "documentType": form.get("DocumentType", ("", b"OriginalInvoice"))[1].decode(),
            "url": f"https://files.example/{case['id']}",
        }
        self._shelf.put("file", str(kept["id"]), kept | {"content": content.hex()})
        return web.json_response(kept)

    async def _chats(self, request: web.Request) -> web.Response:
        case = self.partner.case(request.match_info["id"])
        found = [chat for chat in self._shelf.all("chat") if chat["caseId"] == case["id"]]
        return web.json_response([_said(chat, "caseId") for chat in found])

    async def _post_chat(self, request: web.Request) -> web.Response:
        case, said = self.partner.case(request.match_info["id"]), await request.json()
        if not said.get("message"):
            raise Refused(400, {"message": ["is required"]})
        if said.get("userEmail") not in self._team:
            raise Refused(400, {"userEmail": ["must be an active member of your team"]})
        chat = self.partner.chat(case["id"], said["message"], role=0, label="Creditor")
        await self.hooks.emit("chat.created", case, {})
        return web.json_response(_said(chat, "caseId"))

    async def _payments(self, request: web.Request) -> web.Response:
        case = self.partner.case(request.match_info["id"])
        found = [paid for paid in self._shelf.all("payment") if paid["caseId"] == case["id"]]
        return web.json_response([_said(paid, "caseId") for paid in found])

    async def _all_payments(self, request: web.Request) -> web.Response:
        found = [_said(paid, "caseId") for paid in self._shelf.all("payment") if paid["caseId"]]
        meta = {"totalResults": len(found), "currentPage": 1, "skipped": 0, "pageSize": len(found)}
        return web.json_response({"page": meta, "payments": found})

    async def _get_payment(self, request: web.Request) -> web.Response:
        return web.json_response(_said(self.partner.one("payment", request.match_info["id"]), "caseId"))

    async def _timeline(self, request: web.Request) -> web.Response:
        case = self.partner.case(request.match_info["id"])
        notes = [note for note in self._shelf.all("note") if note["caseId"] == case["id"]]
        return web.json_response({"items": notes, "currentEngagementPhase": "Pre-legal"})

    async def _advance(self, request: web.Request) -> web.Response:
        case, said = self.partner.case(request.match_info["id"]), await request.json()
        to, amount = said.get("to"), said.get("amount")
        codes = {"Closed:Paid": "Paid", "Closed:NoPayment": "Pre-Legal Exhausted – No Payment"}
        if not case["isTestCase"] or to not in ("Active", *codes) or (to == "Closed:Paid" and not amount):
            raise Refused(400, {"error": "InvalidAdvance", "message": f"cannot advance to {to}"})
        closed = case["lifecycle"] == "Closed"
        if closed and to in codes and case["closeCode"] != codes[to]:
            raise Refused(400, {"error": "InvalidAdvance", "message": "closed with another code"})
        advanced = not closed and not (to == "Active" and case["lifecycle"] == "Active")
        if advanced and case["lifecycle"] != "Active":
            await self.partner.move(case["id"], "Active")
        if advanced and to == "Closed:Paid":
            await self.partner.pay(case["id"], amount)
        if advanced and to in codes:
            await self.partner.close(case["id"], codes[to])
        return web.json_response({"advanced": advanced, "state": to})

    # The page

    async def _page(self, _: web.Request) -> web.Response:
        payments = [paid for paid in self._shelf.all("payment") if paid["caseId"]]
        page = case_page(
            list(self._shelf.all("case")), list(self._shelf.all("chat")), payments, list(self._shelf.all("file"))
        )
        return web.Response(text=page, content_type="text/html")

    async def _move(self, request: web.Request) -> web.Response:
        case_id, form = request.match_info["id"], await request.post()
        if self._shelf.get("case", case_id) is None:
            raise web.HTTPNotFound(text="no such case")
        match request.match_info["move"]:
            case "pay":
                await self.partner.pay(
                    case_id, float(str(form.get("amount") or self.partner.case(case_id)["remainder"]))
                )
            case "close":
                await self.partner.close(case_id, str(form.get("code") or "Debtor Untraceable"))
            case "dispute":
                await self.partner.dispute(case_id)
            case unknown:
                raise web.HTTPNotFound(text=f"no move {unknown}")
        raise web.HTTPSeeOther("/")


def _business(kind: str, message: str) -> dict[str, Any]:
    return {"businessErrors": [{"type": kind, "message": message, "solutionUrl": None}]}


def _form(content_type: str, body: bytes) -> dict[str, tuple[str, bytes]]:
    """The parts of a multipart body by their names: each one's file name, or "", and its content.

    aiohttp cannot parse what the wire has read already.
    """
    message = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
    parts = message.iter_parts() if message.is_multipart() else ()
    return {
        str(part.get_param("name", header="content-disposition")): (
            part.get_filename() or "",
            bytes(part.get_payload(decode=True) or b""),
        )
        for part in parts
    }


def _said(kept: Mapping[str, Any], *inner: str) -> dict[str, Any]:
    """An object as Debitura shows it: without what only these books need."""
    return {name: value for name, value in kept.items() if name not in inner}


def _plain(status: str) -> str:
    return status.replace(" ", "").lower()
