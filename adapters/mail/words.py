"""The words of one mail as a template writes them: a few headers, what comes before the invoices, what comes after.

    Subject: Your payment was declined
    Pay: bank

    We could not collect {{ open }}.

    --

    # What happens next

    - an item
    - another

Paragraphs are parted by blank lines; lines within one flow together. Looks are the layout's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

HEADERS = ("subject", "title", "pay")
PAY = ("", "bank", "no")
DIVIDER = "--"


class UnreadableWords(ValueError):
    """A rendered text does not have the form above; says what is missing."""


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, a heading, or a list of items."""

    kind: Literal["paragraph", "heading", "items"]
    texts: tuple[str, ...]

    @property
    def text(self) -> str:
        return self.texts[0]


@dataclass(frozen=True, slots=True)
class Words:
    """What one mail says, without any looks."""

    subject: str
    title: str
    """The headline; the subject where the template writes none."""
    pay: str
    """How money is asked for: empty for every way, `bank` for a transfer only, `no` for not at all."""
    opening: tuple[Block, ...]
    closing: tuple[Block, ...]


def read_words(text: str) -> Words:
    """The words in a rendered text. Raises UnreadableWords."""
    head, _, body = text.strip().partition("\n\n")
    said = dict.fromkeys(HEADERS, "")
    for line in head.splitlines():
        name, colon, value = line.partition(":")
        if not colon or name.strip().lower() not in said:
            raise UnreadableWords(f"its first lines must be headers ({', '.join(HEADERS)}) and a blank line after them")
        said[name.strip().lower()] = re.sub(r"[ \t]+", " ", value).strip(
            " \t"
        )  # not the space that keeps an amount whole
    if not said["subject"]:
        raise UnreadableWords("it has no Subject")
    if said["pay"] not in PAY:
        raise UnreadableWords(f"Pay: {said['pay']!r}; expected 'bank', 'no', or none")
    lines = body.splitlines()
    at = next((i for i, line in enumerate(lines) if line.strip() == DIVIDER), len(lines))
    return Words(
        said["subject"], said["title"] or said["subject"], said["pay"], _blocks(lines[:at]), _blocks(lines[at + 1 :])
    )


def _blocks(lines: list[str]) -> tuple[Block, ...]:
    blocks: list[Block] = []
    for chunk in "\n".join(line.strip() for line in lines).split("\n\n"):
        rows = chunk.split("\n")
        rows = [row for row in rows if row]
        if not rows:
            continue
        if rows[0].startswith("# "):
            blocks.append(Block("heading", (rows[0][2:].strip(),)))
            rows = rows[1:]
        if rows and all(row.startswith("- ") for row in rows):
            blocks.append(Block("items", tuple(row[2:].strip() for row in rows)))
        elif rows:
            blocks.append(Block("paragraph", (" ".join(rows),)))
    return tuple(blocks)
