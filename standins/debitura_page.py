"""The page of the Debitura stand-in: every case with its money, documents and chat; the agency's moves as buttons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; padding: 0 1rem; color: #1c2330 }
section { border: 1px solid #d4dae3; border-radius: 8px; margin: 1rem 0; padding: .8rem 1.1rem }
h2 { font-size: 1.05rem; margin: 0 0 .3rem } .state { font-weight: normal; color: #5b6675 }
pre { white-space: pre-wrap; background: #f4f6f9; padding: .5rem .7rem; border-radius: 6px; margin: .4rem 0 }
form { display: inline-block; margin: .3rem .6rem .1rem 0 } input { width: 6rem } .right { float: right }
"""


def case_page(
    cases: Sequence[Mapping[str, Any]],
    chats: Sequence[Mapping[str, Any]],
    payments: Sequence[Mapping[str, Any]],
    files: Sequence[Mapping[str, Any]],
) -> str:
    """The whole page, newest case first."""
    shown = "".join(_case(case, chats, payments, files) for case in reversed(cases)) or "<p>No case yet.</p>"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Agency (stand-in)</title><style>{_STYLE}</style>'
        f"<h1>The collections agency</h1><p>A stand-in for Debitura on this machine; {len(cases)} cases.</p>{shown}"
    )


def _case(
    case: Mapping[str, Any],
    chats: Sequence[Mapping[str, Any]],
    payments: Sequence[Mapping[str, Any]],
    files: Sequence[Mapping[str, Any]],
) -> str:
    case_id, currency = case["id"], escape(str(case["currency"]))
    debtor = escape(", ".join(str(case["debtor"].get(n, "")) for n in ("name", "address", "zipCode", "city")))
    said = "".join(
        f"<pre>{escape(chat['roleLabel'])}: {escape(chat['message'])}</pre>"
        for chat in chats
        if chat["caseId"] == case_id
    )
    paid = "".join(
        f"<li>{escape(str(p['grossAmount']))} {currency} to {escape(p['recipient'])}</li>"
        for p in payments
        if p["caseId"] == case_id
    )
    names = ", ".join(escape(file["fileName"]) for file in files if file["caseId"] == case_id) or "none"
    state = escape(f"{case['lifecycle']} {case['closeCode'] or ''}".strip())
    return (
        f'<section><span class="right">{escape(str(case["remainder"]))} of {escape(str(case["grossAmount"]))} '
        f'{currency} left</span><h2>{escape(str(case["creditorReference"]))} <span class="state">{state}</span></h2>'
        f"<div>{debtor}</div><pre>{escape(case['claimDescription'] or '')}</pre><div>Documents: {names}</div>"
        f"<ul>{paid}</ul>{said}{_buttons(case_id, case['lifecycle'] == 'Closed')}</section>"
    )


def _buttons(case_id: str, closed: bool) -> str:
    if closed:
        return ""
    at = f"/agency/{escape(case_id)}"
    return (
        f'<form method="post" action="{at}/pay"><input name="amount" placeholder="all" aria-label="Amount">'
        f"<button>Debtor pays</button></form>"
        f'<form method="post" action="{at}/dispute"><button>Debtor disputes</button></form>'
        f'<form method="post" action="{at}/close"><input type="hidden" name="code" value="Debtor Untraceable">'
        f"<button>Give up</button></form>"
        f'<form method="post" action="{at}/close"><input type="hidden" name="code" value="Paid">'
        f"<button>Close as paid</button></form>"
    )
