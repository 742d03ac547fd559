"""A page of what the gateways' stand-ins took, for people on this machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from aiohttp import web

SHOWN = 500  # the newest; a page that nobody scrolls to its end


@dataclass(frozen=True, slots=True)
class Shown:
    """One charge as a gateway has it in its own books. `amount` in the gateway's own words."""

    gateway: str
    reference: str
    charge: str
    amount: str
    became: str


def charges_page(charges: Callable[[], Sequence[Shown]]) -> web.Application:
    """The page over what `charges` gives, newest first."""

    async def page(request: web.Request) -> web.Response:
        known = charges()
        rows = "".join(
            f"<tr class={'no' if one.became.startswith('declined') else 'yes'}><td>{escape(one.gateway)}"
            f"<td>{escape(one.charge)}<td class=n>{escape(one.amount)}<td>{escape(one.became)}"
            f"<td class=q>{escape(one.reference)}"
            for one in reversed(known[-SHOWN:])
        )
        return web.Response(text=_PAGE.format(count=len(known), rows=rows), content_type="text/html")

    async def no_icon(request: web.Request) -> web.Response:
        return web.Response(status=204)

    app = web.Application()
    app.router.add_get("/", page)
    app.router.add_get("/favicon.ico", no_icon)
    return app


_PAGE = """<!doctype html><html lang=en><meta charset=utf-8><title>What the gateways took</title>
<style>
body {{ font: 15px/1.5 system-ui, "DejaVu Sans", sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem;
       color: #1b1f24; }}
table {{ border-collapse: collapse; width: 100% }}
th, td {{ text-align: left; padding: .35rem .7rem; border-bottom: 1px solid #e3e6ea }}
th, .q {{ color: #5b6570; font-weight: normal }}
.n {{ text-align: right; font-variant-numeric: tabular-nums }}
.no td:nth-child(4) {{ color: #a52019 }}
</style>
<h1>What the gateways took</h1>
<p>{count} charges in the books of the stand-ins for Stripe and PayPal, newest first. No money moved.</p>
<table><tr><th>gateway<th>our charge<th class=n>amount<th>became<th>its own reference</tr>{rows}</table>
"""
