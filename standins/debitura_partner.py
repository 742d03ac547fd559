"""The other side of the Debitura stand-in: its books, and what a collection partner does with a case."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from standins.debitura_hooks import Hooks
from standins.wire import Shelf


class Refused(Exception):
    """An answer other than success, with Debitura's body for it."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        super().__init__(f"{status}")
        self.status, self.body = status, body


class Partner:
    """Makes the moves that no creditor can make by API; each tells the webhooks what Debitura would."""

    def __init__(self, shelf: Shelf, hooks: Hooks, clock: Callable[[], datetime]) -> None:
        self._shelf = shelf
        self._hooks = hooks
        self._clock = clock

    def cases(self) -> list[dict[str, Any]]:
        """Every case, oldest first."""
        return list(self._shelf.all("case"))

    def documents(self, case_id: str) -> dict[str, bytes]:
        """The documents of a case, by name."""
        kept = [file for file in self._shelf.all("file") if file["caseId"] == case_id]
        return {file["fileName"]: bytes.fromhex(file["content"]) for file in kept}

    def messages(self, case_id: str) -> list[str]:
        """What was written in a case's chat, oldest first."""
        return [chat["message"] for chat in self._shelf.all("chat") if chat["caseId"] == case_id]

    async def pay(self, case_id: str, amount: float, recipient: str = "CollectionPartner") -> str:
        """Record a payment by the debtor: to the agency, to `Creditor` or to `Platform`. Gives its id."""
        case = self.case(case_id)
        payment = {
            "id": str(uuid.uuid4()),
            "caseId": case_id,
            "dateCreated": self.now(),
            "date": self.now(),
            "grossAmount": amount,
            "recipient": recipient,
            "method": "Bank transfer",
            "currency": case["currency"],
            "invoice": {"status": case["lifecycle"], "reference": case["reference"], "invoiceId": case_id},
        }
        self._shelf.put("payment", payment["id"], payment)
        self._shelf.put("case", case_id, case | {"remainder": round(case["remainder"] - amount, 3)})
        self.note(case_id, "Payment", f"{amount} {case['currency']} to {recipient}")
        told = {"paymentId": payment["id"], "amount": amount, "currency": case["currency"]}
        await self._hooks.emit("payment.created", self.case(case_id), told)
        return str(payment["id"])

    async def take_back_payment(self, case_id: str, payment_id: str) -> None:
        """Delete a payment: it is not listed any more."""
        payment = self.one("payment", payment_id)
        self._shelf.put("payment", payment_id, payment | {"caseId": ""})
        case = self.case(case_id)
        self._shelf.put("case", case_id, case | {"remainder": case["remainder"] + payment["grossAmount"]})
        await self._hooks.emit("payment.deleted", case, {"paymentId": payment_id})

    def change_payment(self, payment_id: str, amount: float) -> None:
        """Correct the amount of a payment; no webhook tells of that."""
        self._shelf.put("payment", payment_id, self.one("payment", payment_id) | {"grossAmount": amount})

    async def move(self, case_id: str, lifecycle: str) -> None:
        """Put a case into another lifecycle, by its description, such as `More Info Required`."""
        case = self.case(case_id)
        before, after = case["lifecycle"], case | {"lifecycle": lifecycle, "dateUpdated": self.now()}
        self._shelf.put("case", case_id, after)
        self.note(case_id, "Lifecycle", f"{before} to {lifecycle}")
        await self._hooks.emit("case.updated", after, {"oldLifecycle": before, "newLifecycle": lifecycle})

    async def close(self, case_id: str, code: str) -> None:
        """Close a case with a close code, by its description, such as `Debtor Untraceable`."""
        self._shelf.put("case", case_id, self.case(case_id) | {"closeCode": code, "dateFinished": self.now()})
        await self.move(case_id, "Closed")
        await self._hooks.emit("case.closed", self.case(case_id), {"closeCode": code})

    async def dispute(self, case_id: str) -> None:
        """The debtor contests the claim: the case says so, and the agency writes."""
        case = self.case(case_id)
        self._shelf.put("case", case_id, case | {"disputeStatus": "Yes, the claim is disputed"})
        await self.write(case_id, "The debtor contests the claim; please send documents.")

    async def write(self, case_id: str, message: str) -> None:
        """The agency posts to a case's chat."""
        self.chat(case_id, message, role=1, label="Partner")
        await self._hooks.emit("chat.created", self.case(case_id), {})

    def now(self) -> str:
        """Now, without a zone, as several of its endpoints answer."""
        return self._clock().strftime("%Y-%m-%dT%H:%M:%S")

    def one(self, kind: str, id_: str) -> dict[str, Any]:
        """An object by its id, else 404."""
        found = self._shelf.get(kind, id_)
        if found is None:
            raise Refused(404, {"error": "NotFound", "message": f"no such {kind}"})
        return found

    def case(self, case_id: str) -> dict[str, Any]:
        """A case by its id, else 404."""
        return self.one("case", case_id)

    def only(self, field: str, value: str) -> dict[str, Any]:
        """The case whose field has this value, else 404."""
        found = next((case for case in self._shelf.all("case") if case[field] == value), None)
        if found is None:
            raise Refused(404, {"error": "NotFound", "message": "no such case"})
        return found

    def chat(self, case_id: str, message: str, *, role: int, label: str) -> dict[str, Any]:
        """Keep a message, whoever wrote it."""
        chat = {"id": str(uuid.uuid4()), "caseId": case_id, "dateCreated": self.now(), "role": role}
        chat |= {"roleLabel": label, "message": message, "isSeen": False}
        self._shelf.put("chat", str(chat["id"]), chat)
        return chat

    def note(self, case_id: str, title: str, text: str) -> None:
        """Keep a line of a case's timeline."""
        note = {"caseId": case_id, "date": self.now(), "type": title, "title": title, "description": text}
        self._shelf.put("note", str(uuid.uuid4()), note | {"actor": {"type": "System", "name": None}})
