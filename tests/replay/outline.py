"""An outline of the workflow's source: the calls that issue commands, and what decides whether they are come to.

Functions that issue no command, texts, arguments and the names of local variables are left out or made alike, so that
an edit which cannot change commands leaves the outline alone. Whether an activity is asked for also hangs on `decide`,
which is no part of it: the histories tell of that.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOM = Path(__file__).parents[2] / "workflows"

COMMANDS = frozenset(
    f"{room}.{name}"
    for room, names in {
        "workflow": (
            "execute_activity start_activity execute_activity_method start_activity_method execute_local_activity "
            "start_local_activity execute_child_workflow start_child_workflow sleep wait_condition wait as_completed "
            "upsert_search_attributes upsert_memo continue_as_new patched deprecate_patch uuid4 random new_random time"
        ),
        "asyncio": "sleep create_task gather wait wait_for timeout",
    }.items()
    for name in names.split()
)
TEXTS = frozenset(("summary", "timeout_summary", "static_summary", "static_details"))
INDENT = "  "


def outline(room: Path = ROOM) -> str:
    """The functions of a room that issue commands, themselves or through each other, a block for each."""
    trees = {path.stem: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(room.glob("*.py"))}
    functions = [
        (f"{stem}.{name}", node) for stem, tree in trees.items() for name, node in _functions(tree) if node.body
    ]
    issuing = _issuing([node for _, node in functions])
    asked = _asked([node for _, node in functions if node.name in issuing])
    blocks = [
        "\n".join([name, *Block(node, issuing, whole=node.name not in issuing).lines(node.body, 1)])
        for name, node in functions
        if node.name in issuing | asked
    ]
    return "\n\n".join(blocks) + "\n"


Function = ast.FunctionDef | ast.AsyncFunctionDef


def _functions(tree: ast.AST, within: str = "") -> Iterator[tuple[str, Function]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Function):
            yield f"{within}{node.name}", node
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node, f"{within}{node.name}.")


def _called(call: ast.Call) -> str:
    return ast.unparse(call.func)


def _issuing(functions: list[Function]) -> frozenset[str]:
    """The names of functions that issue commands, or call one that does."""
    found: frozenset[str] = frozenset()
    while True:
        more = frozenset(
            node.name
            for node in functions
            for call in ast.walk(node)
            if isinstance(call, ast.Call) and (_called(call) in COMMANDS or _called(call).rpartition(".")[2] in found)
        )
        if more == found:
            return found
        found = more


def _asked(functions: list[Function]) -> frozenset[str]:
    """The names of what the conditions of functions call, and of what is waited for: they decide what is come to."""
    found = set()
    for node in (node for function in functions for node in ast.walk(function)):
        if isinstance(node, ast.If | ast.While):
            found |= {_called(call).rpartition(".")[2] for call in ast.walk(node.test) if isinstance(call, ast.Call)}
        elif isinstance(node, ast.Call) and _called(node) in COMMANDS:
            found |= {arg.attr for arg in node.args if isinstance(arg, ast.Attribute)}
    return frozenset(found)


class Block:
    """The lines of one function; the `whole` of it where it is asked for what it gives."""

    def __init__(self, function: Function, issuing: frozenset[str], *, whole: bool) -> None:
        self._issuing = issuing
        self._whole = whole
        self._locals = set(_bound(function))
        self._names: dict[str, str] = {}

    def lines(self, body: list[ast.stmt], depth: int) -> list[str]:
        """What a body comes to."""
        return [f"{INDENT * depth}{line}" for node in body for line in self._of(node)]

    def _of(self, node: ast.stmt) -> list[str]:
        match node:
            case ast.If():
                return self._branches("if", node)
            case ast.While():
                return [*self._calls(node.test), f"while {self._text(node.test)}", *self.lines(node.body, 1)]
            case ast.For() | ast.AsyncFor():
                return [*self._calls(node.iter), f"for each of {self._text(node.iter)}", *self.lines(node.body, 1)]
            case ast.With() | ast.AsyncWith():
                managed = ", ".join(self._text(item.context_expr) for item in node.items)
                return self._kept(f"with {managed}", self.lines(node.body, 1))
            case ast.Try():
                caught = [
                    line
                    for handler in node.handlers
                    for line in [
                        f"except {ast.unparse(handler.type) if handler.type else ''}",
                        *self.lines(handler.body, 1),
                    ]
                ]
                return self._kept("try", [*self.lines(node.body, 1), *caught, *self.lines(node.finalbody, 1)])
            case ast.Match():
                cases = [
                    line
                    for case in node.cases
                    for line in [f"{INDENT}case {_shape(case.pattern)}", *self.lines(case.body, 2)]
                ]
                return [*self._calls(node.subject), f"match {self._text(node.subject)}", *cases]
            case ast.Return():
                given = f"return {self._text(node.value)}" if self._whole and node.value else "return"
                return [*(self._calls(node.value) if node.value else []), given]
            case ast.Assign() if self._whole:
                return [f"{self._text(node.targets[0])} = {self._text(node.value)}"]
            case ast.Break() | ast.Continue() | ast.Raise():
                return [type(node).__name__.lower()]
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                return self._within(node)
            case ast.ClassDef():
                return []
            case _:
                return self._calls(node)

    def _within(self, node: Function) -> list[str]:
        """A function within the function is a condition that is waited for."""
        whole, self._whole = self._whole, True
        lines = [f"def {self._text(ast.Name(node.name))}", *self.lines(node.body, 1)]
        self._whole = whole
        return lines

    def _branches(self, word: str, node: ast.If) -> list[str]:
        lines = [*self._calls(node.test), f"{word} {self._text(node.test)}", *self.lines(node.body, 1)]
        if len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If):
            return [*lines, *self._branches("or if", node.orelse[0])]
        return [*lines, "else", *self.lines(node.orelse, 1)] if node.orelse else lines

    def _kept(self, head: str, body: list[str]) -> list[str]:
        return [head, *body] if body else []

    def _calls(self, node: ast.AST) -> list[str]:
        """The calls in it that issue commands, in the order in which they are made."""
        found = []
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, ast.Lambda):
                found += self._calls(child)
        if isinstance(node, ast.Call) and self._issues(node):
            found.append(self._call(node))
        return found

    def _issues(self, call: ast.Call) -> bool:
        return _called(call) in COMMANDS or _called(call).rpartition(".")[2] in self._issuing

    def _call(self, call: ast.Call) -> str:
        """A call by its name, what it is given that may tell commands apart, and which options it sets."""
        ours = _called(call) not in COMMANDS
        given = [self._given(arg, texts=not ours) for arg in call.args]
        options = [
            f"{each.arg}={self._text(each.value)}" if ours or isinstance(each.value, ast.Constant) else str(each.arg)
            for each in call.keywords
            if each.arg not in TEXTS
        ]
        return f"{self._text(call.func)}({', '.join([*given, *options])})"

    def _given(self, arg: ast.expr, *, texts: bool) -> str:
        if isinstance(arg, ast.Attribute | ast.Lambda):
            return self._text(arg)
        if isinstance(arg, ast.Constant) and (texts or not isinstance(arg.value, str)):
            return ast.unparse(arg)
        return "..."

    def _text(self, node: ast.expr) -> str:
        """An expression, with local variables numbered in the order in which the outline comes to them."""
        block = self

        class Numbered(ast.NodeTransformer):
            def visit_Name(self, name: ast.Name) -> ast.Name:
                if name.id in block._locals:
                    number = block._names.setdefault(name.id, f"v{len(block._names) + 1}")
                    return ast.Name(number, name.ctx)
                return name

            def visit_Call(self, call: ast.Call) -> ast.AST:
                call.keywords = [each for each in call.keywords if each.arg not in TEXTS]
                return self.generic_visit(call)

        return ast.unparse(Numbered().visit(ast.parse(ast.unparse(node), mode="eval").body))


def _shape(pattern: ast.pattern) -> str:
    """What a case is for, without the names it captures."""
    match pattern:
        case ast.MatchClass():
            return ast.unparse(pattern.cls)
        case ast.MatchValue():
            return ast.unparse(pattern.value)
        case ast.MatchOr():
            return " | ".join(_shape(each) for each in pattern.patterns)
        case _:
            return "_"


def _bound(function: Function) -> Iterator[str]:
    """The names that a function binds, those of functions within it too; `self` is none."""
    for node in ast.walk(function):
        if isinstance(node, Function) and node is not function:
            yield node.name
        elif isinstance(node, ast.arg) and node.arg != "self":
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.MatchAs | ast.MatchStar | ast.ExceptHandler) and node.name:
            yield node.name
