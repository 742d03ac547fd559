"""A life that was objected to, as files: a scenario that `starter.py simulate` plays, and what the format lacks."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from proof.auditor.objections import Objection
from proof.simulation.scripts import Script

BESIDE = ".extras.json"


def write(script: Script, objection: Objection, name: str, folder: Path) -> Path:
    """Write `<name>.json` in the contract's format, and beside it its policy and its extras where it has any."""
    said = {"title": f"{name}: {objection}"[:1_000], **_relative(script, name, folder)}
    path = folder / f"{name}.json"
    path.write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")
    beside = _beside(path)
    if script.extras:
        beside.write_text(json.dumps(script.extras, indent=2) + "\n", encoding="utf-8")
    else:
        beside.unlink(missing_ok=True)
    return path


def _relative(script: Script, name: str, folder: Path) -> dict[str, Any]:
    """The scenario, its policy as a scenario file names it; a varied one is copied beside."""
    policy = str(script.scenario["policy"])
    if "/" not in policy:
        return dict(script.scenario)
    copied = folder / f"{name}.policy.yaml"
    if Path(policy).resolve() != copied.resolve():
        shutil.copyfile(policy, copied)
    for number, (_, other) in enumerate(script.extras.get("moves", ())):
        if "/" in other and Path(other).exists():
            shutil.copyfile(other, folder / f"{name}.moved-{number}.policy.yaml")
    return {**script.scenario, "policy": f"./{copied.name}"}


def read(path: Path) -> Script:
    """The script in a scenario file, with the extras that lie beside it. Raises OSError, ValueError."""
    said = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(said, dict):
        raise ValueError(f"{path}: expected a scenario, a JSON object")
    policy = str(said.get("policy", ""))
    if "/" in policy or policy.endswith((".yaml", ".yml")):
        said["policy"] = str((path.parent / policy).resolve())
    said.setdefault("messages", [])
    beside = _beside(path)
    extras = json.loads(beside.read_text(encoding="utf-8")) if beside.exists() else {}
    for number, move in enumerate(extras.get("moves", ())):
        copied = path.with_name(f"{path.stem}.moved-{number}.policy.yaml")
        if copied.exists():
            move[1] = str(copied)
    return Script(said, extras)


def _beside(path: Path) -> Path:
    return path.with_name(path.stem + BESIDE)
