"""What a workflow may touch: the domain and Temporal's own, and nothing that answers differently tomorrow."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from temporalio import activity

from domain import errands
from engine.crew import activities
from engine.outside import Outside

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / "workflows").glob("*.py"))
PURE = [*WORKFLOWS, *sorted((ROOT / "domain").glob("*.py"))]

OUT_OF_REACH = {
    "activities", "adapters", "asyncpg", "cli", "embedded", "engine", "policies", "settings", "starter", "worker",
}  # fmt: skip

FORBIDDEN = {
    *(f"import {name}" for name in ("random", "secrets", "socket", "subprocess", "threading", "time", "uuid")),
    *("import zoneinfo", "os.environ", "os.getenv"),
    *("datetime.now", "datetime.utcnow", "datetime.today", "date.today"),
    *("open()", "input()", "hash()", "id()", "asyncio.wait", "asyncio.as_completed"),
}
"""`hash` of a text differs from process to process; asyncio's two go through sets."""

ALLOWED = {("periods.py", "import zoneinfo")}


def test_no_workflow_module_can_reach_the_world() -> None:
    names = [f"workflows.{path.stem}" for path in WORKFLOWS if path.stem != "__init__"]
    program = f"import sys, {', '.join(names)}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert {"workflows", "domain", "temporalio"} <= loaded
    assert loaded & OUT_OF_REACH == set()


def used(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """With their lines: every package that is imported, every dotted name that is read, every function called."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, f"import {alias.name.split('.')[0]}") for alias in names)
            case ast.ImportFrom(module=str(module), names=names, level=0):
                yield node.lineno, f"import {module.split('.')[0]}"
                yield from ((node.lineno, f"{module}.{alias.name}") for alias in names)
            case ast.Attribute(value=ast.Name(id=owner), attr=name):
                yield node.lineno, f"{owner}.{name}"
            case ast.Call(func=ast.Name(id=name)):
                yield node.lineno, f"{name}()"


@pytest.mark.parametrize("path", PURE, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_nothing_that_a_replay_would_see_differently_is_used(path: Path) -> None:
    found = [
        f"{path.name}:{line}: {name}"
        for line, name in used(ast.parse(path.read_text(encoding="utf-8")))
        if name in FORBIDDEN and (path.name, name) not in ALLOWED
    ]
    assert found == []


def test_the_check_sees_what_it_forbids() -> None:
    source = "import uuid\nfrom os import environ\nfrom time import time\nx = datetime.now()\ny = hash('x')"
    seen = {name for _, name in used(ast.parse(source))} & FORBIDDEN
    assert seen == {"import uuid", "os.environ", "import time", "datetime.now", "hash()"}


def test_every_errand_has_its_activity_and_every_activity_its_errand() -> None:
    unused = cast(Any, None)  # nothing is called; parties are only put in their places
    registered = [
        activity._Definition.must_from_callable(each).name
        for each in activities(unused, Outside(unused, unused, unused, unused, unused))
    ]
    wanted = [value for name, value in vars(errands).items() if name.isupper() and isinstance(value, str)]
    assert sorted(str(name) for name in registered) == sorted([*wanted, *errands.DELIVERIES.values()])
