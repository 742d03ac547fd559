"""From environment and file to one frozen `Settings`; the only reader of `os.environ` besides Temporal's own.

Every setting is `PERENNIAL_<NAME>` in the environment, or `<name>` in `perennial.toml` (or the file that
`PERENNIAL_SETTINGS` names); the environment wins. The connection to Temporal is configured by its standard variables
and file (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, TEMPORAL_TLS..., TEMPORAL_PROFILE, temporal.toml).
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

PREFIX = "PERENNIAL_"
FILE = "perennial.toml"


class InvalidSettings(ValueError):
    """A setting that cannot be meant: which, from where, its value, and what was expected. Nothing was started."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a process needs to know of its surroundings."""

    database_url: str = ""
    """postgresql://user:password@host:port/database; empty where `make run`'s own PostgreSQL is used."""
    database_connections: int = 10
    """At most so many connections a process, 1 to 1000."""
    task_queue: str = "subscriptions"
    """Where workflows and activities of this deployment are served."""
    cached_workflows: int = 1000
    """How many workflows a worker keeps in memory, 0 (replay every task) to 100000; about 0.1 MB each."""
    data: str = ".perennial"
    """The folder in which `make run` keeps its servers' files."""
    policies: str = ""
    """A folder with further policy files to carry, earlier versions among them; empty for the shipped ones only."""


NAMES = tuple(field.name for field in fields(Settings))
_RANGES = {"database_connections": (1, 1_000), "cached_workflows": (0, 100_000)}


def load(environment: Mapping[str, str] | None = None, directory: Path | None = None) -> Settings:
    """The settings of this process. Raises InvalidSettings that names the setting, its source, its value."""
    env = os.environ if environment is None else environment
    named = env.get(f"{PREFIX}SETTINGS")
    path = Path(named) if named else (directory or Path.cwd()) / FILE
    found: dict[str, tuple[object, str]] = {}
    if named or path.exists():
        found = {name: (value, str(path)) for name, value in _read(path).items()}
    for key, text in env.items():
        if key.startswith(PREFIX) and key != f"{PREFIX}SETTINGS":
            found[key.removeprefix(PREFIX).lower()] = (text, key)
    values: dict[str, object] = {}
    for name, (value, source) in found.items():
        if name not in NAMES:
            raise InvalidSettings(f"{source}: {name!r} is no setting; expected one of {', '.join(NAMES)}")
        values[name] = _checked(name, value, source)
    return Settings(**values)  # type: ignore[arg-type]


def _read(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidSettings(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidSettings(f"{path}: {error}; expected TOML such as database_url = 'postgresql://...'") from None


def _checked(name: str, value: object, source: str) -> object:
    if name in _RANGES:
        least, most = _RANGES[name]
        try:
            number = int(str(value))
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            raise InvalidSettings(f"{source}: {name} is {value!r}; expected a whole number from {least} to {most}")
        return number
    if not isinstance(value, str):
        raise InvalidSettings(f"{source}: {name} is {value!r}; expected a text")
    if name == "database_url" and value and not value.startswith(("postgresql://", "postgres://")):
        raise InvalidSettings(f"{source}: database_url does not begin with postgresql://; its value is not shown")
    if name == "task_queue" and not value:
        raise InvalidSettings(f"{source}: task_queue is empty; expected a name")
    return value
