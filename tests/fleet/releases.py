"""A fleet that is being changed: this release, served here, and others out of trees and processes of their own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHistory

from adapters.postgres.pool import connected
from embedded import temporal as temporal_server
from embedded.postgres import postgres
from engine.connect import connect
from engine.crew import NOTHING_KEPT, Version, crew, migrated
from engine.outside import Outside, reached
from engine.stage import TASK_QUEUE, Stage
from settings import Settings
from tests.workflows.lives import Life, events
from workflows.attributes import REGISTERED

ROOT = Path(__file__).parents[2]
ROOMS = ("activities", "adapters", "api", "domain", "embedded", "engine", "policies", "standins", "workflows")
PROGRAMS = ("CHANGELOG.md", "pyproject.toml", "settings.py", "worker.py")
DEPLOYMENT = "perennial"
PAUSE_SECONDS = 0.2  # between two looks at the server, which tells nobody of these things
BOUND_SECONDS = 60  # a worker is ready after three, on a busy machine
DRAINAGE = {
    "matching.wv.VersionDrainageStatusRefreshInterval": '"1s"',  # minutes by default
    "matching.wv.VersionDrainageStatusVisibilityGracePeriod": '"1s"',
}

Edit = tuple[str, str, str]
"""In which file, which text (it stands there once), and what stands there in the release."""

OTHER_COMMANDS: tuple[Edit, ...] = (
    (
        "workflows/subscription.py",
        '        approved = decide(self.state, ChargeAnswered("approved"',
        "        if batch:\n"
        '            await perform.carry_out(batch, "record", self.priority)\n'
        "            batch = None\n"
        '        approved = decide(self.state, ChargeAnswered("approved"',
    ),
)
"""An invoice is recorded before it is charged, and not with its charge: two activities a month in place of one."""

OTHER_SCHEMA: tuple[Edit, ...] = (
    ("domain/run.py", "\nSCHEMA = 1\n", "\nSCHEMA = 2\n"),
    (
        "domain/run.py",
        "Callable[[Said], Said]] = {}",
        'Callable[[Said], Said]] = {1: lambda s: {"batches" if n == "turns" else n: v for n, v in s.items()}}',
    ),
    ("domain/run.py", "    turns: int = 0\n", "    batches: int = 0\n"),
    ("workflows/subscription.py", "self.turns = run.turns", "self.turns = run.batches"),
    ("domain/fitness.py", "run.turns < 0", "run.batches < 0"),
)
"""How many batches have been written has another name. Were it lost, the books would refuse the next batch's key."""


def release(folder: Path, *edits: Edit, tests: Sequence[str] = ()) -> Path:
    """A copy of this tree with some edits, and of some rooms of its tests; gives its folder."""
    for room in ROOMS:
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    for room in tests:
        shutil.copytree(ROOT / "tests" / room, folder / "tests" / room, ignore=shutil.ignore_patterns("__pycache__"))
    for program in (*PROGRAMS, "tests/__init__.py") if tests else PROGRAMS:
        shutil.copy(ROOT / program, folder / program)
    edit(folder, *edits)
    return folder


def edit(folder: Path, *edits: Edit) -> None:
    """Make edits in a copy of this tree, or of a part of it."""
    for name, before, after in edits:
        text = (folder / name).read_text(encoding="utf-8")
        assert text.count(before) == 1, f"{name} has {before!r} {text.count(before)} times"
        (folder / name).write_text(text.replace(before, after), encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Fleet:
    """The servers, and what an operator does to the deployment of their workers."""

    stage: Stage
    outside: Outside
    folder: Path

    @asynccontextmanager
    async def here(self, build: str) -> AsyncIterator[None]:
        """A worker of this release while the block runs, every task replayed from its history; "" for unversioned."""
        version = Version(DEPLOYMENT, build) if build else None
        async with crew(self.stage.client, self.outside, TASK_QUEUE, NOTHING_KEPT, version=version):
            yield

    @asynccontextmanager
    async def away(self, tree: Path, build: str) -> AsyncIterator[None]:
        """A worker out of another tree, in a process of its own."""
        environment = {
            "PERENNIAL_DATABASE_URL": self.stage.dsn,
            "PERENNIAL_TASK_QUEUE": TASK_QUEUE,
            "PERENNIAL_CACHED_WORKFLOWS": "0",
            "PERENNIAL_BUILD": build,
            "TEMPORAL_ADDRESS": self.stage.address,
            "PATH": os.defpath,
            "HOME": str(self.folder),
        }
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "worker.py"),
            cwd=tree,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        assert process.stdout is not None
        try:
            said: list[str] = []
            async with asyncio.timeout(BOUND_SECONDS):
                while not (said and "serving task queue" in said[-1]):
                    line = await process.stdout.readline()
                    assert line, f"worker {build!r} ended before it served: {''.join(said)}"
                    said.append(line.decode())
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT)
            async with asyncio.timeout(BOUND_SECONDS):
                await process.communicate()

    async def temporal(self, *words: str) -> Any:
        """What the `temporal` program says as JSON, or None where it says nothing; it must succeed."""
        ended = await asyncio.to_thread(self._temporal, words)
        assert ended.returncode == 0, ended.stderr
        try:
            return json.loads(ended.stdout)
        except ValueError:
            return None

    def _temporal(self, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
        command = [str(temporal_server._binary()), "--address", self.stage.address, "--output", "json", *words]
        environment = {"PATH": os.defpath, "HOME": str(self.folder)}
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    async def make_current(self, build: str) -> None:
        """As docs/upgrading.md says, as soon as the server knows that build's worker."""
        words = ("worker", "deployment", "set-current-version", "--deployment-name", DEPLOYMENT, "--build-id", build)
        await self.insist(*words, "--yes")

    async def insist(self, *words: str) -> None:
        """Have the `temporal` program do what the server takes only once it knows a worker that has just started."""
        async with asyncio.timeout(BOUND_SECONDS):
            while (await asyncio.to_thread(self._temporal, words)).returncode:  # noqa: ASYNC110
                await asyncio.sleep(PAUSE_SECONDS)

    async def drainage(self, build: str) -> str:
        """What the server says of a version that is no longer current: draining or drained."""
        words = ("worker", "deployment", "describe-version", "--deployment-name", DEPLOYMENT, "--build-id", build)
        return str((await self.temporal(*words))["drainageInfo"]["drainageStatus"])

    async def listed(self, query: str, number: int) -> None:
        """Wait until so many workflows are listed; visibility follows a moment later."""
        async with asyncio.timeout(BOUND_SECONDS):
            while (await self.stage.client.count_workflows(query)).count != number:  # noqa: ASYNC110
                await asyncio.sleep(PAUSE_SECONDS)

    async def drained(self, build: str) -> None:
        """Wait until the server says so; it counts once in a while."""
        async with asyncio.timeout(BOUND_SECONDS):
            while await self.drainage(build) != "drained":  # noqa: ASYNC110
                await asyncio.sleep(PAUSE_SECONDS)


@asynccontextmanager
async def fleet(folder: Path) -> AsyncIterator[Fleet]:
    """Servers without a worker."""
    async with AsyncExitStack() as stack:
        database_url = await stack.enter_async_context(postgres(folder / "books", durable=False))
        server = await stack.enter_async_context(temporal_server.temporal(None, search_attributes=REGISTERED))
        await migrated(database_url)
        pool = await stack.enter_async_context(connected(database_url))
        outside = await stack.enter_async_context(reached(Settings(), pool))
        client = await connect(server.address, "default")
        yield Fleet(Stage(client, pool, outside.books, server.address, database_url), outside, folder)


def builds(run: WorkflowHistory) -> Iterator[str]:
    """Which builds completed the tasks of a run, each once, in their order; "" for an unversioned worker."""
    before: str | None = None
    for event in events(run, EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED):
        done_by = event.workflow_task_completed_event_attributes.deployment_version.build_id
        if done_by != before:
            yield done_by
        before = done_by


def done(run: WorkflowHistory) -> list[str]:
    """The activities of a run."""
    scheduled = events(run, EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED)
    return [event.activity_task_scheduled_event_attributes.activity_type.name for event in scheduled]


async def failure(life: Life) -> str:
    """Why a task of the subscription failed, wherever it lives; waits for it."""
    async with asyncio.timeout(BOUND_SECONDS):
        while True:
            for event in events((await life.runs())[-1], EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED):
                return event.workflow_task_failed_event_attributes.failure.cause.message
            await asyncio.sleep(PAUSE_SECONDS)
