"""The compiled core: what is compiled, and that it is never taken for the interpreted one. `make bench` plays it."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from bench.compiled import MODULES, ROOT, NotCompiled, compiled, use

AROUND = {"cards", "currencies", "gateways", "scenario"}
"""Imported for their names and types, or before a life begins."""


def test_all_that_decides_is_compiled() -> None:
    asked = (
        "import sys, domain.simulate; print(*[n.removeprefix('domain.') for n in sys.modules if n[:7] == 'domain.'])"
    )
    imported = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, text=True, capture_output=True, check=True)
    assert set(imported.stdout.split()) - AROUND <= set(MODULES)
    assert all((ROOT / "domain" / f"{name}.py").exists() for name in MODULES)


def test_a_core_that_was_imported_already_is_not_passed_off_as_compiled(tmp_path: Path) -> None:
    import_module("domain.policy")
    with pytest.raises(NotCompiled, match=r"^domain\.\w+ was imported before"):
        use(str(tmp_path))


def test_without_its_headers_python_is_not_compiled_for_and_the_reason_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sysconfig.get_path", lambda _: str(tmp_path))
    with pytest.raises(NotCompiled, match=r"no Python\.h in .*: expected the headers of this Python"):
        compiled()
