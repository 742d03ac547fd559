"""From a letter to a subject, a text and a page: Jinja2 templates, shipped ones and a tenant's own.

A template is looked for by language, and for each language in `<tenant>/<policy>/<language>/`, `<tenant>/<language>/`,
`<policy>/<language>/` and `<language>/`, first among the overrides, then among those shipped. `<template>.words` holds
what is said; `_layout.html` and `_layout.txt` say how it looks, unless there is a `<template>.html` or `.txt`.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path

from babel import Locale
from jinja2 import FileSystemLoader, StrictUndefined, Template, TemplateError, TemplateNotFound, TemplateSyntaxError
from jinja2.ext import Extension
from jinja2.sandbox import ImmutableSandboxedEnvironment

from adapters.mail.facts import facts_of
from adapters.mail.house import House
from adapters.mail.language import languages_of, locale_of, plural
from adapters.mail.words import UnreadableWords, Words, read_words
from domain.letters import Letter

SHIPPED = Path(__file__).with_name("templates")
KEPT = 128  # two for each tenant, policy and language whose templates stay compiled; compiling takes some 50 ms
TEXT_WIDTH = 72  # characters of a plain text's line; RFC 5322 asks for at most 78

_FOLDER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*", re.ASCII)
"""A tenant's or policy's name that can be a folder; `..` cannot."""


_TAGS_ALONE = re.compile(r"\s*(\{%(?:(?!%\}).)*%\}\s*)+")
"""A line of nothing but tags leaves nothing behind, not even its line break."""


class TemplateFault(Exception):
    """A template cannot be rendered. The text names the file, the line and what is wrong; no personal data."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A mail as it is sent, and the language it is in."""

    subject: str
    text: str
    html: str
    language: str


@dataclass(frozen=True, slots=True)
class Templates:
    """Renders letters. What is changed under `overrides` counts from the next mail on."""

    house: House
    houses: Mapping[str, House] = field(default_factory=dict)
    """Those of tenants that have their own."""
    overrides: Path | None = None

    def house_of(self, letter: Letter) -> House:
        """Who writes this letter."""
        return self.houses.get(letter.to.tenant, self.house)

    def render(self, letter: Letter) -> Rendered:
        """Write a letter out. Raises TemplateFault."""
        locale = locale_of(letter.to.locale)
        language, locale = self._language(letter, locale)
        folders = self._folders(letter, (language, *languages_of(locale)))
        plain, page = (_environment(folders, locale, autoescape=each) for each in (False, True))
        facts = facts_of(letter, self.house_of(letter), locale).named()
        written = _Page(plain, f"{letter.template}.words", self._roots()).render(facts)
        words = self._words(written, letter.template)
        shown = facts | {"words": words, "language": language, "right_to_left": locale.text_direction == "rtl"}
        text, html = (
            _Page(environment, self._layout(environment, letter.template, suffix), self._roots()).render(shown)
            for environment, suffix in ((plain, "txt"), (page, "html"))
        )
        return Rendered(words.subject, _tidy(text), html.strip() + "\n", language)

    def writes(self, letter: Letter) -> bool:
        """Whether there are words for a letter's template under its tenant, policy and language."""
        return any(
            (folder / f"{letter.template}.words").is_file()
            for language in languages_of(locale_of(letter.to.locale))
            for folder in self._of_language(letter, language)
        )

    def _language(self, letter: Letter, locale: Locale) -> tuple[str, Locale]:
        """The best language that this template is written in, and the locale to write amounts and dates in with it."""
        for language in languages_of(locale):
            if any((folder / f"{letter.template}.words").is_file() for folder in self._of_language(letter, language)):
                return language, locale if language.split("-")[0] == locale.language else Locale.parse(language)
        raise TemplateFault(
            f"mail template {letter.template!r}: no file {letter.template}.words for policy {letter.view.policy!r}, "
            f"tenant {letter.to.tenant!r} in {' or '.join(languages_of(locale))}. Nothing was sent; add the file, "
            "and it is sent with the next try."
        )

    def _folders(self, letter: Letter, languages: tuple[str, ...]) -> list[Path]:
        found = [folder for language in dict.fromkeys(languages) for folder in self._of_language(letter, language)]
        tenant = letter.to.tenant
        if self.overrides and _FOLDER.fullmatch(tenant):
            found.append(self.overrides / tenant)
        return [*found, *self._roots()]

    def _of_language(self, letter: Letter, language: str) -> Iterator[Path]:
        tenant, policy = (name if _FOLDER.fullmatch(name) else "" for name in (letter.to.tenant, letter.view.policy))
        for root in self._roots():
            for own in (tenant, "") if tenant and root != SHIPPED else ("",):
                for rule in (policy, "") if policy else ("",):
                    yield root / own / rule / language

    def _roots(self) -> list[Path]:
        return [self.overrides, SHIPPED] if self.overrides else [SHIPPED]

    @staticmethod
    def _words(text: str, template: str) -> Words:
        try:
            return read_words(text)
        except UnreadableWords as fault:
            raise TemplateFault(f"{template}.words: {fault}. Nothing was sent; mend the file.") from None

    @staticmethod
    def _layout(environment: ImmutableSandboxedEnvironment, template: str, suffix: str) -> str:
        own = f"{template}.{suffix}"
        try:
            environment.get_template(own)
        except TemplateNotFound:
            return f"_layout.{suffix}"
        except TemplateSyntaxError:
            return own  # rendering it says what is wrong
        return own


@dataclass(frozen=True, slots=True)
class _Page:
    """One template of an environment; what goes wrong in it is told by file and line."""

    environment: ImmutableSandboxedEnvironment
    name: str
    roots: list[Path]

    def render(self, shown: Mapping[str, object]) -> str:
        """The rendered text. Raises TemplateFault."""
        template: Template | None = None
        try:
            template = self.environment.get_template(self.name)
            return template.render(shown)
        except TemplateSyntaxError as error:
            raise self._fault(error.filename or self.name, error.lineno, error.message or "") from None
        except TemplateNotFound as error:
            raise self._fault(template.filename if template else None, None, f"{error.name} is not there") from None
        except TemplateError as error:
            raise self._fault(*_where(error), str(error)) from None
        except Exception as error:
            # the texts of other errors may quote what a person is called
            raise self._fault(*_where(error), type(error).__name__) from None

    def _fault(self, file: str | None, line: int | None, wrong: str) -> TemplateFault:
        path = Path(file or self.name)
        short = next((str(path.relative_to(root)) for root in self.roots if path.is_relative_to(root)), path.name)
        return TemplateFault(
            f"mail template {short}{f', line {line}' if line else ''}: {wrong}. Nothing was sent; mend the file, and "
            "it is sent with the next try."
        )


def _where(error: BaseException) -> tuple[str | None, int | None]:
    """The innermost template's file and line of an error; Jinja2 puts them into the traceback."""
    found: tuple[str | None, int | None] = (None, None)
    trace = error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if Path(file).suffix in (".words", ".txt", ".html"):
            found = (file, trace.tb_lineno)
        trace = trace.tb_next
    return found


class _WholeLines(Extension):
    """Keeps the line break of a line that ends with a tag but is not made of tags alone.

    `trim_blocks` would join "Subject: Reminder{% if x %} once more{% endif %}" with the line below it.
    """

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        return "\n".join(
            f'{line}{{{{ "" }}}}' if line.rstrip().endswith("%}") and not _TAGS_ALONE.fullmatch(line) else line
            for line in source.split("\n")
        )


def _environment(folders: list[Path], locale: Locale, *, autoescape: bool) -> ImmutableSandboxedEnvironment:
    """Templates from these folders, kept compiled. A changed file is read anew, and so is a folder with a new one.

    HTML has an environment of its own, in which everything is escaped: a macro of an unescaped file that is called from
    an escaped one would pass for escaped.
    """
    return _kept(tuple(folders), tuple(_changed_at(folder) for folder in folders), locale, autoescape)


def _changed_at(folder: Path) -> int:
    """When a file was last added to a folder or taken out of it, in nanoseconds; 0 where there is no such folder."""
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=KEPT)
def _kept(
    folders: tuple[Path, ...], changed_at: tuple[int, ...], locale: Locale, autoescape: bool
) -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(folders),
        undefined=StrictUndefined,
        autoescape=autoescape,
        trim_blocks=True,
        lstrip_blocks=True,
        cache_size=50,
        extensions=[_WholeLines],
    )
    environment.filters["wrapped"] = _wrapped
    environment.globals["plural"] = partial(plural, locale)
    return environment


def _wrapped(text: object, first: str = "", rest: str = "") -> str:
    """In lines of at most 72 characters; a link is never broken."""
    return textwrap.fill(
        str(text),
        TEXT_WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _tidy(text: str) -> str:
    """Without blank lines at its ends, and never two in a row within."""
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in text.strip().split("\n"))) + "\n"
