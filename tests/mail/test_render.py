"""What mails say: true to the policy that sends them, in the customer's language, and nothing that is not known."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from adapters.bank.creditor_reference import creditor_reference, printed
from adapters.mail.check import check_templates
from adapters.mail.house import BankAccount, House
from adapters.mail.language import Sum, locale_of, plural
from adapters.mail.render import SHIPPED, Rendered, Templates
from docs.render_mails import letters
from domain.access import DEMANDS
from domain.letters import Letter
from domain.money import Money
from domain.scenario import read_scenario
from tests.mail.letters import HOUSE, INVOICE, letter

SCENARIOS = Path(__file__).parents[2] / "examples" / "scenarios"
LANGUAGES = ("en", "de")
TEMPLATES = sorted(file.stem for file in (SHIPPED / "en").glob("*.words") if not file.stem.startswith("_"))
SPEC = {
    *DEMANDS,
    "product_locked",
    "account_locked",
    "account_unlocked",
    "subscription_cancelled",
    "reactivation_refused",
    "receipt",
    "invoice",
}
"""Spec, section 7."""


def rendered(said: Letter, house: House = HOUSE) -> Rendered:
    return Templates(house).render(said)


def flat(text: str) -> str:
    """Without line breaks, so that a sentence is found wherever it was wrapped."""
    return " ".join(text.split())


def life(name: str, language: str = "en") -> list[Letter]:
    """The mails of a shipped scenario."""
    return list(letters(read_scenario(json.loads((SCENARIOS / f"{name}.json").read_text(encoding="utf-8"))), language))


def test_every_template_of_the_specification_is_shipped_in_every_language() -> None:
    assert set(TEMPLATES) == SPEC
    for language in LANGUAGES:
        assert {file.name for file in (SHIPPED / language).iterdir()} == {
            "_labels.txt",
            "_next.words",
            *(f"{name}.words" for name in TEMPLATES),
        }


@pytest.mark.parametrize("policy", ["hosting", "photo-monthly", "photo-annual"])
def test_a_policys_own_words_are_shipped_in_every_language(policy: str) -> None:
    english, german = ({file.name for file in (SHIPPED / policy / each).iterdir()} for each in LANGUAGES)
    assert english == german != set()


@pytest.mark.slow
def test_every_shipped_template_can_be_rendered_whatever_is_known() -> None:
    assert check_templates(HOUSE) == []
    assert check_templates(House("Bare", "a@b.example")) == []


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("policy", ["hosting", "photo-monthly", "photo-annual", "another"])
@pytest.mark.parametrize("template", sorted(DEMANDS))
def test_a_mail_that_asks_for_money_says_how_much_for_what_and_how_to_pay(
    template: str, policy: str, language: str
) -> None:
    mail = rendered(letter(template, policy=policy, locale=language))
    reference = printed(creditor_reference(INVOICE.number))
    amount = "$49.00" if language == "en" else "49,00\xa0$"
    for text in (mail.text, mail.html):
        for fact in (amount, INVOICE.number, reference, "DE89 3704 0044 0532 0130 00", "K100", HOUSE.contact):
            assert fact in text


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("policy", ["hosting", "photo-monthly"])
def test_a_mail_that_finds_everything_paid_asks_for_nothing(template: str, policy: str) -> None:
    if template in DEMANDS:
        return  # they are not sent then
    mail = rendered(letter(template, policy=policy, open_minor=0, about={"next": "cancel", "next_on": "2026-04-01"}))
    assert "IBAN" not in mail.text + mail.html
    assert "Pay now" not in mail.html
    assert "What happens next" not in mail.html


@pytest.mark.parametrize(
    ("template", "policy", "about"),
    [
        ("account_locked", "hosting", {}),
        ("bank_transfer_instructions", "hosting", {}),
        ("bank_transfer_instructions", "another", {}),
        ("collections_warning", "hosting", {}),
        ("subscription_cancelled", "hosting", {"by": "ladder"}),
        ("payment_declined", "hosting", {"bank_only": "yes"}),
        ("payment_reminder", "another", {"bank_only": "yes"}),
    ],
)
def test_where_only_a_transfer_is_open_nothing_points_to_a_card(
    template: str, policy: str, about: dict[str, str]
) -> None:
    mail = rendered(letter(template, policy=policy, about=about))
    assert "https://" not in mail.text + mail.html
    assert "Please pay by bank transfer" in flat(mail.text)
    assert "enter another card" not in mail.text


def test_without_bank_details_the_invoice_is_said_to_have_them() -> None:
    mail = rendered(letter("account_locked", policy="hosting"), House("Rack", "help@rack.example"))
    assert "Our bank details are on your invoice." in flat(mail.text)
    assert "IBAN" not in mail.text


def test_the_next_date_is_told_in_the_policys_words() -> None:
    known = {"next": "lock", "next_on": "2026-03-18"}
    photo = flat(rendered(letter(about=known)).text)
    assert "If it has not been paid before March 18, 2026, your account is locked:" in photo
    assert "It is unlocked automatically when payment is received." in photo
    hosting = flat(rendered(letter(policy="hosting", about=known)).text)
    assert "If it has not been paid before March 18, 2026, pro is locked. Your data is kept." in hosting
    assert "Virtual Tours" not in hosting


def test_nothing_is_said_of_a_next_step_that_nobody_knows_or_that_comes_on_the_same_day() -> None:
    for about in ({}, {"next": "something_new", "next_on": "2026-03-18"}, {"next": "lock", "next_on": "2026-03-15"}):
        assert "WHAT HAPPENS NEXT" not in rendered(letter(about=about)).text


def test_another_charge_is_announced_only_where_nothing_comes_before_it() -> None:
    known = {"next": "cancel", "next_on": "2026-04-01"}
    assert "again on March 22, 2026" in flat(rendered(letter(about=known | {"retry_on": "2026-03-22"})).text)
    assert "again on" not in flat(rendered(letter(about=known | {"retry_on": "2026-04-15"})).text)


def test_a_whole_life_under_photo_monthly_is_told_truly() -> None:
    mails = {said.template: flat(rendered(said).text) for said in life("monthly-order-of-a-cancellation")}
    assert "none of the payment methods in your account could be charged" in mails["payment_declined"]
    assert "you cannot upload work or access completed batches" in mails["account_locked"]
    cancelled = mails["subscription_cancelled"]
    assert "Single Property Websites and Virtual Tours are deleted." in cancelled
    assert "unused credits are not refunded" in cancelled
    assert "goes to a collections agency" in cancelled
    assert "IBAN" not in cancelled


def test_a_whole_life_under_hosting_is_told_truly() -> None:
    sent = life("hosting-new-customer-full-ladder")
    mails = {said.template: flat(rendered(said).text) for said in sent}
    assert "You are billed for pro as long as it exists" in mails["payment_reminder"].replace("Studio Pro", "pro")
    assert "We decide case by case" in mails["product_locked"]
    assert "please pay by bank transfer" in mails["account_locked"]
    assert (
        "If it has not been paid before March 20, 2026, the open balance goes to an agency."
        in (mails["collections_warning"])
    )
    assert "add their own fees on top of what you owe" in mails["collections_warning"]
    assert "it is kept for 30 days after the cancellation" in mails["subscription_cancelled"]


def test_half_of_the_remaining_balance_is_explained_where_it_is_charged() -> None:
    mails = {said.template: flat(rendered(said).text) for said in life("annual-delinquent-at-billing-instant")}
    assert "Three instalments in a row were not paid" in mails["subscription_cancelled"]
    assert "You owe half of the remaining balance of your commitment, $500.00." in mails["subscription_cancelled"]
    assert "That can affect your credit score." in mails["subscription_cancelled"]


def test_who_cancelled_is_said_only_where_it_is_known() -> None:
    def said(by: str) -> str:
        about = {"by": by} if by else {}
        return flat(rendered(letter("subscription_cancelled", policy="hosting", about=about)).text)

    assert "as you asked" in said("customer")
    assert "Is my data gone?".upper() in said("ladder")
    assert "very late" in said("ladder")
    unknown = said("")
    assert "as you asked" not in unknown
    assert "late" not in unknown
    assert "data" not in unknown


@pytest.mark.parametrize(
    ("tag", "language", "text"),
    [
        ("de", "de", "49,00\xa0$"),
        ("de-AT", "de", "$\xa049,00"),
        ("de-CH", "de", "$\xa049.00"),
        ("en-GB", "en", "US$49.00"),
        ("fr-FR", "en", "$49.00"),
        ("xx-nonsense", "en", "$49.00"),
        ("", "en", "$49.00"),
    ],
)
def test_each_customer_reads_a_language_that_we_have_and_amounts_as_it_writes_them(
    tag: str, language: str, text: str
) -> None:
    mail = rendered(letter(locale=tag))
    assert mail.language == language
    assert text in mail.text


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (4900, "USD", "$49.00"),
        (4900, "JPY", "¥4,900"),
        (4900, "KWD", "KWD\xa04.900"),
        (123456789, "HUF", "HUF\xa01,234,567.89"),
        (500000, "IDR", "IDR\xa05,000.00"),
        (-50, "EUR", "-€0.50"),
    ],
)
def test_amounts_have_the_decimals_of_their_currency(minor: int, currency: str, text: str) -> None:
    assert str(Sum(Money(minor, currency), locale_of("en"))) == text


def test_counted_things_follow_the_languages_own_rules() -> None:
    forms = {"one": "faktura", "few": "faktury", "many": "faktur", "other": "faktury"}
    assert [plural(locale_of("pl"), count, forms) for count in (1, 2, 5)] == ["faktura", "faktury", "faktur"]
    assert plural(locale_of("ja"), 1, {"one": "a", "other": "b"}) == "b"


def test_due_dates_are_the_customers_own() -> None:
    instant = replace(INVOICE, due_at=INVOICE.due_at.replace(hour=23))
    assert "Due Mar 15, 2026" in rendered(letter(invoices=(instant,))).text
    assert "Due Mar 16, 2026" in rendered(letter(invoices=(instant,), timezone="Asia/Tokyo")).text


def test_several_invoices_have_a_reference_each() -> None:
    older = replace(INVOICE, number="s-1-0002", period_start=date(2026, 2, 15), period_end=date(2026, 3, 15))
    mail = rendered(letter(open_minor=9800, invoices=(older, INVOICE)))
    assert f"Reference for s-1-0002: {printed(creditor_reference('s-1-0002'))}" in mail.text
    assert "write s-1-0002, s-1-0003 and client number K100" in flat(mail.text)
    assert ">Invoices<" in mail.html


def test_nothing_that_a_customer_is_called_is_html() -> None:
    troublesome = letter(name='<img src=x onerror="a()">', about={"invoice": "<b>", "amount": "<i>"})
    mail = rendered(troublesome)
    assert "<img" not in mail.html
    assert "&lt;img" in mail.html
    assert "<img" in mail.text


def test_a_name_is_one_short_line() -> None:
    mail = rendered(letter(name="Ada\n\n--\n\n# Pay here\u202e" + "x" * 200))
    assert "Hello Ada -- # Pay here" in mail.text
    assert "\u202e" not in mail.text
    assert "x" * 81 not in mail.text


def test_the_text_is_wrapped_and_links_are_whole() -> None:
    house = replace(HOUSE, pay_url="https://lumen.example/" + "path/" * 20 + "{subscription}")
    mail = rendered(letter("account_locked", locale="de"), house)
    assert house.pay_link("s-1") in mail.text
    assert all(len(line) <= 72 for line in mail.text.splitlines() if "https://" not in line)
    assert "\n\n\n" not in mail.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_loads_nothing_and_fits_dark_and_light(language: str) -> None:
    html = rendered(letter("account_locked", policy="hosting", locale=language)).html
    assert f'<html lang="{language}"' in html
    assert "prefers-color-scheme: dark" in html
    for outside in ("<img", "<script", "<link", "@import", "url(", "src="):
        assert outside not in html


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"iban": "DE00370400440532013000"}, "not an IBAN"),
        ({"bic": "NOPE"}, "not a BIC"),
    ],
)
def test_bank_details_that_cannot_be_right_are_refused(change: dict[str, str], why: str) -> None:
    known = {"holder": "Lumen Ltd", "iban": "DE89370400440532013000", "bic": "COBADEFFXXX"}
    with pytest.raises(ValueError, match=why):
        BankAccount(**known | change)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"name": ""}, "needs a name"),
        ({"contact": "nobody"}, "e-mail address"),
        ({"pay_url": "javascript:alert(1)"}, "pay_url"),
        ({"name": "Lumen\r\nBcc: a@b.example"}, "control character"),
    ],
)
def test_a_house_that_cannot_write_mails_is_refused(change: dict[str, str], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        House(**{"name": "Lumen", "contact": "a@b.example"} | change)  # type: ignore[arg-type]
