"""A policy's YAML, read with care: what cannot be read or meant is refused with file, line and the value found."""

from __future__ import annotations

from typing import Any, ClassVar

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from yaml.constructor import ConstructorError
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.reader import ReaderError

from domain.quoting import named, quoted

KEYS_LIMIT = 1_000  # of one mapping with its merges written out; merges of merges may stand for billions
FAULTS_LIMIT = 50  # that are told at once; a file with more is none of ours
MERGE = "tag:yaml.org,2002:merge"

MAPPING, CIRCLE = "expected a mapping, `key: value` for each field", "refers to itself; expected no circle"
SAID_PLAINLY = {"model_type": MAPPING, "dict_type": MAPPING, "recursion_loop": CIRCLE}
"""Faults that pydantic tells in words of its own trade."""


class InvalidPolicy(ValueError):
    """A policy that does not exist or cannot be meant. A line for each fault: file, line, value, what was expected."""


class _Loader(yaml.SafeLoader):
    """Safe, and sure to say in which line a value cannot be what its tag or its form claims."""

    yaml_constructors: ClassVar[dict[Any, Any]] = {
        tag: read for tag, read in yaml.SafeLoader.yaml_constructors.items() if tag != "tag:yaml.org,2002:binary"
    }
    """No word of a policy is binary."""

    def construct_object(self, node: Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError, ArithmeticError, AttributeError):  # whatever Python's own readers raise
            kind = node.tag.rpartition(":")[2]
            raise ConstructorError(None, None, f"{quoted(node.value)} is no {kind}", node.start_mark) from None


def read(path: str, text: bytes) -> tuple[Node | None, Any]:
    """A file's YAML: as nodes that know their lines, and as plain values. Raises InvalidPolicy."""
    decoded = _decoded(path, text)
    try:
        loader = _Loader(decoded)
    except ReaderError as error:
        at = _line(path, decoded.count("\n", 0, error.position))
        raise InvalidPolicy(f"{at}: holds {quoted(decoded[error.position])}; expected printable text") from None
    try:
        node = _composed(path, loader)
        _no_key_twice(path, node, set())
        _no_bomb(path, node, {})
        return node, loader.construct_document(node) if node is not None else None
    except yaml.MarkedYAMLError as error:
        at = _line(path, error.problem_mark.line if error.problem_mark else 0)
        raise InvalidPolicy(f"{at}: {_plainly(str(error.problem))}; expected YAML") from None
    except RecursionError:
        at = _line(path, loader.line)
        raise InvalidPolicy(f"{at}: lists or mappings in each other without end; expected a policy's few") from None
    finally:
        loader.dispose()


def faults(path: str, root: Node | None, error: ValidationError) -> str:
    """A line for each thing that the language does not know, or cannot take."""
    found = error.errors(include_url=False, include_input=False)
    found = [f for f in found if f["type"] != "model_type" or not _tried_as_trigger(f["loc"])]
    as_trigger = {f["loc"][:3] for f in found if _tried_as_trigger(f["loc"])}
    found = [f for f in found if f["loc"][-1:] != ("literal['end_of_month']",) or f["loc"][:3] not in as_trigger]
    lines = list(dict.fromkeys(_told(path, root, fault) for fault in found))
    more = [f"{_line(path, 0)}: and {len(lines) - FAULTS_LIMIT} more of the kind; expected a policy"]
    return "\n".join(lines if len(lines) <= FAULTS_LIMIT else lines[:FAULTS_LIMIT] + more)


def _decoded(path: str, text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        at = _line(path, text.count(b"\n", 0, error.start))
        raise InvalidPolicy(f"{at}: byte 0x{text[error.start]:02x}; expected UTF-8 text") from None


def _composed(path: str, loader: _Loader) -> Node | None:
    try:
        node: Node | None = loader.get_single_node()
    except (ValueError, OverflowError):
        at = _line(path, loader.line)
        raise InvalidPolicy(f"{at}: an escape that stands for no character; expected such as \\u00e9") from None
    return node


def _line(path: str, before: int) -> str:
    """The place in the file after so many lines."""
    return f"{path}:{before + 1}"


def _plainly(problem: str) -> str:
    """YAML's own words, printable and short; what they quote may be anything."""
    problem = problem.replace("found unhashable key", "a list or a mapping stands where a key should be")
    return "".join(c if c.isprintable() else "\ufffd" for c in problem[:200])


def _no_key_twice(path: str, node: Node | None, looked_at: set[int]) -> None:
    """YAML lets a later key silently replace an earlier one; a rule that vanishes so is the worst kind.

    Each node is looked at once: aliases of aliases may stand for billions of them, or lead in a circle.
    """
    if id(node) in looked_at:
        return
    looked_at.add(id(node))
    if isinstance(node, MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if isinstance(key, ScalarNode):
                if key.value in seen:
                    at = _line(path, key.start_mark.line)
                    raise InvalidPolicy(f"{at}: key {quoted(key.value)} stands twice; expected once")
                seen.add(key.value)
            _no_key_twice(path, value, looked_at)
    elif isinstance(node, SequenceNode):
        for item in node.value:
            _no_key_twice(path, item, looked_at)


def _no_bomb(path: str, node: Node | None, counted: dict[int, int]) -> int:
    """How many keys a mapping has with its merges (`<<`) written out, which is what reading it will do."""
    if node is None or id(node) in counted:
        return counted.get(id(node), 0)
    counted[id(node)] = 0  # a circle adds nothing
    keys = 0
    if isinstance(node, MappingNode):
        for key, value in node.value:
            inner = _no_bomb(path, value, counted)
            keys += inner if key.tag == MERGE else 1
    elif isinstance(node, SequenceNode):
        keys = sum(_no_bomb(path, item, counted) for item in node.value)
    counted[id(node)] = keys
    if isinstance(node, MappingNode) and keys > KEYS_LIMIT:
        at = _line(path, node.start_mark.line)
        raise InvalidPolicy(f"{at}: a mapping of {quoted(keys)} keys, merges included; expected at most {KEYS_LIMIT}")
    return keys


def _told(path: str, root: Node | None, fault: ErrorDetails) -> str:
    node, trail = _find(root, [str(part) for part in fault["loc"]])
    value = f"{quoted(node.value)} " if isinstance(node, ScalarNode) else ""
    message = fault["msg"].removeprefix("Value error, ")
    expected = SAID_PLAINLY.get(fault["type"], message[:1].lower() + message[1:])
    place = ".".join(part if part.isdigit() else named(part) for part in trail) or "policy"
    return f"{_line(path, node.start_mark.line if node is not None else 0)}: {place}: {value}{expected}"


def _tried_as_trigger(loc: tuple[int | str, ...]) -> bool:
    return any(str(part).endswith("When]") for part in loc)


def _find(root: Node | None, where: list[str]) -> tuple[Node | None, list[str]]:
    """The node that a fault's location leads to, as far as the file goes; pydantic's own steps are skipped."""
    node, trail = root, []
    for part in where:
        if isinstance(node, MappingNode):
            found = next(((key, value) for key, value in reversed(node.value) if key.value == part), None)
            if found is None:
                trail += [part] if part.isidentifier() and part == where[-1] else []
                continue
            node = found[1]
            trail.append(part)
        elif isinstance(node, SequenceNode) and part.isdigit() and int(part) < len(node.value):
            node = node.value[int(part)]
            trail.append(part)
    return node, trail
