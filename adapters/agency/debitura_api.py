"""The calls to Debitura's Customer API, and what its refusals mean: come back later, or never send that again.

Shapes and limits are those of https://docs.debitura.com/clients and of the official client 1.0.0. Bodies are neither
logged nor repeated in errors, since they hold debtors' data.
"""

from __future__ import annotations

from types import TracebackType
from typing import TypeVar

import httpx
from pydantic import TypeAdapter, ValidationError

from adapters.agency.debitura_models import CaseSaid, ChatSaid, FileSaid, PaymentSaid, Unreadable, read_json
from adapters.agency.needs import AgencyAway
from adapters.agency.statement import Document
from domain.gateways import DeliveryRefused

PRODUCTION = "https://customer-api.debitura.com"
CONNECTIONS = 10  # at once; far below the 2,000 requests a minute that Debitura allows one key

T = TypeVar("T")


class NotAtDebitura(DeliveryRefused):
    """Debitura knows nothing of that name (404)."""


class TurnedDown(DeliveryRefused):
    """Debitura has read it and will not take it as it is (400, 413, 415, 422). Nothing was done.

    `why` names fields, or kinds of business errors such as `NoPartnerAvailable`; never a value, which may be personal.
    """

    def __init__(self, what: str, status: int, why: tuple[str, ...]) -> None:
        self.why = why
        super().__init__(f"debitura turned down {what} ({status}): {', '.join(why) or 'it does not say why'}")


class DebituraApi:
    """One account at Debitura. Safe for concurrent use; owns its connections until `close`.

    Every call raises AgencyAway where trying again is safe and may help, else one of the refusals above.
    """

    def __init__(self, api_key: str, *, url: str = PRODUCTION, timeout_seconds: float = 10.0) -> None:
        """`timeout_seconds` is for each wait: to connect, to send, for an answer."""
        self._client = httpx.AsyncClient(
            base_url=url,
            headers={"XApiKey": api_key, "Accept": "application/json"},
            timeout=timeout_seconds,
            limits=httpx.Limits(max_connections=CONNECTIONS),
            follow_redirects=False,
        )

    async def __aenter__(self) -> DebituraApi:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Give the connections back."""
        await self._client.aclose()

    async def case_of(self, reference: str) -> CaseSaid | None:
        """The case under our own reference; None where there is none."""
        path = f"/cases/by-creditor-reference/{reference}"
        try:
            return await self._ask("GET", path, f"the case {reference}", TypeAdapter(CaseSaid))
        except NotAtDebitura:
            return None

    async def case(self, case_id: str) -> CaseSaid:
        """A case as it stands now."""
        return await self._ask("GET", f"/cases/{case_id}", f"case {case_id}", TypeAdapter(CaseSaid))

    async def create(self, body: bytes, key: str, reference: str) -> CaseSaid:
        """Submit a case under an idempotency key: the same key and body give the same case."""
        headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
        what = f"the new case {reference}"
        return await self._ask("POST", "/cases", what, TypeAdapter(CaseSaid), content=body, headers=headers)

    async def files(self, case_id: str) -> list[FileSaid]:
        """The documents of a case."""
        return await self._ask(
            "GET", f"/cases/{case_id}/files", f"the files of case {case_id}", TypeAdapter(list[FileSaid])
        )

    async def upload(self, case_id: str, document: Document) -> FileSaid:
        """Add a document to a case. Not idempotent: look at `files` first."""
        return await self._ask(
            "POST",
            f"/cases/{case_id}/files",
            f"file {document.name} of case {case_id}",
            TypeAdapter(FileSaid),
            data={"DocumentType": "CreditorDocuments", "Description": document.description},
            files={"File": (document.name, document.content, document.media_type)},
        )

    async def chats(self, case_id: str) -> list[ChatSaid]:
        """The messages of a case, oldest first."""
        return await self._ask(
            "GET", f"/cases/{case_id}/chats", f"the chat of case {case_id}", TypeAdapter(list[ChatSaid])
        )

    async def say(self, case_id: str, message: str, *, sender_email: str, key: str) -> ChatSaid:
        """Post a message to a case's agency, as one of our own team. Look at `chats` first."""
        return await self._ask(
            "POST",
            f"/cases/{case_id}/chats",
            f"a message to case {case_id}",
            TypeAdapter(ChatSaid),
            json={"message": message, "userEmail": sender_email},
            headers={"Idempotency-Key": key},
        )

    async def payments(self, case_id: str) -> list[PaymentSaid]:
        """Every payment recorded on a case; one that was deleted is not there any more."""
        return await self._ask(
            "GET", f"/cases/{case_id}/payments", f"the payments of case {case_id}", TypeAdapter(list[PaymentSaid])
        )

    async def _ask(
        self,
        method: str,
        path: str,
        what: str,
        expected: TypeAdapter[T],
        *,
        content: bytes | None = None,
        json: dict[str, str] | None = None,
        data: dict[str, str] | None = None,
        files: dict[str, tuple[str, bytes, str]] | None = None,
        headers: dict[str, str] | None = None,
    ) -> T:
        try:
            answer = await self._client.request(
                method, path, content=content, json=json, data=data, files=files, headers=headers
            )
        except httpx.HTTPError as error:
            raise AgencyAway(
                f"debitura did not answer about {what} ({type(error).__name__}); no money moved. It is looked up "
                "first when it is tried again"
            ) from None
        status = answer.status_code
        match status:
            case 200 | 201:
                return _understood(answer.content, what, expected)
            case 404:
                raise NotAtDebitura(f"debitura does not know {what} (404); no money moved. Look for it in its portal")
            case 400 | 413 | 415 | 422:
                raise TurnedDown(what, status, _why(answer.content))
            case 401 | 403:
                raise AgencyAway(
                    f"debitura does not take the API key ({status}) when asked about {what}; no money moved. Give "
                    "Perennial a valid key; it is tried again by itself"
                )
            case 409:
                raise AgencyAway(f"debitura is still at an earlier request about {what} (409); it is tried again")
            case 429:
                raise AgencyAway(f"debitura has had too many requests (429), {what} among them; it is tried again")
            case _:
                raise AgencyAway(f"debitura answered {status} about {what}; no money moved, it is tried again")


def _understood(body: bytes, what: str, expected: TypeAdapter[T]) -> T:
    """What an answer says. An answer that is none may come from something on the way: it is asked for again."""
    try:
        return expected.validate_python(read_json(body))
    except Unreadable as error:
        raise AgencyAway(f"debitura's answer about {what} cannot be read: {error}; it is tried again") from None
    except ValidationError as error:
        fields = ", ".join(".".join(str(part) for part in fault["loc"]) for fault in error.errors())
        raise AgencyAway(
            f"debitura's answer about {what} is not as documented, at {fields or 'its top'}; it is tried again"
        ) from None


def _why(body: bytes) -> tuple[str, ...]:
    """Kinds of business errors (422), or the names of the fields that were wrong (400), as far as they can be read."""
    try:
        said = read_json(body)
    except Unreadable:
        return ()
    if not isinstance(said, dict):
        return ()
    errors = said.get("businessErrors")
    if isinstance(errors, list):
        return tuple(str(error.get("type", "")) for error in errors if isinstance(error, dict))
    kind = said.get("type") or said.get("Type")
    if isinstance(kind, str) and not kind.startswith("http"):  # RFC 7807 has an address there
        return (kind,)
    fields = said.get("errors", said)
    return tuple(name for name, told in fields.items() if isinstance(told, list)) if isinstance(fields, dict) else ()
