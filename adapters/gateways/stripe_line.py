"""The line to Stripe: the SDK's requests over httpx, one try each.

The SDK brings an httpx client of its own; it sends bodies in a way that httpx has deprecated.
"""

from __future__ import annotations

from collections.abc import Mapping

import httpx
import stripe


class Line(stripe.HTTPClient):
    """Sends what the SDK has prepared. A failure becomes stripe.APIConnectionError, caused by httpx's own error."""

    name = "httpx"

    def __init__(self, timeout_seconds: float) -> None:
        super().__init__()
        self._httpx = httpx.AsyncClient(timeout=timeout_seconds)

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: str | bytes | None = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        try:
            response = await self._httpx.request(method, url, headers=dict(headers), content=post_data)
        except httpx.HTTPError as error:
            message = f"no answer from Stripe: {type(error).__name__}"
            raise stripe.APIConnectionError(message) from error  # type: ignore[no-untyped-call]
        return response.content, response.status_code, response.headers

    async def close_async(self) -> None:
        await self._httpx.aclose()
