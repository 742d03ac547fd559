"""What a stranger wrote, as it may be repeated in an answer: one short printable line, and never a card number."""

from __future__ import annotations

from domain.cards import holds_card_number

LIMIT = 60  # characters: enough to find the place again, too few to fill a page


def quoted(value: object) -> str:
    """A value as Python writes it, cut at 60 characters; control characters are escaped."""
    try:
        text = repr(value[: LIMIT + 1]) if isinstance(value, str | bytes) else repr(value)
    except (ValueError, RecursionError):  # a number of more than 4300 digits; lists a thousand deep
        return f"a very large {type(value).__name__}"
    if holds_card_number(value if isinstance(value, str) else text):
        return "(what looks like a card number)"
    return text if len(text) <= LIMIT else f"{text[: LIMIT - 3]}..."


class Unread(str):
    """What came in and could not be read, or may not be kept, told in our own words: it may be repeated."""

    __slots__ = ()


def named(name: str) -> str:
    """A field's name as it was written, where that is short and plain; else quoted."""
    return name if name.isidentifier() and len(name) <= LIMIT else quoted(name)


def described(value: object) -> str:
    """What kind of value it is and how large, without a word of it: what people write may be about people."""
    match value:
        case str():
            return f"a text of {len(value)} characters"
        case bytes():
            return f"{len(value)} bytes"
        case list() | tuple():
            return f"a list of {len(value)}"
        case dict():
            return f"an object of {len(value)} fields"
        case _:
            return quoted(value)


def legible(name: str, limit: int = 200) -> str:
    """A name that a stranger chose, as it may stand in books and pages: printable, and at most `limit` characters.

    PostgreSQL refuses a text with a zero byte or half a character.
    """
    shown = "".join(c if c.isprintable() else "\ufffd" for c in name[:limit])
    return "(what looks like a card number)" if holds_card_number(shown) else shown
