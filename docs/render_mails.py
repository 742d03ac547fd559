"""Writes every mail that the shipped policies send as a page: lives are played, and their mails rendered.

    .venv/bin/python docs/render_mails.py FOLDER [--pictures]

`--pictures` also makes a PNG of each, with playwright, Pillow and Chromium, none of which Perennial needs itself; those
in docs/mails/ were made so.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from adapters.mail.house import BankAccount, House
from adapters.mail.render import Templates
from domain.agenda import agenda
from domain.effects import SendMail, view_of
from domain.events import DeadlinePassed, Event, MessageReceived
from domain.letters import Addressee, Letter
from domain.opening import opened
from domain.scenario import Scenario, read_scenario
from domain.simulate import turn
from domain.world import Book
from policies.load import load

DOCS = Path(__file__).parent
SCENARIOS = DOCS.parent / "examples" / "scenarios"
STEPS = 10_000  # of one life; those here take a few hundred
WIDTH = 640  # pixels of a picture
COLOURS = 256  # of a picture: fewer tint its grounds; all of them would make the file twice as large

HOUSES = {
    "photo": House(
        "Lumen Photo Editing",
        "billing@lumen.example",
        "https://lumen.example/pay/{subscription}",
        BankAccount("Lumen Editing Ltd", "GB33BUKB20201555555555", "BUKBGB22"),
        "Lumen Editing Ltd, 1 Example Street, London N1 1AA",
    ),
    "hosting": House(
        "Rack & Root Hosting",
        "accounting@rackroot.example",
        "https://rackroot.example/invoices/{subscription}",
        BankAccount("Rack & Root GmbH", "DE89370400440532013000", "COBADEFFXXX"),
        "Rack & Root GmbH, Beispielweg 1, 20095 Hamburg",
    ),
}
"""Two invented brands."""

LIVES: tuple[tuple[str, dict[str, str]], ...] = (
    ("monthly-retry-after-new-card", {}),
    ("monthly-order-of-a-cancellation", {}),
    ("money-reversal-older-debt-used-month", {"subscription_cancelled": "to-collections"}),
    ("money-reversal-fresh-grace", {}),
    ("monthly-cancel-at-period-end", {"subscription_cancelled": "by-customer"}),
    ("annual-weekly-round-dates", {}),
    ("annual-weekly-round-pays", {}),
    ("annual-reversed-instalment", {}),
    ("annual-delinquent-at-billing-instant", {}),
    ("hosting-card-added-before-the-due-date", {}),
    ("hosting-new-customer-full-ladder", {}),
    ("hosting-channels-paypal-fails-once", {"payment_declined": "bank-only"}),
    ("hosting-reversal-due-again-after-three-days", {}),
    ("hosting-cancel-now-prorated", {"subscription_cancelled": "by-customer"}),
    ("hosting-refused-when-only-locked-cancels", {}),
)
"""Scenarios; and how a mail is named that looks different from the one that an earlier scenario has shown."""


@dataclass(frozen=True, slots=True)
class Page:
    """One mail as a page."""

    name: str
    subject: str
    html: str


def pages() -> Iterator[Page]:
    """Every mail of the lives above in English and German, one of each template and policy, two where it differs."""
    for language in ("en", "de"):
        seen: set[str] = set()
        for life, tags in LIVES:
            scenario = read_scenario(json.loads((SCENARIOS / f"{life}.json").read_text(encoding="utf-8")))
            for letter in letters(scenario, language):
                name = f"{scenario.policy}-{letter.template}"
                if name in seen and letter.template in tags:
                    name = f"{name}-{tags[letter.template]}"
                if name not in seen:
                    seen.add(name)
                    house = HOUSES[scenario.policy.split("-")[0]]
                    mail = Templates(house).render(letter)
                    yield Page(f"{name}.{language}", mail.subject, mail.html)


def letters(scenario: Scenario, language: str) -> Iterator[Letter]:
    """The mails of a life in order, each as things stand at the end of the turn that sends it."""
    policy = load(scenario.policy)
    # receipts and invoices are no part of the shipped policies; they are shown as a policy would send them
    policy = replace(policy, billing=replace(policy.billing, receipt_mail="receipt", invoice_mail="invoice"))
    customer = scenario.terms.customer
    to = Addressee(customer.id, "K10042", "Ada Example", "ada@example.com", language)
    book, state = Book(), opened(scenario.terms, policy)
    coming = [said for said in scenario.messages if said.at < scenario.until]
    event: Event = DeadlinePassed(datetime.min.replace(tzinfo=UTC))
    for _ in range(STEPS):
        state, wake_at, effects = turn(state, policy, scenario.world, book, event)
        ahead = agenda(state, policy)
        view = replace(
            view_of(state, ahead[0].at if ahead else None, ahead[0].what if ahead else ""), plan="Studio Pro"
        )
        for mail in effects:
            if isinstance(mail, SendMail):
                named = mail.about.get("invoice")
                shown = tuple(i for i in book.invoices.values() if i.open_minor or i.number == named)
                yield Letter(mail.key, mail.template, mail.at, mail.about, to, view, shown)
        due = wake_at if wake_at is not None and wake_at < scenario.until else None
        if coming and (due is None or coming[0].at <= due):
            said = coming.pop(0)
            event = MessageReceived(said.signal, (said.payload,), said.at)
        elif due is not None:
            event = DeadlinePassed(due)
        else:
            return
    raise RuntimeError(f"{scenario.title}: {STEPS} steps did not reach its end")


async def take_pictures(folder: Path, found: list[Page]) -> None:
    """A PNG of each page, as tall as it is, in 256 colours; Chromium must be at /usr/bin/chromium."""
    from PIL import Image  # type: ignore[import-not-found, unused-ignore]
    from playwright.async_api import async_playwright  # type: ignore[import-not-found, unused-ignore]

    async with async_playwright() as started:
        browser = await started.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        for scheme in ("light", "dark"):
            screen = await browser.new_page(viewport={"width": WIDTH, "height": 400}, color_scheme=scheme)
            for page in found:
                if scheme == "dark" and not page.name.startswith("hosting-account_locked"):
                    continue
                await screen.set_content(page.html)
                suffix = ".dark" if scheme == "dark" else ""
                picture = folder / f"{page.name}{suffix}.png"
                await screen.screenshot(path=picture, full_page=True)
                Image.open(picture).convert("RGB").quantize(COLOURS).save(picture, optimize=True)
        await browser.close()


def main() -> None:
    """Write the pages, and their pictures where wanted."""
    said = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    said.add_argument("folder", type=Path)
    said.add_argument("--pictures", action="store_true")
    wanted = said.parse_args()
    wanted.folder.mkdir(parents=True, exist_ok=True)
    found = list(pages())
    for page in found:
        (wanted.folder / f"{page.name}.html").write_text(page.html, encoding="utf-8")
    if wanted.pictures:
        asyncio.run(take_pictures(wanted.folder, found))
    sys.stdout.write(f"{len(found)} mails in {wanted.folder}\n")


if __name__ == "__main__":
    main()
