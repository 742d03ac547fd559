"""One statement of several parts: they take effect together or not at all, and cost one round trip."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Statement:
    """Parts of a `with` clause, each under a name by which later ones may refer to it.

    All parts see the tables as they were before the statement, and of each other only what is returned. Outside a
    transaction the whole commits by itself, and whatever any part violates undoes all of it.
    """

    parts: list[str] = field(default_factory=list)
    arguments: list[object] = field(default_factory=list)

    def add(self, name: str, sql: str, *arguments: object) -> None:
        """One part; `{0}`, `{1}`, ... in it stand for the arguments."""
        first = len(self.arguments) + 1
        places = [f"${number}" for number in range(first, first + len(arguments))]
        self.parts.append(f"{name} as ({sql.strip().format(*places)})")
        self.arguments += arguments

    def asking(self, select: str) -> str:
        """The text of it all, which gives what `select` asks for."""
        return f"with {', '.join(self.parts)} {select}"
