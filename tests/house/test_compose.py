"""docker-compose.yml holds what it promises, as far as that can be told without running it."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]

each_service = pytest.mark.parametrize("name", SERVICES)


def dependencies(name: str) -> Iterator[tuple[str, str]]:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        yield other, how["condition"]


def test_the_file_follows_the_compose_specification() -> None:
    command = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.compose-spec",
        "docker-compose.yml",
    ]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@each_service
def test_what_a_service_names_is_declared(name: str) -> None:
    service = SERVICES[name]
    for kind in ("networks", "secrets", "configs"):
        assert set(service.get(kind, ())) <= set(COMPOSE.get(kind, ())), f"{name} names undeclared {kind}"
    named_volumes = {volume.split(":")[0] for volume in service.get("volumes", ()) if volume[0] not in "./~"}
    assert named_volumes <= set(COMPOSE["volumes"]), f"{name} names undeclared volumes"
    assert {other for other, _ in dependencies(name)} <= set(SERVICES), f"{name} waits for undeclared services"


def test_every_declared_volume_is_used() -> None:
    used = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", ())}
    assert set(COMPOSE["volumes"]) == used


@each_service
def test_ports_are_open_to_this_machine_only(name: str) -> None:
    for port in SERVICES[name].get("ports", ()):
        assert re.fullmatch(r"127\.0\.0\.1:(\d+|\$\{\w+:-\d+\}):\d+", port), f"{name} publishes {port!r}"


@each_service
def test_images_are_pinned_to_a_release(name: str) -> None:
    if "build" in SERVICES[name]:
        images = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
        assert images, "the Dockerfile begins from an image"
    else:
        images = [SERVICES[name]["image"]]
    for image in images:
        assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+(\.\d+)?(-[\w.-]+)?", image), f"{name} runs {image!r}"


@each_service
def test_who_is_waited_for_can_tell_that_it_is_ready(name: str) -> None:
    for other, condition in dependencies(name):
        if condition == "service_healthy":
            assert "healthcheck" in SERVICES[other], f"{name} waits for the health of {other}, which has no check"
        else:
            assert condition == "service_completed_successfully", f"{name} waits for {other} without knowing it works"
            assert SERVICES[other].get("restart", "no") != "unless-stopped", f"{other} is to end, yet starts again"


@each_service
def test_what_stays_up_has_a_health_check(name: str) -> None:
    if SERVICES[name].get("restart") == "unless-stopped":
        assert "healthcheck" in SERVICES[name], f"{name} has none"


def test_the_image_holds_every_room_of_the_worker_and_no_secret() -> None:
    kept = {line.strip("!/ \n") for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    rooms = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {
        "tests",
        "bench",
        "standins",
        "proof",
    }  # stand-ins, and what breaks things, are for machines of ours
    assert rooms <= kept, f"missing in .dockerignore: {rooms - kept}"
    assert {"worker.py", "settings.py", "requirements.txt"} <= kept
    assert not {name for name in kept if name.startswith(".")}
