"""Renders every template with sample letters, so that a fault shows before a customer's mail meets it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

from babel import Locale, UnknownLocaleError

from adapters.mail.house import House
from adapters.mail.render import SHIPPED, TemplateFault, Templates
from domain.effects import View
from domain.letters import Addressee, Letter
from domain.subscription import Invoice

OUTLOOKS = ("", "lock", "lock_account", "cancel", "termination", "collections", "delete_data", "late_fee")
"""What `about` can say of what comes next (domain/outlook.py), and nothing."""

ENDED_BY = ("", "ladder", "customer", "support_refusal")


def check_templates(
    house: House, houses: Mapping[str, House] | None = None, overrides: Path | None = None
) -> list[str]:
    """Every fault of every template, shipped or overriding, in the order of their files; empty where all can be sent.

    Each is rendered for every tenant and policy that has a folder, in every language, with what can be known and what
    can be missing.
    """
    templates = Templates(house, houses or {}, overrides)
    found: dict[str, None] = {}
    names = sorted({file.stem for root in _roots(overrides) for file in root.rglob("*.words") if file.stem[0] != "_"})
    if overrides:
        for file in sorted(overrides.rglob("*")):
            if file.is_file() and file.suffix not in (".words", ".txt", ".html") and file.name[0] != ".":
                found[
                    f"mail template {file.relative_to(overrides)}: no mail uses it; expected .words, .txt or .html"
                ] = None
    for tenant, policy in _brands(overrides):
        for language in sorted(_languages(overrides)):
            for name in names:
                for letter in _samples(name, tenant, policy, language):
                    if not templates.writes(letter):
                        break  # another tenant's or policy's own
                    try:
                        templates.render(letter)
                    except TemplateFault as fault:
                        found[str(fault)] = None
    return list(found)


def _samples(name: str, tenant: str, policy: str, language: str) -> Iterator[Letter]:
    at = datetime(2026, 3, 15, 5, tzinfo=UTC)
    period = Invoice("s-1-0003", 3, "period", 2, date(2026, 3, 15), date(2026, 4, 15), 4900, 4900, at, at, at.date())
    charge = replace(period, number="s-1-termination", kind="termination", missed=True)
    to = Addressee("c-1", "K100", "Ada Example", "ada@example.com", language, tenant=tenant)
    view = View(
        "s-1",
        "c-1",
        "K100",
        policy,
        1,
        "pro",
        "USD",
        "America/New_York",
        "past_due",
        4900,
        4900,
        0,
        0,
        None,
        "",
        (),
        False,
    )
    known = {"invoice": period.number, "amount": "49.00", "due_on": "2026-03-15", "balance": "49.00", "open": "49.00"}
    for after in OUTLOOKS:
        about = known | ({"next": after, "next_on": "2026-04-01", "retry_on": "2026-03-22"} if after else {})
        yield Letter("s-1/000001/mail", name, at, about, to, view, (period,))
    for by in ENDED_BY:
        about = {"by": by, "effective_on": "2026-02-28", "retroactive": "yes", "bank_only": "yes"} if by else {}
        for owed in (0, 4900):
            shown = (period, charge) if owed else ()
            for placed in (0, owed):
                yield Letter(
                    "s-1/000001/mail",
                    name,
                    at,
                    about,
                    to,
                    replace(view, standing="cancelled", balance_minor=owed, open_minor=owed, placed_minor=placed),
                    shown,
                )


def _roots(overrides: Path | None) -> list[Path]:
    return [SHIPPED, *([overrides] if overrides else [])]


def _brands(overrides: Path | None) -> list[tuple[str, str]]:
    """Tenants and policies by their folders; which of the two a folder is named for cannot be told, so it is both."""
    policies = ["", *sorted(_folders(SHIPPED))]
    pairs = {("", policy): None for policy in policies}
    if overrides:
        for tenant in sorted(_folders(overrides)):
            pairs[("", tenant)] = None
            pairs |= {(tenant, policy): None for policy in [*policies, *sorted(_folders(overrides / tenant))]}
    return list(pairs)


def _folders(root: Path) -> set[str]:
    return {folder.name for folder in root.iterdir() if folder.is_dir() and not _is_language(folder.name)}


def _languages(overrides: Path | None) -> set[str]:
    return {
        folder.name
        for root in _roots(overrides)
        for folder in root.rglob("*")
        if folder.is_dir() and _is_language(folder.name)
    }


def _is_language(name: str) -> bool:
    try:
        Locale.parse(name, sep="-")
    except (UnknownLocaleError, ValueError):
        return False
    return True
