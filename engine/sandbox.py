"""The sandbox in which workflows run: the SDK's own, with every restriction of it, and cheaper in two places.

It imports a workflow's module anew for every workflow; here these share the module's code, which cannot be changed,
and have only their own names and classes (measured: 56 KB for each cached workflow). And the SDK (1.35) enters the
sandbox some four times for every payload of every command, to ask for whom it is converted, which takes longer than
converting. Ours convert alike for everybody, as do the codec and its keys.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import lru_cache
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import spec_from_file_location
from types import CodeType, ModuleType
from typing import Any

from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.converter import StorageDriverStoreContext
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.workflow import Info

NO_STORE = StorageDriverStoreContext(target=None)
ROOM = "workflows"


class _ReadOnce(SourceFileLoader):
    """Loads a module as often as it is asked to, and reads its code once."""

    @lru_cache(maxsize=100)  # noqa: B019  # one for each file of the room, for as long as the process lives
    def get_code(self, fullname: str) -> CodeType | None:
        """Called by Python for every import."""
        return super().get_code(fullname)


class _Workflows(MetaPathFinder):
    """Finds the modules of the room of workflows, each on the disk once."""

    def __init__(self) -> None:
        self._loaders: dict[str, _ReadOnce] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Called by Python for every import; None leaves a module to it."""
        if fullname != ROOM and not fullname.startswith(f"{ROOM}."):
            return None
        loader = self._loaders.get(fullname)
        if loader is None:
            spec = PathFinder.find_spec(fullname, path, target)
            if spec is None or not isinstance(spec.loader, SourceFileLoader):
                return None
            loader = self._loaders[fullname] = _ReadOnce(fullname, spec.loader.path)
        return spec_from_file_location(fullname, loader.path, loader=loader)


WORKFLOWS = _Workflows()


class Sandbox(SandboxedWorkflowRunner):
    """Makes each workflow one of its own."""

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """Called by the SDK for every workflow that a worker takes up."""
        return _Sandboxed(super().create_instance(det))


class _Sandboxed(WorkflowInstance):
    def __init__(self, inner: WorkflowInstance) -> None:
        self._inner = inner

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        return self._inner.activate(act)

    def get_serialization_context(self, command_info: Any) -> None:
        """None: the converter as it is."""

    def get_external_store_context(self, command_info: Any) -> StorageDriverStoreContext:
        """Nothing is stored elsewhere."""
        return NO_STORE

    def get_info(self) -> Info:
        return self._inner.get_info()

    def get_thread_id(self) -> int | None:
        return self._inner.get_thread_id()


def runner() -> Sandbox:
    """The sandbox, with nothing passed through but the pure domain."""
    if WORKFLOWS not in sys.meta_path:
        sys.meta_path.insert(0, WORKFLOWS)
    return Sandbox(restrictions=SandboxRestrictions.default.with_passthrough_modules("domain"))
