"""A customer's hand at the bank that stands in: transfers to our account, which the bank writes into its statements."""

from __future__ import annotations

import httpx

DAYS_TO_A_BUSINESS_DAY = 7  # Easter and a weekend in a row are four


class BankStandIn:
    """Talks to mock-bank's own control interface; what comes of it are files, as from a real bank."""

    def __init__(self, url: str) -> None:
        self._client = httpx.AsyncClient(base_url=url, timeout=10)

    async def close(self) -> None:
        await self._client.aclose()

    async def open_account(self, holder: str, iban: str, bic: str, currency: str) -> None:
        """An account of ours; nothing where it is there already."""
        said = {"id": f"HOUSE-{currency}", "name": holder, "iban": iban, "bic": bic, "currency": currency}
        known = await self._client.get("/_mock/accounts")
        if all(account["id"] != said["id"] for account in known.json()):
            (await self._client.post("/_mock/accounts", json=said)).raise_for_status()

    async def transfer(
        self, *, minor: int, currency: str, payer: str, payer_iban: str, reference: str = "", note: str = ""
    ) -> None:
        """A transfer to our account; it stands in the statement of the bank's next business day."""
        said = {
            "account": f"HOUSE-{currency}",
            "amount": minor,
            "debtor": {"name": payer, "iban": payer_iban},
            "reference": reference,
            "note": note,
        }
        (await self._client.post("/_mock/credits", json={k: v for k, v in said.items() if v})).raise_for_status()

    async def end_the_day(self) -> None:
        """Let the bank's clock go on until its next business day has been booked."""
        for _ in range(DAYS_TO_A_BUSINESS_DAY):
            done = await self._client.post("/_mock/advance?days=1")
            done.raise_for_status()
            if done.json().get("businessDaysCrossed"):
                return
