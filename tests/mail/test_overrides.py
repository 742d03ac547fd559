"""A tenant's own templates: found in their order, changed while we run, and never able to do harm."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from adapters.mail.check import check_templates
from adapters.mail.render import SHIPPED, TemplateFault, Templates
from adapters.mail.words import Block, UnreadableWords, read_words
from domain.letters import Letter
from tests.mail.letters import HOUSE, letter


def put(root: Path, name: str, text: str) -> Path:
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def subject(root: Path, said: Letter) -> str:
    return Templates(HOUSE, overrides=root).render(said).subject


def test_the_most_particular_file_wins(tmp_path: Path) -> None:
    said = letter(tenant="acme", policy="photo-monthly")
    order = ["en", "photo-monthly/en", "acme/en", "acme/photo-monthly/en"]
    for folder in order:
        put(tmp_path, f"{folder}/payment_declined.words", f"Subject: from {folder}\n\nHello")
        assert subject(tmp_path, said) == f"from {folder}"
    assert subject(tmp_path, letter(tenant="other", policy="hosting")) == "from en"
    assert subject(tmp_path, letter(tenant="acme", policy="hosting")) == "from acme/en"


def test_a_language_comes_before_everything_else(tmp_path: Path) -> None:
    put(tmp_path, "acme/photo-monthly/en/payment_declined.words", "Subject: English\n\nHello")
    put(tmp_path, "fr/payment_declined.words", "Subject: Français {{ open }}\n\nBonjour")
    assert subject(tmp_path, letter(tenant="acme", locale="fr-CA")).startswith("Français 49,00")
    assert subject(tmp_path, letter(tenant="acme", locale="nl")) == "English"


def test_a_single_file_may_be_replaced_and_the_rest_stays(tmp_path: Path) -> None:
    put(
        tmp_path,
        "acme/en/_labels.txt",
        (SHIPPED / "en" / "_labels.txt").read_text(encoding="utf-8").replace("Pay now", "Settle"),
    )
    mail = Templates(HOUSE, overrides=tmp_path).render(letter(tenant="acme"))
    assert "Settle" in mail.html
    assert mail.subject == "Your payment was declined; please update your payment methods"
    put(tmp_path, "acme/_layout.html", "<p>{{ words.title }}</p>")
    assert (
        Templates(HOUSE, overrides=tmp_path).render(letter(tenant="acme")).html == "<p>Your payment was declined</p>\n"
    )
    assert "<table" in Templates(HOUSE, overrides=tmp_path).render(letter()).html


def test_a_mail_may_have_a_page_and_a_text_of_its_own(tmp_path: Path) -> None:
    put(tmp_path, "en/payment_declined.html", "<b>{{ name }} owes {{ open }}</b>")
    put(tmp_path, "en/payment_declined.txt", "{{ name }} owes {{ open }}")
    mail = Templates(HOUSE, overrides=tmp_path).render(letter(name="A & B"))
    assert mail.html == "<b>A &amp; B owes $49.00</b>\n"
    assert mail.text == "A & B owes $49.00\n"


def test_a_file_that_is_changed_or_added_counts_from_the_next_mail(tmp_path: Path) -> None:
    tmp_path.mkdir(exist_ok=True)
    assert subject(tmp_path, letter()) == "Your payment was declined; please update your payment methods"
    for number in range(3):
        put(tmp_path, "en/payment_declined.words", f"Subject: {'x' * number}{number}\n\nHello")
        assert subject(tmp_path, letter(policy="another")) == f"{'x' * number}{number}"
    put(tmp_path, "photo-monthly/en/payment_declined.words", "Subject: new\n\nHello")
    assert subject(tmp_path, letter()) == "new"


def test_a_tenant_has_its_own_house(tmp_path: Path) -> None:
    acme = replace(HOUSE, name="Acme", contact="help@acme.example", bank=None)
    templates = Templates(HOUSE, {"acme": acme})
    assert "help@acme.example" in templates.render(letter(tenant="acme")).text
    assert HOUSE.contact in templates.render(letter(tenant="other")).text


@pytest.mark.parametrize(
    ("text", "line", "wrong"),
    [
        ("Subject: x\n\n{{ nmae }}", 3, "'nmae' is undefined"),
        ("Subject: x\n\n{% if %}", 3, "Expected an expression"),
        ("Subject: x\n\n\n{% include 'gone.words' %}", 4, "gone.words"),
        ("Subject: x\n\n{{ about.nothing }}", 3, "nothing"),
        ("Subject: x\n\n{{ 1 / 0 }}", 3, "ZeroDivisionError"),
        ("Subject: x\n\n{{ name.__class__.__mro__ }}", 3, "__class__"),
        ("Subject: x\n\n{{ invoices.append(1) }}", 3, "append"),
        ("Subject: x\n\n{% for i in range(10000000) %}{% endfor %}", 3, "OverflowError"),
    ],
)
def test_a_fault_names_file_line_and_what_is_wrong(tmp_path: Path, text: str, line: int, wrong: str) -> None:
    put(tmp_path, "acme/en/payment_declined.words", text)
    with pytest.raises(TemplateFault, match="Nothing was sent") as raised:
        Templates(HOUSE, overrides=tmp_path).render(letter(tenant="acme"))
    assert f"acme/en/payment_declined.words, line {line}:" in str(raised.value) or "gone" in wrong
    assert wrong in str(raised.value)
    assert "Ada" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("Hello", "headers"),
        ("Title: x\n\nHello", "no Subject"),
        ("Subject:\n\nHello", "no Subject"),
        ("Subject: x\nPay: gold\n\nHello", "'gold'"),
        ("Subject: x\nHello there\n\nHello", "headers"),
    ],
)
def test_words_without_their_form_are_refused(text: str, wrong: str) -> None:
    with pytest.raises(UnreadableWords, match=wrong):
        read_words(text)


def test_words_have_headers_an_opening_and_a_closing() -> None:
    words = read_words("Subject: Hi\nPay: bank\n\nOne\nparagraph.\n\n- a\n- b\n\n--\n\n# Head\n\nEnd")
    assert (words.subject, words.title, words.pay) == ("Hi", "Hi", "bank")
    assert words.opening == (Block("paragraph", ("One paragraph.",)), Block("items", ("a", "b")))
    assert words.closing == (Block("heading", ("Head",)), Block("paragraph", ("End",)))


def test_a_line_break_after_a_tag_at_a_lines_end_is_kept(tmp_path: Path) -> None:
    put(tmp_path, "en/payment_declined.words", "Subject: a{% if name %} b{% endif %}\nTitle: c\n\nHello")
    assert subject(tmp_path, letter(policy="another")) == "a b"


@pytest.mark.parametrize("tenant", ["..", ".", "../..", ".hidden"])
def test_a_tenants_name_leads_nowhere_outside(tmp_path: Path, tenant: str) -> None:
    put(tmp_path, "en/payment_declined.words", "Subject: outside\n\nHello")
    inside = tmp_path / "overrides"
    inside.mkdir()
    assert subject(inside, letter(tenant=tenant, policy="another")) == "Your payment could not be collected"


def test_a_template_that_nobody_wrote_is_told_by_name(tmp_path: Path) -> None:
    with pytest.raises(TemplateFault, match=r"'welcome': no file welcome\.words for policy 'hosting', tenant 'acme'"):
        Templates(HOUSE, overrides=tmp_path).render(letter("welcome", policy="hosting", tenant="acme"))


@pytest.mark.slow
def test_the_check_finds_every_fault_of_every_brand(tmp_path: Path) -> None:
    put(tmp_path, "acme/hosting/de/account_locked.words", "Subject: x\n\n{{ oops }}")
    put(tmp_path, "en/welcome.words", "Subject: x\n\n{% if next == 'cancel' %}{{ never }}{% endif %}")
    put(tmp_path, "acme/en/payment_declined.word", "Subject: x\n\nmisspelt")
    faults = check_templates(HOUSE, overrides=tmp_path)
    assert len(faults) == 3
    assert "acme/en/payment_declined.word: no mail uses it" in faults[0]
    assert any("acme/hosting/de/account_locked.words, line 3: 'oops' is undefined" in fault for fault in faults)
    assert any("en/welcome.words, line 3: 'never' is undefined" in fault for fault in faults)
